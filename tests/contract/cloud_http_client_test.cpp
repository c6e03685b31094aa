// HttpClient against a real TLS server that misbehaves on request.
#include <future>

#include "cloud_tls_server.hpp"
#include "net/http_client.hpp"

namespace gald::contract {
namespace {

using base::ErrorKind;
using net::HttpClient;
using net::HttpClientOptions;
using net::HttpRequest;
using net::HttpResponse;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

class HttpClientTest : public TlsTest {
 protected:
  static HttpClientOptions options() {
    HttpClientOptions options;
    options.ca_file = server().ca_file();
    options.connect_timeout = seconds(2);
    options.body_limit = 2 << 20;
    return options;
  }

  base::Result<HttpResponse> get(const std::string& path, const std::string& port = "server") {
    return get_url(server().origin(port) + path);
  }

  base::Result<HttpResponse> get_url(const std::string& url, milliseconds timeout = seconds(10)) {
    HttpRequest request;
    request.url = url;
    return client_.send(request, timeout, {});
  }

  static std::string what(const base::Result<HttpResponse>& result) {
    return result ? "status " + std::to_string(result->status) : result.error().what;
  }

  HttpClient client_{options()};
};

TEST_F(HttpClientTest, ReadsAnAnswer) {
  const auto answer = get("/hello");
  ASSERT_TRUE(answer) << what(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "hello");
  EXPECT_EQ(answer->wire_bytes, 5u);
  EXPECT_TRUE(answer->header("x-connection"));
  EXPECT_FALSE(answer->header("absent"));
}

TEST_F(HttpClientTest, SendsWhatItShould) {
  HttpRequest request;
  request.method = "POST";
  request.url = server().origin() + "/echo?$select=a,b";
  request.headers = {{"X-Mine", "1"}};
  request.body = "body";
  const auto answer = client_.send(request, seconds(5), {});
  ASSERT_TRUE(answer) << what(answer);
  EXPECT_TRUE(answer->body.starts_with("POST /echo?$select=a,b HTTP/1.1\r\n")) << answer->body;
  EXPECT_NE(answer->body.find("Host: " + server().origin().substr(8)), std::string::npos);
  EXPECT_NE(answer->body.find("Accept-Encoding: gzip"), std::string::npos);
  EXPECT_NE(answer->body.find("X-Mine: 1"), std::string::npos);
  EXPECT_NE(answer->body.find("Content-Length: 4"), std::string::npos);
}

TEST_F(HttpClientTest, AllWaysToSendABody) {
  for (const char* path : {"/chunked", "/continue", "/until-close", "/close"}) {
    const auto answer = get(path);
    ASSERT_TRUE(answer) << path << what(answer);
    EXPECT_TRUE(answer->body.starts_with("hello")) << path;
  }
  const auto chunked = get("/chunked");
  EXPECT_EQ(chunked->body, "hello, world");
  const auto empty = get("/empty");
  ASSERT_TRUE(empty) << what(empty);
  EXPECT_EQ(empty->status, 204);
}

TEST_F(HttpClientTest, DecodesGzip) {
  for (const char* path : {"/gzip", "/gzip-chunked"}) {
    const auto answer = get(path);
    ASSERT_TRUE(answer) << what(answer);
    EXPECT_EQ(answer->body.size(), 300000u);
    EXPECT_TRUE(answer->body.ends_with("hello hello "));
    EXPECT_LT(answer->wire_bytes, 10000u);
  }
}

TEST_F(HttpClientTest, BodiesHaveALimit) {
  for (const char* path : {"/bomb", "/large"}) {
    const auto answer = get(path);
    ASSERT_FALSE(answer) << path;
    EXPECT_EQ(answer.error().kind, ErrorKind::protocol);
    EXPECT_EQ(what(answer), server().origin() + ": the answer is larger than 2097152 bytes");
  }
}

TEST_F(HttpClientTest, BrokenCompression) {
  EXPECT_EQ(what(get("/broken-gzip")), server().origin() + ": the answer is broken gzip data");
  EXPECT_EQ(what(get("/brotli")),
            server().origin() + ": the answer is compressed, but not with gzip");
}

TEST_F(HttpClientTest, ACutAnswerIsAnError) {
  const auto cut = get("/cut");
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().kind, ErrorKind::protocol);
  EXPECT_EQ(what(cut), server().origin() + ": the answer was cut off after 400 of 1000 bytes");
  EXPECT_NE(what(get("/cut-chunk")).find("the answer was cut off after "), std::string::npos);
  // Without a length only close_notify says that the body is whole.
  EXPECT_EQ(what(get("/cut-until-close")),
            server().origin() + ": the answer was cut off after 5 bytes");
  EXPECT_NE(what(get("/not-http")).find("not HTTP"), std::string::npos);
}

TEST_F(HttpClientTest, AResetIsANetworkError) {
  const auto answer = get("/reset?secret=1");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::network);
  EXPECT_EQ(what(answer), server().origin() + ": connection reset");
}

TEST_F(HttpClientTest, ConnectionRefused) {
  const auto answer = get("/", "refused");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::network);
  EXPECT_EQ(what(answer), server().origin("refused") + ": connection refused");
}

TEST_F(HttpClientTest, HostNotFound) {
  const auto answer = get_url("https://nobody.invalid/");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::network);
  EXPECT_TRUE(what(answer).starts_with("https://nobody.invalid: ")) << what(answer);
}

TEST_F(HttpClientTest, DeadlineHoldsForSilentPeers) {
  for (const char* path : {"/silent", "/stalled"}) {
    const auto started = steady_clock::now();
    const auto answer = get_url(server().origin() + path, milliseconds(300));
    const auto took = steady_clock::now() - started;
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, ErrorKind::network);
    EXPECT_EQ(what(answer), server().origin() + ": no answer within 300 ms");
    EXPECT_GE(took, milliseconds(300));
    EXPECT_LT(took, seconds(2));
  }
}

TEST_F(HttpClientTest, ConnectTimeoutHoldsForASilentHandshake) {
  const auto started = steady_clock::now();
  const auto answer = get("/", "silent");
  const auto took = steady_clock::now() - started;
  ASSERT_FALSE(answer);
  EXPECT_EQ(what(answer), server().origin("silent") + ": no answer within 2 s (TLS handshake)");
  EXPECT_LT(took, seconds(4));
}

TEST_F(HttpClientTest, CertificatesAreVerified) {
  const auto untrusted = get("/hello", "untrusted");
  ASSERT_FALSE(untrusted);
  EXPECT_EQ(untrusted.error().kind, ErrorKind::tls);
  EXPECT_TRUE(what(untrusted).starts_with(server().origin("untrusted") + ": certificate refused: "))
      << what(untrusted);
  EXPECT_NE(what(untrusted).find("(ca_file = " + server().ca_file().string() + ")"),
            std::string::npos);
  const auto elsewhere = get("/hello", "elsewhere");
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().kind, ErrorKind::tls);
  EXPECT_EQ(what(elsewhere), server().origin("elsewhere") + ": certificate is for another name");
  const auto old = get("/hello", "old");
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().kind, ErrorKind::tls) << what(old);
}

TEST_F(HttpClientTest, AddressesAreComparedWithAddresses) {
  const auto answer = get_url(server().origin("server", "127.0.0.1") + "/hello");
  EXPECT_TRUE(answer) << what(answer);
  const auto other = get_url(server().origin("untrusted", "127.0.0.1") + "/hello");
  EXPECT_FALSE(other);
  if (server().has("server6")) {
    const auto six = get_url(server().origin("server6", "[::1]") + "/hello");
    EXPECT_TRUE(six) << what(six);
  }
}

TEST_F(HttpClientTest, AnUnreadableCaFileIsNamed) {
  HttpClientOptions wrong;
  wrong.ca_file = server().ca_file().string() + ".absent";
  try {
    HttpClient client(wrong);
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find(wrong.ca_file.string()), std::string::npos);
  }
}

TEST_F(HttpClientTest, AStopIsSeenAtOnce) {
  for (const auto& url : {server().origin() + "/silent", server().origin("silent") + "/"}) {
    std::stop_source stop;
    std::thread stopper([&stop] {
      std::this_thread::sleep_for(milliseconds(200));
      stop.request_stop();
    });
    HttpRequest request;
    request.url = url;
    const auto started = steady_clock::now();
    const auto answer = client_.send(request, seconds(20), stop.get_token());
    const auto took = steady_clock::now() - started;
    stopper.join();
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, ErrorKind::stopped);
    EXPECT_LT(took, seconds(1));
  }
}

TEST_F(HttpClientTest, AStopBeforeTheStart) {
  std::stop_source stop;
  stop.request_stop();
  HttpRequest request;
  request.url = server().origin() + "/hello";
  const auto answer = client_.send(request, seconds(20), stop.get_token());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::stopped);
}

TEST_F(HttpClientTest, ConnectionsAreKept) {
  const auto first = get("/hello");
  const auto second = get("/hello");
  ASSERT_TRUE(first && second);
  EXPECT_EQ(*first->header("X-Connection"), *second->header("X-Connection"));
  client_.forget_connections(server().origin() + "/x");
  const auto third = get("/hello");
  ASSERT_TRUE(third);
  EXPECT_NE(*first->header("X-Connection"), *third->header("X-Connection"));
  const auto closed = get("/close");
  const auto after = get("/hello");
  ASSERT_TRUE(closed && after);
  EXPECT_EQ(*closed->header("X-Connection"), *third->header("X-Connection"));
  EXPECT_NE(*closed->header("X-Connection"), *after->header("X-Connection"));
}

TEST_F(HttpClientTest, ADeadKeptConnectionIsReplaced) {
  for (const char* path : {"/then-close", "/then-deaf"}) {
    const auto first = get(path);
    ASSERT_TRUE(first) << what(first);
    const auto second = get("/hello");
    ASSERT_TRUE(second) << path << ": " << what(second);
    EXPECT_NE(*first->header("X-Connection"), *second->header("X-Connection"));
  }
}

TEST_F(HttpClientTest, WhatMayNotBeRepeatedIsNotRepeated) {
  ASSERT_TRUE(get("/then-deaf"));
  HttpRequest request;
  request.method = "POST";
  request.url = server().origin() + "/hello";
  const auto answer = client_.send(request, seconds(5), {}, false);
  EXPECT_FALSE(answer);
  EXPECT_EQ(server().count("POST /hello"), 1);
}

TEST_F(HttpClientTest, AFailureOnANewConnectionIsNotRepeated) {
  EXPECT_FALSE(get("/reset"));
  EXPECT_EQ(server().count("GET /reset"), 1);
}

TEST_F(HttpClientTest, ManyCallersAtOnce) {
  std::vector<std::future<bool>> callers;
  for (int i = 0; i < 8; ++i)
    callers.push_back(std::async(std::launch::async, [this] {
      for (int round = 0; round < 20; ++round) {
        const auto answer = get("/gzip");
        if (!answer || answer->body.size() != 300000)
          return false;
      }
      return true;
    }));
  for (auto& caller : callers)
    EXPECT_TRUE(caller.get());
}

TEST_F(HttpClientTest, HeadersCannotBeInjected) {
  HttpRequest request;
  request.url = server().origin() + "/hello";
  request.headers = {{"X-Mine", "1\r\nX-Other: 2"}};
  const auto value = client_.send(request, seconds(5), {});
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().kind, ErrorKind::config);
  EXPECT_EQ(value.error().what.find("X-Other"), std::string::npos);
  request.headers = {{"X Mine", "1"}};
  EXPECT_FALSE(client_.send(request, seconds(5), {}));
  request.headers.clear();
  request.url = server().origin() + "/hello HTTP/1.1\r\nX-Other: 2";
  EXPECT_FALSE(client_.send(request, seconds(5), {}));
  request.url = "http://localhost/";
  EXPECT_FALSE(client_.send(request, seconds(5), {}));
  EXPECT_EQ(server().count("/hello"), 0);
}

}  // namespace
}  // namespace gald::contract
