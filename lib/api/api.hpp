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

  /// Whether something was published since it was last called.
  bool news() override;

  const Router& router() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gald::api
