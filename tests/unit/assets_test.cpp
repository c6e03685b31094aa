#include "api/assets.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/entity_tag.hpp"
#include "net/accept_encoding.hpp"
#include "net/gzip.hpp"

namespace gald::api {
namespace {

net::ServerRequest asking(std::vector<std::pair<std::string, std::string>> headers = {}) {
  net::ServerRequest request;
  request.method = "GET";
  request.target = "/api/openapi.json";
  request.headers = std::move(headers);
  return request;
}

std::string header(const net::ServerResponse& response, std::string_view name) {
  std::string found;
  for (const auto& [known, value] : response.headers)
    if (known == name)
      found = value;
  return found;
}

TEST(Assets, AreWhatTheirFilesAre) {
  ASSERT_FALSE(assets().empty());
  for (const Asset& one : assets()) {
    EXPECT_EQ(one.digest.size(), 64U) << one.name;
    EXPECT_FALSE(one.bytes.empty()) << one.name;
    if (one.gzip.empty())
      continue;
    EXPECT_LT(one.gzip.size(), one.bytes.size()) << one.name;
    EXPECT_EQ(net::gunzip(one.gzip, 10'000'000).text, one.bytes) << one.name;
  }
  EXPECT_EQ(nlohmann::json::parse(asset("openapi.json").bytes).at("openapi"), "3.1.0");
  EXPECT_THROW(asset("nothing"), std::logic_error);
}

TEST(Assets, AreCompressedForWhoTakesThat) {
  const Asset& description = asset("openapi.json");
  const net::ServerResponse plain = answer_with(description, asking());
  EXPECT_EQ(plain.status, 200);
  EXPECT_EQ(plain.body, description.bytes);
  EXPECT_EQ(header(plain, "Content-Type"), "application/json");
  EXPECT_EQ(header(plain, "Content-Encoding"), "");
  EXPECT_EQ(header(plain, "Vary"), "Accept-Encoding");
  const net::ServerResponse packed =
      answer_with(description, asking({{"accept-encoding", "br, gzip;q=0.9"}}));
  EXPECT_EQ(packed.body, description.gzip);
  EXPECT_EQ(header(packed, "Content-Encoding"), "gzip");
  EXPECT_NE(header(packed, "ETag"), header(plain, "ETag"));
}

TEST(Assets, AreNotSentToWhoHasThem) {
  const Asset& description = asset("openapi.json");
  const std::string tag = header(answer_with(description, asking()), "ETag");
  const net::ServerResponse again = answer_with(
      description, asking({{"If-None-Match", "\"other\", W/" + tag}}), {{"X-Own", "1"}});
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.body, "");
  EXPECT_EQ(header(again, "ETag"), tag);
  EXPECT_EQ(header(again, "X-Own"), "1");
  EXPECT_EQ(header(again, "Content-Type"), "");
  // The tag of the other form says nothing of this one.
  EXPECT_EQ(answer_with(description, asking({{"If-None-Match", tag}, {"Accept-Encoding", "gzip"}}))
                .status,
            200);
}

TEST(EntityTag, IsFoundInAList) {
  EXPECT_TRUE(names_tag("\"a\"", "\"a\""));
  EXPECT_TRUE(names_tag("W/\"a\"", "\"a\""));
  EXPECT_TRUE(names_tag("\"a\"", "W/\"a\""));
  EXPECT_TRUE(names_tag("\"x,y\" ,  W/\"b\",\"a\"", "\"a\""));
  EXPECT_TRUE(names_tag("*", "\"a\""));
  EXPECT_FALSE(names_tag("", "\"a\""));
  EXPECT_FALSE(names_tag("a", "\"a\""));
  EXPECT_FALSE(names_tag("\"ab\"", "\"a\""));
  EXPECT_FALSE(names_tag("\"x,\"a\"", "\"a\""));
  EXPECT_FALSE(names_tag("\"", "\"\""));
}

TEST(AcceptEncoding, OfGzipIsRead) {
  EXPECT_TRUE(net::accepts_gzip("gzip"));
  EXPECT_TRUE(net::accepts_gzip("deflate, GZIP;q=0.5"));
  EXPECT_TRUE(net::accepts_gzip("*"));
  EXPECT_TRUE(net::accepts_gzip("br;q=1.0, *;q=0.1"));
  EXPECT_FALSE(net::accepts_gzip(""));
  EXPECT_FALSE(net::accepts_gzip("identity"));
  EXPECT_FALSE(net::accepts_gzip("gzip;q=0"));
  EXPECT_FALSE(net::accepts_gzip("gzip; q=0.000, *"));
  EXPECT_FALSE(net::accepts_gzip("*;q=0"));
  EXPECT_FALSE(net::accepts_gzip("gzipped"));
}

}  // namespace
}  // namespace gald::api
