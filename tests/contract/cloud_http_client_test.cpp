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
  const auto broken = get("/broken-gzip");
  EXPECT_EQ(what(broken), server().origin() + ": the answer is broken gzip data");
  EXPECT_EQ(broken.error().kind, ErrorKind::broken);
  EXPECT_EQ(what(get("/brotli")),
            server().origin() + ": the answer is compressed, but not with gzip");
}

TEST_F(HttpClientTest, ACutAnswerIsAnError) {
  const auto cut = get("/cut");
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().kind, ErrorKind::broken);
  EXPECT_EQ(what(cut), server().origin() + ": the answer was cut off after 400 of 1000 bytes");
  EXPECT_NE(what(get("/cut-chunk")).find("the answer was cut off after "), std::string::npos);
  // Without a length only close_notify says that the body is whole.
  EXPECT_EQ(what(get("/cut-until-close")),
            server().origin() + ": the answer was cut off after 5 bytes");
  const auto garbled = get("/not-http");
  EXPECT_NE(what(garbled).find("not HTTP"), std::string::npos);
  EXPECT_EQ(garbled.error().kind, ErrorKind::broken);
}

TEST_F(HttpClientTest, AResetBreaksAConnectionThatStood) {
  const auto answer = get("/reset?secret=1");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::broken);
  EXPECT_EQ(what(answer), server().origin() + ": connection reset");
  const auto early = get("/", "hangup");
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().kind, ErrorKind::broken);
  EXPECT_EQ(what(early), server().origin("hangup") + ": connection reset during the TLS handshake");
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
    EXPECT_EQ(answer.error().kind, ErrorKind::broken);
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
  EXPECT_EQ(answer.error().kind, ErrorKind::network);
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
  server().script("503 x", "");
  const auto refused = get("/503");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 503);
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

TEST_F(HttpClientTest, ThePeerIsDescribed) {
  const auto answer = get("/hello");
  ASSERT_TRUE(answer) << what(answer);
  EXPECT_TRUE(answer->peer.starts_with("server, issued by Test authority, valid until 20"))
      << answer->peer;
  EXPECT_EQ(answer->peer.size(),
            std::string("server, issued by Test authority, valid until ").size() +
                std::string("2026-11-21").size());
  const auto kept = get("/hello");
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->peer, answer->peer);
}

// --- through a proxy -----------------------------------------------------------------------------

class ProxyTest : public TlsTest {
 protected:
  static HttpClientOptions options() {
    HttpClientOptions options;
    options.ca_file = server().ca_file();
    options.connect_timeout = seconds(2);
    options.proxy = server().plain_origin("proxy");
    return options;
  }

  /// A name that only the proxy knows.
  static std::string origin(const std::string& port = "server") {
    return server().origin(port, "service.test");
  }

  static base::Result<HttpResponse> get(HttpClient& client, const std::string& url) {
    HttpRequest request;
    request.url = url;
    request.headers = {{"Authorization", "Bearer token"}};
    return client.send(request, seconds(5), {});
  }

  static base::Result<HttpResponse> get(const HttpClientOptions& with) {
    HttpClient client(with);
    return get(client, origin() + "/hello");
  }

  static std::string where() { return origin() + ": the proxy " + server().plain_origin("proxy"); }
};

TEST_F(ProxyTest, TlsGoesThroughTheTunnel) {
  HttpClient client(options());
  const auto first = get(client, origin() + "/hello");
  ASSERT_TRUE(first) << first.error().what;
  EXPECT_EQ(first->body, "hello");
  EXPECT_TRUE(first->peer.starts_with("server, issued by Test authority")) << first->peer;
  const auto second = get(client, origin() + "/hello");
  ASSERT_TRUE(second);
  EXPECT_EQ(*first->header("X-Connection"), *second->header("X-Connection"));
  const std::string authority = origin().substr(std::string("https://").size());
  EXPECT_EQ(server().count("CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n"), 1);
  EXPECT_EQ(server().count("Proxy-Authorization"), 0);
  // The bearer is for the origin: the proxy must not see it.
  const std::string requests = server().requests();
  EXPECT_EQ(requests.substr(0, requests.find("\r\n\r\n")).find("Bearer"), std::string::npos);
}

TEST_F(ProxyTest, CertificatesAreStillTheOrigins) {
  HttpClient client(options());
  const auto elsewhere = get(client, origin("elsewhere") + "/hello");
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().kind, ErrorKind::tls);
  EXPECT_EQ(elsewhere.error().what, origin("elsewhere") + ": certificate is for another name");
}

TEST_F(ProxyTest, Credentials) {
  server().set_proxy("auth me:pass word");
  const auto without = get(options());
  ASSERT_FALSE(without);
  EXPECT_EQ(without.error().kind, ErrorKind::auth);
  EXPECT_EQ(without.error().what, where() + " refused the connection with status 407");
  EXPECT_NE(without.error().remedy.find("set proxy_credentials_file"), std::string::npos);

  auto with = options();
  with.proxy_credentials = [] { return base::Secret("me:wrong"); };
  const auto wrong = get(with);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().kind, ErrorKind::auth);
  EXPECT_EQ(wrong.error().what.find("wrong"), std::string::npos);
  EXPECT_NE(wrong.error().remedy.find("Check user and password"), std::string::npos);

  with.proxy_credentials = [] { return base::Secret("me:pass word"); };
  const auto right = get(with);
  EXPECT_TRUE(right) << right.error().what;

  with.proxy_credentials = []() -> base::Result<base::Secret> {
    return base::Error{ErrorKind::config, "the file is gone"};
  };
  const auto gone = get(with);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().what, "the file is gone");
}

TEST_F(ProxyTest, Refusals) {
  for (const auto& [status, kind] :
       {std::pair("403", ErrorKind::auth), std::pair("502", ErrorKind::network),
        std::pair("405", ErrorKind::network)}) {
    server().set_proxy(std::string("status ") + status);
    const auto refused = get(options());
    ASSERT_FALSE(refused) << status;
    EXPECT_EQ(refused.error().kind, kind) << status;
    EXPECT_EQ(refused.error().what, where() + " refused the connection with status " + status);
    EXPECT_NE(refused.error().remedy, "") << status;
  }
  server().set_proxy("garbled");
  const auto garbled = get(options());
  ASSERT_FALSE(garbled);
  EXPECT_EQ(garbled.error().kind, ErrorKind::network);
  EXPECT_EQ(garbled.error().what,
            origin() + ": proxy " + server().plain_origin("proxy") + ": the answer is not HTTP");
  server().set_proxy("chatty");
  const auto chatty = get(options());
  ASSERT_FALSE(chatty);
  EXPECT_EQ(chatty.error().kind, ErrorKind::network);
}

TEST_F(ProxyTest, SilentAndAbsentProxies) {
  server().set_proxy("deaf");
  const auto deaf = get(options());
  ASSERT_FALSE(deaf);
  EXPECT_EQ(deaf.error().kind, ErrorKind::network);
  EXPECT_EQ(deaf.error().what, origin() + ": proxy " + server().plain_origin("proxy") +
                                   ": no answer within 2 s (asking the proxy)");
  auto absent = options();
  absent.proxy = server().plain_origin("refused");
  const auto refused = get(absent);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::network);
  EXPECT_EQ(refused.error().what,
            origin() + ": proxy " + server().plain_origin("refused") + ": connection refused");
}

TEST_F(ProxyTest, AFailureBehindTheTunnelIsTheOrigins) {
  HttpClient client(options());
  const auto reset = get(client, origin() + "/reset");
  ASSERT_FALSE(reset);
  EXPECT_EQ(reset.error().kind, ErrorKind::broken);
  EXPECT_EQ(reset.error().what.find("proxy"), std::string::npos) << reset.error().what;
}

TEST_F(ProxyTest, OnlyHttpProxies) {
  for (const char* wrong : {"https://p:1", "p:8080", "http://p/path", "http://a:b@p"}) {
    HttpClientOptions with;
    with.proxy = wrong;
    EXPECT_THROW(HttpClient client(with), std::runtime_error) << wrong;
  }
}

// --- plain HTTP ----------------------------------------------------------------------------------

class PlainHttpTest : public TlsTest {
 protected:
  static base::Result<HttpResponse> get(HttpClient& client, const std::string& url) {
    HttpRequest request;
    request.url = url;
    return client.send(request, seconds(5), {});
  }
};

TEST_F(PlainHttpTest, ToTheMachineItself) {
  HttpClientOptions options;
  options.plain_http = true;
  options.proxy = server().plain_origin("refused");  // never for plain HTTP
  HttpClient client(options);
  for (const char* host : {"127.0.0.1", "localhost"}) {
    const auto answer = get(client, server().plain_origin("plain", host) + "/echo");
    ASSERT_TRUE(answer) << answer.error().what;
    EXPECT_EQ(answer->peer, "");
    EXPECT_NE(answer->body.find("Host: " + server().plain_origin("plain", host).substr(7)),
              std::string::npos);
  }
  const auto first = get(client, server().plain_origin() + "/hello");
  const auto second = get(client, server().plain_origin() + "/gzip");
  const auto third = get(client, server().plain_origin() + "/hello");
  ASSERT_TRUE(first && second && third);
  EXPECT_EQ(second->body.size(), 300000u);
  EXPECT_EQ(*first->header("X-Connection"), *third->header("X-Connection"));
  const auto reset = get(client, server().plain_origin() + "/reset");
  ASSERT_FALSE(reset);
  EXPECT_EQ(reset.error().kind, ErrorKind::broken);
}

TEST_F(PlainHttpTest, NowhereElse) {
  HttpClientOptions options;
  options.plain_http = true;
  HttpClient allowed(options);
  for (const char* url : {"http://10.0.0.1/", "http://graph.microsoft.com/", "http://0x7f.1/",
                          "http://127.0.0.1.example/", "http://[2001:db8::1]/"}) {
    const auto answer = get(allowed, url);
    ASSERT_FALSE(answer) << url;
    EXPECT_EQ(answer.error().kind, ErrorKind::config) << url;
  }
  HttpClient other{HttpClientOptions()};
  const auto refused = get(other, server().plain_origin() + "/hello");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::config);
  EXPECT_EQ(server().count("/hello"), 0);
}

}  // namespace
}  // namespace gald::contract
