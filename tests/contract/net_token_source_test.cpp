// Tokens by every kind of credential, from a login service over TLS that answers as it is told.
#include <nlohmann/json.hpp>

#include "cloud_tls_server.hpp"
#include "net/token_source.hpp"

namespace gald::contract {
namespace {

using base::Error;
using base::ErrorKind;
using base::Secret;
using net::HttpClient;
using net::HttpClientOptions;
using net::Token;
using net::TokenAnswer;
using net::TokenBusy;
using net::TokenOptions;
using net::TokenSource;
using std::chrono::seconds;

constexpr const char* kScope = "https://graph.microsoft.com/.default";

class TokenSourceTest : public TlsTest {
 protected:
  static HttpClientOptions http_options() {
    HttpClientOptions options;
    options.ca_file = server().ca_file();
    return options;
  }

  TokenOptions options(net::Credential credential) {
    return {server().origin(), "contoso.test", "client", std::move(credential)};
  }

  static net::SecretProvider holding(std::string text) {
    return [text]() -> base::Result<Secret> { return Secret(text); };
  }

  static net::ClientCertificate certificate() {
    return {holding(server().file("app.pem")), holding(server().file("app.key"))};
  }

  static std::string token_of(const TokenAnswer& answer) {
    if (const auto* token = std::get_if<Token>(&answer))
      return token->value.reveal();
    if (const auto* error = std::get_if<Error>(&answer))
      return "error: " + error->what;
    return "busy: " + std::get<TokenBusy>(answer).reason;
  }

  static std::string refusal(int number) {
    return R"({"error":"invalid_client","error_description":"AADSTS)" + std::to_string(number) +
           R"(: no","error_codes":[)" + std::to_string(number) + "]}";
  }

  HttpClient http_{http_options()};
  base::ManualClock clock_{*base::parse_iso8601("2026-11-21T06:00:00Z")};
};

TEST_F(TokenSourceTest, RenewedAfterFourFifthsOfItsLife) {
  TokenSource source(http_, options(net::ClientSecret{holding("s")}), clock_);
  const std::string first = token_of(source.token(kScope, {}));
  EXPECT_TRUE(first.starts_with("token-")) << first;
  clock_.advance(seconds(2800));
  EXPECT_EQ(token_of(source.token(kScope, {})), first);
  clock_.advance(seconds(100));
  EXPECT_NE(token_of(source.token(kScope, {})), first);
}

TEST_F(TokenSourceTest, ACertificateSignsForItsTokenEndpoint) {
  TokenSource source(http_, options(certificate()), clock_);
  EXPECT_TRUE(token_of(source.token(kScope, {})).starts_with("token-"));
  EXPECT_EQ(server().count("&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3A"
                           "client-assertion-type%3Ajwt-bearer&client_assertion=eyJ"),
            1);
  EXPECT_EQ(server().count("client_secret"), 0);
  EXPECT_EQ(server().count("PRIVATE"), 0);
}

TEST_F(TokenSourceTest, AFederatedTokenIsSentAsItIsAndReadAnew) {
  std::string file = "a.first.token";
  TokenSource source(
      http_,
      options(net::FederatedToken{[&file]() -> base::Result<Secret> { return Secret(file); }}),
      clock_);
  EXPECT_TRUE(token_of(source.token(kScope, {})).starts_with("token-"));
  EXPECT_EQ(server().count("&client_assertion=a.first.token"), 1);
  file = "a.second.token";
  clock_.advance(seconds(3599));
  EXPECT_TRUE(token_of(source.token(kScope, {})).starts_with("token-"));
  EXPECT_EQ(server().count("&client_assertion=a.second.token"), 1);
}

TEST_F(TokenSourceTest, ClaimsGoWithTheNextRequestOnly) {
  TokenSource source(http_, options(net::ClientSecret{holding("s")}), clock_);
  const TokenAnswer first = source.token(kScope, {});
  ASSERT_TRUE(std::holds_alternative<Token>(first)) << token_of(first);
  source.invalidate(kScope, std::get<Token>(first).value, R"({"a":1})");
  // A second thread that got the same challenge changes nothing.
  source.invalidate(kScope, std::get<Token>(first).value);

  server().script_token("503 Busy", "");
  EXPECT_TRUE(std::holds_alternative<TokenBusy>(source.token(kScope, {})));
  EXPECT_EQ(server().count("&claims=%7B%22a%22%3A1%7D"), 1);
  server().forget();
  const TokenAnswer second = source.token(kScope, {});
  ASSERT_TRUE(std::holds_alternative<Token>(second)) << token_of(second);
  EXPECT_EQ(server().count("&claims=%7B%22a%22%3A1%7D"), 1);
  source.invalidate(kScope, std::get<Token>(second).value);
  EXPECT_TRUE(std::holds_alternative<Token>(source.token(kScope, {})));
  EXPECT_EQ(server().count("oauth2/v2.0/token"), 2);
  EXPECT_EQ(server().count("&claims="), 1);
}

TEST_F(TokenSourceTest, WhoeverIsToldToWaitDoesNotAsk) {
  TokenSource source(http_, options(net::ClientSecret{holding("s")}), clock_);
  server().script_token("429 Slow down\r\nRetry-After: 60", "");
  EXPECT_TRUE(std::holds_alternative<TokenBusy>(source.token(kScope, {})));
  clock_.advance(seconds(20));
  const TokenAnswer waiting = source.token("https://outlook.office365.com/.default", {});
  ASSERT_TRUE(std::holds_alternative<TokenBusy>(waiting));
  EXPECT_EQ(std::get<TokenBusy>(waiting).retry_after, seconds(40));
  EXPECT_EQ(server().count("oauth2/v2.0/token"), 1);
  server().forget();
  clock_.advance(seconds(40));
  EXPECT_TRUE(token_of(source.token(kScope, {})).starts_with("token-"));
}

TEST_F(TokenSourceTest, AClockThatIsSetBackDoesNotWaitForEver) {
  TokenSource source(http_, options(net::ClientSecret{holding("s")}), clock_);
  server().script_token("429 Slow down\r\nRetry-After: 60", "");
  EXPECT_TRUE(std::holds_alternative<TokenBusy>(source.token(kScope, {})));
  server().forget();
  clock_.advance(-std::chrono::hours(24));
  EXPECT_TRUE(token_of(source.token(kScope, {})).starts_with("token-"));
}

TEST_F(TokenSourceTest, ANewCertificateIsGivenTime) {
  TokenSource source(http_, options(certificate()), clock_);
  server().script_token("401 Unauthorized", refusal(700027));
  for (int i = 0; i < 3; ++i) {
    const TokenAnswer early = source.token(kScope, {});
    ASSERT_TRUE(std::holds_alternative<TokenBusy>(early)) << i << token_of(early);
    EXPECT_EQ(std::get<TokenBusy>(early).retry_after, seconds(10));
    EXPECT_TRUE(std::get<TokenBusy>(early).reason.starts_with("AADSTS700027: "));
    clock_.advance(seconds(10));
  }
  const TokenAnswer late = source.token(kScope, {});
  ASSERT_TRUE(std::holds_alternative<Error>(late)) << token_of(late);
  EXPECT_EQ(std::get<Error>(late).kind, ErrorKind::auth);
  EXPECT_NE(std::get<Error>(late).remedy.find("Upload the certificate"), std::string::npos);
  EXPECT_EQ(server().count("oauth2/v2.0/token"), 4);

  server().forget();  // a token in between begins the count anew
  const TokenAnswer good = source.token(kScope, {});
  ASSERT_TRUE(std::holds_alternative<Token>(good)) << token_of(good);
  source.invalidate(kScope, std::get<Token>(good).value);
  server().script_token("401 Unauthorized", refusal(700027));
  EXPECT_TRUE(std::holds_alternative<TokenBusy>(source.token(kScope, {})));
}

TEST_F(TokenSourceTest, AChallengeThatIsHeardLateCounts) {
  TokenSource source(http_, options(net::ClientSecret{holding("s")}), clock_);
  const TokenAnswer first = source.token(kScope, {});
  ASSERT_TRUE(std::holds_alternative<Token>(first)) << token_of(first);
  source.invalidate(kScope, std::get<Token>(first).value);  // a refusal without a challenge
  EXPECT_TRUE(std::holds_alternative<Token>(source.token(kScope, {})));
  EXPECT_EQ(server().count("&claims="), 0);
  // Another request with the first token hears why: the second one will not do either.
  source.invalidate(kScope, std::get<Token>(first).value, R"({"a":1})");
  const TokenAnswer third = source.token(kScope, {});
  EXPECT_EQ(server().count("&claims=%7B%22a%22%3A1%7D"), 1);
  // And once it is met, it is met.
  source.invalidate(kScope, std::get<Token>(first).value, R"({"a":1})");
  EXPECT_EQ(token_of(source.token(kScope, {})), token_of(third));
}

TEST_F(TokenSourceTest, AnEchoOfTheCredentialIsDropped) {
  const std::string jwt =
      "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6YTpiIn0.c2lnbmF0dXJl";
  TokenSource source(http_, options(net::FederatedToken{holding(jwt)}), clock_);
  // Cut short, as services do with long values.
  server().script_token("400 Bad Request",
                        nlohmann::json{{"error", "invalid_request"},
                                       {"error_description", "AADSTS1: bad: " + jwt.substr(0, 60)},
                                       {"error_codes", {1}}}
                            .dump());
  const std::string what = token_of(source.token(kScope, {}));
  EXPECT_TRUE(what.starts_with("error: the token endpoint refused the request (tenant")) << what;
  EXPECT_EQ(what.find("eyJ"), std::string::npos);
}

TEST_F(TokenSourceTest, AManagedIdentityNeedsNoLogin) {
  const net::ManagedIdentity identity{server().plain_origin() + "/"};
  TokenSource source(http_, options(identity), clock_);
  const TokenAnswer answer = source.token(kScope, {});
  ASSERT_TRUE(std::holds_alternative<Token>(answer)) << token_of(answer);
  EXPECT_TRUE(token_of(answer).starts_with("imds-"));
  EXPECT_EQ(std::get<Token>(answer).lifetime, seconds(3599));
  EXPECT_EQ(server().count("GET /metadata/identity/oauth2/token?api-version=2018-02-01&"
                           "resource=https%3A%2F%2Fgraph.microsoft.com%2F&client_id=client "),
            1);
  EXPECT_EQ(server().count("Metadata: true"), 1);
  EXPECT_EQ(server().count("oauth2/v2.0"), 0);
  source.invalidate(kScope, std::get<Token>(answer).value, R"({"a":1})");
  EXPECT_NE(token_of(source.token(kScope, {})), token_of(answer));
  EXPECT_EQ(server().count("claims"), 0);

  const TokenAnswer other = source.token("https://nothing.test/.default", {});
  ASSERT_TRUE(std::holds_alternative<Error>(other));
  EXPECT_NE(std::get<Error>(other).remedy, "");
}

TEST_F(TokenSourceTest, NoMetadataServiceNoAzure) {
  TokenSource source(http_, options(net::ManagedIdentity{server().plain_origin("refused")}),
                     clock_);
  const TokenAnswer answer = source.token(kScope, {});
  ASSERT_TRUE(std::holds_alternative<Error>(answer));
  EXPECT_EQ(std::get<Error>(answer).kind, ErrorKind::network);
  EXPECT_NE(std::get<Error>(answer).remedy.find("Azure"), std::string::npos);
}

}  // namespace
}  // namespace gald::contract
