#include "ad/ad_connector.hpp"

#include <utility>

#include "ad/connections.hpp"
#include "ad/dirsync_round.hpp"
#include "ad/failover_round.hpp"
#include "ad/mapping.hpp"
#include "ad/server.hpp"
#include "base/encoding.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace gald::ad {

namespace {

using sync::Finding;

std::string fingerprint(const AdOptions& options) {
  std::string scope = base::ascii_lower(options.naming_context);
  scope.append("\n").append(kDirectoryFilter);
  for (const std::string& attribute : wanted_attributes())
    scope.append("\n").append(attribute);
  scope.append("\n").append(std::to_string(kMappingVersion));
  return base::sha256_hex(scope);
}

/// The controller's part of ServerFacts::identity().
std::string host_of(const model::Cursor& cursor) {
  return cursor.answered_by.substr(0, cursor.answered_by.find('/'));
}

/// The questions of `gald check`, one after the other; the first that cannot be answered is the
/// last that is asked.
class Check {
 public:
  Check(const AdOptions& options, std::unique_ptr<Session> session, std::stop_token stop)
      : options_(options), session_(std::move(session)), stop_(std::move(stop)) {}

  std::vector<Finding> run() {
    if (find_server() && find_right())
      find_deletions();
    return std::move(findings_);
  }

 private:
  void ok(const std::string& what) { say(Finding::Level::ok, what, {}); }

  void say(Finding::Level level, const std::string& what, std::string remedy) {
    findings_.push_back({level, options_.name + ": " + what, std::move(remedy)});
  }

  bool problem(const base::Error& error) {
    say(Finding::Level::problem, error.what, error.remedy);
    return false;
  }

  bool find_server() {
    auto server = read_server(*session_, options_.naming_context, stop_);
    if (!server)
      return problem(server.error());
    server_ = std::move(*server);
    ok("domain controller " + server_.dns_name + ", naming context " + server_.naming_context);
    if (!server_.offers_dirsync)
      return problem({base::ErrorKind::protocol, server_.dns_name + " does not offer DirSync"});
    return true;
  }

  /// A filter that matches nothing: the controller looks at the rights and has nothing to send.
  base::Result<SearchEnd> try_dirsync(std::uint32_t flags) {
    SearchRequest request = dirsync_search(server_.naming_context, flags, {});
    request.filter =
        "(objectGUID=\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00)";
    request.attributes = {"objectGUID"};
    auto answer = search(*session_, request, stop_);
    if (!answer)
      return answer.error();
    return std::move(answer->end);
  }

  bool find_right() {
    auto end = try_dirsync(kBaseFlags);
    if (end && end->code == result_code::kSuccess) {
      ok("changes can be read (Replicating Directory Changes)");
      return true;
    }
    const std::string remedy = changes_remedy(server_.naming_context, options_.bind_name);
    if (end && end->code == result_code::kInsufficientAccessRights) {
      end = try_dirsync(kBaseFlags | dirsync_flag::kObjectSecurity);
      if (end && end->code == result_code::kSuccess) {
        say(Finding::Level::warning,
            options_.bind_name +
                " has no right Replicating Directory Changes: only what it may read is seen",
            remedy);
        return true;
      }
    }
    if (!end)
      return problem(end.error());
    return problem({base::ErrorKind::auth, "changes cannot be read: " + end->text, remedy});
  }

  bool find_deletions() {
    const auto seen = sees_deletions(*session_, server_.naming_context, stop_);
    if (!seen)
      return problem(seen.error());
    if (!*seen)
      return problem({base::ErrorKind::auth,
                      "CN=Deleted Objects," + server_.naming_context +
                          " cannot be read: deletions would stay unnoticed",
                      deletions_remedy(server_.naming_context, options_.bind_name)});
    ok("deletions can be read");
    return true;
  }

  const AdOptions& options_;
  std::unique_ptr<Session> session_;
  std::stop_token stop_;
  ServerFacts server_;
  std::vector<Finding> findings_;
};

class AdConnector final : public sync::Connector {
 public:
  AdConnector(AdOptions options, SessionFactory open)
      : options_(std::move(options)),
        open_(std::move(open)),
        connections_(options_),
        collections_{{.name = "directory", .fingerprint = fingerprint(options_)}} {}

  const std::string& name() const override { return options_.name; }

  model::ConnectorKind kind() const override { return model::ConnectorKind::active_directory; }

  const std::vector<sync::Collection>& collections() const override { return collections_; }

  std::unique_ptr<sync::Round> begin(const sync::Collection&, const model::Cursor& from) override {
    if (open_)
      return std::make_unique<DirSyncRound>(options_, open_, from);
    const auto server = std::make_shared<std::string>();
    const auto begin = [this, server](const model::Cursor& cursor) {
      return std::make_unique<DirSyncRound>(
          options_,
          [this, server, preferred = host_of(cursor)](
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
    if (open_) {
      auto session = open_(stop);
      if (!session)
        return {{Finding::Level::problem, options_.name + ": " + session.error().what,
                 session.error().remedy, "bind"}};
      std::vector<Finding> findings = {
          {Finding::Level::ok, options_.name + ": bound as " + options_.bind_name, {}, "bind"}};
      for (Finding& finding : Check(options_, std::move(*session), std::move(stop)).run())
        findings.push_back(std::move(finding));
      return findings;
    }
    auto [findings, opened] = connections_.check(stop);
    if (opened.session)
      for (Finding& finding : Check(options_, std::move(opened.session), std::move(stop)).run())
        findings.push_back(std::move(finding));
    return std::move(findings);
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
