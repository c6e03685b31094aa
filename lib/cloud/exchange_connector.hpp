// Mail contacts, distribution groups, and mailboxes that nobody signs in to, of Exchange Online, by
// the admin API that the PowerShell module itself uses (exchange_command.hpp).
//
// It has no delta token. A full round lists everything and is due at a pace of its own, as only
// that shows what was deleted; in between a round asks for what changed since the one before, by
// WhenChangedUTC. That is the time of a replica, so that some minutes are asked for twice.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "cloud/authorized_client.hpp"
#include "cloud/exchange_listing.hpp"
#include "cloud/service_options.hpp"
#include "sync/connector.hpp"

namespace gald::cloud {

/// Collections: "mailcontacts", "distributiongroups" and "mailboxes". Of the groups' members only
/// what Graph lacks is asked for: those of dynamic groups, in full rounds as the service computes
/// them once a day, and of groups that have no Entra object (yet). Of mailboxes only shared, room
/// and equipment ones are listed: one that becomes a person's leaves with the next full round.
///
/// The bearer is sent to the endpoint's host and its subdomains (the service routes to
/// regional ones) and nowhere else.
class ExchangeConnector final : public sync::Connector {
 public:
  /// Throws std::runtime_error for an endpoint that is not of the form https://host[:port], and
  /// when ca_file cannot be read. `clock` outlives the connector.
  ExchangeConnector(ServiceOptions options, const base::Clock& clock);

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
  const base::Clock& clock_;
  AuthorizedClient client_;
  ExchangeService service_;
  std::vector<sync::Collection> collections_;
};

}  // namespace gald::cloud
