// A TCP connection by host name, with every wait bounded. libldap could do it too, but then it is
// one call that says "server down" for every cause and cannot be stopped.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace gald::ad {

/// Owns a file descriptor.
class Socket {
 public:
  Socket() = default;

  explicit Socket(int fd) : fd_(fd) {}

  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

  Socket& operator=(Socket&& other) noexcept;
  ~Socket();

  int fd() const { return fd_; }

  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

/// The addresses of `host` as text, in the resolver's order. Errors as those of dial().
base::Result<std::vector<std::string>> addresses_of(const std::string& host,
                                                    std::chrono::seconds limit,
                                                    std::stop_token stop);

/// Tries the addresses of `host` in the resolver's order, for `limit` altogether; the socket
/// is non-blocking, and notices a peer that is gone (keepalive). Errors are network or stopped, and
/// say only what happened ("host name not found"): where to is the caller's to say.
base::Result<Socket> dial(const std::string& host, int port, std::chrono::seconds limit,
                          std::stop_token stop);

}  // namespace gald::ad
