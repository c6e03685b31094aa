// HttpServer against clients that ask for too much, say nonsense, or stop in the middle.
#include <chrono>
#include <fstream>
#include <thread>

#include <netinet/tcp.h>
#include <sys/stat.h>

#include "http_server_fixture.hpp"

namespace gald::contract {
namespace {

using Clock = steady_clock;

struct Nonsense {
  const char* what;
  std::string bytes;
  int status;
};

TEST_F(HttpServerTest, RefusesNonsenseAndClosesTheConnection) {
  const std::string host = "Host: localhost\r\n";
  const std::string get = "GET / HTTP/1.1\r\n";
  const std::string post = "POST / HTTP/1.1\r\n" + host;
  const std::vector<Nonsense> all = {
      {"no HTTP", "hello, is anybody there?\r\n\r\n", 400},
      {"TLS", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + "\r\n\r\n", 400},
      {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
      {"another version", "GET / HTTP/3.0\r\n" + host + "\r\n", 400},
      {"no host", get + "\r\n", 400},
      {"two hosts", get + host + host + "\r\n", 400},
      {"a host that is none", get + "Host: a b\r\n\r\n", 400},
      {"a space behind a name", get + "Host : localhost\r\n\r\n", 400},
      {"no target", "GET  HTTP/1.1\r\n" + host + "\r\n", 400},
      {"a target that is none", "GET x HTTP/1.1\r\n" + host + "\r\n", 400},
      {"a target beyond ASCII", "GET /\xc3\xa4 HTTP/1.1\r\n" + host + "\r\n", 400},
      {"a tunnel", "CONNECT example.com:443 HTTP/1.1\r\n" + host + "\r\n", 400},
      {"a control character in a value", get + host + "X: a\x01z\r\n\r\n", 400},
      {"length and chunks", post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 411},
      {"chunks and length", post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 411},
      {"two lengths", post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
      {"a list of lengths", post + "Content-Length: 3, 3\r\n\r\nabc", 400},
      {"a negative length", post + "Content-Length: -1\r\n\r\n", 400},
      {"a length with a sign", post + "Content-Length: +3\r\n\r\nabc", 400},
      {"a length beyond 64 bits", post + "Content-Length: 99999999999999999999\r\n\r\n", 400},
      {"another coding", post + "Transfer-Encoding: gzip, chunked\r\n\r\n", 411},
      {"chunks", post + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411},
      {"no chunks", post + "Transfer-Encoding: identity\r\n\r\n", 411},
      {"chunks in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411},
      {"two tokens", get + host + "Authorization: a\r\nAuthorization: b\r\n\r\n", 400},
      {"a body that is too large", post + "Content-Length: 70000\r\n\r\n", 413},
      {"a long target", "GET /" + std::string(9000, 'x') + " HTTP/1.1\r\n" + host + "\r\n", 414},
      {"an endless target", "GET /" + std::string(40'000, 'x'), 414},
      {"an endless header", get + host + "X: " + std::string(40'000, 'x'), 431},
      {"another host", get + "Host: example.com\r\n\r\n", 421},
      {"another host in the target", "GET http://example.com/ HTTP/1.1\r\n" + host + "\r\n", 421},
  };
  const std::string address = start();
  for (const Nonsense& one : all) {
    HttpPeer peer(address);
    peer.send(one.bytes);
    const HttpAnswer answer = peer.read_answer();
    EXPECT_EQ(answer.status, one.status) << one.what;
    EXPECT_EQ(answer.header("connection"), "close") << one.what;
    EXPECT_TRUE(peer.is_closed()) << one.what;
  }
  std::string many = get + host;
  for (int i = 0; i < 120; ++i)
    many += "X" + std::to_string(i) + ": 1\r\n";
  HttpPeer peer(address);
  peer.send(many + "\r\n");
  EXPECT_EQ(peer.read_answer().status, 431);
  EXPECT_EQ(HttpPeer(address).get("/after").status, 200);
}

TEST_F(HttpServerTest, TheLimitOfHeadersIsOneOfAllTogether) {
  // Pieces that fill what the server reads into, and end with the beginning of the next field: it
  // has always read all of them but one byte.
  constexpr std::size_t kRead = 1024;
  const auto padded = [](std::string text, std::size_t size) {
    return text + std::string(size - text.size() - 3, 'x') + "\r\nX";
  };
  const std::string address = start();
  const auto status_of = [&](int pieces) {
    HttpPeer peer(address);
    const int on = 1;
    ::setsockopt(peer.descriptor(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    peer.send(padded("GET /x HTTP/1.1\r\nHost: localhost\r\nX: ", kRead));
    for (int i = 1; i < pieces; ++i) {
      std::this_thread::sleep_for(milliseconds(5));
      if (!peer.send(padded("-Filler: ", kRead - 1)))
        break;
    }
    peer.send(": 1\r\n\r\n");
    return peer.read_answer().status;
  };
  EXPECT_EQ(status_of(15), 200);
  EXPECT_EQ(status_of(60), 431);
}

TEST_F(HttpServerTest, AnswersForTheHostsThatItHas) {
  ServerOptions options;
  options.hosts = {"gal.example.com"};
  const std::string address = start(options);
  for (const char* host : {"localhost", "LOCALHOST:1", "127.0.0.1:8389", "[::1]", "[::1]:80",
                           "gal.example.com", "Gal.Example.com:443"}) {
    HttpPeer peer(address);
    peer.send(std::string("GET /x HTTP/1.1\r\nHost: ") + host + "\r\n\r\n");
    EXPECT_EQ(peer.read_answer().status, 200) << host;
  }
  HttpPeer peer(address);
  peer.send("GET http://localhost/x?y HTTP/1.1\r\nHost: whatever\r\n\r\n");
  EXPECT_EQ(peer.read_answer().body, "GET /x?y ");
}

TEST_F(HttpServerTest, AnEmptyLineBeforeARequestIsNone) {
  HttpPeer peer(start());
  peer.send(
      "\r\n\r\nGET /x HTTP/1.1\r\nHost: localhost\r\n\r\n\r\nGET /y HTTP/1.1\r\nHost: "
      "localhost\r\n\r\n");
  EXPECT_EQ(peer.read_answer().body, "GET /x ");
  EXPECT_EQ(peer.read_answer().body, "GET /y ");
}

TEST_F(HttpServerTest, HalfARequestIsNotWaitedForForever) {
  ServerOptions options;
  options.request_timeout = milliseconds(200);
  options.idle_timeout = milliseconds(200);
  options.news_interval = milliseconds(50);
  const std::string address = start(options);
  HttpPeer head(address);
  head.send("GET /x HTT");
  EXPECT_EQ(head.read_answer().status, 408);
  EXPECT_TRUE(head.is_closed());
  HttpPeer body(address);
  body.send("POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_EQ(body.read_answer().status, 408);
  HttpPeer slow(address);
  for (int i = 0; i < 100 && slow.send("X"); ++i)  // a byte now and then does not prolong it
    std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(slow.read_answer().status, 408);
  HttpPeer idle(address);
  EXPECT_TRUE(idle.is_closed());
  HttpPeer empty(address);
  int lines = 0;
  while (lines < 200 && empty.send("\r\n")) {
    ++lines;
    std::this_thread::sleep_for(milliseconds(20));
  }
  EXPECT_LT(lines, 200) << "an empty line is none, and no sign of life";
  HttpPeer used(address);
  EXPECT_EQ(used.get("/x").status, 200);
  EXPECT_TRUE(used.is_closed());
  stop();
  int counted = 0;
  for (const std::string& told : answers_.told(0))
    counted += told.find(" 408 ") != told.npos;
  EXPECT_EQ(counted, 3);
}

TEST_F(HttpServerTest, TheOldestIdleConnectionMakesRoom) {
  ServerOptions options;
  options.connections = 3;
  const std::string address = start(options);
  HttpPeer oldest(address);
  EXPECT_EQ(oldest.get("/a").status, 200);
  HttpPeer second(address);
  EXPECT_EQ(second.get("/b").status, 200);
  HttpPeer third(address);
  EXPECT_EQ(third.get("/c").status, 200);
  HttpPeer fourth(address);
  EXPECT_EQ(fourth.get("/d").status, 200);
  EXPECT_TRUE(oldest.is_closed());
  EXPECT_EQ(second.get("/e").status, 200);
  EXPECT_EQ(server().load().connections, 3u);
}

TEST_F(HttpServerTest, OneAddressOrAccountDoesNotTakeAllConnections) {
  ServerOptions options;
  options.connections_per_address = 2;
  options.listen = {"127.0.0.1:0", "unix:" + (directory_.path() / "s").string()};
  const std::string address = start(options);
  HttpPeer first(address);
  HttpPeer second(address);
  EXPECT_EQ(first.get("/a").status, 200);
  EXPECT_EQ(second.get("/a").status, 200);
  HttpPeer third(address);
  const HttpAnswer refused = third.read_answer();
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.header("retry-after"), "1");
  HttpPeer local(options.listen.back());
  EXPECT_EQ(local.get("/a").status, 200);
  {
    HttpPeer another(options.listen.back());
    EXPECT_EQ(another.get("/a").status, 200);
    EXPECT_EQ(HttpPeer(options.listen.back()).read_answer().status, 503);
  }
  while (server().load().connections > 3)
    std::this_thread::sleep_for(milliseconds(5));
  EXPECT_EQ(HttpPeer(options.listen.back()).get("/a").status, 200) << "there is room again";
}

TEST_F(HttpServerTest, TooManyWaitingRequestsAreToldToComeBack) {
  std::mutex held;
  answers_.on("/held", [&](const ServerRequest&) {
    const std::lock_guard lock(held);
    return text("done");
  });
  ServerOptions options;
  options.workers = 1;
  options.waiting_requests = 1;
  const std::string address = start(options);
  std::unique_lock lock(held);
  const std::string request = "GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n";
  HttpPeer working(address);
  working.send(request);
  HttpPeer waiting(address);
  while (server().load().connections < 2)
    std::this_thread::sleep_for(milliseconds(5));
  std::this_thread::sleep_for(milliseconds(50));  // until the worker has the first
  waiting.send(request);
  while (server().load().waiting < 1)
    std::this_thread::sleep_for(milliseconds(5));
  HttpPeer refused(address);
  const HttpAnswer answer = refused.get("/held");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.header("retry-after"), "1");
  lock.unlock();
  EXPECT_EQ(working.read_answer().body, "done");
  EXPECT_EQ(waiting.read_answer().body, "done");
  EXPECT_EQ(refused.get("/x").status, 200);  // the connection stays
}

TEST_F(HttpServerTest, WhatAHandlerThrowsIsNobodysBusiness) {
  answers_.on("/broken", [](const ServerRequest&) -> ServerResponse {
    throw std::runtime_error("/var/lib/secret: no space left");
  });
  HttpPeer peer(start());
  const HttpAnswer answer = peer.get("/broken");
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body.find("secret"), std::string::npos);
  EXPECT_EQ(peer.get("/x").status, 200);
}

TEST_F(HttpServerTest, WhatFailsForOneConnectionEndsNothingForOthers) {
  answers_.on("/long", [](const ServerRequest&) { return text(std::string(32 << 20, 'x')); });
  ServerOptions options;
  options.connections_per_address = 1;
  options.stall_timeout = milliseconds(300);
  options.request_timeout = milliseconds(300);
  options.news_interval = milliseconds(50);
  const std::string address = start(options);
  {
    HttpPeer stalls(address, 4096);
    stalls.send("GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n");
    while (server().load().connections < 1)
      std::this_thread::sleep_for(milliseconds(5));
    answers_.fails_ = true;
    HttpPeer one_too_many(address);  // which accept() has to refuse
    EXPECT_TRUE(one_too_many.is_closed());
    for (int i = 0; i < 100 && server().load().connections > 0; ++i)  // which sweep() has to end
      std::this_thread::sleep_for(milliseconds(50));
    EXPECT_EQ(server().load().connections, 0u);
    answers_.fails_ = false;
  }
  HttpPeer after(address);
  EXPECT_EQ(after.get("/x").status, 200);
  after.send("GET /half");
  EXPECT_EQ(after.read_answer().status, 408) << "there are still sweeps";
}

TEST_F(HttpServerTest, AnAnswerThatNeverComesIsNotWaitedForForever) {
  answers_.on("/held", [&](const ServerRequest&) {
    for (int i = 0; i < 2000 && !answers_.is_cut_short_; ++i)
      std::this_thread::sleep_for(milliseconds(5));
    return text("done");
  });
  ServerOptions options;
  options.answer_timeout = milliseconds(200);
  options.news_interval = milliseconds(50);
  HttpPeer peer(start(options));
  peer.send("GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_TRUE(peer.is_closed());
  EXPECT_FALSE(answers_.is_cut_short_);
  const auto began = Clock::now();
  stop();
  EXPECT_LT(Clock::now() - began, std::chrono::seconds(4)) << "what takes long is cut short";
}

TEST_F(HttpServerTest, NewsAreAskedForWhateverTheWorkersDo) {
  std::mutex held;
  std::atomic<int> working = 0;
  answers_.on("/held", [&](const ServerRequest&) {
    ++working;
    const std::lock_guard lock(held);
    return text("done");
  });
  ServerOptions options;
  options.workers = 1;
  options.news_interval = milliseconds(20);
  const std::string address = start(options);
  std::unique_lock lock(held);
  HttpPeer peer(address);
  peer.send("GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n");
  while (working == 0)
    std::this_thread::sleep_for(milliseconds(5));
  const int before = answers_.asked_for_news_;
  for (int i = 0; i < 200 && answers_.asked_for_news_ < before + 3; ++i)
    std::this_thread::sleep_for(milliseconds(10));
  EXPECT_GE(answers_.asked_for_news_, before + 3);
  lock.unlock();
  EXPECT_EQ(peer.read_answer().body, "done");
}

TEST_F(HttpServerTest, WhatIsHandedOverAgainSaysSo) {
  std::mutex mutex;
  std::string seen;
  answers_.on("/wait", [&](const ServerRequest& request) {
    const std::lock_guard lock(mutex);
    seen += request.again ? "again " : "first ";
    ServerResponse response = text("news");
    if (!answers_.news_)
      response.wait = milliseconds(60'000);
    return response;
  });
  HttpPeer peer(start());
  peer.send("GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n");
  while (server().load().streaming == 0)
    std::this_thread::sleep_for(milliseconds(5));
  answers_.news_ = true;
  server().wake();
  EXPECT_EQ(peer.read_answer().body, "news");
  EXPECT_EQ(peer.get("/wait").body, "news");
  EXPECT_EQ(seen, "first again first ");
}

TEST_F(HttpServerTest, WhatIsHeldIsGivenBackInTheEnd) {
  std::mutex mutex;
  std::weak_ptr<int> held;
  const auto hold = [&](ServerResponse& response) {
    const auto something = std::make_shared<int>(1);
    const std::lock_guard lock(mutex);
    held = something;
    response.held = something;
  };
  answers_.on("/wait", [&](const ServerRequest& request) {
    ServerResponse response = text("news");
    if (!request.again) {
      response.wait = milliseconds(60'000);
      hold(response);
    }
    return response;
  });
  answers_.on("/stream", [&](const ServerRequest&) {
    ServerResponse response;
    response.stream = std::make_shared<Pieces>([] {
      return BodySource::Piece{{}, false, milliseconds(60'000)};
    });
    hold(response);
    return response;
  });
  const auto is_held = [&] {
    const std::lock_guard lock(mutex);
    return !held.expired();
  };
  const std::string address = start();
  const auto ask = [&](HttpPeer& peer, const std::string& target) {
    peer.send("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    while (server().load().streaming == 0)
      std::this_thread::sleep_for(milliseconds(5));
    EXPECT_TRUE(is_held()) << target;
  };
  const auto given_back = [&] {
    for (int i = 0; i < 2000 && is_held(); ++i)
      std::this_thread::sleep_for(milliseconds(5));
    return !is_held();
  };
  HttpPeer peer(address);
  ask(peer, "/wait");
  server().wake();
  EXPECT_EQ(peer.read_answer().body, "news");
  EXPECT_TRUE(given_back());
  for (const char* target : {"/wait", "/stream"}) {
    {
      HttpPeer gone(address);
      ask(gone, target);
    }
    EXPECT_TRUE(given_back()) << target;
    while (server().load().streaming != 0)
      std::this_thread::sleep_for(milliseconds(5));
  }
}

TEST_F(HttpServerTest, TheEndIsQuickAndTellsThoseWhoWait) {
  answers_.on("/wait", [](const ServerRequest& request) {
    ServerResponse response = text("the end");
    if (!request.waited)
      response.wait = milliseconds(60'000);
    return response;
  });
  answers_.on("/events", [](const ServerRequest&) {
    ServerResponse response = text("");
    response.stream = std::make_shared<Pieces>([] { return BodySource::Piece{}; });
    return response;
  });
  const std::string address = start();
  HttpPeer waits(address);
  waits.send("GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n");
  HttpPeer listens(address);
  listens.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  HttpPeer idle(address);
  while (server().load().streaming < 2 || server().load().connections < 3)
    std::this_thread::sleep_for(milliseconds(5));
  const auto began = Clock::now();
  stop();
  EXPECT_LT(Clock::now() - began, std::chrono::seconds(4));
  EXPECT_EQ(waits.read_answer().body, "the end");
  EXPECT_TRUE(listens.read_answer().complete);
  EXPECT_TRUE(idle.is_closed());
}

TEST_F(HttpServerTest, WhoHangsUpWhileWaitingIsForgotten) {
  answers_.on("/wait", [](const ServerRequest& request) {
    ServerResponse response = text("none");
    if (!request.waited)
      response.wait = milliseconds(60'000);
    return response;
  });
  ServerOptions options;
  options.news_interval = milliseconds(50);
  const std::string address = start(options);
  {
    HttpPeer peer(address);
    peer.send("GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n");
    while (server().load().streaming == 0)
      std::this_thread::sleep_for(milliseconds(5));
  }
  for (int i = 0; i < 100 && server().load().connections > 0; ++i)
    std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(server().load().connections, 0u);
  HttpPeer half(address);
  half.send("GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n");
  half.half_close();
  EXPECT_EQ(half.read_answer().body, "none");
}

// ---- Unix sockets -------------------------------------------------------------------------------

TEST_F(HttpServerTest, AUnixSocketSaysWhoAsks) {
  answers_.on("/who", [](const ServerRequest& request) {
    const bool in_group = std::count(request.peer.groups.begin(), request.peer.groups.end(),
                                     static_cast<std::uint32_t>(getgid())) > 0;
    return text(std::to_string(request.peer.user.value_or(99'999)) + (in_group ? " in" : " out"));
  });
  const std::filesystem::path file = directory_.path() / "s";
  ServerOptions options;
  options.listen = {"unix:" + file.string(), "127.0.0.1:0"};
  options.socket_mode = 0620;
  HttpPeer peer(start(options));
  EXPECT_EQ(peer.get("/who").body, std::to_string(getuid()) + " in");
  peer.send("GET /x HTTP/1.1\r\nHost: whatever.example.com\r\n\r\n");
  EXPECT_EQ(peer.read_answer().status, 200);
  HttpPeer by_tcp(server().addresses().back());
  EXPECT_EQ(by_tcp.get("/who").body, "99999 out");
  struct stat status = {};
  ASSERT_EQ(stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0620u);
  stop();
  EXPECT_FALSE(std::filesystem::exists(file));
}

std::string why_not(const ServerOptions& options, net::Handler& handler) {
  try {
    const HttpServer server(options, handler);
    return "it does";
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

TEST_F(HttpServerTest, TakesOverTheSocketOfTheDeadAndOfNobodyElse) {
  const std::filesystem::path file = directory_.path() / "s";
  const std::string address = "unix:" + file.string();
  {
    // What stays of a server that was killed.
    const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    file.string().copy(name.sun_path, sizeof name.sun_path - 1);
    ASSERT_EQ(bind(dead, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    close(dead);
  }
  ServerOptions options;
  options.listen = {address};
  start(options);
  EXPECT_EQ(HttpPeer(address).get("/x").status, 200);
  EXPECT_EQ(why_not(options, answers_),
            "cannot listen on " + address + ": the address is in use by another program");
  EXPECT_EQ(HttpPeer(address).get("/x").status, 200);
  ServerOptions of_a_file;
  of_a_file.listen = {"unix:" + (directory_.path() / "file").string()};
  std::ofstream(directory_.path() / "file") << "precious";
  EXPECT_NE(why_not(of_a_file, answers_).find("a file of this name that is no socket"),
            std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(directory_.path() / "file"));
}

TEST_F(HttpServerTest, SaysWhyItCannotListen) {
  const std::string taken = start();
  ServerOptions options;
  options.listen = {taken};
  EXPECT_EQ(why_not(options, answers_),
            "cannot listen on " + taken + ": the address is in use by another program");
  options.listen = {"192.0.2.1:0"};
  EXPECT_EQ(why_not(options, answers_),
            "cannot listen on 192.0.2.1:0: this machine does not have this address");
  options.listen = {"127.0.0.1:0"};
  options.listen_if_possible = {taken, "unix:/nowhere/gald.sock"};
  EXPECT_EQ(why_not(options, answers_), "it does");
}

}  // namespace
}  // namespace gald::contract
