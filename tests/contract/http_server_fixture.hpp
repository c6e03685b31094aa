// A server whose answers a test decides.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "../unit/support.hpp"
#include "http_peer.hpp"
#include "net/http_server.hpp"

namespace gald::contract {

using net::BodySource;
using net::HttpServer;
using net::ServerOptions;
using net::ServerRequest;
using net::ServerResponse;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Makes pieces by a function.
class Pieces : public BodySource {
 public:
  explicit Pieces(std::function<Piece()> make, std::optional<std::uint64_t> length = {})
      : make_(std::move(make)), length_(length) {}

  Piece next() override { return make_(); }

  std::optional<std::uint64_t> length() const override { return length_; }

 private:
  const std::function<Piece()> make_;
  const std::optional<std::uint64_t> length_;
};

inline ServerResponse text(std::string body) {
  ServerResponse response;
  response.headers = {{"Content-Type", "text/plain"}};
  response.body = std::move(body);
  return response;
}

/// What a test wants of a path; it says of everything else what it has heard.
class Answers : public net::Handler {
 public:
  using Make = std::function<ServerResponse(const ServerRequest&)>;

  void on(const std::string& target, Make make) { made_[target] = std::move(make); }

  ServerResponse answer(const ServerRequest& request) override {
    const auto found = made_.find(request.target);
    ServerResponse response =
        found != made_.end() ? found->second(request)
                             : text(request.method + " " + request.target + " " + request.body);
    response.route = "/route";
    return response;
  }

  ServerResponse refuse(int status, std::string_view detail) override {
    fail_if_told();
    ServerResponse response = text(std::string(detail));
    response.status = status;
    return response;
  }

  void answered(std::string_view route, std::string_view, int status, std::chrono::microseconds,
                std::uint64_t bytes) override {
    fail_if_told();
    const std::lock_guard lock(mutex_);
    told_.push_back(std::string(route) + " " + std::to_string(status) + " " +
                    std::to_string(bytes));
    changed_.notify_all();
  }

  std::shared_ptr<const net::ReadyAnswer> ready(const net::RequestHead& head) override {
    const std::lock_guard lock(mutex_);
    return head.target == "/ready" ? ready_ : nullptr;
  }

  bool news() override {
    ++asked_for_news_;
    return news_;
  }

  void cut_short() noexcept override { is_cut_short_ = true; }

  void make_ready(std::shared_ptr<const net::ReadyAnswer> answer) {
    const std::lock_guard lock(mutex_);
    ready_ = std::move(answer);
  }

  std::vector<std::string> told(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(10), [&] { return told_.size() >= count; });
    return told_;
  }

  std::atomic<bool> news_ = false;
  std::atomic<int> asked_for_news_ = 0;
  std::atomic<bool> is_cut_short_ = false;
  std::atomic<bool> fails_ = false;  ///< what is called on the io thread

 private:
  void fail_if_told() const {
    if (fails_)
      throw std::runtime_error("no memory");
  }

  std::map<std::string, Make> made_;  // constant once there is a server
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> told_;                  // guarded by mutex_
  std::shared_ptr<const net::ReadyAnswer> ready_;  // guarded by mutex_
};

class HttpServerTest : public testing::Test {
 protected:
  std::string start(ServerOptions options = {}) {
    if (options.listen.empty())
      options.listen = {"127.0.0.1:0"};
    server_ = std::make_unique<HttpServer>(std::move(options), answers_);
    return server_->addresses().front();
  }

  HttpServer& server() { return *server_; }

  void stop() { server_.reset(); }

  Answers answers_;
  test::TemporaryDirectory directory_;

 private:
  std::unique_ptr<HttpServer> server_;
};

}  // namespace gald::contract
