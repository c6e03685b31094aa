// Mail contacts of Exchange Online, by the admin API that the PowerShell module itself uses.
//
// Protocol: there is no public specification. `POST {root}/adminapi/beta/{tenant}/InvokeCommand`
// takes a cmdlet with its parameters; its pages are continued by posting the same body to the
// nextLink, which lives for some minutes. There is no "what changed", so every round is a listing.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "cloud/authorized_client.hpp"
#include "net/token_source.hpp"
#include "sync/connector.hpp"

namespace gald::cloud {

struct ExchangeOptions {
  std::string name;
  std::string tenant;  ///< GUID or verified domain
  std::string client_id;
  net::Credential credential;
  std::string login_endpoint = "https://login.microsoftonline.com";
  std::string exchange_endpoint = "https://outlook.office365.com";
  std::string scope;              ///< of the tokens; empty: "{exchange_endpoint}/.default"
  std::filesystem::path ca_file;  ///< empty: the system's store
  std::string proxy = {};         ///< as HttpClientOptions have them, like the next two
  net::SecretProvider proxy_credentials = {};
  std::uint64_t body_limit = 64u * 1024 * 1024;
  std::chrono::milliseconds complete_every{0};  ///< how often everything is read and compared
};

/// The bearer is sent to exchange_endpoint's host and its subdomains (the service routes to
/// regional ones) and nowhere else.
class ExchangeConnector final : public sync::Connector {
 public:
  /// Throws std::runtime_error for an endpoint that is not of the form https://host[:port], and
  /// when ca_file cannot be read. `clock` outlives the connector.
  ExchangeConnector(ExchangeOptions options, const base::Clock& clock);

  const std::string& name() const override { return name_; }

  model::ConnectorKind kind() const override { return model::ConnectorKind::exchange_online; }

  const std::vector<sync::Collection>& collections() const override { return collections_; }

  std::unique_ptr<sync::Round> begin(const sync::Collection& collection,
                                     const model::Cursor& from) override;
  std::vector<sync::Finding> check(std::stop_token stop) override;

  std::optional<sync::CredentialExpiry> credential_expiry() const override {
    return client_.credential_expiry();
  }

 private:
  /// What the answer to a trial run of the cmdlet says.
  sync::Finding finding_on(const std::string& what, const net::HttpRequest& request,
                           const AuthorizedClient::Answer& answer) const;

  std::string name_;
  std::string tenant_;
  std::string client_id_;
  AuthorizedClient client_;
  std::vector<sync::Collection> collections_;
};

}  // namespace gald::cloud
