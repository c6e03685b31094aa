// The Graph connector and the token source against scripted answers.
#include <future>

#include "cloud/graph_connector.hpp"
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

constexpr const char* kId = "0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d01";
constexpr const char* kSecret = "p4ss&w0rd=+%";

base::Result<base::Secret> secret() {
  return base::Secret(kSecret);
}

class CloudConnectorTest : public TlsTest {
 protected:
  cloud::ServiceOptions graph_options() {
    return {.name = "entra",
            .tenant = "contoso.test",
            .client_id = "client",
            .credential = net::ClientSecret{secret},
            .login_endpoint = server().origin(),
            .endpoint = server().origin() + "/",
            .scope = {},
            .ca_file = server().ca_file()};
  }

  std::unique_ptr<sync::Round> graph_round(const std::string& collection,
                                           const std::string& position = "") {
    for (const auto& candidate : graph_.collections())
      if (candidate.name == collection)
        return graph_.begin(candidate, {position, {}});
    throw std::invalid_argument(collection);
  }

  static std::string link(const std::string& token) {
    return server().origin() + "/v1.0/users/delta?$skiptoken=" + token;
  }

  static std::string page(const std::string& links, const std::string& items = "") {
    return "{" + links + R"(,"value":[)" + items + "]}";
  }

  static std::string next(const std::string& url) { return R"("@odata.nextLink":")" + url + "\""; }

  static std::string delta(const std::string& url) {
    return R"("@odata.deltaLink":")" + url + "\"";
  }

  static std::string item() { return R"({"id":")" + std::string(kId) + "\"}"; }

  static std::string error(const std::string& code) {
    return R"({"error":{"code":")" + code + R"(","message":"m"}})";
  }

  /// What became of one answer to the first request of a round.
  Pull pull(const std::string& head, const std::string& body, const std::string& position = "") {
    server().script(head, body);
    return graph_round("users", position)->next({});
  }

  static std::string failure(const Pull& pull) {
    const auto* failed = std::get_if<Failed>(&pull);
    return failed ? failed->error.what : "not Failed but " + std::to_string(pull.index());
  }

  base::ManualClock clock_{base::SystemClock().now()};
  cloud::GraphConnector graph_{graph_options(), clock_};
};

TEST_F(CloudConnectorTest, ARoundOfPages) {
  server().script("200 OK", page(next(link("1")), item()));
  server().script("200 OK", page(next(link("2"))));  // empty pages go on
  server().script("200 OK", page(delta(link("3")), item()));
  const auto round = graph_round("users");
  auto first = round->next({});
  ASSERT_TRUE(std::holds_alternative<Page>(first)) << failure(first);
  EXPECT_EQ(std::get<Page>(first).changes.size(), 1u);
  EXPECT_FALSE(std::get<Page>(first).last);
  EXPECT_EQ(std::get<Page>(first).next->position, "next " + link("1"));
  EXPECT_EQ(std::get<Page>(first).effort.requests, 1);
  EXPECT_GT(std::get<Page>(first).effort.bytes, 0u);
  auto second = round->next({});
  ASSERT_TRUE(std::holds_alternative<Page>(second)) << failure(second);
  EXPECT_FALSE(std::get<Page>(second).last);
  EXPECT_EQ(std::get<Page>(second).effort.requests, 2);
  EXPECT_EQ(std::get<Page>(second).expected, 893) << "the service's number has a byte order mark";
  auto third = round->next({});
  ASSERT_TRUE(std::holds_alternative<Page>(third)) << failure(third);
  EXPECT_TRUE(std::get<Page>(third).last);
  EXPECT_EQ(std::get<Page>(third).next->position, "delta " + link("3"));

  EXPECT_EQ(server().count("POST /contoso.test/oauth2/v2.0/token"), 1);
  EXPECT_EQ(server().count("GET /v1.0/users/delta?$select=id,displayName,"), 1);
  EXPECT_EQ(server().count("GET /v1.0/users/delta?$skiptoken=1 "), 1);
  EXPECT_EQ(server().count("GET /v1.0/users/delta?$skiptoken=2 "), 1);
  EXPECT_EQ(server().count("GET /v1.0/users/$count HTTP"), 1);
  EXPECT_EQ(server().count("ConsistencyLevel: eventual"), 1);
  EXPECT_EQ(server().count("Authorization: Bearer token-"), 4);
  EXPECT_EQ(server().count("client-request-id: "), 4);
  EXPECT_EQ(server().count("return=minimal"), 0);
  EXPECT_EQ(server().count("client_secret=p4ss%26w0rd%3D%2B%25"), 1);
  const std::string scope = "scope=https%3A%2F%2Flocalhost%3A" +
                            server().origin().substr(std::string("https://localhost:").size()) +
                            "%2F.default";
  EXPECT_EQ(server().count(scope), 1);
}

TEST_F(CloudConnectorTest, AQuietRoundIsOneRequest) {
  server().script("200 OK", page(delta(link("5"))));
  const auto result = graph_round("users", "delta " + link("4"))->next({});
  ASSERT_TRUE(std::holds_alternative<Page>(result)) << failure(result);
  EXPECT_TRUE(std::get<Page>(result).last);
  EXPECT_TRUE(std::get<Page>(result).changes.empty());
  EXPECT_EQ(server().count("GET "), 1);
}

TEST_F(CloudConnectorTest, LinksThatAreWrong) {
  const std::string both = next(link("1")) + "," + delta(link("2"));
  EXPECT_NE(failure(pull("200 OK", page(both))).find("a nextLink and a deltaLink"),
            std::string::npos);
  EXPECT_NE(failure(pull("200 OK", page(R"("x":1)"))).find("neither"), std::string::npos);
  for (const std::string& foreign :
       {std::string("https://evil.example/v1.0/users/delta?$skiptoken=1"),
        std::string("https://localhost/v1.0/users/delta?$skiptoken=1"),
        server().origin("server", "127.0.0.1") + "/v1.0/users/delta?$skiptoken=1",
        std::string("http://localhost/"), std::string("/v1.0/users/delta?$skiptoken=1")}) {
    const auto result = pull("200 OK", page(next(foreign)));
    EXPECT_NE(failure(result).find("another origin"), std::string::npos) << failure(result);
    EXPECT_EQ(failure(result).find("skiptoken"), std::string::npos);
  }
  EXPECT_NE(failure(pull("200 OK", page(delta("https://evil.example/")))).find("another origin"),
            std::string::npos);
}

TEST_F(CloudConnectorTest, PagesThatLeadBack) {
  server().script("200 OK", page(next(link("1"))));
  server().script("200 OK", page(next(link("2"))));
  server().script("200 OK", page(next(link("1"))));
  const auto round = graph_round("users");
  EXPECT_TRUE(std::holds_alternative<Page>(round->next({})));
  EXPECT_TRUE(std::holds_alternative<Page>(round->next({})));
  const auto led_back = round->next({});
  ASSERT_TRUE(std::holds_alternative<CursorRefused>(led_back));
  EXPECT_NE(std::get<CursorRefused>(led_back).reason.find("leads back"), std::string::npos);
}

TEST_F(CloudConnectorTest, CursorsThatAreRefused) {
  const std::string position = "delta " + link("1");
  for (const char* code : {"syncStateNotFound", "SyncStateNotFound", "resyncRequired",
                           "ResyncApplyDifferences", "Directory_ExpiredPageToken"})
    for (const char* status : {"400 Bad Request", "404 Not Found", "410 Gone"})
      EXPECT_TRUE(std::holds_alternative<CursorRefused>(pull(status, error(code), position)))
          << code << status;
  EXPECT_TRUE(std::holds_alternative<CursorRefused>(pull("410 Gone", "", position)));
  EXPECT_TRUE(std::holds_alternative<CursorRefused>(
      pull("400 Bad Request",
           R"({"error":{"code":"Request_BadRequest","message":"The $deltatoken is not valid."}})",
           position)));
  for (const char* wrong : {"x", "delta ", "delta https://evil.example/v1.0/users/delta"})
    EXPECT_TRUE(std::holds_alternative<CursorRefused>(graph_round("users", wrong)->next({})));
  server().forget();
  EXPECT_EQ(
      failure(pull("400 Bad Request", error("Request_BadRequest"), position)).find("not Failed"),
      std::string::npos);
}

TEST_F(CloudConnectorTest, NotNow) {
  const auto pause = [](const Pull& pull) {
    return std::get<Throttled>(pull).retry_after.value_or(std::chrono::milliseconds(-1));
  };
  for (const char* status : {"500 x", "502 x", "503 x", "504 x", "503 x\r\nRetry-After: 0"}) {
    const auto result = pull(status, "");
    ASSERT_TRUE(std::holds_alternative<Throttled>(result)) << status;
    EXPECT_FALSE(std::get<Throttled>(result).retry_after) << status;
  }
  EXPECT_EQ(pause(pull("503 x\r\nRetry-After: 7", "")), std::chrono::seconds(7));
  EXPECT_EQ(pause(graph_round("groups")->next({})), std::chrono::seconds(7));
  clock_.advance(std::chrono::seconds(7));
  EXPECT_TRUE(std::holds_alternative<Page>(pull("200 OK", page(delta(link("0"))))));
  EXPECT_EQ(pause(pull("429 x\r\nRetry-After: 2.128", error("TooManyRequests"))),
            std::chrono::milliseconds(2128));

  // The pause is everybody's: nothing is sent before it is over.
  const int sent = server().count("GET ");
  clock_.advance(std::chrono::milliseconds(1000));
  const auto waiting = graph_round("groups")->next({});
  EXPECT_EQ(pause(waiting), std::chrono::milliseconds(1128));
  EXPECT_NE(std::get<Throttled>(waiting).reason.find("429 TooManyRequests"), std::string::npos);
  EXPECT_EQ(server().count("GET "), sent);
  clock_.advance(std::chrono::milliseconds(1128));
  EXPECT_TRUE(std::holds_alternative<Page>(pull("200 OK", page(delta(link("1"))))));

  // A date that has passed, or none, is "soon".
  EXPECT_EQ(pause(pull("429 x\r\nRetry-After: Mon, 01 Jan 2001 00:00:00 GMT", "")),
            std::chrono::milliseconds(100));
  clock_.advance(std::chrono::milliseconds(100));
  EXPECT_GE(pause(pull("429 x", "")), std::chrono::milliseconds(200));
}

TEST_F(CloudConnectorTest, TheServiceSaysHowNearItsLimitIs) {
  server().script("200 OK\r\nx-ms-resource-unit: 3\r\nx-ms-throttle-limit-percentage: 0.99",
                  page(next(link("1"))));
  server().script("200 OK\r\nx-ms-resource-unit: 2", page(next(link("2"))));
  server().script("200 OK", page(delta(link("3"))));
  const auto round = graph_round("users");
  const auto effort = [&] { return std::get<Page>(round->next({})).effort; };
  const auto first = effort();
  EXPECT_EQ(first.units, 3);
  EXPECT_EQ(first.paced.count(), 0);
  const auto second = effort();
  EXPECT_EQ(second.units, 2);
  EXPECT_GT(second.paced, std::chrono::seconds(1));
  EXPECT_LT(second.paced, std::chrono::seconds(10));
  EXPECT_EQ(effort().paced.count(), 0);
}

TEST_F(CloudConnectorTest, TheSamePageAgainAfterThrottling) {
  server().script("429 x", "");
  server().script("200 OK", "{cut");
  server().script("200 OK", page(delta(link("1")), item()));
  const auto round = graph_round("users");
  const auto refused = round->next({});
  ASSERT_TRUE(std::holds_alternative<Throttled>(refused));
  clock_.advance(*std::get<Throttled>(refused).retry_after);
  EXPECT_TRUE(std::holds_alternative<Throttled>(round->next({})));
  const auto result = round->next({});
  ASSERT_TRUE(std::holds_alternative<Page>(result)) << failure(result);
  EXPECT_EQ(std::get<Page>(result).effort.requests, 3);
}

TEST_F(CloudConnectorTest, ADeadNextLinkIsGivenUp) {
  for (const char* status : {"404 x", "500 x"}) {
    const auto round = graph_round("users", "next " + link("1"));
    for (int i = 0; i < 4; ++i) {
      server().script(status, error("UnknownError"));
      EXPECT_TRUE(std::holds_alternative<Throttled>(round->next({})));
    }
    server().script(status, error("UnknownError"));
    EXPECT_TRUE(std::holds_alternative<CursorRefused>(round->next({})));
  }
}

TEST_F(CloudConnectorTest, ADeadLinkOfARoundOfChangesGoesBackToItsBeginning) {
  server().script("200 OK", page(next(link("2")), item()));
  server().script("400 x", error("Directory_ExpiredPageToken"));
  server().script("200 OK", page(next(link("3")), item()));
  server().script("400 x", error("Directory_ExpiredPageToken"));
  const auto round = graph_round("users", "delta " + link("1"));
  const auto first = round->next({});
  ASSERT_TRUE(std::holds_alternative<Page>(first)) << failure(first);
  EXPECT_EQ(std::get<Page>(first).next->position, "next " + link("2") + "\n" + link("1"));
  EXPECT_TRUE(std::holds_alternative<Page>(round->next({})));
  EXPECT_EQ(server().count("$skiptoken=1 "), 2);
  EXPECT_TRUE(std::holds_alternative<CursorRefused>(round->next({})));  // done once
}

TEST_F(CloudConnectorTest, AFullRoundOfContactsEndsWithTheirManagers) {
  const std::string list = server().origin() + "/v1.0/contacts?$skiptoken=m";
  const std::string end = server().origin() + "/v1.0/contacts/delta?$deltatoken=e";
  server().script("200 OK", page(delta(end), item()));
  server().script("200 OK", page(next(list), item().substr(0, item().size() - 1) +
                                                 R"(,"manager":{"id":")" + kId + R"("}})"));
  server().script("200 OK", page(R"("x":1)", item()));
  const auto round = graph_round("contacts");
  const auto contacts = round->next({});
  ASSERT_TRUE(std::holds_alternative<Page>(contacts)) << failure(contacts);
  EXPECT_FALSE(std::get<Page>(contacts).last);
  EXPECT_EQ(std::get<Page>(contacts).changes.at(0).kept,
            std::vector<model::Attribute>{model::Attribute::manager});
  const auto managers = round->next({});
  ASSERT_TRUE(std::holds_alternative<Page>(managers)) << failure(managers);
  const auto& change = std::get<Page>(managers).changes.at(0);
  EXPECT_TRUE(change.part);
  EXPECT_EQ(model::first_value(change.set, model::Attribute::manager), kId);
  EXPECT_EQ(std::get<Page>(managers).next->position, "managers " + list + "\n" + end);
  const auto last = round->next({});
  ASSERT_TRUE(std::holds_alternative<Page>(last)) << failure(last);
  EXPECT_EQ(std::get<Page>(last).changes.at(0).cleared,
            std::vector<model::Attribute>{model::Attribute::manager});
  EXPECT_TRUE(std::get<Page>(last).last);
  EXPECT_EQ(std::get<Page>(last).next->position, "delta " + end);

  // Who may not expand managers gets the contacts all the same.
  server().script("200 OK", page(delta(end), item()));
  server().script("400 x", error("Request_BadRequest"));
  const auto other = graph_round("contacts");
  EXPECT_FALSE(std::get<Page>(other->next({})).last);
  const auto without = other->next({});
  ASSERT_TRUE(std::holds_alternative<Page>(without)) << failure(without);
  EXPECT_TRUE(std::get<Page>(without).last);
  EXPECT_EQ(std::get<Page>(without).next->position, "delta " + end);
}

TEST_F(CloudConnectorTest, AListOfManagersThatStaysDeadHoldsNoContacts) {
  const std::string end = server().origin() + "/v1.0/contacts/delta?$deltatoken=e";
  server().script("200 OK", page(delta(end), item()));
  const auto round = graph_round("contacts");
  EXPECT_FALSE(std::get<Page>(round->next({})).last);
  // Five answers make a dead link; it is begun again once.
  for (int i = 0; i < 9; ++i) {
    server().script("500 x", error("UnknownError"));
    EXPECT_TRUE(std::holds_alternative<Throttled>(round->next({}))) << i;
    if (i == 3) {
      server().script("500 x", error("UnknownError"));
      ++i;
    }
  }
  server().script("500 x", error("UnknownError"));
  const auto last = round->next({});
  ASSERT_TRUE(std::holds_alternative<Page>(last)) << failure(last);
  EXPECT_TRUE(std::get<Page>(last).last);
  EXPECT_TRUE(std::get<Page>(last).changes.empty());
  EXPECT_EQ(std::get<Page>(last).next->position, "delta " + end);
}

TEST_F(CloudConnectorTest, ManagersOfChangedContactsComeInBatches) {
  const std::string other = "0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d02";
  const std::string end = server().origin() + "/v1.0/contacts/delta?$deltatoken=e";
  const std::string gone =
      R"({"id":"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d03","@removed":{"reason":"deleted"}})";
  server().script("200 OK", page(delta(end), item() + R"(,{"id":")" + other + "\"}," + gone));
  server().script("200 OK", R"({"responses":[
    {"id":"1","status":429,"headers":{"retry-after":"3"},"body":{}},
    {"id":"0","status":404,"body":{"error":{"code":"Request_ResourceNotFound",
     "message":"Resource 'manager' does not exist"}}}]})");
  server().script("200 OK", R"({"responses":[{"id":"0","status":200,"body":{"id":")" +
                                std::string(kId) + "\"}}]}");
  const auto round = graph_round("contacts", "delta " + end);
  const auto refused = round->next({});
  ASSERT_TRUE(std::holds_alternative<Throttled>(refused)) << failure(refused);
  EXPECT_EQ(std::get<Throttled>(refused).retry_after, std::chrono::seconds(3));
  clock_.advance(std::chrono::seconds(3));
  const auto result = round->next({});
  ASSERT_TRUE(std::holds_alternative<Page>(result)) << failure(result);
  const auto& changes = std::get<Page>(result).changes;
  ASSERT_EQ(changes.size(), 3u);
  EXPECT_EQ(changes[0].cleared.back(), model::Attribute::manager);
  EXPECT_EQ(model::first_value(changes[1].set, model::Attribute::manager), kId);
  EXPECT_EQ(std::get<Page>(result).effort.requests, 3);
  EXPECT_EQ(server().count("GET /v1.0/contacts/delta"), 1);
  EXPECT_EQ(server().count("/contacts/" + std::string(kId) + "/manager?$select=id"), 1);
  EXPECT_EQ(server().count("/contacts/" + other + "/manager?$select=id"), 2);
  EXPECT_EQ(server().count("0d03/manager"), 0);
}

TEST_F(CloudConnectorTest, ContactsWithoutADeltaQueryAreListed) {
  const std::string unsupported = error("Request_UnsupportedQuery");
  server().script("400 x", unsupported);
  EXPECT_TRUE(std::holds_alternative<CursorRefused>(
      graph_round("contacts", "delta " + link("1"))->next({})));
  server().script("400 x", unsupported);
  server().script("200 OK", page(R"("x":1)", item()));
  server().script("200 OK", page(R"("x":1)", item()));
  const auto round = graph_round("contacts");
  const auto listed = round->next({});
  ASSERT_TRUE(std::holds_alternative<Page>(listed)) << failure(listed);
  EXPECT_FALSE(std::get<Page>(listed).last);
  const auto last = round->next({});
  ASSERT_TRUE(std::holds_alternative<Page>(last)) << failure(last);
  EXPECT_TRUE(std::get<Page>(last).last);
  EXPECT_EQ(std::get<Page>(last).next, model::Cursor{});  // the next round is a full one again
  server().script("400 x", unsupported);
  EXPECT_NE(failure(graph_round("users")->next({})).find("Request_UnsupportedQuery"),
            std::string::npos);
}

TEST_F(CloudConnectorTest, ALocationAtAnotherOriginIsAProtocolError) {
  const auto result = pull("410 Gone\r\nLocation: https://evil.example/v1.0/users/delta", "");
  EXPECT_NE(failure(result).find("another origin"), std::string::npos) << failure(result);
  EXPECT_TRUE(std::holds_alternative<CursorRefused>(
      pull("410 Gone\r\nLocation: " + server().origin() + "/v1.0/users/delta?$deltatoken=", "",
           "delta " + link("1"))));
}

TEST_F(CloudConnectorTest, OneNewTokenAfter401) {
  server().script("401 Unauthorized", error("InvalidAuthenticationToken"));
  server().script("200 OK", page(delta(link("1"))));
  const auto renewed = graph_round("users")->next({});
  EXPECT_TRUE(std::holds_alternative<Page>(renewed)) << failure(renewed);
  EXPECT_EQ(server().count("oauth2/v2.0/token"), 2);

  server().forget();
  server().script("401 Unauthorized", error("InvalidAuthenticationToken"));
  server().script("401 Unauthorized", error("InvalidAuthenticationToken"));
  const auto refused = graph_round("users")->next({});
  ASSERT_TRUE(std::holds_alternative<Failed>(refused));
  EXPECT_EQ(std::get<Failed>(refused).error.kind, ErrorKind::auth);
  EXPECT_EQ(server().count("GET "), 2);
}

TEST_F(CloudConnectorTest, A403NamesThePermission) {
  for (const auto& [collection, permission] :
       {std::pair("contacts", "OrgContact.Read.All"), std::pair("users", "User.Read.All"),
        std::pair("groups", "Group.Read.All")}) {
    server().script("403 Forbidden", error("Authorization_RequestDenied"));
    server().script("403 Forbidden", error("Authorization_RequestDenied"));
    const auto result = graph_round(collection)->next({});
    ASSERT_TRUE(std::holds_alternative<Failed>(result));
    const auto& error = std::get<Failed>(result).error;
    EXPECT_EQ(error.kind, ErrorKind::auth);
    EXPECT_NE(error.what.find(permission), std::string::npos) << error.what;
    EXPECT_NE(error.remedy.find(permission), std::string::npos) << error.remedy;
  }
  EXPECT_EQ(server().count("oauth2/v2.0/token"), 4);  // a right may have been granted meanwhile
}

TEST_F(CloudConnectorTest, BrokenAnswers) {
  // It may have been garbled on its way: worth another try.
  const auto broken = pull("200 OK", R"({"value":[}])");
  ASSERT_TRUE(std::holds_alternative<Throttled>(broken));
  EXPECT_EQ(std::get<Throttled>(broken).reason,
            "GET " + server().origin() +
                "/v1.0/users/delta: the answer is not JSON: broken at byte 11 of 12");
  const auto portal = pull("200 OK", "<html>captive portal</html>");
  ASSERT_TRUE(std::holds_alternative<Throttled>(portal));
  EXPECT_NE(std::get<Throttled>(portal).reason.find("not JSON"), std::string::npos);
  EXPECT_NE(failure(pull("302 Found\r\nLocation: https://evil.example/", "")).find("302"),
            std::string::npos);
}

TEST_F(CloudConnectorTest, ABadObjectIsRejectedAlone) {
  const auto result = pull(
      "200 OK", page(delta(link("1")), item() + R"(,{"id":7},{"id":")" + kId + R"(","mail":7})"));
  ASSERT_TRUE(std::holds_alternative<Page>(result)) << failure(result);
  EXPECT_EQ(std::get<Page>(result).changes.size(), 1u);
  EXPECT_EQ(std::get<Page>(result).rejected.size(), 2u);
}

TEST_F(CloudConnectorTest, SeveralCollectionsShareOneToken) {
  for (int i = 0; i < 3; ++i)
    server().script("200 OK", page(delta(link("1"))));
  std::vector<std::future<bool>> rounds;
  for (const char* collection : {"contacts", "users", "groups"})
    rounds.push_back(std::async(std::launch::async, [this, collection] {
      return std::holds_alternative<Page>(graph_round(collection)->next({}));
    }));
  for (auto& round : rounds)
    EXPECT_TRUE(round.get());
  EXPECT_EQ(server().count("oauth2/v2.0/token"), 1);
}

TEST_F(CloudConnectorTest, AFailureToGetATokenIsEverybodys) {
  server().script_token(
      "401 Unauthorized",
      R"({"error":"invalid_client","error_description":"AADSTS7000215: x p4ss&w0rd=+%","error_codes":[7000215]})");
  const auto wrong = graph_round("users")->next({});
  ASSERT_TRUE(std::holds_alternative<Failed>(wrong));
  EXPECT_EQ(std::get<Failed>(wrong).error.kind, ErrorKind::auth);
  EXPECT_TRUE(failure(wrong).starts_with("AADSTS7000215: the client secret is wrong"));
  server().script_token(
      "400 Bad Request",
      R"({"error":"x","error_description":"AADSTS1: your secret p4ss&w0rd=+% is bad","error_codes":[1]})");
  EXPECT_EQ(failure(graph_round("users")->next({})).find(kSecret), std::string::npos);
  server().script_token("429 x\r\nRetry-After: 60", "");
  const auto throttled = graph_round("users")->next({});
  ASSERT_TRUE(std::holds_alternative<Throttled>(throttled));
  EXPECT_EQ(std::get<Throttled>(throttled).retry_after, std::chrono::seconds(60));
}

TEST_F(CloudConnectorTest, Fingerprints) {
  auto options = graph_options();
  const auto same = cloud::GraphConnector(options, clock_).collections();
  options.tenant = "other.test";
  const auto other = cloud::GraphConnector(options, clock_).collections();
  ASSERT_EQ(same.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(same[i].fingerprint, graph_.collections()[i].fingerprint);
    EXPECT_NE(same[i].fingerprint, other[i].fingerprint);
    EXPECT_FALSE(same[i].lists_everything);
  }
  EXPECT_NE(same[0].fingerprint, same[1].fingerprint);
}

TEST_F(CloudConnectorTest, EndpointsAreChecked) {
  for (const char* wrong : {"graph.microsoft.com", "http://graph.microsoft.com",
                            "https://graph.microsoft.com/v1.0", "https://a@b"}) {
    auto options = graph_options();
    options.endpoint = wrong;
    EXPECT_THROW(cloud::GraphConnector(options, clock_), std::runtime_error) << wrong;
  }
}

TEST_F(CloudConnectorTest, CheckSaysWhatIsWrong) {
  server().script("200 OK\r\nDate: Mon, 01 Jan 2001 00:00:00 GMT", page(delta(link("1"))));
  server().script("403 x", error("Authorization_RequestDenied"));
  server().script("403 x", error("Authorization_RequestDenied"));
  server().script("429 x", "");
  const auto findings = graph_.check({});
  using Level = Finding::Level;
  const std::vector<std::pair<std::string, Level>> expected = {
      {"token", Level::ok},          {"permission", Level::ok}, {"tls", Level::ok},
      {"clock", Level::problem},     {"collection", Level::ok}, {"collection", Level::problem},
      {"collection", Level::warning}};
  ASSERT_EQ(findings.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(findings[i].check, expected[i].first) << i;
    EXPECT_EQ(findings[i].level, expected[i].second) << findings[i].what;
  }
  EXPECT_NE(findings[2].what.find("issued by Test authority"), std::string::npos)
      << findings[2].what;
  EXPECT_NE(findings[3].what.find("ahead of the service's"), std::string::npos);
  EXPECT_NE(findings[5].remedy.find("User.Read.All"), std::string::npos);
  EXPECT_EQ(server().count("$deltatoken=latest&$select=id "), 4);
}

TEST(TokenRoles, OnlyForDiagnosis) {
  // {"alg":"none"} . {"aud":"x","roles":["User.Read.All","OrgContact.Read.All"]}
  const auto roles = cloud::roles_in(
      "eyJhbGciOiJub25lIn0."
      "eyJhdWQiOiJ4Iiwicm9sZXMiOlsiVXNlci5SZWFkLkFsbCIsIk9yZ0NvbnRhY3QuUmVhZC5BbGwiXX0.");
  ASSERT_TRUE(roles);
  EXPECT_EQ(*roles, (std::vector<std::string>{"User.Read.All", "OrgContact.Read.All"}));
  EXPECT_EQ(cloud::roles_in("e30.e30.x"), std::vector<std::string>{});
  for (const char* opaque : {"", "x", "a.b", "a.b.c", "..", "a.!!.c"})
    EXPECT_FALSE(cloud::roles_in(opaque)) << opaque;
}

}  // namespace
}  // namespace gald::contract
