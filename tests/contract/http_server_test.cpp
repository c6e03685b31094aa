// HttpServer against clients that behave, and clients that do not.
#include "net/http_server.hpp"

#include <thread>

#include "http_server_fixture.hpp"
#include "net/gzip.hpp"

namespace gald::contract {
namespace {

TEST_F(HttpServerTest, AnswersOneRequestAfterTheOtherOnOneConnection) {
  HttpPeer peer(start());
  for (const char* target : {"/a", "/b?x=1", "/c"}) {
    const HttpAnswer answer = peer.get(target);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, std::string("GET ") + target + " ");
    EXPECT_EQ(answer.header("x-content-type-options"), "nosniff");
    EXPECT_EQ(answer.header("date").size(), 29u);
    EXPECT_EQ(answer.header("connection"), "");
  }
}

TEST_F(HttpServerTest, AnswersWhatWasSentTogetherInItsOrder) {
  answers_.on("/slow", [](const ServerRequest&) {
    std::this_thread::sleep_for(milliseconds(100));
    return text("slow");
  });
  HttpPeer peer(start());
  std::string all;
  for (const char* target : {"/slow", "/b", "/slow", "/d"})
    all += std::string("GET ") + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
  peer.send(all);
  for (const char* expected : {"slow", "GET /b ", "slow", "GET /d "})
    EXPECT_EQ(peer.read_answer().body, expected);
}

TEST_F(HttpServerTest, ReadsARequestThatComesByteByByte) {
  HttpPeer peer(start());
  for (const char c :
       std::string_view("POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
                        "\r\nhello"))
    peer.send(std::string_view(&c, 1));
  EXPECT_EQ(peer.read_answer().body, "POST /x hello");
}

TEST_F(HttpServerTest, HeadHasTheHeadersOfGetAndNoBody) {
  HttpPeer peer(start());
  const HttpAnswer get = peer.get("/x");
  const HttpAnswer head = peer.ask("HEAD", "/x");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(std::stoul(head.header("content-length")), std::strlen("HEAD /x "));
  EXPECT_EQ(head.header("content-type"), get.header("content-type"));
  EXPECT_EQ(peer.get("/y").body, "GET /y ");  // nothing stood in between
}

TEST_F(HttpServerTest, TakesBodiesWithALength) {
  HttpPeer peer(start());
  EXPECT_EQ(peer.ask("POST", "/x", "Content-Length: 3\r\n", "abc").body, "POST /x abc");
}

TEST_F(HttpServerTest, SaysThatABodyMayComeBeforeItDoes) {
  HttpPeer peer(start());
  peer.send(
      "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(peer.read_answer().status, 100);
  peer.send("abc");
  EXPECT_EQ(peer.read_answer().body, "POST /x abc");
  peer.send("POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: miracles\r\n\r\n");
  EXPECT_EQ(peer.read_answer().status, 417);
}

TEST_F(HttpServerTest, StreamsABodyOfUnknownLength) {
  answers_.on("/stream", [](const ServerRequest&) {
    ServerResponse response = text("");
    response.stream = std::make_shared<Pieces>([left = 3]() mutable {
      --left;
      return BodySource::Piece{"piece " + std::to_string(left) + "\n", left == 0};
    });
    return response;
  });
  HttpPeer peer(start());
  const HttpAnswer answer = peer.get("/stream");
  EXPECT_EQ(answer.header("transfer-encoding"), "chunked");
  EXPECT_EQ(answer.body, "piece 2\npiece 1\npiece 0\n");
  EXPECT_TRUE(answer.complete);
  EXPECT_EQ(peer.ask("HEAD", "/stream").header("transfer-encoding"), "chunked");
  EXPECT_EQ(peer.get("/x").body, "GET /x ");
  HttpPeer old(server().addresses().front());
  old.send("GET /stream HTTP/1.0\r\n\r\n");
  const HttpAnswer until_the_end = old.read_answer();
  EXPECT_EQ(until_the_end.body, "piece 2\npiece 1\npiece 0\n");
  EXPECT_EQ(until_the_end.header("connection"), "close");
}

TEST_F(HttpServerTest, BreaksAStreamOffThatFails) {
  answers_.on("/stream", [](const ServerRequest&) {
    ServerResponse response = text("");
    response.stream = std::make_shared<Pieces>([first = true]() mutable {
      if (!std::exchange(first, false))
        throw std::runtime_error("the disk is gone");
      return BodySource::Piece{"begun", false};
    });
    return response;
  });
  HttpPeer peer(start());
  const HttpAnswer answer = peer.get("/stream");
  EXPECT_EQ(answer.body, "begun");
  EXPECT_FALSE(answer.complete);
}

TEST_F(HttpServerTest, WhoWaitsIsAskedAgainWhenThereIsNewsAndAtTheEndOfTheTime) {
  std::atomic<int> asked = 0;
  std::atomic<bool> there_is = false;
  answers_.on("/wait", [&](const ServerRequest& request) {
    ++asked;
    ServerResponse response = text(there_is ? "news" : request.waited ? "none" : "");
    if (!there_is && !request.waited)
      response.wait = milliseconds(60'000);
    return response;
  });
  answers_.on("/short", [&](const ServerRequest& request) {
    ServerResponse response = text("none");
    if (!request.waited)
      response.wait = milliseconds(10);
    return response;
  });
  HttpPeer peer(start());
  EXPECT_EQ(peer.get("/short").body, "none");
  peer.send("GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n");
  while (server().load().streaming == 0)
    std::this_thread::sleep_for(milliseconds(5));
  server().wake();  // for somebody else
  while (asked < 2)
    std::this_thread::sleep_for(milliseconds(5));
  there_is = true;
  answers_.news_ = true;
  EXPECT_EQ(peer.read_answer().body, "news");
  EXPECT_EQ(server().load().streaming, 0u);
}

TEST_F(HttpServerTest, WhoIsWokenForNothingDoesNotWaitLonger) {
  std::atomic<int> asked = 0;
  answers_.on("/wait", [&](const ServerRequest& request) {
    ++asked;
    ServerResponse response = text("none");
    if (!request.waited)
      response.wait = milliseconds(1'000);
    return response;
  });
  HttpPeer peer(start());
  const std::jthread waker([&](std::stop_token stop) {
    while (!stop.stop_requested()) {
      server().wake();
      std::this_thread::sleep_for(milliseconds(20));
    }
  });
  EXPECT_EQ(peer.get("/wait").body, "none");
  EXPECT_GT(asked, 3);
}

TEST_F(HttpServerTest, SendsWhatIsReadyWithADateOfNow) {
  std::shared_ptr<const net::ReadyAnswer> kept;
  answers_.on("/ready", [&](const ServerRequest&) {
    ServerResponse response = text("made once");
    response.keep = [&](std::shared_ptr<const net::ReadyAnswer> answer) {
      auto older = std::make_shared<net::ReadyAnswer>(*answer);
      older->message.replace(older->message.find("Date: ") + 6, 29, 29, 'x');
      kept = older;
    };
    return response;
  });
  HttpPeer peer(start());
  EXPECT_EQ(peer.ask("HEAD", "/ready").status, 200);
  EXPECT_EQ(kept, nullptr);
  const HttpAnswer first = peer.get("/ready");
  answers_.make_ready(kept);
  const HttpAnswer again = peer.get("/ready");
  EXPECT_EQ(again.body, "made once");
  EXPECT_EQ(again.headers.size(), first.headers.size());
  EXPECT_TRUE(again.header("date").ends_with(" GMT"));
  const auto told = answers_.told(3);
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[1], told[2]);
}

TEST_F(HttpServerTest, CompressesWhatIsWorthItForThoseWhoTakeIt) {
  const std::string body(5000, 'x');
  answers_.on("/big", [&](const ServerRequest&) {
    ServerResponse response = text(body);
    response.headers.emplace_back("ETag", "\"7\"");
    return response;
  });
  answers_.on("/image", [&](const ServerRequest&) {
    ServerResponse response = text(body);
    response.headers = {{"Content-Type", "image/png"}};
    return response;
  });
  HttpPeer peer(start());
  const HttpAnswer plain = peer.get("/big");
  EXPECT_EQ(plain.body, body);
  EXPECT_EQ(plain.header("vary"), "Accept-Encoding");
  EXPECT_EQ(plain.header("etag"), "\"7\"");
  const HttpAnswer zipped = peer.get("/big", "Accept-Encoding: br, gzip;q=0.5\r\n");
  EXPECT_EQ(zipped.header("content-encoding"), "gzip");
  EXPECT_EQ(zipped.header("etag"), "W/\"7\"");
  EXPECT_LT(zipped.body.size(), 200u);
  EXPECT_EQ(net::gunzip(zipped.body, 1 << 20).text, body);
  EXPECT_EQ(peer.get("/big", "Accept-Encoding: gzip;q=0, *\r\n").body, body);
  EXPECT_EQ(peer.get("/image", "Accept-Encoding: gzip\r\n").body, body);
  EXPECT_EQ(peer.get("/small", "Accept-Encoding: gzip\r\n").body, "GET /small ");
}

TEST_F(HttpServerTest, WhatIsNotModifiedIsDescribedAsItWasSent) {
  answers_.on("/big", [&](const ServerRequest& request) {
    ServerResponse response = text(std::string(5000, 'x'));
    if (request.header("If-None-Match")) {
      response = {};
      response.status = 304;
    }
    response.headers.emplace_back("ETag", "\"7\"");
    return response;
  });
  HttpPeer peer(start());
  for (const std::string accepted : {"", "Accept-Encoding: gzip\r\n"}) {
    const HttpAnswer sent = peer.get("/big", accepted);
    const HttpAnswer again =
        peer.get("/big", accepted + "If-None-Match: \"6\", " + sent.header("etag") + "\r\n");
    EXPECT_EQ(again.status, 304);
    EXPECT_EQ(again.header("etag"), sent.header("etag"));
    EXPECT_EQ(again.header("vary"), sent.header("vary"));
  }
  EXPECT_EQ(peer.get("/big", "If-None-Match: W/\"7\"\r\n").header("etag"), "\"7\"")
      << "who takes nothing compressed any more";
}

TEST_F(HttpServerTest, CompressedPiecesArriveAtOnce) {
  std::atomic<bool> more = false;
  answers_.on("/events", [&](const ServerRequest&) {
    ServerResponse response;
    response.headers = {{"Content-Type", "text/event-stream"}};
    response.stream = std::make_shared<Pieces>([&, first = true]() mutable {
      if (std::exchange(first, false))
        return BodySource::Piece{"data: 1\n\n", false};
      return more ? BodySource::Piece{"data: 2\n\n", true} : BodySource::Piece{};
    });
    return response;
  });
  HttpPeer peer(start());
  peer.send("GET /events HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n");
  while (server().load().streaming == 0)
    std::this_thread::sleep_for(milliseconds(5));
  more = true;
  server().wake();
  const HttpAnswer answer = peer.read_answer();
  EXPECT_EQ(net::gunzip(answer.body, 1 << 20).text, "data: 1\n\ndata: 2\n\n");
}

}  // namespace
}  // namespace gald::contract
