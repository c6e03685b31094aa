// Tokens, their file, and who is let in with one.
#include "api/tokens.hpp"

#include <fstream>
#include <future>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/api.hpp"
#include "api/problem.hpp"
#include "api/request_limits.hpp"
#include "api/token_authority.hpp"
#include "base/encoding.hpp"
#include "base/log.hpp"
#include "support.hpp"

namespace gald::api {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

class TokensTest : public testing::Test {
 protected:
  TokensTest() { std::ofstream(index()) << "an index"; }

  std::filesystem::path index() const { return place_.path() / "gald.db"; }

  std::string add(const std::string& name, Token token = {}) {
    token.name = name;
    const base::Secret secret = give_secret(token);
    if (!token.certificate.empty())
      token.secret_hash.clear();
    file_.change([&](std::vector<Token>& tokens) { tokens.push_back(token); }, index());
    clock_.advance(seconds(1));
    return secret.reveal();
  }

  void revoke(const std::string& name) {
    file_.change(
        [&](std::vector<Token>& tokens) {
          std::erase_if(tokens, [&](const Token& token) { return token.name == name; });
        },
        index());
  }

  void write(const std::string& text) { std::ofstream(file_.path()) << text; }

  std::string error() const {
    try {
      static_cast<void>(file_.read());
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "none";
  }

  TokenAuthority& authority() {
    if (!authority_)
      authority_.emplace(TokenAuthority::Options{file_.path(), index(), 100}, clock_);
    return *authority_;
  }

  /// "token crm read", or "401" and what is said.
  std::string admitted(const std::string& authorization, net::Peer peer = {"192.0.2.1"}) {
    net::ServerRequest request{"GET", "/", {}, "", std::move(peer)};
    if (!authorization.empty())
      request.headers.emplace_back("authorization", authorization);
    try {
      const Principal who = authority().admit(request);
      return who.name + " " + std::string(to_string(who.scope));
    } catch (const Refused& refused) {
      std::string text = std::to_string(refused.status()) + " " + refused.what();
      for (const auto& [name, value] : refused.headers())
        text += " [" + name + ": " + value + "]";
      return text;
    }
  }

  std::string known(const std::string& authorization, const net::Peer& peer = {"192.0.2.1"}) {
    const auto who = authority().known({"GET", "/", authorization, "", "", "", peer});
    return who ? who->name : "";
  }

  test::TemporaryDirectory place_;
  base::ManualClock clock_{base::TimePoint(std::chrono::hours(24 * 365 * 50))};
  TokenFile file_{place_.path() / "gald.tokens"};
  std::optional<TokenAuthority> authority_;
};

TEST_F(TokensTest, TheFileHasWhatWasAddedAndNoSecret) {
  Token token;
  token.permission = {.sources = std::set{model::Source::cloud, model::Source::hybrid},
                      .groups = std::set<std::string>{"g"},
                      .attributes = std::set<std::string>{"displayName", "phones"},
                      .hidden = false};
  token.created = "2026-11-01T10:00:00.000Z";
  token.expires = "2027-11-01T10:00:00.000Z";
  const std::string shown = add("crm", token);
  const std::vector<Token> read = file_.read();
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(read[0].name, "crm");
  EXPECT_EQ(read[0].permission, token.permission);
  EXPECT_EQ(read[0].expires, token.expires);
  EXPECT_EQ(read[0].scope, Scope::read);

  const auto parts = parse_token(shown);
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->first, read[0].id);
  EXPECT_EQ(read[0].secret_hash, base::sha256_hex(parts->second));
  std::ifstream stream(file_.path());
  const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  EXPECT_THAT(text, Not(HasSubstr(std::string(parts->second))));
  struct stat status = {};
  ASSERT_EQ(::stat(file_.path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(TokensTest, TwoTokensHaveNothingInCommon) {
  const std::string one = add("one");
  const std::string two = add("two");
  EXPECT_NE(parse_token(one)->first, parse_token(two)->first);
  EXPECT_NE(parse_token(one)->second, parse_token(two)->second);
}

TEST_F(TokensTest, ManyAtATimeLoseNothing) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      for (int j = 0; j < 5; ++j)
        file_.change(
            [&](std::vector<Token>& tokens) {
              Token token;
              token.name = std::to_string(i) + "-" + std::to_string(j);
              give_secret(token);
              tokens.push_back(token);
            },
            index());
    });
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(file_.read().size(), 40U);
}

/// Whoever owns the folder may put anything in it, and root runs `gald token`.
TEST_F(TokensTest, TheLockIsNoLinkToAnythingElse) {
  const std::filesystem::path lock = file_.path().string() + ".lock";
  const std::filesystem::path other = place_.path() / "other";
  std::filesystem::create_symlink(other, lock);
  EXPECT_THROW(add("crm"), std::runtime_error);
  EXPECT_FALSE(std::filesystem::exists(other));
  std::ofstream(other) << "of somebody else";
  EXPECT_THROW(add("crm"), std::runtime_error);
  std::filesystem::remove(lock);
  std::filesystem::create_hard_link(other, lock);
  EXPECT_THROW(add("crm"), std::runtime_error);
  std::filesystem::remove(lock);
  ASSERT_EQ(::mkfifo(lock.c_str(), 0600), 0);
  EXPECT_THROW(add("crm"), std::runtime_error);
  std::filesystem::remove(lock);
  add("crm");
  EXPECT_EQ(file_.read().size(), 1U);
}

TEST_F(TokensTest, OnlyWhatWasMadeIsGivenToTheOwnerOfTheIndex) {
  if (::chown(index().c_str(), 54321, 54321) != 0)
    GTEST_SKIP() << "may not give files away";
  const std::filesystem::path lock = file_.path().string() + ".lock";
  const auto owner = [](const std::filesystem::path& file) {
    struct stat status = {};
    EXPECT_EQ(::stat(file.c_str(), &status), 0);
    return status.st_uid;
  };
  std::ofstream(lock) << "";
  add("crm");
  EXPECT_EQ(owner(lock), ::geteuid());
  EXPECT_EQ(owner(file_.path()), 54321U);
  std::filesystem::remove(lock);
  add("pbx");
  EXPECT_EQ(owner(lock), 54321U);
}

TEST_F(TokensTest, AChangeThatFailsLeavesTheFile) {
  add("crm");
  EXPECT_THROW(file_.change(
                   [](std::vector<Token>& tokens) {
                     tokens.clear();
                     throw std::runtime_error("no");
                   },
                   index()),
               std::runtime_error);
  EXPECT_EQ(file_.read().size(), 1U);
  EXPECT_FALSE(std::filesystem::exists(file_.path().string() + ".new"));
}

TEST_F(TokensTest, AMalformedFileIsRefusedWithThePlace) {
  EXPECT_EQ(error(), "none");  // no file, no tokens
  write("{");
  EXPECT_THAT(error(), HasSubstr("gald.tokens: expected JSON with a version"));
  const std::string hash(64, 'a');
  const auto with = [&](const std::string& keys) {
    write(R"({"version":1,"tokens":[{"id":"0123abcd","name":"crm","secretSha256":")" + hash +
          R"(","scope":"read",)" + keys + R"("created":""}]})");
    return error();
  };
  EXPECT_EQ(with(""), "none");
  EXPECT_THAT(with(R"("sources":["moon"],)"), HasSubstr("tokens[0]: sources: expected cloud"));
  EXPECT_THAT(with(R"("attributes":["shoeSize"],)"), HasSubstr("not \"shoeSize\""));
  EXPECT_THAT(with(R"("groups":"all",)"), HasSubstr("groups: expected a list of texts"));
  EXPECT_THAT(with(R"("hidden":"no",)"), HasSubstr("hidden: expected true or false"));
  EXPECT_THAT(with(R"("expires":"soon",)"), HasSubstr("expires: expected a time"));
  // a limit that this version does not know must not be left out
  EXPECT_THAT(with(R"("departments":["x"],)"), HasSubstr("\"departments\" is not known"));
  write(R"({"version":1,"tokens":[{"id":"0123abcd","name":"crm","secretSha256":")" + hash +
        R"(","scope":"admin","hidden":false}]})");
  EXPECT_THAT(error(), HasSubstr("scope: expected read, as it does not see everything"));
  write(R"({"version":2,"tokens":[]})");
  EXPECT_THAT(error(), HasSubstr("a newer gald"));
}

TEST_F(TokensTest, NamesAreSafeInALog) {
  for (const char* good : {"crm", "pbx-1", "a.b_c"})
    EXPECT_TRUE(is_token_name(good)) << good;
  for (const char* bad : {"", "a b", "a\nb", "../x", "..", "Ä", "a=b", "<b>"})
    EXPECT_FALSE(is_token_name(bad)) << bad;
  EXPECT_FALSE(is_token_name(std::string(65, 'a')));
}

TEST_F(TokensTest, OnlyWholeTokensAreTokens) {
  const std::string shown = add("crm");
  EXPECT_TRUE(parse_token(shown));
  for (const std::string& text :
       {std::string(), shown + "0", shown.substr(1), "gald_" + shown, std::string("gald_"),
        shown.substr(0, 13) + "-" + shown.substr(14), "gald_XYZ1" + shown.substr(9)})
    EXPECT_FALSE(parse_token(text)) << text;
}

TEST_F(TokensTest, FingerprintsOfCertificates) {
  const std::string bytes = "not really a certificate";
  const std::string pem = "text before\n-----BEGIN CERTIFICATE-----\n" +
                          base::base64_encode(bytes) + "\n-----END CERTIFICATE-----\n";
  EXPECT_EQ(certificate_fingerprint(pem), base::sha256_hex(bytes));
  EXPECT_EQ(certificate_fingerprint(std::string(64, 'A')), std::string(64, 'a'));
  std::string colons = "AB";
  for (int i = 0; i < 31; ++i)
    colons += ":AB";
  EXPECT_EQ(certificate_fingerprint(colons)->substr(0, 6), "ababab");
  EXPECT_FALSE(certificate_fingerprint("-----BEGIN CERTIFICATE-----\n???"));
  EXPECT_FALSE(certificate_fingerprint("abc"));
}

// --- who is let in -------------------------------------------------------------------------------

TEST_F(TokensTest, TheRightTokenIsLetIn) {
  const std::string shown = add("crm");
  EXPECT_EQ(admitted("Bearer " + shown), "token crm read");
  EXPECT_EQ(admitted("bearer  " + shown + " "), "token crm read");
  EXPECT_EQ(admitted(""), "nobody none");
  EXPECT_EQ(known("Bearer " + shown), "token crm");
}

TEST_F(TokensTest, AWrongTokenIsRefusedWhateverIsWrongWithIt) {
  const std::string shown = add("crm");
  std::string other_secret = shown;
  other_secret.back() = other_secret.back() == '0' ? '1' : '0';
  std::string other_id = shown;
  other_id[5] = other_id[5] == '0' ? '1' : '0';
  const std::string refused = admitted("Bearer " + other_secret);
  EXPECT_THAT(refused, HasSubstr("401 the token is not one of those that are valid"));
  EXPECT_THAT(refused, HasSubstr("[WWW-Authenticate: Bearer realm=\"gald\", "
                                 "error=\"invalid_token\"]"));
  for (const std::string& wrong : {"Bearer " + other_id, std::string("Bearer x"),
                                   std::string("Basic YTpi"), shown, std::string("Bearer ")})
    EXPECT_EQ(admitted(wrong), refused) << wrong;
  EXPECT_EQ(known("Bearer " + other_secret), "");
}

TEST_F(TokensTest, WhatHasExpiredIsSaidToWhoeverHasTheSecret) {
  Token token;
  token.expires = base::to_iso8601(clock_.now() + minutes(5));
  const std::string shown = add("crm", token);
  EXPECT_EQ(admitted("Bearer " + shown), "token crm read");
  clock_.advance(minutes(5));
  EXPECT_THAT(admitted("Bearer " + shown), HasSubstr("401 the token has expired"));
  EXPECT_EQ(known("Bearer " + shown), "");
  std::string wrong = shown;
  wrong.back() = wrong.back() == '0' ? '1' : '0';
  EXPECT_THAT(admitted("Bearer " + wrong), Not(HasSubstr("expired")));
}

TEST_F(TokensTest, WhatChangesInTheFileIsNoticedWithinASecond) {
  const std::string shown = add("crm");
  EXPECT_EQ(admitted("Bearer " + shown), "token crm read");
  revoke("crm");
  clock_.advance(seconds(1));
  EXPECT_EQ(known("Bearer " + shown), "");  // asks for a look at the file
  EXPECT_THAT(admitted("Bearer " + shown), HasSubstr("401"));
  const std::string next = add("pbx");
  EXPECT_EQ(admitted("Bearer " + next), "token pbx read");
  write("{");
  clock_.advance(seconds(1));
  EXPECT_EQ(admitted("Bearer " + next), "token pbx read");  // the last good ones stay for a moment
  std::filesystem::remove(file_.path());
  clock_.advance(seconds(1));
  EXPECT_THAT(admitted("Bearer " + next), HasSubstr("401"));
}

TEST_F(TokensTest, WhatNobodyEverUsedIsToldToTheLogToo) {
  base::log::start(base::log::Level::error);
  testing::internal::CaptureStderr();
  authority();
  add("brief");
  authority().look();
  revoke("brief");
  authority().look();
  const std::string before = testing::internal::GetCapturedStderr();
  testing::internal::CaptureStderr();
  clock_.advance(seconds(1));
  authority().look();
  const std::string after = testing::internal::GetCapturedStderr();
  EXPECT_THAT(before, HasSubstr("what=\"token brief added\" outcome=done"));
  EXPECT_THAT(before, Not(HasSubstr("revoked"))) << "looked a moment ago";
  EXPECT_THAT(after, HasSubstr("what=\"token brief revoked\" outcome=done"));
}

TEST_F(TokensTest, AReadThatFailsIsTriedAgain) {
  const std::string shown = add("crm");
  EXPECT_EQ(admitted("Bearer " + shown), "token crm read");
  revoke("crm");
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{0, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  clock_.advance(seconds(1));
  const std::string meanwhile = admitted("Bearer " + shown);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(meanwhile, "token crm read");
  clock_.advance(seconds(1));
  EXPECT_THAT(admitted("Bearer " + shown), HasSubstr("401"));  // the file is what it was then
}

TEST_F(TokensTest, WhatCannotBeReadForLongIsWorthNothing) {
  const std::string shown = add("crm");
  EXPECT_EQ(admitted("Bearer " + shown), "token crm read");
  std::ifstream stream(file_.path());
  const std::string good{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  write("{");
  clock_.advance(seconds(1));
  EXPECT_EQ(admitted("Bearer " + shown), "token crm read");
  clock_.advance(seconds(9));
  EXPECT_EQ(admitted("Bearer " + shown), "token crm read");
  clock_.advance(seconds(1));
  EXPECT_THAT(admitted("Bearer " + shown), HasSubstr("401"));
  EXPECT_EQ(known("Bearer " + shown), "");
  write(good);
  clock_.advance(seconds(1));
  EXPECT_EQ(admitted("Bearer " + shown), "token crm read");
}

TEST_F(TokensTest, ANewTokenIsTakenAtOnce) {
  add("crm");
  EXPECT_THAT(admitted("Bearer nonsense"), HasSubstr("401"));
  Token token;
  token.name = "pbx";
  const base::Secret secret = give_secret(token);
  file_.change([&](std::vector<Token>& tokens) { tokens.push_back(token); }, index());
  EXPECT_EQ(admitted("Bearer " + std::string(secret.reveal())), "token pbx read");
}

TEST_F(TokensTest, ACertificateStandsForItsToken) {
  Token token;
  token.certificate = std::string(64, 'c');
  token.scope = Scope::operate;
  add("proxy", token);
  net::Peer peer{.address = "192.0.2.1", .encrypted = true};
  peer.certificate = token.certificate;
  EXPECT_EQ(admitted("", peer), "token proxy operate");
  EXPECT_EQ(known("", peer), "token proxy");
  peer.certificate = std::string(64, 'd');
  EXPECT_EQ(admitted("", peer), "nobody none");
  peer.certificate.clear();
  EXPECT_EQ(admitted("", peer), "nobody none");
  // its id is no token
  EXPECT_THAT(admitted("Bearer gald_" + file_.read()[0].id + "_" + std::string(64, '0')),
              HasSubstr("401"));
}

TEST_F(TokensTest, AccountsOfTheMachine) {
  net::Peer peer;
  peer.user = 0;
  EXPECT_EQ(admitted("", peer), "account root admin");
  peer.user = ::geteuid();
  EXPECT_THAT(admitted("", peer), HasSubstr(" admin"));
  peer.user = 54321;
  EXPECT_EQ(admitted("", peer), "nobody none");
  struct stat status = {};
  ASSERT_EQ(::stat(index().c_str(), &status), 0);
  peer.groups = {7, status.st_gid};
  EXPECT_EQ(admitted("", peer), "account 54321 read");
  ASSERT_EQ(::chmod(index().c_str(), 0600), 0);
  clock_.advance(seconds(1));
  EXPECT_EQ(admitted("", peer), "nobody none");  // the group may not read the index
  ASSERT_EQ(::chmod(index().c_str(), 0640), 0);
  clock_.advance(seconds(1));
  EXPECT_EQ(admitted("", peer), "account 54321 read");
  EXPECT_EQ(admitted("Bearer " + add("crm"), peer), "token crm read");
}

TEST_F(TokensTest, TheGroupOfThoseWithoutANumberIsNobodys) {
  if (::chown(index().c_str(), static_cast<uid_t>(-1), 65534) != 0)
    GTEST_SKIP() << "may not give files away";
  net::Peer peer;
  peer.user = 54321;
  peer.groups = {65534};
  EXPECT_EQ(admitted("", peer), "nobody none");
}

/// A pipe that nobody writes to: who reads it waits.
TEST_F(TokensTest, WhoIsKnownDoesNotWaitForTheFile) {
  const std::string shown = add("crm");
  EXPECT_EQ(admitted("Bearer " + shown), "token crm read");
  std::filesystem::remove(file_.path());
  ASSERT_EQ(::mkfifo(file_.path().c_str(), 0600), 0);
  std::thread reading([&] { admitted("Bearer nonsense"); });
  const int writer = ::open(file_.path().c_str(), O_WRONLY);  // until it is being read
  ASSERT_GE(writer, 0);
  auto asked = std::async(std::launch::async, [&] {
    return known("Bearer " + shown) == "token crm" &&
           authority().may_ask({"token crm", Scope::read, {}},
                               {"GET", "/", "", "", "", "", net::Peer{}});
  });
  const bool at_once = asked.wait_for(seconds(10)) == std::future_status::ready;
  ::close(writer);
  reading.join();
  EXPECT_TRUE(at_once);
  EXPECT_TRUE(asked.get());
}

TEST_F(TokensTest, RequestsOfAClientAreLimited) {
  const std::string shown = "Bearer " + add("crm");
  const std::string other = "Bearer " + add("pbx");
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(admitted(shown), "token crm read") << i;
  EXPECT_THAT(admitted(shown), HasSubstr("429 too many requests"));
  EXPECT_THAT(admitted(shown), HasSubstr("[Retry-After: 1]"));
  EXPECT_FALSE(authority().may_ask({"token crm", Scope::read, {}},
                                   {"GET", "/", shown, "", "", "", net::Peer{}}));
  EXPECT_EQ(admitted(other), "token pbx read");
  clock_.advance(milliseconds(600));
  EXPECT_EQ(admitted(shown), "token crm read");
  EXPECT_THAT(admitted(shown), HasSubstr("429"));
}

TEST_F(TokensTest, AWatchdogIsAnsweredWhoeverElseAsksFromThere) {
  Api api(index(), authority(), Services{clock_, "1"});
  const auto status = [&](const std::string& target, const std::string& authorization = {}) {
    net::ServerRequest request{"GET", target, {}, "", {"192.0.2.1"}};
    if (!authorization.empty())
      request.headers.emplace_back("Authorization", authorization);
    return api.answer(request).status;
  };
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(status("/api/identity/me"), 401) << i;
  EXPECT_EQ(status("/api/identity/me"), 429);
  EXPECT_EQ(status("/nothing"), 429);
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(status("/healthz"), 200) << i;
    ASSERT_EQ(status("/readyz"), 503) << i;  // there is no index that could be read
    for (const char* free : {"/", "/api/openapi.json", "/console/console.css"})
      ASSERT_EQ(status(free), 200) << free;
  }
  for (int i = 0; i < 30; ++i)
    ASSERT_EQ(status("/healthz", "Bearer x"), 401) << i;
  EXPECT_EQ(status("/healthz", "Bearer x"), 429) << "who guesses is counted anywhere";
  EXPECT_EQ(status("/healthz"), 200);
}

TEST_F(TokensTest, WhoWaitsAsksOnceHoweverOftenThereIsNews) {
  const std::string shown = "Bearer " + add("crm");
  net::ServerRequest waits{"GET", "/", {{"Authorization", shown}}, "", {"192.0.2.1"}};
  waits.again = true;
  for (int i = 0; i < 200; ++i)
    ASSERT_EQ(authority().admit(waits).name, "token crm") << i;
  EXPECT_EQ(admitted(shown), "token crm read");
  revoke("crm");
  clock_.advance(std::chrono::minutes(1));
  EXPECT_THROW(authority().admit(waits), Refused) << "it is still looked at who asks";
}

TEST_F(TokensTest, WrongTokensAreLimitedAndKeepNobodyOut) {
  const std::string shown = add("crm");
  for (int i = 0; i < 30; ++i)
    ASSERT_THAT(admitted("Bearer x"), HasSubstr("401")) << i;
  EXPECT_THAT(admitted("Bearer x"), HasSubstr("429"));
  EXPECT_EQ(admitted("Bearer " + shown), "token crm read");
  EXPECT_THAT(admitted("Bearer x", {"192.0.2.2"}), HasSubstr("401"));
}

TEST(RequestLimits, AClockThatGoesBackRefusesNobody) {
  RequestLimits limits(100);
  const base::TimePoint now{std::chrono::hours(1'000'000)};
  EXPECT_FALSE(limits.admit("a", now));
  EXPECT_FALSE(limits.admit("a", now - std::chrono::milliseconds(3)));
  EXPECT_FALSE(limits.admit("a", now - std::chrono::hours(1)));
  int more = 0;
  while (!limits.admit("a", now - std::chrono::hours(1)))
    ++more;
  EXPECT_LE(more, 100);
}

TEST(RequestLimits, ManyClientsDoNotTakeMuch) {
  RequestLimits limits(2);
  base::TimePoint now{};
  for (int i = 0; i < 100'000; ++i)
    EXPECT_FALSE(limits.admit(std::to_string(i), now));
  EXPECT_FALSE(limits.admit("a", now));
  EXPECT_FALSE(limits.admit("a", now));
  EXPECT_EQ(limits.admit("a", now), std::optional<milliseconds>(30'000));
}

}  // namespace
}  // namespace gald::api
