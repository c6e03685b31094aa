#include "compose.hpp"

#include <chrono>
#include <stdexcept>
#include <utility>

#include "ad/ad_connector.hpp"
#include "cloud/exchange_connector.hpp"
#include "cloud/graph_connector.hpp"
#include "net/credential.hpp"
#include "output.hpp"
#include "platform.hpp"
#include "secrets.hpp"

namespace gald::daemon {

namespace {

using Path = std::filesystem::path;

/// Read again whenever it is needed, so that a secret that was renewed in its file counts from the
/// next cycle on.
auto secret_provider(const Path& config_file, const ConnectorConfig& connector,
                     const NamedFile& file, const Path& credentials) {
  return [=] { return read_secret(config_file, connector, file, credentials); };
}

auto pem_provider(const Path& config_file, const ConnectorConfig& connector, const NamedFile& file,
                  const Path& credentials) {
  return [=] { return read_pem(config_file, connector, file, credentials); };
}

Path ca_file_of(const Path& config_file, const ConnectorConfig& connector) {
  return connector.ca_file ? beside(config_file, connector.ca_file.name) : Path();
}

net::Credential credential_of(const Path& config_file, const ConnectorConfig& connector,
                              const Path& credentials) {
  if (connector.managed_identity)
    return net::ManagedIdentity{connector.imds_endpoint};
  if (connector.federated_token_file)
    return net::FederatedToken{
        secret_provider(config_file, connector, connector.federated_token_file, credentials)};
  if (connector.certificate_file)
    return net::ClientCertificate{
        pem_provider(config_file, connector, connector.certificate_file, credentials),
        pem_provider(config_file, connector, key_file_of(connector), credentials),
        connector.assertion == "RS256" ? net::AssertionForm::rs256 : net::AssertionForm::ps256};
  net::ClientSecret secret{
      secret_provider(config_file, connector, connector.secret_file, credentials)};
  if (connector.secret_expires)
    secret.expires = *connector.secret_expires;
  return secret;
}

cloud::ServiceOptions service_options(const Path& config_file, const ConnectorConfig& connector,
                                      const Path& credentials) {
  cloud::ServiceOptions options;
  options.name = connector.name;
  options.tenant = connector.tenant;
  options.client_id = connector.client_id;
  options.credential = credential_of(config_file, connector, credentials);
  options.login_endpoint = connector.login_endpoint;
  options.endpoint = connector.service_endpoint;
  options.scope = connector.scope;
  options.ca_file = ca_file_of(config_file, connector);
  options.proxy = connector.proxy;
  if (connector.proxy_credentials_file)
    options.proxy_credentials =
        secret_provider(config_file, connector, connector.proxy_credentials_file, credentials);
  options.body_limit = connector.page_limit;
  options.complete_every = connector.complete_every;
  return options;
}

ad::Security security_of(const ConnectorConfig& connector) {
  if (connector.security == "starttls")
    return ad::Security::starttls;
  return connector.security == "gssapi" ? ad::Security::gssapi : ad::Security::ldaps;
}

ad::ScopeOptions scope_of(const ConnectorConfig& connector) {
  ad::ScopeOptions scope{.base = connector.base,
                         .include = connector.include,
                         .exclude = connector.exclude,
                         .filter = connector.filter};
  for (const std::string& kind : connector.kinds)
    scope.kinds.insert(*model::record_kind_named(kind));
  return scope;
}

ad::ReadBy read_by_of(const ConnectorConfig& connector) {
  if (connector.read_by == "dirsync")
    return ad::ReadBy::dirsync;
  return connector.read_by == "polling" ? ad::ReadBy::polling : ad::ReadBy::automatic;
}

std::unique_ptr<sync::Connector> make_ad(const Path& config_file, const ConnectorConfig& connector,
                                         const Path& credentials, const base::Clock& clock) {
  using std::chrono::duration_cast;
  using std::chrono::seconds;
  return ad::make_ad_connector({
      .name = connector.name,
      .url = connector.url,
      .servers = connector.servers,
      .domain = connector.domain,
      .site = connector.site,
      .security = security_of(connector),
      // remedies name the account, whichever way it signs in
      .bind_name = connector.keytab_file ? connector.principal : connector.bind_name,
      .password = secret_provider(config_file, connector, connector.secret_file, credentials),
      .keytab_file = connector.keytab_file
                         ? secret_path(config_file, connector.keytab_file, credentials)
                         : Path(),
      .principal = connector.principal,
      .ca_file = ca_file_of(config_file, connector),
      .naming_context = connector.naming_context,
      .connect_timeout = duration_cast<seconds>(connector.connect_timeout),
      .answer_timeout = duration_cast<seconds>(connector.answer_timeout),
      .scope = scope_of(connector),
      .read_by = read_by_of(connector),
      .complete_every = connector.complete_every,
      .compare_every = connector.compare_every,
      .photo_limit = connector.photo_limit,
      .clock = &clock,
  });
}

std::unique_ptr<sync::Connector> make_connector(const Path& config_file,
                                                const ConnectorConfig& connector,
                                                const Path& credentials, const base::Clock& clock) {
  switch (connector.kind) {
    case model::ConnectorKind::active_directory:
      return make_ad(config_file, connector, credentials, clock);
    case model::ConnectorKind::entra:
      return std::make_unique<cloud::GraphConnector>(
          service_options(config_file, connector, credentials), clock);
    case model::ConnectorKind::exchange_online:
      return std::make_unique<cloud::ExchangeConnector>(
          service_options(config_file, connector, credentials), clock);
  }
  throw std::logic_error("a type of connector without an implementation");
}

}  // namespace

std::vector<std::unique_ptr<sync::Connector>> make_connectors(const Config& config,
                                                              const Path& credentials,
                                                              const base::Clock& clock) {
  std::vector<std::unique_ptr<sync::Connector>> connectors;
  for (const ConnectorConfig& connector : config.connectors) {
    if (!connector.enabled)
      continue;
    try {
      connectors.push_back(make_connector(config.file, connector, credentials, clock));
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(config.file.string() + ": connector." + connector.name + ": " +
                               error.what());
    }
  }
  return connectors;
}

std::vector<std::unique_ptr<sync::Connector>> connectors_or_complaints(const Config& config,
                                                                       const base::Clock& clock) {
  const Path credentials = credentials_folder();
  const FileFindings files = check_files(config, credentials);
  complain(files.errors);
  if (!files.errors.empty())
    return {};
  try {
    return make_connectors(config, credentials, clock);
  } catch (const std::runtime_error& error) {
    complain(error.what());
    return {};
  }
}

}  // namespace gald::daemon
