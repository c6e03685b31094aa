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
  for (const char* body :
       {R"({"access_token":""})", R"({"access_token":7})", R"({"access_token":"a\r\nX-Other: b"})"})
    EXPECT_EQ(error_of(read(200, body)).kind, ErrorKind::protocol) << body;
  for (const char* garbled : {"", "[]", "<html>"})
    EXPECT_TRUE(std::holds_alternative<TokenBusy>(read(200, garbled))) << garbled;
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
  // Where Retry-After was lost on the way, the wait that the service asks for everywhere.
  EXPECT_EQ(std::get<TokenBusy>(read(429, "")).retry_after, std::chrono::seconds(60));
  EXPECT_EQ(std::get<TokenBusy>(read(400, refusal(90055))).retry_after, std::chrono::seconds(60));
  EXPECT_FALSE(std::get<TokenBusy>(read(400, refusal(90033))).retry_after);
}

TEST(TokenAnswer, RemediesFitTheCredential) {
  const auto remedy = [](Credential credential, int number) {
    TokenOptions options = kOptions;
    options.credential = std::move(credential);
    HttpResponse response;
    response.status = 401;
    response.body = refusal(number);
    return error_of(read_token_answer(response, options, kNow)).remedy;
  };
  const auto has = [](const std::string& text, const char* part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  for (const int number : {700027, 7000218}) {
    has(remedy(ClientSecret{}, number), "Create a client secret");
    has(remedy(ClientCertificate{}, number), "Upload the certificate");
    has(remedy(FederatedToken{}, number), "federated credential");
  }
  has(remedy(FederatedToken{}, 70021), "exactly the same");
  has(remedy(FederatedToken{}, 700213), "exactly the same");
  has(remedy(ClientCertificate{}, 700024), "clock");
  has(remedy(FederatedToken{}, 700024), "renewed");
  has(remedy(FederatedToken{}, 700023), "audience");
  has(remedy(ClientCertificate{}, 700023), "cloud");
}

TEST(TokenAnswer, SomethingElseAnswers) {
  const Error error = error_of(read(404, "<html>Not found</html>"));
  EXPECT_EQ(error.kind, ErrorKind::auth);
  EXPECT_NE(error.what.find("https://login.microsoftonline.com: the token endpoint answered 404"),
            std::string::npos)
      << error.what;
}

// --- the metadata service ------------------------------------------------------------------------

TokenAnswer read_imds(int status, std::string body, Headers headers = {},
                      std::string client_id = {}) {
  TokenOptions options;
  options.client_id = std::move(client_id);
  options.credential = ManagedIdentity{};
  HttpResponse response;
  response.status = status;
  response.headers = std::move(headers);
  response.body = std::move(body);
  return read_imds_answer(response, options, kNow);
}

TEST(ImdsAnswer, ATokenWithNumbersAsText) {
  const auto answer = read_imds(
      200,
      R"({"access_token":"a.b.c","refresh_token":"","expires_in":"3599","expires_on":"1506484173",)"
      R"("not_before":"1506480273","resource":"https://graph.microsoft.com/","token_type":"Bearer"})");
  ASSERT_TRUE(std::holds_alternative<Token>(answer));
  EXPECT_EQ(std::get<Token>(answer).value.reveal(), "a.b.c");
  EXPECT_EQ(std::get<Token>(answer).lifetime, std::chrono::seconds(3599));
  EXPECT_EQ(error_of(read_imds(200, "<html>")).kind, ErrorKind::protocol);
}

TEST(ImdsAnswer, NotNow) {
  for (const int status : {404, 410, 429, 500, 503})
    EXPECT_TRUE(std::holds_alternative<TokenBusy>(read_imds(status, ""))) << status;
  EXPECT_FALSE(std::get<TokenBusy>(read_imds(404, "")).retry_after);
  EXPECT_EQ(std::get<TokenBusy>(read_imds(410, "")).retry_after, std::chrono::seconds(70));
  EXPECT_EQ(std::get<TokenBusy>(read_imds(410, "", {{"Retry-After", "20"}})).retry_after,
            std::chrono::seconds(20));
  EXPECT_EQ(std::get<TokenBusy>(read_imds(410, "", {{"Retry-After", "3600"}})).retry_after,
            std::chrono::seconds(70));
  EXPECT_EQ(std::get<TokenBusy>(read_imds(429, "", {{"Retry-After", "7"}})).retry_after,
            std::chrono::seconds(7));
}

TEST(ImdsAnswer, NoIdentity) {
  const std::string body =
      R"({"error":"invalid_request","error_description":"Identity not found"})";
  const Error none = error_of(read_imds(400, body));
  EXPECT_EQ(none.kind, ErrorKind::auth);
  EXPECT_EQ(none.what,
            "http://169.254.169.254: the metadata service of this machine answered 400 "
            "invalid_request: Identity not found");
  EXPECT_NE(none.remedy.find("Assign a managed identity"), std::string::npos);
  const Error wrong = error_of(read_imds(400, body, {}, "client"));
  EXPECT_NE(wrong.remedy.find("user-assigned"), std::string::npos);
  EXPECT_EQ(error_of(read_imds(403, "")).kind, ErrorKind::auth);
}

TEST(ImdsUrl, ResourcesInPlaceOfScopes) {
  const std::string start =
      "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=";
  EXPECT_EQ(imds_url({}, "", "https://graph.microsoft.com/.default"),
            start + "https%3A%2F%2Fgraph.microsoft.com%2F");
  EXPECT_EQ(imds_url({}, "11111111-2222", "https://outlook.office365.com/.default"),
            start + "https%3A%2F%2Foutlook.office365.com%2F&client_id=11111111-2222");
  EXPECT_EQ(imds_url({}, "", "api://app"), start + "api%3A%2F%2Fapp");
}

}  // namespace
}  // namespace gald::net
