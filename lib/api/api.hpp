// The API as the HTTP server's handler: who asks, which route, whose index.
#pragma once

#include <filesystem>
#include <memory>

#include "api/router.hpp"
#include "api/services.hpp"
#include "net/http_server.hpp"

namespace gald::api {

class Authority;

class Api : public net::Handler {
 public:
  /// `authority` says who asks; it outlives this.
  Api(std::filesystem::path index_file, const Authority& authority, Services services);
  ~Api() override;

  net::ServerResponse answer(const net::ServerRequest& request) override;
  net::ServerResponse refuse(int status, std::string_view detail) override;
  void answered(std::string_view route, std::string_view method, int status,
                std::chrono::microseconds took, std::uint64_t bytes) override;

  /// Answers with an ETag that were given before, while nothing in the index has changed. Nobody
  /// who has seen a change, by whichever route, gets an answer from before it, and nobody one that
  /// news() or an answer should have found to be over seconds ago.
  std::shared_ptr<const net::ReadyAnswer> ready(const net::RequestHead& head) override;

  /// Whether anything was published since it was last called.
  bool news() override;

  void cut_short() noexcept override;

  const Router& router() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gald::api
