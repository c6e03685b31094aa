#include <gtest/gtest.h>

#include "net/url.hpp"

namespace gald::net {
namespace {

TEST(Url, Parts) {
  const auto url = parse_url("https://Graph.Microsoft.com/v1.0/users/delta?$skiptoken=aB_-%20");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "graph.microsoft.com");
  EXPECT_EQ(url->port, 443);
  EXPECT_EQ(url->target, "/v1.0/users/delta?$skiptoken=aB_-%20");
  EXPECT_EQ(url->path(), "/v1.0/users/delta");
  EXPECT_EQ(url->origin(), "https://graph.microsoft.com");
}

TEST(Url, HostOnly) {
  EXPECT_EQ(parse_url("https://a")->target, "/");
  EXPECT_EQ(parse_url("https://a?x=1")->target, "/?x=1");
  EXPECT_EQ(parse_url("https://a/b#fragment")->target, "/b");
}

TEST(Url, Ports) {
  EXPECT_EQ(origin_of("HTTPS://a:8443/x"), "https://a:8443");
  EXPECT_EQ(origin_of("https://a:443/x"), "https://a");
  for (const char* wrong :
       {"https://a:/", "https://a:0/", "https://a:65536/", "https://a:8x/", "https://a:-1/"})
    EXPECT_FALSE(parse_url(wrong)) << wrong;
}

TEST(Url, Ipv6Literals) {
  const auto url = parse_url("https://[2001:DB8::1]:8443/x");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "2001:db8::1");
  EXPECT_EQ(url->origin(), "https://[2001:db8::1]:8443");
  for (const char* wrong : {"https://[::1", "https://[]/", "https://[::1]x/", "https://[g::]/"})
    EXPECT_FALSE(parse_url(wrong)) << wrong;
}

TEST(Url, Refused) {
  for (const char* wrong :
       {"", "https://", "http://a/", "//a/", "/x", "https:///x", "https://user@a/", "https://a@b/",
        "https://a\\@b/", "https://a/x y", "https://a/\r\nX: y", "https://a/\x7f",
        "https://a/\xc3\xa9", "https://gr\xc3\xa4ph/"})
    EXPECT_FALSE(parse_url(wrong)) << wrong;
}

TEST(Url, PlainHttp) {
  const auto proxy = parse_http_url("http://Proxy.test");
  ASSERT_TRUE(proxy);
  EXPECT_FALSE(proxy->tls);
  EXPECT_EQ(proxy->port, 80);
  EXPECT_EQ(proxy->origin(), "http://proxy.test");
  EXPECT_EQ(parse_http_url("http://[::1]:8080/x")->origin(), "http://[::1]:8080");
  EXPECT_FALSE(parse_http_url("https://a/"));
  EXPECT_TRUE(parse_url("https://a/")->tls);
}

TEST(Url, Authority) {
  EXPECT_EQ(parse_url("https://a/x")->authority(), "a:443");
  EXPECT_EQ(parse_url("https://[::1]:8443/")->authority(), "[::1]:8443");
}

TEST(Url, PlainHttpIsForTheMachineItself) {
  for (const char* inside :
       {"http://169.254.169.254", "http://169.254.0.1/metadata?x=1", "http://127.0.0.1:8080/",
        "http://127.255.0.9/", "http://LOCALHOST/", "http://[::1]:81/"})
    EXPECT_TRUE(is_plain_http_url(inside)) << inside;
  for (const char* outside :
       {"https://127.0.0.1/", "http://169.255.169.254/", "http://10.0.0.1/", "http://128.0.0.1/",
        "http://127.1/", "http://2130706433/", "http://0127.0.0.1/",
        "http://127.0.0.1.nip.example/", "http://127.0.0.256/", "http://localhost.example/",
        "http://[::ffff:10.0.0.1]/", "http://127.0.0.1@example.com/",
        "http://example.com/#http://127.0.0.1/", ""})
    EXPECT_FALSE(is_plain_http_url(outside)) << outside;
}

TEST(Url, TricksWithTheHost) {
  EXPECT_NE(origin_of("https://graph.microsoft.com.evil.example/v1.0"),
            "https://graph.microsoft.com");
  EXPECT_EQ(origin_of("https://evil.example/https://graph.microsoft.com"), "https://evil.example");
  EXPECT_EQ(origin_of("https://evil.example?https://graph.microsoft.com"), "https://evil.example");
  EXPECT_FALSE(origin_of("https://graph.microsoft.com:443@evil.example/"));
}

TEST(Url, WithoutQuery) {
  EXPECT_EQ(without_query("https://a/b?token=secret"), "https://a/b");
  EXPECT_EQ(without_query("token=secret"), "(not a URL)");
}

}  // namespace
}  // namespace gald::net
