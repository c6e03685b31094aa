#include "serve.hpp"

#include <chrono>
#include <cstdint>
#include <exception>
#include <stop_token>
#include <thread>
#include <utility>

#include "api/api.hpp"
#include "api/metrics.hpp"
#include "api/spool.hpp"
#include "api/token_authority.hpp"
#include "base/log.hpp"
#include "decision.hpp"
#include "platform.hpp"
#include "secrets.hpp"

namespace gald::daemon {

namespace {

/// Who decides by the API does not wait for a long cycle: there is a page to show meanwhile.
constexpr std::chrono::seconds kPatience{2};

constexpr std::chrono::seconds kBetweenLooksAtTokens{1};

/// Beside connections: the index in every worker and those that are kept for the next one, the
/// sources, and what waits for slow clients.
constexpr std::size_t kOtherFiles = 320 + api::Spool::kMostFiles;

std::vector<api::Services::Collection> collections_of(
    const std::vector<std::unique_ptr<sync::Connector>>& connectors) {
  std::vector<api::Services::Collection> collections;
  for (const auto& connector : connectors)
    for (const sync::Collection& collection : connector->collections())
      collections.push_back({connector->name(), std::string(to_string(connector->kind())),
                             collection.name, collection.complete_every});
  return collections;
}

}  // namespace

net::ServerOptions server_options(const Config& config, const std::filesystem::path& credentials) {
  const ApiConfig& api = config.api;
  const auto path_of = [&](const NamedFile& file) {
    return file ? secret_path(config.file, file, credentials) : std::filesystem::path();
  };
  net::ServerOptions options;
  (api.listen_line == 0 ? options.listen_if_possible : options.listen) = api.listen;
  options.certificate_file = path_of(api.certificate_file);
  options.key_file = path_of(api.key_file);
  options.client_ca_file = path_of(api.client_ca_file);
  options.require_client_certificate = api.require_client_certificate;
  options.hosts = api.hosts;
  options.connections = static_cast<std::size_t>(api.connections);
  options.connections_per_address = options.connections / 8 * 5;
  return options;
}

class ApiServer::Impl {
 public:
  explicit Impl(Parts parts)
      : config_(parts.config),
        clock_(parts.clock),
        authority_({.tokens_file = config_.api.tokens_file,
                    .index_file = config_.index_file,
                    .requests_per_minute = config_.api.requests_per_minute},
                   clock_),
        metrics_(collections_of(parts.connectors),
                 {.process = process_figures, .load = [this] { return server_.load(); }}),
        api_(parts.config.index_file, authority_, services(parts)),
        server_(options(), api_) {
    constexpr std::string_view kUnix = "unix:";
    if (!config_.index_group.empty())
      for (const std::string& address : server_.addresses())
        if (address.starts_with(kUnix))
          give_to_group(address.substr(kUnix.size()), config_.index_group);
  }

  ~Impl() { stopping_.request_stop(); }

  net::HttpServer& server() { return server_; }

  api::Metrics& metrics() { return metrics_; }

 private:
  net::ServerOptions options() const {
    net::ServerOptions options = server_options(config_, credentials_folder());
    allow_open_files(options.connections + kOtherFiles);
    return options;
  }

  api::Services services(const Parts& parts) {
    return {.clock = clock_,
            .version = GALD_VERSION,
            .lookup = config_.lookup,
            .collections = collections_of(parts.connectors),
            .interval = config_.interval,
            .live = &parts.live,
            .metrics = &metrics_,
            .cycle_now = parts.cycle_now,
            .decide = [this](std::int64_t plan, api::Services::Decision decision) {
              return decided(plan, decision);
            }};
  }

  api::Services::Decided decided(std::int64_t plan, api::Services::Decision decision) {
    using Decided = api::Services::Decided;
    using Kind = DecisionOutcome::Kind;
    const DecisionOutcome outcome =
        decide(config_, clock_,
               {.plan = plan,
                .approve = decision == api::Services::Decision::approve,
                .patience = kPatience,
                .on_run = [this](const model::RunReport& report) { metrics_.run_ended(report); }},
               stopping_.get_token());
    switch (outcome.kind) {
      case Kind::done:
        server_.wake();
        return {Decided::Outcome::done, "plan " + std::to_string(plan) + " is decided"};
      case Kind::unknown:
        return {Decided::Outcome::unknown, outcome.why};
      case Kind::closed:
        return {Decided::Outcome::closed, outcome.why};
      case Kind::busy:
        break;
    }
    return {Decided::Outcome::busy, outcome.why};
  }

  const Config& config_;
  const base::Clock& clock_;
  std::stop_source stopping_;
  const api::TokenAuthority authority_;
  api::Metrics metrics_;
  api::Api api_;
  net::HttpServer server_;  // behind what it calls
  const std::jthread watching_tokens_{[this](const std::stop_token& stop) {
    while (clock_.sleep(kBetweenLooksAtTokens, stop))
      try {
        authority_.look();
      } catch (const std::exception& error) {  // the next look may do better
        base::log::error("api.failed", error.what());
      }
  }};
};

ApiServer::ApiServer(Parts parts) : impl_(std::make_unique<Impl>(std::move(parts))) {}

ApiServer::~ApiServer() = default;

void ApiServer::published() {
  impl_->server().wake();
}

void ApiServer::run_ended(const model::RunReport& report) {
  impl_->metrics().run_ended(report);
}

std::vector<std::string> ApiServer::addresses() const {
  return impl_->server().addresses();
}

}  // namespace gald::daemon
