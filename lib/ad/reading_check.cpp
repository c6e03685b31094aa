#include "ad/reading_check.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "ad/directory_round.hpp"
#include "ad/dirsync.hpp"
#include "ad/feed.hpp"
#include "ad/server.hpp"
#include "base/text.hpp"

namespace gald::ad {

using sync::Finding;

namespace {

/// Kerberos tolerates no more by default.
constexpr std::chrono::minutes kClockTolerance{5};

/// Counting ends here: an estimate need not read a whole forest.
constexpr int kMostPages = 100;

constexpr std::string_view kNothing =
    "(objectGUID=\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00)";

class ReadingCheck {
 public:
  ReadingCheck(const AdOptions& options, Session& session, std::vector<Finding>& findings,
               std::stop_token stop)
      : options_(options), session_(session), findings_(findings), stop_(std::move(stop)) {}

  void run() {
    if (!find_server() || !find_rights() || !find_deletions() || !find_scope_rules())
      return;
    compare_clocks();
    if (look_at_schema())
      count();
  }

 private:
  bool say(Finding::Level level, const char* check, const std::string& what,
           std::string remedy = {}) {
    findings_.push_back({level, options_.name + ": " + what, std::move(remedy), check});
    return level != Finding::Level::problem;
  }

  bool ok(const char* check, const std::string& what) {
    return say(Finding::Level::ok, check, what);
  }

  bool warning(const char* check, const std::string& what, std::string remedy) {
    return say(Finding::Level::warning, check, what, std::move(remedy));
  }

  bool problem(const char* check, const base::Error& error) {
    return say(Finding::Level::problem, check, error.what, error.remedy);
  }

  bool find_server() {
    auto server = read_server(session_, options_.naming_context, stop_);
    if (!server)
      return problem("domain", server.error());
    server_ = std::move(*server);
    return ok("domain", "domain controller " + server_.dns_name + ", naming context " +
                            server_.naming_context);
  }

  /// A filter that matches nothing: the controller looks at the rights and has nothing to send.
  base::Result<SearchEnd> try_dirsync(std::uint32_t flags) {
    SearchRequest request = dirsync_search(feed_request(options_, server_), flags, {});
    request.filter = kNothing;
    request.attributes = {"objectGUID"};
    auto answer = search(session_, request, stop_);
    if (!answer)
      return answer.error();
    return std::move(answer->end);
  }

  bool find_rights() {
    const std::string remedy = changes_remedy(server_.naming_context, options_.bind_name);
    if (options_.read_by == ReadBy::polling)
      return ok("rights", "changes are read by polling, as configured (read_by)");
    std::string refused = server_.dns_name + " does not offer DirSync";
    if (server_.offers_dirsync) {
      auto end = try_dirsync(kBaseFlags);
      if (end && end->code == result_code::kSuccess)
        return ok("rights", "changes are read with DirSync (Replicating Directory Changes)");
      if (end && end->code == result_code::kInsufficientAccessRights) {
        end = try_dirsync(kBaseFlags | dirsync_flag::kObjectSecurity);
        if (end && end->code == result_code::kSuccess)
          return warning("rights",
                         options_.bind_name +
                             " has no right Replicating Directory Changes: changes are read with "
                             "DirSync, of what it may see",
                         remedy);
      }
      if (!end)
        return problem("rights", end.error());
      refused = "DirSync is refused (" + end->text + ")";
    }
    if (options_.read_by == ReadBy::dirsync)
      return problem("rights", {base::ErrorKind::auth, "changes cannot be read: " + refused,
                                server_.offers_dirsync ? remedy : "read_by = \"polling\""});
    return warning("rights", refused + ": changes are read by polling", remedy);
  }

  bool find_deletions() {
    const auto seen = sees_deletions(session_, server_.naming_context, stop_);
    if (!seen)
      return problem("deletions", seen.error());
    if (*seen)
      return ok("deletions", "deletions can be read");
    const auto hours = std::chrono::duration_cast<std::chrono::hours>(options_.compare_every);
    return warning("deletions",
                   "CN=Deleted Objects," + server_.naming_context +
                       " cannot be read: deletions are found only when everything is read and "
                       "compared, every " +
                       std::to_string(hours.count()) + " h",
                   deletions_remedy(server_.naming_context, options_.bind_name));
  }

  bool find_scope_rules() {
    const auto rules = find_scope(session_, options_.scope, server_.naming_context, stop_);
    if (!rules)
      return problem("scope", rules.error());
    std::string what = "reads " + server_.naming_context;
    if (options_.scope.limits_places())
      what += ", limited by " + std::to_string(rules->containers.size()) + " OUs";
    if (!options_.scope.filter.empty()) {
      // any object serves to see whether the filter is understood: the domain itself
      const auto answer = search(session_,
                                 {.base = server_.naming_context,
                                  .filter = "(|(objectClass=*)" + options_.scope.filter + ")",
                                  .attributes = {"objectGUID"}},
                                 stop_);
      if (!answer)
        return problem("scope", answer.error());
      if (answer->end.code != result_code::kSuccess)
        return problem("scope", {base::ErrorKind::config, "the filter " + options_.scope.filter +
                                                              " is refused: " + answer->end.text});
      what += " and the filter " + options_.scope.filter;
    }
    return ok("scope", what);
  }

  void compare_clocks() {
    if (options_.clock == nullptr)
      return;
    const auto apart = std::chrono::duration_cast<std::chrono::seconds>(
        std::chrono::abs(options_.clock->now() - server_.time));
    const std::string what = "the clock of " + server_.dns_name + " and ours are " +
                             std::to_string(apart.count()) + " s apart";
    if (apart <= kClockTolerance)
      ok("clock", what);
    else
      warning("clock", what,
              "synchronize both with one time service; Kerberos tolerates 5 minutes");
  }

  bool look_at_schema() {
    static constexpr std::array<std::string_view, 5> kOfExchange = {
        "mailNickname", "targetAddress", "msExchHideFromAddressLists", "msExchRecipientTypeDetails",
        "extensionAttribute1"};
    SearchRequest request{.base = server_.schema_context,
                          .scope = Scope::subtree,
                          .filter = "(|",
                          .attributes = {"lDAPDisplayName"}};
    for (const std::string_view name : kOfExchange)
      request.filter.append("(lDAPDisplayName=").append(name).append(")");
    request.filter += ")";
    const auto answer = search(session_, request, stop_);
    if (!answer)
      return problem("schema", answer.error());
    std::string missing;
    for (const std::string_view name : kOfExchange)
      if (std::none_of(answer->entries.begin(), answer->entries.end(), [&](const auto& entry) {
            return base::ascii_iequals(entry.first("lDAPDisplayName"), name);
          }))
        missing.append(missing.empty() ? "" : ", ").append(name);
    if (answer->end.code != result_code::kSuccess)
      return warning("schema", "the schema cannot be read: " + answer->end.text, {});
    if (missing.empty())
      return ok("schema", "the schema has the attributes of Exchange");
    if (answer->entries.empty())
      return ok("schema",
                "the schema has no attributes of Exchange: whether somebody is hidden from address "
                "lists is not known here");
    return warning("schema", "the schema lacks attributes of Exchange: " + missing,
                   "was the Exchange schema extended completely?");
  }

  /// Under the bases, with the filter; what an exclude leaves out is counted too.
  void count() {
    std::vector<std::string> places = options_.scope.base;
    if (places.empty())
      places.push_back(server_.naming_context);
    std::string filter =
        "(&(|(objectClass=contact)(objectClass=group)"
        "(&(objectClass=user)(!(objectClass=computer))))";
    filter += class_filter(options_.scope) + options_.scope.filter + ")";
    std::size_t found = 0;
    int pages = 0;
    for (const std::string& place : places) {
      SearchRequest request{.base = place,
                            .scope = Scope::subtree,
                            .filter = filter,
                            .attributes = {"1.1"},
                            .controls = {paged_control(kPageLimit, {})}};
      for (bool more = true; more && pages < kMostPages; ++pages) {
        const auto end = count_page(request, found);
        if (!end) {
          problem("count", end.error());
          return;
        }
        const auto next = parse_paged_answer(*end);
        if (end->code != result_code::kSuccess || !next) {
          warning("count", "the objects cannot be counted: " + end->text, {});
          return;
        }
        request.controls[0] = paged_control(kPageLimit, *next);
        more = !next->empty();
      }
    }
    ok("count",
       (pages < kMostPages ? "about " : "more than ") + std::to_string(found) + " objects");
  }

  base::Result<SearchEnd> count_page(const SearchRequest& request, std::size_t& found) {
    if (const auto started = session_.start(request); !started)
      return started.error();
    while (true) {
      auto batch = session_.take(
          kPageLimit, [&found](const Entry&) { ++found; }, stop_);
      if (!batch)
        return batch.error();
      if (batch->end)
        return std::move(*batch->end);
    }
  }

  const AdOptions& options_;
  Session& session_;
  std::vector<Finding>& findings_;
  std::stop_token stop_;
  ServerFacts server_;
};

}  // namespace

void check_reading(const AdOptions& options, Session& session, std::vector<Finding>& findings,
                   std::stop_token stop) {
  ReadingCheck(options, session, findings, std::move(stop)).run();
}

}  // namespace gald::ad
