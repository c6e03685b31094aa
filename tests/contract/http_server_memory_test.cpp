// HttpServer and what it keeps for clients that are many, that do not read, or that read slowly.
#include <chrono>
#include <fstream>
#include <thread>

#include <malloc.h>
#include <sys/resource.h>

#include "http_server_fixture.hpp"

namespace gald::contract {
namespace {

using Clock = steady_clock;

/// In KiB; 0 where a sanitizer keeps what was given back.
long resident_memory() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 0;
#endif
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:"))
      return std::stol(line.substr(6));
  return 0;
}

/// In bytes, without what was given back and is kept for the next one; 0 with a sanitizer.
std::size_t allocated_memory() {
  const struct mallinfo2 all = mallinfo2();
  return all.uordblks + all.hblkhd;
}

void allow_files(rlim_t count) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(count, limit.rlim_max));
  setrlimit(RLIMIT_NOFILE, &limit);
}

/// A gigabyte, in pieces; counts how many were asked for.
ServerResponse gigabyte(std::atomic<int>& asked) {
  constexpr int kPieces = 1 << 14;
  ServerResponse response;
  response.headers = {{"Content-Type", "application/octet-stream"}};
  response.stream = std::make_shared<Pieces>(
      [&asked, left = kPieces]() mutable {
        ++asked;
        --left;
        return BodySource::Piece{std::string(1 << 16, 'x'), left == 0};
      },
      std::uint64_t{kPieces} << 16);
  return response;
}

TEST_F(HttpServerTest, AClientThatStopsReadingKeepsNeitherAWorkerNorMemory) {
  std::atomic<int> asked = 0;
  answers_.on("/gigabyte", [&](const ServerRequest&) { return gigabyte(asked); });
  ServerOptions options;
  options.workers = 1;
  options.stall_timeout = milliseconds(1500);
  options.news_interval = milliseconds(100);
  const std::string address = start(options);
  const long before = resident_memory();
  std::vector<HttpPeer> peers;
  for (int i = 0; i < 20; ++i) {
    peers.emplace_back(address, 4096);
    peers.back().send("GET /gigabyte HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
  int last = -1;
  while (last != asked) {  // until the system takes no more for them
    last = asked;
    std::this_thread::sleep_for(milliseconds(300));
  }
  EXPECT_GT(last, 20);
  HttpPeer beside(address);
  const auto began = Clock::now();
  EXPECT_EQ(beside.get("/x").status, 200);
  EXPECT_LT(Clock::now() - began, milliseconds(500));
  EXPECT_LT(resident_memory() - before, 30 * 1024);
  for (int i = 0; i < 100 && server().load().connections > 1; ++i)
    std::this_thread::sleep_for(milliseconds(100));
  EXPECT_LE(server().load().connections, 1u) << "they were given up";
}

/// Asks, and takes the beginning of the answer.
HttpPeer stalled(const std::string& address, const std::string& target) {
  HttpPeer peer(address, 4096);
  peer.send("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_TRUE(peer.read_more().starts_with("HTTP/1.1 200")) << peer.read_more();
  return peer;
}

TEST_F(HttpServerTest, WhatIsOnItsWayToThoseWhoDoNotReadIsLimited) {
  answers_.on("/long", [](const ServerRequest&) { return text(std::string(2 << 20, 'x')); });
  ServerOptions options;
  options.bodies_limit = 8 << 20;
  options.bodies_per_address = 6 << 20;
  options.listen = {"127.0.0.1:0", "unix:" + (directory_.path() / "s").string()};
  const std::string address = start(options);
  const std::string& socket = options.listen.back();
  HttpPeer peer(address);
  HttpPeer local(socket);
  {
    const HttpPeer first = stalled(address, "/long");
    const HttpPeer second = stalled(address, "/long");
    const HttpPeer third = stalled(address, "/long");
    const HttpAnswer refused = peer.get("/long");
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(refused.header("retry-after"), "1");
    EXPECT_EQ(peer.get("/x").status, 200) << "the connection stays, and there is room for little";
    const HttpPeer another = stalled(socket, "/long");
    EXPECT_EQ(local.get("/long").status, 503) << "of all together";
    EXPECT_EQ(local.get("/x").status, 200);
  }
  while (server().load().connections > 2)
    std::this_thread::sleep_for(milliseconds(5));
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(peer.get("/long").status, 200);
    EXPECT_EQ(local.get("/long").status, 200);
  }
}

std::shared_ptr<net::ReadyAnswer> ready_answer(char c) {
  const std::string body(2 << 20, c);
  return std::make_shared<net::ReadyAnswer>(
      net::ReadyAnswer{"HTTP/1.1 200 OK\r\nDate: Sat, 28 Nov 2026 00:00:00 GMT\r\n"
                       "Content-Length: " +
                           std::to_string(body.size()) + "\r\n\r\n" + body,
                       200, "/ready"});
}

TEST_F(HttpServerTest, WhatIsReadyIsInMemoryOnceForAllToWhomItIsOnItsWay) {
  ServerOptions options;
  options.bodies_limit = 3 << 20;
  const std::string address = start(options);
  HttpPeer peer(address);
  answers_.make_ready(ready_answer('a'));
  {
    std::vector<HttpPeer> stall;
    for (int i = 0; i < 5; ++i)
      stall.push_back(stalled(address, "/ready"));
    answers_.make_ready(ready_answer('b'));
    EXPECT_EQ(peer.get("/ready").status, 503);
    EXPECT_EQ(peer.get("/x").status, 200);
  }
  while (server().load().connections > 1)
    std::this_thread::sleep_for(milliseconds(5));
  EXPECT_EQ(peer.get("/ready").body.front(), 'b');
  EXPECT_EQ(peer.get("/ready").body.front(), 'b');
}

TEST_F(HttpServerTest, WhatIsReadyCountsForEachWhoIsSentIt) {
  ServerOptions options;
  options.bodies_per_address = 5 << 20;
  options.listen = {"127.0.0.1:0", "unix:" + (directory_.path() / "s").string()};
  const std::string address = start(options);
  answers_.make_ready(ready_answer('a'));
  HttpPeer peer(address);
  HttpPeer local(options.listen.back());
  {
    const HttpPeer first = stalled(address, "/ready");
    const HttpPeer second = stalled(address, "/ready");
    EXPECT_EQ(peer.get("/ready").status, 503);
    EXPECT_EQ(local.get("/ready").status, 200);
  }
  while (server().load().connections > 2)
    std::this_thread::sleep_for(milliseconds(5));
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(peer.get("/ready").status, 200);
}

TEST_F(HttpServerTest, WhoDoesNotReadIsGivenUpWhateverTheSystemWouldTake) {
  answers_.on("/long", [](const ServerRequest&) { return text(std::string(2 << 20, 'x')); });
  ServerOptions options;
  options.stall_timeout = milliseconds(300);
  options.news_interval = milliseconds(50);
  const std::string address = start(options);
  const HttpPeer peer = stalled(address, "/long");
  for (int i = 0; i < 200 && server().load().connections > 0; ++i)
    std::this_thread::sleep_for(milliseconds(50));
  EXPECT_EQ(server().load().connections, 0u);
}

TEST_F(HttpServerTest, WhatIsKeptOpenIsCountedOnceFromItsBeginningToItsEnd) {
  std::atomic<int> asked = 0;
  std::atomic<std::size_t> seen = 0;
  std::atomic<bool> looked = false;
  answers_.on("/gigabyte", [&](const ServerRequest&) { return gigabyte(asked); });
  answers_.on("/wait", [&](const ServerRequest& request) {
    ServerResponse response = text("news");
    if (!request.again)
      response.wait = milliseconds(60'000);
    else if (!looked.exchange(true))
      seen = server().load().streaming;
    return response;
  });
  const std::string address = start();
  const auto wait_for = [&](std::size_t count) {
    for (int i = 0; i < 1000 && server().load().streaming != count; ++i)
      std::this_thread::sleep_for(milliseconds(5));
    return server().load().streaming;
  };
  {
    HttpPeer stalls(address, 4096);
    stalls.send("GET /gigabyte HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_EQ(wait_for(1), 1u) << "a download that waits for nothing but its client";
    HttpPeer waits(address);
    waits.send("GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_EQ(wait_for(2), 2u);
    server().wake();
    EXPECT_EQ(waits.read_answer().body, "news");
    EXPECT_EQ(seen, 2u) << "who is asked again still waits";
    EXPECT_EQ(wait_for(1), 1u);
  }
  EXPECT_EQ(wait_for(0), 0u);
}

TEST_F(HttpServerTest, ASlowReaderGetsAllOfALongBody) {
  answers_.on("/long", [](const ServerRequest&) { return text(std::string(8 << 20, 'x')); });
  ServerOptions options;
  options.stall_timeout = milliseconds(400);
  options.news_interval = milliseconds(50);
  HttpPeer peer(start(options), 4096);
  peer.send("GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n");
  for (int i = 0; i < 10; ++i) {  // much longer than the timeout in all
    std::this_thread::sleep_for(milliseconds(100));
    peer.read_more();
  }
  EXPECT_EQ(peer.read_answer().body.size(), std::size_t{8} << 20);
}

TEST_F(HttpServerTest, WhoTakesAFewBytesNowAndThenIsGivenUp) {
  answers_.on("/long", [](const ServerRequest&) { return text(std::string(32 << 20, 'x')); });
  ServerOptions options;
  options.patience = milliseconds(500);
  options.least_rate = 4 << 20;
  options.news_interval = milliseconds(50);
  HttpPeer peer(start(options), 4096);
  peer.send("GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n");
  peer.read_more();
  for (int i = 0; i < 100 && server().load().connections > 0; ++i) {
    std::this_thread::sleep_for(milliseconds(50));
    peer.read_more();
  }
  EXPECT_EQ(server().load().connections, 0u);
}

TEST_F(HttpServerTest, TwoThousandIdleConnectionsCostLittle) {
  allow_files(5000);
  const std::string address = start();
  HttpPeer beside(address);
  EXPECT_EQ(beside.get("/x").status, 200);
  const long before = resident_memory();
  std::vector<HttpPeer> idle;
  for (int i = 0; i < 2000; ++i) {
    idle.emplace_back(address);
    EXPECT_EQ(idle.back().get("/x").status, 200);
  }
  EXPECT_EQ(server().load().connections, 2001u);
  const double each = static_cast<double>(resident_memory() - before) / 2000;
  RecordProperty("kib_per_connection", std::to_string(each));
  EXPECT_LT(each, 8.0) << "KiB for both ends";
  std::vector<Clock::duration> took;
  for (int i = 0; i < 200; ++i) {
    const auto began = Clock::now();
    EXPECT_EQ(beside.get("/x").status, 200);
    took.push_back(Clock::now() - began);
  }
  std::sort(took.begin(), took.end());
  EXPECT_LT(took[100], milliseconds(20));
  EXPECT_EQ(idle.front().get("/x").status, 200);
  EXPECT_EQ(idle.back().get("/x").status, 200);
}

TEST_F(HttpServerTest, AnIdleConnectionKeepsNothingOfWhatItHasAskedAndGot) {
  answers_.on("/long", [](const ServerRequest&) { return text(std::string(2 << 20, 'x')); });
  answers_.on("/body", [](const ServerRequest&) { return text("taken"); });
  std::string headers = "Content-Length: 60000\r\n";
  for (int i = 0; i < 90; ++i)
    headers += "X" + std::to_string(i) + ": " + std::string(100, 'x') + "\r\n";
  const std::string address = start();
  std::vector<HttpPeer> idle;
  for (int i = 0; i < 101; ++i) {
    idle.emplace_back(address);
    EXPECT_EQ(idle.back().get("/x").status, 200);
  }
  const auto growth_each = [&](auto ask) {
    ask(idle.back());  // and whatever is made once
    EXPECT_EQ(idle.back().get("/x").status, 200);
    const std::size_t before = allocated_memory();
    for (int i = 0; i < 100; ++i)
      ask(idle[static_cast<std::size_t>(i)]);
    EXPECT_EQ(idle.back().get("/x").status, 200);  // so that the one before is idle
    return (static_cast<double>(allocated_memory()) - static_cast<double>(before)) / 100;
  };
  EXPECT_LT(growth_each([&](HttpPeer& peer) {
              EXPECT_EQ(peer.ask("POST", "/body", headers, std::string(60'000, 'x')).body, "taken");
            }),
            4096);
  EXPECT_LT(growth_each([](HttpPeer& peer) {
              EXPECT_EQ(peer.get("/long").body.size(), std::size_t{2} << 20);
            }),
            4096);
}

}  // namespace
}  // namespace gald::contract
