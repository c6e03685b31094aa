#include <deque>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ad/dns.hpp"
#include "ad/failover_round.hpp"
#include "ad/servers.hpp"
#include "ad/tls.hpp"
#include "base/encoding.hpp"
#include "net_keys.hpp"

namespace gald::ad {

namespace {

using namespace std::string_literals;
using std::chrono::minutes;
using testing::ElementsAre;

// --- addresses -----------------------------------------------------------------------------------

TEST(ServerUrl, HostAndPort) {
  const auto parsed = [](std::string_view url, Security security) {
    const auto address = parse_server_url(url, security);
    return address ? address->host + " " + std::to_string(address->port) : "";
  };
  EXPECT_EQ(parsed("ldaps://dc1.contoso.com", Security::ldaps), "dc1.contoso.com 636");
  EXPECT_EQ(parsed("LDAPS://dc1:1636/", Security::ldaps), "dc1 1636");
  EXPECT_EQ(parsed("ldap://dc1", Security::starttls), "dc1 389");
  EXPECT_EQ(parsed("ldap://[2001:db8::1]", Security::gssapi), "2001:db8::1 389");
  EXPECT_EQ(parsed("ldaps://[::1]:3269", Security::ldaps), "::1 3269");
  for (const char* wrong : {"ldap://dc1", "ldaps://", "ldaps://:636", "ldaps://dc1:",
                            "ldaps://[::1", "ldaps://dc1:0", "ldaps://dc1:65536", "ldaps://dc1:6x",
                            "ldaps://a/b", "ldaps://me@dc1", "ldaps://[::1]x", "dc1", ""})
    EXPECT_EQ(parsed(wrong, Security::ldaps), "") << wrong;
  EXPECT_EQ(parsed("ldaps://dc1", Security::gssapi), "");
}

TEST(ServerUrl, OfARecord) {
  const SrvRecord record{.target = "DC1.contoso.com", .port = 389};
  EXPECT_EQ(server_url(record, Security::ldaps), "ldaps://dc1.contoso.com");
  EXPECT_EQ(server_url(record, Security::starttls), "ldap://dc1.contoso.com");
  EXPECT_EQ(server_url({.target = "dc1", .port = 10389}, Security::gssapi), "ldap://dc1:10389");
  EXPECT_EQ(server_url({.target = "dc1", .port = 10389}, Security::ldaps), "ldaps://dc1");
}

// --- DNS -----------------------------------------------------------------------------------------

std::vector<std::string> targets(const std::vector<SrvRecord>& records) {
  std::vector<std::string> names;
  for (const SrvRecord& record : records)
    names.push_back(record.target);
  return names;
}

TEST(Srv, NamesOfTheControllers) {
  EXPECT_EQ(controllers_name("contoso.com", ""), "_ldap._tcp.dc._msdcs.contoso.com");
  EXPECT_EQ(controllers_name("contoso.com", "Paris"),
            "_ldap._tcp.Paris._sites.dc._msdcs.contoso.com");
}

TEST(Srv, ControllersLiveInTheirDomain) {
  EXPECT_TRUE(is_below("dc1.contoso.com", "contoso.com"));
  EXPECT_TRUE(is_below("DC1.Paris.Contoso.com", "contoso.com"));
  for (const char* host : {"contoso.com", ".contoso.com", "dc1.contoso.com.evil.example",
                           "dc1-contoso.com", "dc1.fabrikam.com", "com", ""})
    EXPECT_FALSE(is_below(host, "contoso.com")) << host;
}

TEST(Srv, LowerPrioritiesFirst) {
  const auto lowest = [](unsigned) { return 0u; };
  EXPECT_THAT(
      targets(order_srv({{"c", 389, 20, 0}, {"a", 389, 0, 0}, {"b", 389, 10, 100}}, lowest)),
      ElementsAre("a", "b", "c"));
  EXPECT_TRUE(order_srv({}, lowest).empty());
}

TEST(Srv, WeightsAreShares) {
  const std::vector<SrvRecord> records = {{"light", 389, 0, 1}, {"heavy", 389, 0, 3}};
  std::map<std::string, int> first;
  for (unsigned roll = 1; roll <= 4; ++roll) {
    const auto dice = [&](unsigned most) {
      EXPECT_TRUE(most == 4 || most == 1 || most == 3) << most;  // of both, then of the one left
      return std::min(roll, most);
    };
    const auto ordered = order_srv(records, dice);
    EXPECT_EQ(ordered.size(), 2u);
    ++first[ordered.front().target];
  }
  EXPECT_EQ(first["light"], 1);
  EXPECT_EQ(first["heavy"], 3);
}

TEST(Srv, WithoutWeightTheChanceIsSmallButThere) {
  const std::vector<SrvRecord> records = {{"a", 389, 0, 10}, {"zero", 389, 0, 0}};
  EXPECT_THAT(targets(order_srv(records, [](unsigned) { return 0u; })), ElementsAre("zero", "a"));
  EXPECT_THAT(targets(order_srv(records, [](unsigned most) { return most; })),
              ElementsAre("a", "zero"));
  // all without: their order is as good as any
  EXPECT_THAT(targets(order_srv({{"a", 1, 0, 0}, {"b", 1, 0, 0}}, [](unsigned) { return 0u; })),
              ElementsAre("a", "b"));
}

/// An answer to "_ldap._tcp.t" with these records, each of them type, data.
std::string dns_answer(const std::vector<std::pair<int, std::string>>& records) {
  const std::string name = "\x05_ldap\x04_tcp\x01t\0"s;
  std::string text = "\x12\x34\x85\x80\0\x01\0"s + static_cast<char>(records.size()) + "\0\0\0\0"s +
                     name + "\0\x21\0\x01"s;
  for (const auto& [type, data] : records)
    text += "\xc0\x0c\0"s + static_cast<char>(type) + "\0\x01\0\0\0\x05\0"s +
            static_cast<char>(data.size()) + data;
  return text;
}

base::Result<std::vector<SrvRecord>> parsed(const std::string& text) {
  return parse_srv_answer({reinterpret_cast<const unsigned char*>(text.data()), text.size()});
}

TEST(Srv, Answers) {
  const std::string dc1 =
      "\0\x0a\0\x64\x01\x85\x03"
      "dc1\xc0\x17"s;  // ends with "t" of the question
  const auto records = parsed(dns_answer({{5, "\x01x\0"s}, {33, dc1}}));
  ASSERT_TRUE(records) << records.error().what;
  EXPECT_THAT(*records, ElementsAre(SrvRecord{"dc1.t", 389, 10, 100}));
  // "decidedly not available at this domain"
  const auto none = parsed(dns_answer({{33, "\0\0\0\0\0\0\0"s}}));
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->empty());
  EXPECT_TRUE(parsed(dns_answer({}))->empty());
}

TEST(Srv, GarbledAnswers) {
  const std::string whole = dns_answer({{33,
                                         "\0\x0a\0\x64\x01\x85\x03"
                                         "dc1\xc0\x17"s}});
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(parsed(whole.substr(0, size))) << size;
  EXPECT_FALSE(parsed(dns_answer({{33, "\0\x0a\0\x64\x01"s}})));
  // a name that points to itself
  EXPECT_FALSE(parsed(dns_answer({{33, "\0\x0a\0\x64\x01\x85\xc0\x30"s}})));
}

// --- memory --------------------------------------------------------------------------------------

const std::vector<std::string> kThree = {"ldaps://dc1.t", "ldaps://dc2.t", "ldaps://dc3.t"};
const ServerMemory::Time kNow = ServerMemory::Time(std::chrono::hours(1000));

TEST(ServerMemory, ThePreferredFirstAndThenAsGiven) {
  ServerMemory memory;
  EXPECT_EQ(memory.order(kThree, "", kNow), kThree);
  EXPECT_THAT(memory.order(kThree, "dc3.t", kNow), ElementsAre(kThree[2], kThree[0], kThree[1]));
  EXPECT_EQ(memory.order(kThree, "dc9.t", kNow), kThree);
  EXPECT_THAT(memory.order({"ldaps://DC1.t:1636", "ldaps://dc2.t"}, "dc2.t", kNow),
              ElementsAre("ldaps://dc2.t", "ldaps://DC1.t:1636"));
}

TEST(ServerMemory, WhoFailedComesLastForAWhileThatDoubles) {
  ServerMemory memory;
  EXPECT_TRUE(memory.failed(kThree[0], kNow));
  const std::vector<std::string> later = {kThree[1], kThree[2], kThree[0]};
  EXPECT_EQ(memory.order(kThree, "", kNow), later);
  EXPECT_EQ(memory.order(kThree, "dc1.t", kNow), later);  // however much it is preferred
  EXPECT_EQ(memory.order(kThree, "", kNow + minutes(1)), kThree);
  for (const int pause : {2, 4, 8, 16, 30, 30, 30}) {
    EXPECT_FALSE(memory.failed(kThree[0], kNow));
    EXPECT_EQ(memory.order(kThree, "", kNow + minutes(pause) - std::chrono::seconds(1)), later);
    EXPECT_EQ(memory.order(kThree, "", kNow + minutes(pause)), kThree);
  }
  EXPECT_TRUE(memory.worked(kThree[0]));
  EXPECT_FALSE(memory.worked(kThree[0]));
  EXPECT_EQ(memory.order(kThree, "", kNow), kThree);
  EXPECT_TRUE(memory.failed(kThree[0], kNow));
}

TEST(ServerMemory, AllFailedTheOneThatIsDueFirst) {
  ServerMemory memory;
  memory.failed(kThree[0], kNow + minutes(2));
  memory.failed(kThree[1], kNow);
  memory.failed(kThree[2], kNow + minutes(1));
  EXPECT_THAT(memory.order(kThree, "dc1.t", kNow), ElementsAre(kThree[1], kThree[2], kThree[0]));
}

TEST(ServerMemory, ControllersBehindOtherNames) {
  ServerMemory memory;
  using Answer = ServerMemory::Answer;
  const std::string address = "ldaps://10.0.0.2";
  EXPECT_EQ(memory.is(address, "dc2.t"), Answer::unknown);
  EXPECT_EQ(memory.is("ldaps://dc2.t", "dc2.t"), Answer::yes);
  memory.is_called(address, "DC2.t");
  EXPECT_EQ(memory.is(address, "dc2.t"), Answer::yes);
  EXPECT_EQ(memory.is(address, "dc1.t"), Answer::no);
  EXPECT_THAT(memory.order({"ldaps://10.0.0.1", address}, "dc2.t", kNow),
              ElementsAre(address, "ldaps://10.0.0.1"));
}

// --- rounds that lose their connection
// ------------------------------------------------------------

/// Gives out what the test has prepared, one list for each round.
struct Story {
  std::deque<std::deque<sync::Pull>> rounds;
  std::vector<std::string> begun_from;
  std::vector<std::string> lost;
  std::string peer = "ldaps://dc1";
};

class ToldRound final : public sync::Round {
 public:
  explicit ToldRound(std::deque<sync::Pull> pulls) : pulls_(std::move(pulls)) {}

  sync::Pull next(std::stop_token) override {
    sync::Pull pull = std::move(pulls_.front());
    pulls_.pop_front();
    return pull;
  }

 private:
  std::deque<sync::Pull> pulls_;
};

FailoverRound round_of(Story& story, const model::Cursor& from) {
  return FailoverRound(
      [&story](const model::Cursor& cursor) {
        story.begun_from.push_back(cursor.position);
        auto pulls = std::move(story.rounds.front());
        story.rounds.pop_front();
        return std::make_unique<ToldRound>(std::move(pulls));
      },
      [&story](const base::Error& error) { story.lost.push_back(error.what); },
      [&story] { return story.peer; }, from);
}

sync::Page page(const char* next = nullptr, bool last = false) {
  sync::Page made;
  if (next != nullptr)
    made.next = model::Cursor{next, "dc"};
  made.last = last;
  return made;
}

sync::Failed broken(const std::string& what = "connection lost") {
  return {{base::ErrorKind::broken, what}};
}

TEST(FailoverRound, GoesOnFromTheLastCursor) {
  Story story;
  story.rounds = {{page(), page("b"), page(), broken()}, {page(), page("c", true)}};
  FailoverRound round = round_of(story, {"a", "dc"});
  int pages = 0;
  sync::Pull pull;
  do {
    pull = round.next({});
    ASSERT_TRUE(std::holds_alternative<sync::Page>(pull));
    ++pages;
  } while (!std::get<sync::Page>(pull).last);
  EXPECT_EQ(pages, 5);
  EXPECT_THAT(story.begun_from, ElementsAre("a", "b"));
  EXPECT_THAT(story.lost, ElementsAre("ldaps://dc1: connection lost"));
}

TEST(FailoverRound, ThreeTimesIsEnough) {
  Story story;
  story.rounds = {{broken("1")}, {broken("2")}, {broken("ldaps://dc1: 3")}};
  FailoverRound round = round_of(story, {});
  const sync::Pull pull = round.next({});
  ASSERT_TRUE(std::holds_alternative<sync::Failed>(pull));
  EXPECT_EQ(std::get<sync::Failed>(pull).error.what, "ldaps://dc1: 3");
  EXPECT_EQ(story.lost.size(), 2u);
}

TEST(FailoverRound, OtherEndsArePassedOn) {
  for (const base::ErrorKind kind :
       {base::ErrorKind::network, base::ErrorKind::tls, base::ErrorKind::auth,
        base::ErrorKind::protocol, base::ErrorKind::config, base::ErrorKind::stopped}) {
    Story story;
    story.peer.clear();
    story.rounds = {{sync::Failed{{kind, "no"}}}};
    FailoverRound round = round_of(story, {});
    const sync::Pull pull = round.next({});
    EXPECT_EQ(std::get<sync::Failed>(pull).error.what, "no");
    EXPECT_TRUE(story.lost.empty());
  }
  Story story;
  story.rounds = {{sync::CursorRefused{"old"}}};
  EXPECT_TRUE(std::holds_alternative<sync::CursorRefused>(round_of(story, {}).next({})));
}

TEST(FailoverRound, AStopIsNoLoss) {
  Story story;
  story.rounds = {{broken()}};
  std::stop_source stopping;
  stopping.request_stop();
  FailoverRound round = round_of(story, {});
  EXPECT_TRUE(std::holds_alternative<sync::Failed>(round.next(stopping.get_token())));
  EXPECT_TRUE(story.lost.empty());
}

// --- certificates --------------------------------------------------------------------------------

TEST(Certificates, TroubleInWords) {
  EXPECT_EQ(certificate_trouble("TLS: peer cert untrusted or revoked (0x42)\n"),
            "its issuer is not trusted");
  EXPECT_EQ(certificate_trouble("TLS: peer cert untrusted or revoked (0x402)\n"), "expired");
  EXPECT_EQ(certificate_trouble("TLS: peer cert untrusted or revoked (0x0)\n"), "untrusted");
  EXPECT_EQ(
      certificate_trouble("TLS: hostname (a) does not match common name in certificate (b).\n"),
      "it is for another name");
  EXPECT_EQ(certificate_trouble("TLS: can't connect: whatever\n"), "");
  EXPECT_EQ(certificate_trouble(""), "");
}

TEST(Certificates, WhoseAndUntilWhen) {
  const std::string pem = test::kCertificate;
  const std::size_t begin = pem.find('\n') + 1;
  std::string body = pem.substr(begin, pem.find("-----END") - begin);
  std::erase(body, '\n');
  const auto der = base::base64_decode(body);
  ASSERT_TRUE(der);
  const auto bytes = [](const std::string& text) {
    return std::span(reinterpret_cast<const unsigned char*>(text.data()), text.size());
  };
  const auto certificate = parse_certificate(bytes(*der));
  ASSERT_TRUE(certificate);
  EXPECT_EQ(certificate->subject, "CN=gald-test");
  EXPECT_EQ(certificate->issuer, certificate->subject);
  EXPECT_EQ(certificate->ends, std::chrono::sys_days(std::chrono::year(2036) / 11 / 25) +
                                   std::chrono::hours(8) + minutes(12) + std::chrono::seconds(27));
  EXPECT_FALSE(parse_certificate(bytes(der->substr(0, der->size() / 2))));
  EXPECT_FALSE(parse_certificate({}));
}

}  // namespace

}  // namespace gald::ad
