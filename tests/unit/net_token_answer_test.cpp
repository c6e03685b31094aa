#include <gtest/gtest.h>

#include "net/token_source.hpp"

namespace gald::net {
namespace {

using base::Error;
using base::ErrorKind;

const TokenOptions kOptions = {.tenant = "contoso.test",
                               .client_id = "11111111-2222-3333-4444-555555555555",
                               .credential = ClientSecret{}};
const base::TimePoint kNow = *base::parse_iso8601("2026-11-21T06:00:00.000Z");

TokenAnswer read(int status, std::string body, Headers headers = {}) {
  HttpResponse response;
  response.status = status;
  response.headers = std::move(headers);
  response.body = std::move(body);
  return read_token_answer(response, kOptions, kNow);
}

std::string refusal(int number, const char* error = "invalid_client") {
  const std::string text = std::to_string(number);
  return R"({"error":")" + std::string(error) + R"(","error_description":"AADSTS)" + text +
         R"(: Something went wrong.\r\nTrace ID: x\r\nTimestamp: y","error_codes":[)" + text + "]}";
}

Error error_of(const TokenAnswer& answer) {
  const auto* error = std::get_if<Error>(&answer);
  return error ? *error : Error{ErrorKind::stopped, "not an error", {}};
}

TEST(TokenAnswer, AToken) {
  const auto answer = read(
      200,
      R"({"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"a.b.c"})");
  ASSERT_TRUE(std::holds_alternative<Token>(answer));
  EXPECT_EQ(std::get<Token>(answer).value.reveal(), "a.b.c");
  EXPECT_EQ(std::get<Token>(answer).lifetime, std::chrono::seconds(3599));
  const auto as_text = read(200, R"({"expires_in":"3599","access_token":"a"})");
  EXPECT_EQ(std::get<Token>(as_text).lifetime, std::chrono::seconds(3599));
  const auto silent = read(200, R"({"access_token":"a"})");
  EXPECT_EQ(std::get<Token>(silent).lifetime, std::chrono::seconds(0));
}

TEST(TokenAnswer, NoToken) {
  for (const char* body : {"", "[]", "<html>", R"({"access_token":""})", R"({"access_token":7})",
                           R"({"access_token":"a\r\nX-Other: b"})"})
    EXPECT_EQ(error_of(read(200, body)).kind, ErrorKind::protocol) << body;
}

TEST(TokenAnswer, WhatOnlyTheOperatorCanMend) {
  const Error secret = error_of(read(401, refusal(7000215)));
  EXPECT_EQ(secret.kind, ErrorKind::auth);
  EXPECT_EQ(secret.what,
            "AADSTS7000215: the client secret is wrong (tenant contoso.test, client "
            "11111111-2222-3333-4444-555555555555)");
  EXPECT_NE(secret.remedy, "");
  for (const int number : {7000222, 7000218, 700027, 700024, 7000112, 65001, 53003}) {
    const Error error = error_of(read(400, refusal(number)));
    EXPECT_EQ(error.kind, ErrorKind::auth) << number;
    EXPECT_TRUE(error.what.starts_with("AADSTS" + std::to_string(number) + ": ")) << error.what;
    EXPECT_NE(error.remedy, "") << number;
  }
  for (const int number : {700016, 70011, 500011, 90002, 900382, 9001023})
    EXPECT_EQ(error_of(read(400, refusal(number))).kind, ErrorKind::config) << number;
}

TEST(TokenAnswer, AnUnknownNumberKeepsItsDescription) {
  const Error error = error_of(read(400, refusal(1234567, "invalid_request")));
  EXPECT_EQ(error.kind, ErrorKind::auth);
  EXPECT_TRUE(error.what.starts_with("AADSTS1234567: Something went wrong. (tenant")) << error.what;
  EXPECT_EQ(error.what.find("Trace"), std::string::npos);
}

TEST(TokenAnswer, NotNow) {
  for (const int number : {50000, 90006, 90012, 90024, 90033, 90055})
    EXPECT_TRUE(std::holds_alternative<TokenBusy>(read(400, refusal(number)))) << number;
  EXPECT_TRUE(std::holds_alternative<TokenBusy>(
      read(400, R"({"error":"temporarily_unavailable","error_codes":[]})")));
  EXPECT_TRUE(std::holds_alternative<TokenBusy>(read(502, "<html>Bad gateway</html>")));
  const auto throttled = read(429, "", {{"Retry-After", "60"}});
  ASSERT_TRUE(std::holds_alternative<TokenBusy>(throttled));
  EXPECT_EQ(std::get<TokenBusy>(throttled).retry_after, std::chrono::seconds(60));
  EXPECT_FALSE(std::get<TokenBusy>(read(503, "")).retry_after);
}

TEST(TokenAnswer, SomethingElseAnswers) {
  const Error error = error_of(read(404, "<html>Not found</html>"));
  EXPECT_EQ(error.kind, ErrorKind::auth);
  EXPECT_NE(error.what.find("https://login.microsoftonline.com: the token endpoint answered 404"),
            std::string::npos)
      << error.what;
}

}  // namespace
}  // namespace gald::net
