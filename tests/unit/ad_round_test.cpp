// DirSync rounds against a scripted controller: what Samba never does, a Windows controller may.
#include <deque>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "ad/ad_connector.hpp"
#include "ad/dirsync.hpp"
#include "ad/watermark.hpp"
#include "base/guid.hpp"

namespace gald::ad {
namespace {

using namespace std::string_literals;
using sync::CursorRefused;
using sync::Failed;
using sync::Page;
using sync::Throttled;

constexpr const char* kInvocation = "d5cdeab7-e294-49f9-b482-79b908df712e";

/// How one DirSync search ends, and how many contacts it brings before.
struct Script {
  int code = 0;
  bool more = false;
  std::string cookie = "cookie";
  int contacts = 0;
  bool with_control = true;
  const char* object_class = nullptr;
  const char* members = nullptr;  // "member;range=1-1"
  std::optional<base::Error> breaks_after = {};
};

/// What all sessions of a test share: they come and go with the rounds.
struct Controller {
  std::string dns_name = "DC1.contoso.test";
  std::string invocation = kInvocation;
  std::string usn = "5000";
  std::string time = "20261121053000.0Z";
  bool sees_deletions = true;
  std::deque<Script> scripts;
  std::vector<std::string> dirsync_values;  // of the request controls, in order
  int sessions = 0;
};

std::string answer_value(bool more, const std::string& cookie) {
  const std::string body = "\x02\x01"s + (more ? '\x01' : '\0') + "\x02\x01\x00"s + "\x04" +
                           static_cast<char>(cookie.size()) + cookie;
  return "\x30" + std::string(1, static_cast<char>(body.size())) + body;
}

class ScriptedSession final : public Session {
 public:
  explicit ScriptedSession(Controller& controller) : controller_(controller) {}

  base::Result<std::monostate> start(const SearchRequest& request) override {
    EXPECT_FALSE(searching_) << "one search at a time";
    searching_ = true;
    request_ = request;
    sent_ = 0;
    is_dirsync_ = !request.controls.empty() && request.controls[0].oid == kDirSyncOid;
    if (is_dirsync_) {
      controller_.dirsync_values.push_back(request.controls[0].value);
      if (controller_.scripts.empty())
        return base::Error{base::ErrorKind::protocol, "the script is over"};
      script_ = controller_.scripts.front();
      controller_.scripts.pop_front();
    }
    return std::monostate{};
  }

  base::Result<Batch> take(std::size_t most, const EntryVisitor& visit, std::stop_token) override {
    Batch batch;
    if (!is_dirsync_)
      return answer_base(visit);
    for (; sent_ < script_.contacts && batch.entries < most; ++sent_, ++batch.entries)
      send_object(visit);
    if (batch.entries == most)
      return batch;
    if (script_.breaks_after)
      return *script_.breaks_after;
    searching_ = false;
    batch.end = SearchEnd{script_.code, "code " + std::to_string(script_.code), {}};
    if (script_.with_control)
      batch.end->controls.push_back(
          {std::string(kDirSyncOid), answer_value(script_.more, script_.cookie), false});
    return batch;
  }

 private:
  using Pairs = std::vector<std::pair<std::string, std::string>>;

  static std::string guid_bytes(int number) {
    std::string bytes(16, '\x11');
    bytes[0] = static_cast<char>(number & 0xff);
    bytes[1] = static_cast<char>(number >> 8);
    return bytes;
  }

  static void send(const EntryVisitor& visit, std::string_view dn, const Pairs& pairs) {
    std::vector<std::string_view> values(pairs.size());
    std::vector<EntryAttribute> attributes;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      values[i] = pairs[i].second;
      attributes.push_back({pairs[i].first, std::span(values).subspan(i, 1)});
    }
    visit({dn, attributes});
  }

  void send_object(const EntryVisitor& visit) const {
    Pairs pairs = {{"objectGUID", guid_bytes(sent_)}};
    if (script_.object_class != nullptr)
      pairs.emplace_back("objectClass", script_.object_class);
    if (script_.members != nullptr)
      pairs.emplace_back(script_.members, "<GUID=" + std::string(kInvocation) + ">;CN=m");
    send(visit, "CN=c,DC=contoso,DC=test", pairs);
  }

  Batch answer_base(const EntryVisitor& visit) {
    searching_ = false;
    if (request_.base.empty())
      send(visit, "",
           {{"defaultNamingContext", "DC=contoso,DC=test"},
            {"namingContexts", "DC=contoso,DC=test"},
            {"configurationNamingContext", "CN=Configuration,DC=contoso,DC=test"},
            {"dnsHostName", controller_.dns_name},
            {"dsServiceName", "CN=NTDS Settings"},
            {"highestCommittedUSN", controller_.usn},
            {"currentTime", controller_.time},
            {"supportedControl", std::string(kDirSyncOid)}});
    else if (request_.base == "CN=NTDS Settings")
      send(visit, request_.base,
           {{"invocationId", base::Guid::parse(controller_.invocation)->ad_bytes()}});
    else if (request_.base.starts_with("CN=Directory Service"))
      send(visit, request_.base, {{"tombstoneLifetime", "180"}});
    else if (controller_.sees_deletions)
      send(visit, request_.base, {{"name", "Deleted Objects"}});
    else
      return {0, 0, SearchEnd{result_code::kNoSuchObject, "no such object", {}}};
    return {1, 0, SearchEnd{0, "", {}}};
  }

  Controller& controller_;
  SearchRequest request_;
  Script script_;
  bool searching_ = false;
  bool is_dirsync_ = false;
  int sent_ = 0;
};

class AdRound : public testing::Test {
 protected:
  AdRound() {
    options_.name = "ad";
    options_.url = "ldaps://dc1";
    connect();
  }

  void connect() {
    connector_ = make_ad_connector(options_, [this](const std::string&, std::stop_token) {
      ++controller_.sessions;
      return base::Result<std::unique_ptr<Session>>(std::make_unique<ScriptedSession>(controller_));
    });
  }

  std::unique_ptr<sync::Round> begin(const model::Cursor& from = {}) {
    return connector_->begin(connector_->collections()[0], from);
  }

  /// A cursor of a round that has gone well.
  model::Cursor cursor() {
    controller_.scripts = {{.cookie = "first"}};
    auto round = begin();
    const auto pull = round->next({});
    controller_.dirsync_values.clear();
    return *std::get<Page>(pull).next;
  }

  template <typename Outcome>
  Outcome next_is(sync::Round& round) {
    auto pull = round.next({});
    if (auto* outcome = std::get_if<Outcome>(&pull))
      return std::move(*outcome);
    ADD_FAILURE() << "another outcome: " << pull.index();
    return {};
  }

  AdOptions options_;
  Controller controller_;
  std::unique_ptr<sync::Connector> connector_;
};

TEST_F(AdRound, QuietRoundIsOneSearch) {
  const model::Cursor from = cursor();
  controller_.scripts = {{.cookie = "second"}};
  const auto round = begin(from);
  const Page page = next_is<Page>(*round);
  EXPECT_TRUE(page.last);
  EXPECT_TRUE(page.changes.empty());
  EXPECT_EQ(page.next->answered_by, "dc1.contoso.test/"s + kInvocation);
  EXPECT_EQ(parse_watermark(page.next->position)->cookie, "second");
  EXPECT_EQ(page.effort.requests, 4);
  EXPECT_EQ(controller_.dirsync_values.size(), 1u);
  EXPECT_NE(controller_.dirsync_values[0].find("first"), std::string::npos);
  next_is<Failed>(*round);
}

TEST_F(AdRound, GoesOnWhileThereIsMoreEvenWhenABatchIsEmpty) {
  controller_.scripts = {{.more = true, .cookie = "a", .contacts = 3},
                         {.more = true, .cookie = "b", .contacts = 0},
                         {.more = false, .cookie = "c", .contacts = 2}};
  const auto round = begin();
  const Page first = next_is<Page>(*round);
  EXPECT_EQ(first.changes.size(), 3u);
  EXPECT_TRUE(first.next);
  EXPECT_FALSE(first.last);
  const Page second = next_is<Page>(*round);
  EXPECT_TRUE(second.changes.empty());
  EXPECT_EQ(parse_watermark(second.next->position)->cookie, "b");
  EXPECT_FALSE(second.last);
  const Page third = next_is<Page>(*round);
  EXPECT_EQ(third.changes.size(), 2u);
  EXPECT_TRUE(third.last);
  EXPECT_NE(controller_.dirsync_values[1].find('a'), std::string::npos);
  EXPECT_NE(controller_.dirsync_values[2].find('b'), std::string::npos);
}

TEST_F(AdRound, StreamsPagesWhileTheSearchRuns) {
  controller_.scripts = {{.contacts = 1203}};
  const auto round = begin();
  for (int i = 0; i < 2; ++i) {
    const Page page = next_is<Page>(*round);
    EXPECT_EQ(page.changes.size(), 500u);
    EXPECT_FALSE(page.next) << "no cursor before the search has ended";
    EXPECT_FALSE(page.last);
  }
  const Page page = next_is<Page>(*round);
  EXPECT_EQ(page.changes.size(), 203u);
  EXPECT_TRUE(page.last);
}

TEST_F(AdRound, AnExactMultipleOfThePageStillEndsWithACursor) {
  controller_.scripts = {{.contacts = 500}};
  const auto round = begin();
  EXPECT_FALSE(next_is<Page>(*round).last);
  const Page page = next_is<Page>(*round);
  EXPECT_TRUE(page.changes.empty());
  EXPECT_TRUE(page.last);
}

TEST_F(AdRound, SuccessWithoutTheControlConcludesNothing) {
  controller_.scripts = {{.contacts = 2, .with_control = false}};
  const auto round = begin();
  EXPECT_EQ(next_is<Failed>(*round).error.kind, base::ErrorKind::protocol);
}

TEST_F(AdRound, AnEndWithAnErrorConcludesNothing) {
  for (const int code : {3, 4, 10, 11}) {  // time limit, size limit, referral, admin limit
    controller_.scripts = {{.code = code, .contacts = 2}};
    const auto round = begin();
    const Failed failed = next_is<Failed>(*round);
    EXPECT_EQ(failed.error.kind, base::ErrorKind::protocol);
    EXPECT_TRUE(failed.error.what.starts_with("ldaps://dc1: ")) << failed.error.what;
  }
}

TEST_F(AdRound, ALostConnectionEndsTheRound) {
  controller_.scripts = {
      {.contacts = 600, .breaks_after = base::Error{base::ErrorKind::network, "lost"}}};
  const auto round = begin();
  EXPECT_FALSE(next_is<Page>(*round).next);
  EXPECT_EQ(next_is<Failed>(*round).error.kind, base::ErrorKind::network);
}

TEST_F(AdRound, FallsBackToWhatTheAccountMayRead) {
  controller_.scripts = {{.code = result_code::kInsufficientAccessRights}, {.contacts = 1}};
  const auto round = begin();
  const Page page = next_is<Page>(*round);
  EXPECT_TRUE(page.last);
  EXPECT_EQ(page.effort.requests, 5);
  ASSERT_EQ(controller_.dirsync_values.size(), 2u);
  const auto position = parse_watermark(page.next->position);
  EXPECT_EQ(position->flags & dirsync_flag::kObjectSecurity, dirsync_flag::kObjectSecurity);

  // and the next round asks that way at once
  controller_.dirsync_values.clear();
  controller_.scripts = {{}};
  EXPECT_TRUE(next_is<Page>(*begin(*page.next)).last);
  EXPECT_EQ(controller_.dirsync_values.size(), 1u);
}

TEST_F(AdRound, RefusedEitherWayIsAMatterOfRights) {
  options_.read_by = ReadBy::dirsync;
  connect();
  controller_.scripts = {{.code = result_code::kInsufficientAccessRights},
                         {.code = result_code::kInsufficientAccessRights}};
  const Failed failed = next_is<Failed>(*begin());
  EXPECT_EQ(failed.error.kind, base::ErrorKind::auth);
  EXPECT_FALSE(failed.error.remedy.empty());
}

TEST_F(AdRound, ALostRightMakesTheCursorWorthless) {
  const model::Cursor from = cursor();
  controller_.scripts = {{.code = result_code::kInsufficientAccessRights}};
  next_is<CursorRefused>(*begin(from));
}

TEST_F(AdRound, RefusedCookies) {
  options_.read_by = ReadBy::dirsync;
  connect();
  for (const int code : {result_code::kProtocolError, result_code::kUnavailableCriticalExtension,
                         result_code::kUnwillingToPerform}) {
    const model::Cursor from = cursor();
    controller_.scripts = {{.code = code}};
    next_is<CursorRefused>(*begin(from));
    controller_.scripts = {{.code = code}};
    EXPECT_EQ(next_is<Failed>(*begin()).error.kind, base::ErrorKind::protocol)
        << "without a cookie it is no matter of the cursor";
  }
}

TEST_F(AdRound, UnreadablePositionIsRefusedWithoutAsking) {
  next_is<CursorRefused>(*begin({.position = "rubbish", .answered_by = "x"}));
  EXPECT_EQ(controller_.sessions, 0);
}

TEST_F(AdRound, RestoredController) {
  const model::Cursor from = cursor();
  controller_.invocation = "00000000-0000-0000-0000-000000000001";
  next_is<CursorRefused>(*begin(from));
}

TEST_F(AdRound, ControllerThatWentBackInTime) {
  const model::Cursor from = cursor();
  controller_.usn = "4999";
  next_is<CursorRefused>(*begin(from));
}

TEST_F(AdRound, AnotherControllerIsReadFromTheBeginning) {
  const model::Cursor from = cursor();
  controller_.dns_name = "dc2.contoso.test";
  controller_.invocation = "00000000-0000-0000-0000-000000000002";
  controller_.usn = "17000";
  EXPECT_FALSE(next_is<CursorRefused>(*begin(from)).routine);
}

TEST_F(AdRound, LongerAwayThanDeletionsAreRemembered) {
  const model::Cursor from = cursor();
  controller_.time = "20270519053000.0Z";  // 179 days later
  controller_.scripts = {{}};
  EXPECT_TRUE(next_is<Page>(*begin(from)).last);
  controller_.time = "20270520053000.0Z";
  next_is<CursorRefused>(*begin(from));
}

TEST_F(AdRound, DeletionsThatComeIntoViewOrGoNeedAFullRead) {
  controller_.sees_deletions = false;
  const model::Cursor from = cursor();
  controller_.scripts = {{}};
  EXPECT_TRUE(next_is<Page>(*begin(from)).last) << "without the right the rounds go on";
  controller_.sees_deletions = true;
  next_is<CursorRefused>(*begin(from));
  const model::Cursor with = cursor();
  controller_.sees_deletions = false;
  next_is<CursorRefused>(*begin(with));
}

TEST_F(AdRound, WhereDeletionsAreNotSeenEverythingIsComparedInGoodTime) {
  controller_.sees_deletions = false;
  const model::Cursor from = cursor();  // at 05:30
  controller_.time = "20261121112959.0Z";
  controller_.scripts = {{.cookie = "later"}};
  const Page page = next_is<Page>(*begin(from));
  EXPECT_TRUE(page.last);
  controller_.time = "20261121113000.0Z";
  EXPECT_TRUE(next_is<CursorRefused>(*begin(*page.next)).routine)
      << "counted from the last complete read, not from the last round";
  controller_.scripts = {{.cookie = "anew"}};
  const Page complete = next_is<Page>(*begin());
  controller_.scripts = {{}};
  EXPECT_TRUE(next_is<Page>(*begin(*complete.next)).last);
}

TEST_F(AdRound, BusyIsNotNowAndTheSamePageComesLater) {
  const model::Cursor from = cursor();
  controller_.scripts = {{.code = result_code::kBusy, .with_control = false}, {.contacts = 1}};
  const auto round = begin(from);
  next_is<Throttled>(*round);
  EXPECT_EQ(next_is<Page>(*round).changes.size(), 1u);
  EXPECT_EQ(controller_.dirsync_values.at(0), controller_.dirsync_values.at(1));
}

TEST_F(AdRound, CheckNamesWhatIsMissing) {
  controller_.scripts = {{.code = result_code::kInsufficientAccessRights}, {}};
  controller_.sees_deletions = false;
  std::map<std::string, sync::Finding> findings;
  for (const sync::Finding& finding : connector_->check({}))
    EXPECT_TRUE(findings.emplace(finding.check, finding).second) << "twice: " << finding.check;
  EXPECT_EQ(findings.at("bind").level, sync::Finding::Level::ok);
  EXPECT_EQ(findings.at("rights").level, sync::Finding::Level::warning);
  EXPECT_NE(findings.at("rights").remedy.find("Replicating Directory Changes"), std::string::npos);
  EXPECT_EQ(findings.at("deletions").level, sync::Finding::Level::warning);
  EXPECT_NE(findings.at("deletions").what.find("every 6 h"), std::string::npos);
  EXPECT_NE(findings.at("deletions").remedy.find("dsacls"), std::string::npos);
  EXPECT_EQ(findings.at("scope").level, sync::Finding::Level::ok);
  EXPECT_FALSE(findings.contains("clock")) << "nobody gave it a clock";
}

TEST_F(AdRound, CheckComparesClocks) {
  const base::ManualClock clock(base::TimePoint(std::chrono::seconds(1795239000 + 301)));
  options_.clock = &clock;
  connect();
  controller_.scripts = {{}};
  for (const sync::Finding& finding : connector_->check({}))
    if (finding.check == "clock") {
      EXPECT_EQ(finding.level, sync::Finding::Level::warning);
      EXPECT_NE(finding.what.find("301 s"), std::string::npos);
      return;
    }
  FAIL() << "no word about the clock";
}

TEST_F(AdRound, FingerprintFollowsTheScope) {
  const auto fingerprint = [](const char* url, const char* context) {
    AdOptions options;
    options.url = url;
    options.naming_context = context;
    return make_ad_connector(options)->collections()[0].fingerprint;
  };
  EXPECT_EQ(fingerprint("ldaps://dc1", "DC=a"), fingerprint("ldaps://dc2", "dc=A"));
  EXPECT_NE(fingerprint("ldaps://dc1", "DC=a"), fingerprint("ldaps://dc1", "DC=b"));

  std::set<std::string> all;
  const auto add = [&all](auto change) {
    AdOptions options;
    change(options);
    all.insert(make_ad_connector(options)->collections()[0].fingerprint);
  };
  add([](AdOptions&) {});
  add([](AdOptions& o) { o.scope.base = {"OU=a,DC=a"}; });
  add([](AdOptions& o) { o.scope.include = {"OU=a,DC=a"}; });
  add([](AdOptions& o) { o.scope.exclude = {"OU=a,DC=a"}; });
  add([](AdOptions& o) { o.scope.filter = "(mail=*)"; });
  add([](AdOptions& o) { o.scope.kinds = {model::RecordKind::contact}; });
  add([](AdOptions& o) { o.photo_limit = 1000; });
  add([](AdOptions& o) { o.read_by = ReadBy::polling; });
  EXPECT_EQ(all.size(), 8u);
}

}  // namespace

TEST(AdConnector, TheScopeIsWhatIsReadAndNotHow) {
  const auto scope = [](const auto& change) {
    AdOptions options;
    change(options);
    return make_ad_connector(options)->collections()[0].scope;
  };
  const std::string usual = scope([](AdOptions&) {});
  EXPECT_EQ(scope([](AdOptions& o) { o.read_by = ReadBy::polling; }), usual);
  EXPECT_EQ(scope([](AdOptions& o) { o.photo_limit = 7; }), usual);
  EXPECT_NE(scope([](AdOptions& o) { o.naming_context = "DC=a"; }), usual);
  EXPECT_NE(scope([](AdOptions& o) { o.scope.filter = "(mail=*)"; }), usual);
  EXPECT_NE(scope([](AdOptions& o) { o.scope.kinds = {model::RecordKind::user}; }), usual);
  const std::string two = scope([](AdOptions& o) { o.scope.exclude = {"OU=a,DC=a", "OU=b,DC=a"}; });
  EXPECT_NE(two, usual);
  EXPECT_EQ(scope([](AdOptions& o) { o.scope.exclude = {"ou=B,dc=a", "OU=a,DC=a"}; }), two);
  EXPECT_NE(scope([](AdOptions& o) { o.scope.include = {"OU=a,DC=a", "OU=b,DC=a"}; }), two);
}

}  // namespace gald::ad
