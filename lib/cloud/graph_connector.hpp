// Entra ID through Microsoft Graph: contacts, users and groups by delta queries.
//
// Protocol: Graph documentation, "Use delta query to track changes in Microsoft Graph data",
// "Microsoft Graph error responses", "Microsoft Graph throttling guidance". What is written nowhere
// but was reported often is handled too: pages that loop, links that die, answers without a link.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "cloud/authorized_client.hpp"
#include "cloud/graph_mapping.hpp"
#include "cloud/service_options.hpp"
#include "sync/connector.hpp"

namespace gald::cloud {

/// Cursor positions are GraphPositions: whole links of the service. A quiet round is one request
/// per collection. The bearer is sent to the endpoint's origin and nowhere else.
class GraphConnector final : public sync::Connector {
 public:
  /// Throws std::runtime_error for an endpoint that is not of the form https://host[:port], and
  /// when ca_file cannot be read. `clock` outlives the connector.
  GraphConnector(ServiceOptions options, const base::Clock& clock);

  const std::string& name() const override { return name_; }

  model::ConnectorKind kind() const override { return model::ConnectorKind::entra; }

  const std::vector<sync::Collection>& collections() const override { return collections_; }

  std::unique_ptr<sync::Round> begin(const sync::Collection& collection,
                                     const model::Cursor& from) override;
  std::vector<sync::Finding> check(std::stop_token stop) override;

  std::optional<sync::CredentialExpiry> credential_expiry() const override {
    return client_.credential_expiry();
  }

 private:
  /// What the answer to a trial request on the collection says.
  sync::Finding finding_on(const std::string& what, GraphCollection collection,
                           const net::HttpRequest& request,
                           const AuthorizedClient::Answer& answer) const;

  std::string name_;
  std::string client_id_;
  const base::Clock& clock_;
  AuthorizedClient client_;
  std::vector<sync::Collection> collections_;
};

}  // namespace gald::cloud
