#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "net/challenge.hpp"

namespace gald::net {
namespace {

// Both alphabets of base64 differ in it, and it needs padding.
const std::string kClaims =
    R"({"access_token":{"nbf":{"essential":true,"value":"1604106651??>>"}}})";
const std::string kEncoded = base::base64_encode(kClaims);

std::string url_safe(std::string text) {
  for (char& c : text)
    c = c == '+' ? '-' : c == '/' ? '_' : c;
  while (text.ends_with('='))
    text.pop_back();
  return text;
}

TEST(ClaimsChallenge, AsTheServiceSendsIt) {
  EXPECT_NE(kEncoded, url_safe(kEncoded));
  for (const std::string& encoded : {kEncoded, url_safe(kEncoded)})
    EXPECT_EQ(
        claims_challenge(
            R"(Bearer realm="", authorization_uri="https://login.test/common/oauth2/authorize", )"
            R"(client_id="00000003-0000-0000-c000-000000000000", error="insufficient_claims", )"
            R"(claims=")" +
            encoded + "\""),
        kClaims);
}

TEST(ClaimsChallenge, OtherFormsOfTheHeader) {
  EXPECT_EQ(claims_challenge("bearer CLAIMS=" + kEncoded), kClaims);
  EXPECT_EQ(claims_challenge("Bearer claims = \"" + kEncoded + "\" , error=x"), kClaims);
  EXPECT_EQ(
      claims_challenge("Basic realm=\"a, Bearer claims=b\", Bearer claims=\"" + kEncoded + "\""),
      kClaims);
  EXPECT_EQ(claims_challenge("Negotiate dGVzdA==, Bearer error=x, claims=\"" + kEncoded + "\""),
            kClaims);
  EXPECT_EQ(claims_challenge("Bearer realm=\"a \\\"b\\\" c\", claims=\"" + kEncoded + "\""),
            kClaims);
  EXPECT_EQ(claims_challenge(R"(Bearer claims="{\"a\":1}")"), R"({"a":1})");  // not encoded at all
}

TEST(ClaimsChallenge, NothingToAskFor) {
  for (const std::string& header :
       {std::string(), std::string("Bearer"), std::string("Bearer error=\"invalid_token\""),
        std::string("Bearer claims="), std::string("Bearer claims=\"\""),
        std::string("Bearer claims=\"!!!!\""),
        std::string("Bearer claims=\"WzFd\""),  // a list
        std::string("Bearer realm=\"claims=e30=\""), "Basic claims=\"" + kEncoded + "\"",
        std::string("=,=\",\\"), std::string("Bearer claims=\"\\")})
    EXPECT_FALSE(claims_challenge(header)) << header;
  EXPECT_EQ(claims_challenge("Bearer claims=\"e30"),
            "{}");  // the quote that is missing hurts nobody
}

TEST(ClaimsChallenge, AllHeadersAreLookedAt) {
  const Headers headers = {{"Content-Type", "application/json"},
                           {"WWW-Authenticate", "Basic realm=\"x\""},
                           {"www-authenticate", "Bearer claims=\"" + kEncoded + "\""}};
  EXPECT_EQ(claims_challenge(headers), kClaims);
  EXPECT_FALSE(claims_challenge(Headers{{"X-Other", "Bearer claims=\"" + kEncoded + "\""}}));
}

}  // namespace
}  // namespace gald::net
