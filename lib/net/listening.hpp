// Sockets that are listened on, and who is at the other end of one. Used by the HTTP server.
#pragma once

#include <cstdint>
#include <string>

#include "net/http_server.hpp"

namespace gald::net {

/// A listening socket, not blocking. Closes itself; a Unix socket takes its file with it.
class Listening {
 public:
  /// "127.0.0.1:8389", "[::1]:0", "unix:/run/gald/gald.sock". The file of a Unix socket that nobody
  /// listens on is replaced. Throws std::runtime_error with one line that names the address.
  Listening(const std::string& address, std::uint32_t socket_mode);
  ~Listening();
  Listening(Listening&& other) noexcept;
  Listening& operator=(Listening&&) = delete;

  /// Given away: whoever takes it closes it.
  int release_descriptor();

  /// With the port that was found.
  const std::string& address() const { return address_; }

  bool is_unix() const { return !file_.empty(); }

  bool is_loopback() const { return loopback_; }

 private:
  void listen_on_file(std::uint32_t mode);
  void listen_on_port();

  std::string address_;
  std::string file_;  // empty: TCP
  std::uint64_t file_number_ = 0;
  bool loopback_ = false;
  int descriptor_ = -1;
};

/// Of a connection that was accepted.
Peer peer_of(int descriptor);

/// Bytes that were sent and have not arrived yet.
int bytes_under_way(int descriptor);

/// Whether the other end will send nothing more.
bool has_hung_up(int descriptor);

}  // namespace gald::net
