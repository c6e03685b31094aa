#include "ad/ad_connector.hpp"

#include <set>
#include <utility>

#include "ad/connections.hpp"
#include "ad/directory_round.hpp"
#include "ad/failover_round.hpp"
#include "ad/mapping.hpp"
#include "ad/reading_check.hpp"
#include "base/encoding.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace gald::ad {

namespace {

using sync::Finding;

std::string fingerprint(const AdOptions& options) {
  std::string asked = base::ascii_lower(options.naming_context);
  asked.append("\n").append(class_filter(options.scope));
  for (const std::string& attribute : wanted_attributes(options.photo_limit))
    asked.append("\n").append(attribute);
  asked.append("\n").append(std::to_string(kMappingVersion));
  asked.append("\n").append(std::to_string(static_cast<int>(options.read_by)));
  asked.append("\n").append(std::to_string(options.photo_limit));
  asked.append("\nfilter ").append(options.scope.filter);
  for (const auto& [key, names] :
       {std::pair("base", &options.scope.base), std::pair("include", &options.scope.include),
        std::pair("exclude", &options.scope.exclude)})
    for (const std::string& dn : *names)
      asked.append("\n").append(key).append(" ").append(base::ascii_lower(dn));
  return base::sha256_hex(asked);
}

/// What of the directory is read, as opposed to how.
std::string scope_text(const AdOptions& options) {
  std::string text = "naming context " + base::ascii_lower(options.naming_context);
  for (const model::RecordKind kind :
       {model::RecordKind::contact, model::RecordKind::user, model::RecordKind::group})
    if (options.scope.wants(kind))
      text.append("\nkind ").append(to_string(kind));
  text.append("\nfilter ").append(options.scope.filter);
  for (const auto& [key, names] :
       {std::pair("base", &options.scope.base), std::pair("include", &options.scope.include),
        std::pair("exclude", &options.scope.exclude)}) {
    std::set<std::string> in_order;  // of no meaning in the configuration
    for (const std::string& dn : *names)
      in_order.insert(base::ascii_lower(dn));
    for (const std::string& dn : in_order)
      text.append("\n").append(key).append(" ").append(dn);
  }
  return text;
}

/// A complete read that sees less than this share of what was known is not believed.
constexpr double kPlausibleShare = 0.5;

sync::Collection directory(const AdOptions& options) {
  sync::Collection collection{.name = "directory",
                              .fingerprint = fingerprint(options),
                              .complete_every = options.complete_every,
                              .plausible_share = kPlausibleShare,
                              .scope = scope_text(options)};
  for (const model::RecordKind kind :
       {model::RecordKind::contact, model::RecordKind::user, model::RecordKind::group})
    if (!options.scope.wants(kind))
      collection.kinds_left_out.push_back(kind);
  return collection;
}

class AdConnector final : public sync::Connector {
 public:
  AdConnector(AdOptions options, SessionFactory open)
      : options_(std::move(options)),
        open_(std::move(open)),
        connections_(options_),
        collections_{directory(options_)} {}

  const std::string& name() const override { return options_.name; }

  model::ConnectorKind kind() const override { return model::ConnectorKind::active_directory; }

  const std::vector<sync::Collection>& collections() const override { return collections_; }

  std::unique_ptr<sync::Round> begin(const sync::Collection&, const model::Cursor& from) override {
    if (open_)
      return std::make_unique<DirectoryRound>(options_, open_, from);
    const auto server = std::make_shared<std::string>();
    const auto begin = [this, server](const model::Cursor& cursor) {
      return std::make_unique<DirectoryRound>(
          options_,
          [this, server](const std::string& preferred,
                         std::stop_token stop) -> base::Result<std::unique_ptr<Session>> {
            auto opened = connections_.open(preferred, std::move(stop));
            if (!opened)
              return opened.error();
            *server = opened->url;
            return std::move(opened->session);
          },
          cursor);
    };
    const auto lost = [this, server](const base::Error& error) {
      base::log::warning("ad.connection-lost", error.what,
                         {{"connector", options_.name}, {"server", *server}});
      connections_.lost(std::exchange(*server, {}));
    };
    const auto peer = [server] { return *server; };
    return std::make_unique<FailoverRound>(begin, lost, peer, from);
  }

  std::vector<Finding> check(std::stop_token stop) override {
    std::vector<Finding> findings;
    std::unique_ptr<Session> session;
    if (open_) {
      auto opened = open_({}, stop);
      if (!opened)
        return {{Finding::Level::problem, options_.name + ": " + opened.error().what,
                 opened.error().remedy, "bind"}};
      findings.push_back(
          {Finding::Level::ok, options_.name + ": bound as " + options_.bind_name, {}, "bind"});
      session = std::move(*opened);
    } else {
      Connections::Checked checked = connections_.check(stop);
      findings = std::move(checked.findings);
      session = std::move(checked.opened.session);
    }
    if (session)
      check_reading(options_, *session, findings, std::move(stop));
    return findings;
  }

 private:
  const AdOptions options_;
  SessionFactory open_;  ///< of a test; none: `connections_`
  Connections connections_;
  std::vector<sync::Collection> collections_;
};

}  // namespace

std::unique_ptr<sync::Connector> make_ad_connector(AdOptions options) {
  return make_ad_connector(std::move(options), nullptr);
}

std::unique_ptr<sync::Connector> make_ad_connector(AdOptions options, SessionFactory open) {
  return std::make_unique<AdConnector>(std::move(options), std::move(open));
}

}  // namespace gald::ad
