#include "ad/ad_connector.hpp"

#include <utility>

#include "ad/directory_round.hpp"
#include "ad/ldap.hpp"
#include "ad/mapping.hpp"
#include "ad/reading_check.hpp"
#include "base/encoding.hpp"
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

/// A complete read that sees less than this share of what was known is not believed.
constexpr double kPlausibleShare = 0.5;

sync::Collection directory(const AdOptions& options) {
  sync::Collection collection{.name = "directory",
                              .fingerprint = fingerprint(options),
                              .complete_every = options.complete_every,
                              .plausible_share = kPlausibleShare};
  for (const model::RecordKind kind :
       {model::RecordKind::contact, model::RecordKind::user, model::RecordKind::group})
    if (!options.scope.wants(kind))
      collection.kinds_left_out.push_back(kind);
  return collection;
}

base::Result<std::unique_ptr<Session>> connect(const AdOptions& options, std::stop_token stop) {
  const auto password = options.password
                            ? options.password()
                            : base::Result<base::Secret>(base::Error{
                                  base::ErrorKind::config, options.url + ": no password given"});
  if (!password)
    return password.error();
  auto connection = LdapConnection::open({.url = options.url,
                                          .bind_name = options.bind_name,
                                          .ca_file = options.ca_file,
                                          .connect_timeout = options.connect_timeout,
                                          .answer_timeout = options.answer_timeout},
                                         *password, std::move(stop));
  if (!connection)
    return connection.error();
  return std::unique_ptr<Session>(std::move(*connection));
}

/// The questions of `gald check`, one after the other; when there is nobody to ask, the rest is not
/// asked.
class Check {
 public:
  Check(const AdOptions& options, const SessionFactory& open, std::stop_token stop)
      : options_(options), open_(open), stop_(std::move(stop)) {}

  std::vector<Finding> run() {
    if (connect())
      check_reading(options_, *session_, findings_, stop_);
    return std::move(findings_);
  }

 private:
  bool connect() {
    auto session = open_(stop_);
    if (!session) {
      findings_.push_back({Finding::Level::problem, options_.name + ": " + session.error().what,
                           session.error().remedy, "bind"});
      return false;
    }
    session_ = std::move(*session);
    findings_.push_back({Finding::Level::ok,
                         options_.name + ": bound as " + options_.bind_name + " to " + options_.url,
                         {},
                         "bind"});
    return true;
  }

  const AdOptions& options_;
  const SessionFactory& open_;
  std::stop_token stop_;
  std::unique_ptr<Session> session_;
  std::vector<Finding> findings_;
};

class AdConnector final : public sync::Connector {
 public:
  AdConnector(AdOptions options, SessionFactory open)
      : options_(std::move(options)), open_(std::move(open)), collections_{directory(options_)} {
    if (!open_)
      open_ = [this](std::stop_token stop) { return connect(options_, std::move(stop)); };
  }

  const std::string& name() const override { return options_.name; }

  model::ConnectorKind kind() const override { return model::ConnectorKind::active_directory; }

  const std::vector<sync::Collection>& collections() const override { return collections_; }

  std::unique_ptr<sync::Round> begin(const sync::Collection&, const model::Cursor& from) override {
    return std::make_unique<DirectoryRound>(options_, open_, from);
  }

  std::vector<Finding> check(std::stop_token stop) override {
    return Check(options_, open_, std::move(stop)).run();
  }

 private:
  const AdOptions options_;
  SessionFactory open_;
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
