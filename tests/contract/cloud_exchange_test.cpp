// The Exchange connector against scripted answers.
#include "cloud/exchange_connector.hpp"
#include "cloud_tls_server.hpp"

namespace gald::contract {
namespace {

using base::ErrorKind;
using sync::CursorRefused;
using sync::Failed;
using sync::Finding;
using sync::Page;
using sync::Pull;
using sync::Throttled;

constexpr const char* kDelta = "2026-11-21T11:30:00.000Z";
constexpr const char* kKnownToGraph =
    R"("ExternalDirectoryObjectId":"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d01")";

base::Result<base::Secret> secret() {
  return base::Secret("secret");
}

std::string guid(int number) {
  char text[40];
  std::snprintf(text, sizeof text, "00000000-0000-4000-8000-%012d", number);
  return text;
}

class ExchangeTest : public TlsTest {
 protected:
  static cloud::ServiceOptions options() {
    return {.name = "exchange",
            .tenant = "contoso.test",
            .client_id = "client",
            .credential = net::ClientSecret{secret},
            .login_endpoint = server().origin(),
            .endpoint = server().origin(),
            .scope = {},
            .ca_file = server().ca_file(),
            .complete_every = std::chrono::hours(2)};
  }

  std::unique_ptr<sync::Round> begin(const std::string& collection, const std::string& position) {
    for (const auto& candidate : exchange_.collections())
      if (candidate.name == collection)
        return exchange_.begin(candidate, {position, {}});
    throw std::invalid_argument(collection);
  }

  std::unique_ptr<sync::Round> contacts(const std::string& position = "") {
    return begin("mailcontacts", position);
  }

  std::unique_ptr<sync::Round> groups(const std::string& position = "") {
    return begin("distributiongroups", position);
  }

  static void answer(const std::string& body, const std::string& head = "200 OK") {
    server().script(head, body);
  }

  /// What becomes of one answer to the first request of a round.
  Pull pull(const std::string& head, const std::string& body) {
    answer(body, head);
    return contacts()->next({});
  }

  /// All pages of the round; none when it fails.
  static std::vector<Page> read(const std::unique_ptr<sync::Round>& round) {
    std::vector<Page> pages;
    while (pages.empty() || !pages.back().last) {
      Pull pull = round->next({});
      if (!std::holds_alternative<Page>(pull)) {
        ADD_FAILURE() << failure(pull);
        return {};
      }
      pages.push_back(std::get<Page>(std::move(pull)));
    }
    return pages;
  }

  static std::string page(const std::string& items, const std::string& link = "") {
    return R"({"@adminapi.warnings":[],)" +
           (link.empty() ? "" : R"("@odata.nextLink":")" + link + "\",") + R"("value":[)" + items +
           "]}";
  }

  static std::string link(const std::string& token) {
    return server().origin() + "/adminapi/beta/contoso.test/InvokeCommand?$skiptoken=" + token;
  }

  static std::string item(int number, const std::string& properties = "") {
    return R"({"Guid":")" + guid(number) + "\"" + (properties.empty() ? "" : ",") + properties +
           "}";
  }

  static std::string error(const std::string& code) {
    return R"({"error":{"code":")" + code + R"(","message":"m"}})";
  }

  static std::string failure(const Pull& pull) {
    const auto* failed = std::get_if<Failed>(&pull);
    return failed ? failed->error.what : "not Failed but " + std::to_string(pull.index());
  }

  static int requests() { return server().count("POST /adminapi/"); }

  static int calls(const std::string& cmdlet) {
    return server().count("\"CmdletName\":\"" + cmdlet + "\"");
  }

  base::ManualClock clock_{*base::parse_iso8601("2026-11-21T12:00:00Z")};
  cloud::ExchangeConnector exchange_{options(), clock_};
};

TEST_F(ExchangeTest, Collections) {
  auto other = options();
  other.tenant = "other.test";
  other.complete_every = std::chrono::seconds(60);
  const cloud::ExchangeConnector there(other, clock_);
  ASSERT_EQ(exchange_.collections().size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& collection = exchange_.collections()[i];
    EXPECT_FALSE(collection.lists_everything);
    EXPECT_EQ(collection.complete_every, std::chrono::seconds(7200));
    EXPECT_EQ(there.collections()[i].complete_every, std::chrono::seconds(60));
    EXPECT_NE(collection.fingerprint, there.collections()[i].fingerprint);
    EXPECT_NE(collection.fingerprint, exchange_.collections()[(i + 1) % 3].fingerprint);
    EXPECT_EQ(collection.only_adds, collection.name == "mailboxes");
  }
  other.endpoint = "http://localhost";
  EXPECT_THROW(cloud::ExchangeConnector(other, clock_), std::runtime_error);
}

TEST_F(ExchangeTest, AFullRoundListsBothParts) {
  answer(page(item(1) + "," + item(2), link("1")), "200 OK\r\nDate: Sat, 21 Nov 2026 11:58:30 GMT");
  answer(page(item(3)), "200 OK\r\nDate: Sat, 21 Nov 2026 11:59:30 GMT");
  // 4 and 5 came after the first listing; the overlap brings both of their parts.
  answer(page(item(3, R"("Phone":"1")") + "," + item(4) + "," + item(5, R"("Phone":7)")));
  const auto pages = read(contacts());
  ASSERT_EQ(pages.size(), 3u);
  EXPECT_EQ(pages[0].changes.size(), 2u);
  EXPECT_EQ(pages[0].changes[0].kind, model::RecordKind::contact);
  EXPECT_FALSE(pages[0].next);  // the link does not outlive the round
  EXPECT_FALSE(pages[1].next);
  EXPECT_EQ(pages[1].effort.requests, 1);
  ASSERT_EQ(pages[2].changes.size(), 1u);
  EXPECT_EQ(pages[2].changes[0].anchor, guid(3));
  EXPECT_TRUE(pages[2].changes[0].part);
  EXPECT_FALSE(pages[2].changes[0].kind);
  EXPECT_TRUE(pages[2].rejected.empty());
  EXPECT_EQ(pages[2].next->position, "2026-11-21T11:58:30.000Z");

  EXPECT_EQ(requests(), 3);
  EXPECT_EQ(server().count("InvokeCommand?$select=Guid,ExternalDirectoryObjectId,"), 1);
  EXPECT_EQ(server().count("InvokeCommand?$skiptoken=1 "), 1);
  EXPECT_EQ(server().count("InvokeCommand?$select=Guid,FirstName,"), 1);
  EXPECT_EQ(
      server().count(
          R"({"CmdletInput":{"CmdletName":"Get-MailContact","Parameters":{"ResultSize":"Unlimited"}}})"),
      2);
  EXPECT_EQ(server().count(R"("RecipientTypeDetails":["MailContact","MailForestContact"])"), 1);
  EXPECT_EQ(server().count("X-CmdletName: Get-Contact"), 1);
}

TEST_F(ExchangeTest, WhomTheFirstListingRejectsTheSecondDoesNotBring) {
  answer(page(item(1, R"("Alias":7)") + "," + item(2)));
  answer(page(item(1) + "," + item(2, R"("Phone":7)")));
  const auto pages = read(contacts());
  ASSERT_EQ(pages.size(), 2u);
  ASSERT_EQ(pages[0].rejected.size(), 1u);
  EXPECT_EQ(pages[0].rejected[0].anchor, guid(1));
  EXPECT_TRUE(pages[1].changes.empty());
  ASSERT_EQ(pages[1].rejected.size(), 1u);
  EXPECT_EQ(pages[1].rejected[0].anchor, guid(2));
}

TEST_F(ExchangeTest, AQuietDeltaRoundIsTwoRequests) {
  answer(page(""));
  answer(page(""));
  const auto pages = read(contacts(kDelta));
  ASSERT_EQ(pages.size(), 2u);
  EXPECT_EQ(pages[1].next->position, "2026-11-21T12:00:00.000Z");  // no Date: the local clock
  EXPECT_EQ(requests(), 2);
  EXPECT_EQ(server().count(R"("Filter":"WhenChangedUTC -gt '11/21/2026 11:15:00 AM'")"), 2);
}

TEST_F(ExchangeTest, ACursorThatIsNoTime) {
  EXPECT_TRUE(std::holds_alternative<CursorRefused>(contacts("delta x")->next({})));
  EXPECT_TRUE(std::holds_alternative<CursorRefused>(groups("delta x")->next({})));
  EXPECT_EQ(requests(), 0);
}

TEST_F(ExchangeTest, AnErrorOnALaterPageFailsTheRound) {
  answer(page(item(1), link("1")));
  answer("", "403 x\r\nx-ms-diagnostics: no");
  answer("", "403 x\r\nx-ms-diagnostics: no");  // with another token
  const auto routing = contacts();
  EXPECT_TRUE(std::holds_alternative<Page>(routing->next({})));
  EXPECT_NE(failure(routing->next({})).find("403"), std::string::npos);

  answer(page(item(1)));
  answer(error("BadRequest"), "400 x");
  const auto person = contacts();
  EXPECT_TRUE(std::holds_alternative<Page>(person->next({})));
  EXPECT_NE(failure(person->next({})).find("400 BadRequest"), std::string::npos);
}

TEST_F(ExchangeTest, ADeadLinkBeginsTheListingAgainOnce) {
  for (const char* status : {"400 x", "404 x", "410 x"}) {
    server().forget();
    answer(page(item(1), link("1")));
    answer(error("BadRequest"), status);
    answer(page(item(1), link("1")));  // the same link again leads nowhere back
    answer(page(item(2)));
    answer(page(item(1) + "," + item(2)));
    const auto pages = read(contacts());
    ASSERT_EQ(pages.size(), 4u) << status;
    EXPECT_EQ(pages[1].effort.requests, 2);
    EXPECT_EQ(pages[3].changes.size(), 2u);
    EXPECT_EQ(requests(), 5);
  }
  server().forget();
  answer(page(item(1), link("1")));
  answer(error("BadRequest"), "400 x");
  answer(page(item(1), link("2")));
  answer(error("BadRequest"), "400 x");
  const auto round = contacts();
  EXPECT_TRUE(std::holds_alternative<Page>(round->next({})));
  EXPECT_TRUE(std::holds_alternative<Page>(round->next({})));
  EXPECT_NE(failure(round->next({})).find("400 BadRequest"), std::string::npos);
  EXPECT_EQ(requests(), 4);
}

TEST_F(ExchangeTest, TheSamePageAgainAfterThrottling) {
  answer(page(item(1), link("1")));
  answer("", "503 x");
  answer(page(item(2)));
  const auto round = contacts();
  EXPECT_TRUE(std::holds_alternative<Page>(round->next({})));
  EXPECT_TRUE(std::holds_alternative<Throttled>(round->next({})));
  const auto again = round->next({});
  ASSERT_TRUE(std::holds_alternative<Page>(again)) << failure(again);
  EXPECT_EQ(std::get<Page>(again).effort.requests, 2);
  EXPECT_EQ(server().count("$skiptoken=1 "), 2);
}

TEST_F(ExchangeTest, Links) {
  const auto result = [this](const std::string& url) { return pull("200 OK", page("", url)); };
  const std::string port = server().origin().substr(std::string("https://localhost").size());
  EXPECT_TRUE(std::holds_alternative<Page>(result("https://eur01.localhost" + port + "/x")));
  for (const std::string& foreign :
       {"https://evillocalhost" + port + "/x", "https://localhost.evil.example" + port + "/x",
        std::string("https://localhost/x")})
    EXPECT_NE(failure(result(foreign)).find("another origin"), std::string::npos) << foreign;

  answer(page("", link("1")));
  answer(page("", link("1")));
  const auto round = contacts();
  EXPECT_TRUE(std::holds_alternative<Page>(round->next({})));
  EXPECT_NE(failure(round->next({})).find("leads back"), std::string::npos);
}

TEST_F(ExchangeTest, Errors) {
  constexpr const char* kSentence =
      "You have reached the maximum number of concurrent requests per tenant. Please wait and try "
      "again";
  for (const char* status : {"200 x", "400 x", "429 x"}) {
    EXPECT_TRUE(std::holds_alternative<Throttled>(pull(status, kSentence))) << status;
    clock_.advance(std::chrono::hours(1));  // past the pause, which holds for everybody
  }
  for (const char* reason : {"CmdletProxyNotAvailableFailure", "ServerBusyException",
                             "TransientException", "BackendCommunicationException"}) {
    EXPECT_TRUE(std::holds_alternative<Throttled>(pull("400 x", error(reason)))) << reason;
    EXPECT_TRUE(std::holds_alternative<Throttled>(
        pull("400 x\r\nX-ExceptionType: " + std::string(reason), error("Error"))));
  }
  const std::string refusal = "403 x\r\nx-ms-diagnostics: 2000003;reason=\"no role\"";
  answer("", refusal);
  const auto refused = pull(refusal, std::string(10, '\0'));
  ASSERT_TRUE(std::holds_alternative<Failed>(refused));
  EXPECT_EQ(std::get<Failed>(refused).error.kind, ErrorKind::auth);
  EXPECT_NE(failure(refused).find("no role"), std::string::npos) << failure(refused);
  EXPECT_NE(failure(pull("400 x", error("BadRequest"))).find("400 BadRequest"), std::string::npos);
  EXPECT_NE(failure(pull("418 x", error("Teapot"))).find("418 Teapot"), std::string::npos);
  for (const char* body : {"", "{}", "[]"})
    EXPECT_TRUE(std::holds_alternative<Throttled>(pull("200 OK", body))) << body;
}

TEST_F(ExchangeTest, GroupsAndTheMembersThatGraphLacks) {
  answer(page(item(1, kKnownToGraph) + "," + item(2)),
         "200 OK\r\nDate: Sat, 21 Nov 2026 11:58:30 GMT");
  answer(page(item(3)));
  answer(page(item(11, std::string(R"("RecipientTypeDetails":"UserMailbox",)") + kKnownToGraph),
              link("1")));
  answer(page(item(12)));
  answer(page(""));
  const auto pages = read(groups());
  ASSERT_EQ(pages.size(), 5u);
  EXPECT_EQ(pages[0].changes.size(), 2u);
  ASSERT_EQ(pages[2].changes.size(), 2u);
  EXPECT_EQ(pages[2].changes[0].anchor, guid(11));
  EXPECT_EQ(pages[2].changes[0].kind, model::RecordKind::user);
  EXPECT_EQ(pages[2].changes[1].anchor, guid(3));
  EXPECT_EQ(pages[2].changes[1].members_added, std::vector{guid(11)});
  EXPECT_FALSE(pages[2].changes[1].members_complete);  // the end of the round removes the others
  EXPECT_EQ(pages[3].changes.at(0).members_added, std::vector{guid(12)});
  EXPECT_EQ(pages[4].changes.at(0).anchor, guid(2));
  EXPECT_EQ(pages[4].next->position, "2026-11-21T11:58:30.000Z");
  EXPECT_EQ(requests(), 5);
  EXPECT_EQ(calls("Get-DistributionGroup"), 1);
  EXPECT_EQ(calls("Get-DynamicDistributionGroup"), 1);
  EXPECT_EQ(calls("Get-DynamicDistributionGroupMember"), 2);
  EXPECT_EQ(calls("Get-DistributionGroupMember"), 1);
  EXPECT_EQ(server().count("\"Identity\":\"" + guid(3) + "\""), 2);
  EXPECT_EQ(server().count("\"Identity\":\"" + guid(2) + "\""), 1);
}

TEST_F(ExchangeTest, AQuietDeltaRoundOfGroupsIsOneRequest) {
  answer(page(""));
  EXPECT_EQ(read(groups(kDelta)).size(), 1u);
  EXPECT_EQ(requests(), 1);
}

TEST_F(ExchangeTest, MailboxesThatNobodySignsInTo) {
  const std::string type = R"("RecipientTypeDetails":"SharedMailbox",)";
  answer(page(item(1, type + kKnownToGraph) + "," + item(2, R"("IsDirSynced":7)"), link("1")),
         "200 OK\r\nDate: Sat, 21 Nov 2026 11:58:30 GMT");
  answer(page(item(3)));
  const auto pages = read(begin("mailboxes", ""));
  ASSERT_EQ(pages.size(), 2u);
  ASSERT_EQ(pages[0].changes.size(), 1u);
  EXPECT_EQ(pages[0].changes[0].anchor, guid(1));
  EXPECT_EQ(pages[0].changes[0].kind, model::RecordKind::user);
  ASSERT_EQ(pages[0].rejected.size(), 1u);
  EXPECT_EQ(pages[0].rejected[0].anchor, guid(2));
  EXPECT_EQ(pages[1].changes.size(), 1u);
  EXPECT_EQ(pages[1].next->position, "2026-11-21T11:58:30.000Z");
  const std::string listed =
      R"("RecipientTypeDetails":["SharedMailbox","RoomMailbox","EquipmentMailbox"])";
  EXPECT_EQ(calls("Get-Mailbox"), 2);
  EXPECT_EQ(server().count(listed), 2);
  EXPECT_EQ(server().count("\"Filter\""), 0);

  server().forget();
  answer(page(""));
  EXPECT_EQ(read(begin("mailboxes", kDelta)).size(), 1u);
  EXPECT_EQ(requests(), 1);
  EXPECT_EQ(server().count(listed), 1);
  EXPECT_EQ(server().count(R"("Filter":"WhenChangedUTC -gt '11/21/2026 11:15:00 AM'")"), 1);
  EXPECT_TRUE(std::holds_alternative<CursorRefused>(begin("mailboxes", "delta x")->next({})));
}

TEST_F(ExchangeTest, GroupsThatChanged) {
  answer(page(item(1, kKnownToGraph) + "," + item(2)));
  answer(page(item(11), link("1")));
  answer(error("NotFound"), "404 x");  // the link is dead: the list begins again
  answer(page(item(12), link("1")));
  answer(page(item(13)));
  const auto pages = read(groups(kDelta));
  ASSERT_EQ(pages.size(), 4u);
  EXPECT_TRUE(pages[0].changes[0].members_complete);  // Graph tells them now
  EXPECT_TRUE(pages[0].changes[0].members_added.empty());
  EXPECT_FALSE(pages[0].changes[1].members_complete);
  EXPECT_TRUE(pages[1].changes.empty());
  ASSERT_EQ(pages[3].changes.size(), 1u);
  EXPECT_TRUE(pages[3].changes[0].members_complete);
  EXPECT_EQ(pages[3].changes[0].members_added, (std::vector{guid(12), guid(13)}));
}

TEST_F(ExchangeTest, MembersThatCannotBeReadAreThatGroupsProblem) {
  for (const bool full : {true, false}) {
    server().forget();
    answer(page(item(1) + "," + item(2) + "," + item(3)));
    if (full)
      answer(page(""));
    answer(error("NotFound"), "404 x");
    answer(page(R"({"Guid":7})", link("1")));
    answer(page(item(12)));
    answer(page(item(13)));
    std::map<std::string, int> rejected;
    std::map<std::string, std::size_t> complete;
    for (const Page& page : read(groups(full ? "" : kDelta))) {
      for (const auto& object : page.rejected)
        ++rejected[object.anchor];
      for (const auto& change : page.changes)
        if (change.members_complete)
          complete[change.anchor] = change.members_added.size();
    }
    // Told again on every later page: whatever says something of a group lets it go.
    EXPECT_EQ(rejected, (std::map<std::string, int>{{guid(3), 1}, {guid(2), 2}}));
    EXPECT_EQ(complete.size(), full ? 0u : 1u);
    EXPECT_EQ(complete.contains(guid(1)), !full);
  }
  server().forget();
  answer(page(item(1)));
  answer(page(""));
  answer("", "403 x");
  answer("", "403 x");
  const auto round = groups();
  EXPECT_TRUE(std::holds_alternative<Page>(round->next({})));
  EXPECT_TRUE(std::holds_alternative<Page>(round->next({})));
  EXPECT_NE(failure(round->next({})).find("403"), std::string::npos);
}

TEST_F(ExchangeTest, CheckSaysWhatIsWrong) {
  // One trial for each cmdlet: what a role may run is decided one by one.
  answer(page(item(1)));
  answer("", "403 x\r\nx-ms-diagnostics: reason");
  answer("", "403 x\r\nx-ms-diagnostics: reason");
  answer("", "503 x");
  answer(page(""));
  answer("", "403 x\r\nx-ms-diagnostics: reason");
  answer("", "403 x\r\nx-ms-diagnostics: reason");
  const auto findings = exchange_.check({});
  ASSERT_GE(findings.size(), 6u);
  const auto trial = [&](std::size_t number) { return findings[findings.size() - 5 + number]; };
  EXPECT_EQ(trial(0).level, Finding::Level::ok);
  EXPECT_EQ(trial(0).check, "role");
  EXPECT_EQ(trial(1).level, Finding::Level::problem);
  EXPECT_NE(trial(1).what.find("Get-Contact"), std::string::npos);
  EXPECT_NE(trial(1).remedy.find("Exchange.ManageAsApp"), std::string::npos);
  EXPECT_EQ(trial(2).level, Finding::Level::warning);
  EXPECT_EQ(trial(3).level, Finding::Level::ok);
  EXPECT_EQ(trial(4).level, Finding::Level::problem);
  EXPECT_NE(trial(4).what.find("Get-Mailbox"), std::string::npos);
  EXPECT_NE(trial(4).remedy.find("View-Only Recipients"), std::string::npos);
  EXPECT_EQ(server().count(R"("Parameters":{"ResultSize":1})"), 7);
}

}  // namespace
}  // namespace gald::contract
