// The certificate of the HTTP server. Included by http_server.cpp and server_tls.cpp only.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <boost/asio/ssl/context.hpp>

#include "net/http_server.hpp"

namespace gald::net {

class ServerTls {
 public:
  /// Throws std::runtime_error with one line that names the file.
  explicit ServerTls(const ServerOptions& options);

  /// Another one when a file has changed since; nothing when none has, or when what is there now
  /// cannot be used, which is logged.
  static std::shared_ptr<ServerTls> if_changed(const ServerTls& current,
                                               const ServerOptions& options);

  boost::asio::ssl::context& context() { return context_; }

 private:
  boost::asio::ssl::context context_;
  std::string stamp_;  // of the files
};

/// SHA-256 of what the client has shown, in hex; empty if it has shown nothing.
std::string client_certificate(SSL* handle);

}  // namespace gald::net
