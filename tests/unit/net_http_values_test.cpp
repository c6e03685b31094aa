// Dates and waits in headers, gzip bodies, and who a client is.
#include <random>

#include <gtest/gtest.h>
#include <zlib.h>

#include "net/gzip.hpp"
#include "net/listening.hpp"
#include "net/retry_after.hpp"

namespace gald::net {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

const base::TimePoint kNow = *base::parse_iso8601("1994-11-06T08:49:07.000Z");

TEST(HttpDate, ThreeForms) {
  const auto expected = kNow + seconds(30);
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), expected);
  EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), expected);
  EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994"), expected);
}

TEST(HttpDate, Refused) {
  for (const char* wrong : {"", "tomorrow", "Sun, 06 Nov 1994", "Sun, 06 Nov 1994 08:49:37 CET",
                            "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT x"})
    EXPECT_FALSE(parse_http_date(wrong)) << wrong;
}

TEST(ClientOf, AnAddressANetworkOrAnAccount) {
  const auto of = [](const char* address) { return client_of({.address = address}); };
  EXPECT_EQ(of("192.0.2.7"), of("192.0.2.7"));
  EXPECT_NE(of("192.0.2.7"), of("192.0.2.8"));
  EXPECT_EQ(of("2001:db8:0:1::1"), of("2001:db8:0:1:ffff::2"));
  EXPECT_NE(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
  Peer local;
  local.user = 7;
  local.groups = {1};
  const std::string one = client_of(local);
  local.groups = {2};
  EXPECT_EQ(client_of(local), one);
  local.user = 8;
  EXPECT_NE(client_of(local), one);
}

TEST(RetryAfter, Seconds) {
  EXPECT_EQ(parse_retry_after("60", kNow), seconds(60));
  EXPECT_EQ(parse_retry_after(" 2.128 ", kNow), milliseconds(2128));
  EXPECT_EQ(parse_retry_after("0.249", kNow), milliseconds(249));
  EXPECT_EQ(parse_retry_after("0", kNow), milliseconds(0));
  EXPECT_EQ(parse_retry_after("99999999999999999999", kNow), hours(24));
  EXPECT_EQ(parse_retry_after(std::string(400, '9'), kNow), hours(24));
}

TEST(RetryAfter, Dates) {
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", kNow), seconds(30));
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:00:00 GMT", kNow), seconds(0));
  EXPECT_EQ(parse_retry_after("Mon, 06 Nov 2034 08:00:00 GMT", kNow), hours(24));
}

TEST(RetryAfter, Refused) {
  for (const char* wrong : {"", "soon", "-1", "1e3", "inf", "nan", "1.2.3", ".", "1 s", "0x10"})
    EXPECT_FALSE(parse_retry_after(wrong, kNow)) << wrong;
}

std::string gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

using Problem = Gunzipped::Problem;

TEST(Gunzip, RoundTrip) {
  std::mt19937 random(7);
  for (const std::size_t size : {0u, 1u, 4095u, 4096u, 4097u, 100000u, 3000000u}) {
    std::string noise(size, '\0');
    for (char& c : noise)
      c = static_cast<char>(random());
    for (const std::string& text : {noise, std::string(size, 'x')}) {
      const auto back = gunzip(gzip(text), 4000000);
      ASSERT_EQ(back.problem, Problem::none) << size;
      EXPECT_EQ(back.text, text);
      EXPECT_GE(back.text.capacity(), back.text.size() + 64);
    }
  }
}

TEST(Gunzip, Members) {
  EXPECT_EQ(gunzip(gzip("ab") + gzip("cd"), 100).text, "abcd");
}

TEST(Gunzip, Limit) {
  const std::string bomb = gzip(std::string(1000000, 'x'));
  EXPECT_EQ(gunzip(bomb, 999999).problem, Problem::too_large);
  EXPECT_EQ(gunzip(bomb, 0).problem, Problem::too_large);
  EXPECT_EQ(gunzip(bomb, 1000000).problem, Problem::none);
}

TEST(Gunzip, Broken) {
  const std::string whole = gzip("hello, world");
  EXPECT_EQ(gunzip("", 100).problem, Problem::broken);
  EXPECT_EQ(gunzip("hello", 100).problem, Problem::broken);
  EXPECT_EQ(gunzip(whole + "x", 100).problem, Problem::broken);
  for (std::size_t size = 1; size < whole.size(); ++size)
    EXPECT_EQ(gunzip(std::string_view(whole).substr(0, size), 100).problem, Problem::broken)
        << size;
  std::string wrong = whole;
  wrong[whole.size() - 6] = static_cast<char>(wrong[whole.size() - 6] ^ 1);  // the checksum
  EXPECT_EQ(gunzip(wrong, 100).problem, Problem::broken);
}

}  // namespace
}  // namespace gald::net
