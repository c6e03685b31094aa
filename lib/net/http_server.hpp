// The HTTP front: sockets, TLS, HTTP/1.1 and their limits. What is asked and answered is a
// Handler's business. No Boost in this header.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gald::net {

/// Who is at the other end of a connection.
struct Peer {
  std::string address;  ///< "192.0.2.7", "::1"; empty on a Unix socket
  bool encrypted = false;

  /// On a Unix socket: the account of the other process (SO_PEERCRED) and all groups of it.
  std::optional<std::uint32_t> user = {};
  std::vector<std::uint32_t> groups = {};

  /// SHA-256 of the client's certificate, if it has shown one that was verified: 64 hex digits.
  std::string certificate = {};
};

/// Who has a share of what is limited, as a key and not to be shown: an account on a Unix socket,
/// an address, of IPv6 the network of 64 bits, as whoever has one address there has all of them.
std::string client_of(const Peer& peer);

/// A whole request; valid until answer() returns.
struct ServerRequest {
  std::string method;
  std::string target;  ///< as it was sent: "/contacts?source=cloud"
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  Peer peer;

  /// The time of ServerResponse::wait is over: now an answer is due.
  bool waited = false;

  /// It was handed over before, and the answer was ServerResponse::wait.
  bool again = false;

  /// With `again`: what that answer held.
  std::shared_ptr<void> held = nullptr;

  /// Names compare without case; nothing when absent; of several the first.
  std::optional<std::string_view> header(std::string_view name) const;
};

/// A body that is made while it is sent. Called by one worker at a time; the client's pace is ours:
/// the next piece is not asked for before the last one is on its way.
class BodySource {
 public:
  virtual ~BodySource() = default;

  struct Piece {
    std::string bytes;  ///< empty without `end`: nothing for now; asked again once the server is
                        ///< woken, and at the latest after `ask_again`
    bool end = false;
    std::chrono::milliseconds ask_again{15'000};
  };

  /// Throws to break the connection off: the client sees that the body is not complete.
  virtual Piece next() = 0;

  /// Of the whole body, where it is known before; then next() gives exactly so many bytes.
  virtual std::optional<std::uint64_t> length() const { return std::nullopt; }
};

/// A whole message as it went out, to be sent again as it is.
struct ReadyAnswer {
  std::string message;  ///< status line, headers and body; the server keeps its Date up to date
  int status = 200;
  std::string route;
};

struct ServerResponse {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;  ///< but none of the connection's
  std::string body;
  std::shared_ptr<BodySource> stream = nullptr;  ///< instead of `body`

  /// There is no answer yet: the same request is handed over again when the server is woken, and,
  /// marked as `waited`, after this time. Keeps no worker. All else but `held` is of no use then.
  std::optional<std::chrono::milliseconds> wait = {};

  /// Given back when the body has gone out, or with `wait` when the next answer to the request is
  /// there; and when the client is gone.
  std::shared_ptr<void> held = nullptr;

  /// What the metrics call the request: "/contacts/{id}". Never what the client wrote.
  std::string route = {};

  /// Called on the worker with what this answer has become, compressed where the client takes that;
  /// not for HEAD, a stream, or a connection that ends. For whoever wants to give it to ready().
  std::function<void(std::shared_ptr<const ReadyAnswer>)> keep = {};
};

/// A request as the io thread sees it, before anything was copied.
struct RequestHead {
  std::string_view method;
  std::string_view target;
  std::string_view authorization;
  std::string_view if_none_match;
  std::string_view accept_encoding;
  std::string_view accept;
  const Peer& peer;
};

class Handler {
 public:
  virtual ~Handler() = default;

  /// Called on the io thread for a GET without a body: must not wait for anything. What it returns
  /// goes out as it is; nullptr: ask answer().
  virtual std::shared_ptr<const ReadyAnswer> ready(const RequestHead&) { return nullptr; }

  /// Called on a worker, from several at a time; may block. What it throws is answered with 500 and
  /// logged.
  virtual ServerResponse answer(const ServerRequest& request) = 0;

  /// Of a request that does not come to answer(), or whose answer finds no room: 400, 408, 411,
  /// 413, 414, 417, 421, 431, 500, 503. `detail` is a sentence for the client. Called on any
  /// thread; must not wait for anything.
  virtual ServerResponse refuse(int status, std::string_view detail) = 0;

  /// What was answered, for metrics. Called on the io thread once the answer has gone out, or has
  /// failed to; `route` is empty for what was refused before answer().
  virtual void answered(std::string_view route, std::string_view method, int status,
                        std::chrono::microseconds took, std::uint64_t bytes) {
    static_cast<void>(route), static_cast<void>(method), static_cast<void>(status);
    static_cast<void>(took), static_cast<void>(bytes);
  }

  /// Whether there is anything new for those who wait. Called now and then while anybody is
  /// connected, on a thread of its own: whatever the workers do, it is not behind that.
  virtual bool news() { return false; }

  /// The server ends, and what is under way has had its moment: what answer() and the streams still
  /// do shall end soon, by an exception too, as it is waited for.
  virtual void cut_short() noexcept {}
};

/// From where an address can be reached.
enum class Reach {
  machine,  ///< "127.0.0.1:8389", "[::1]:8389", "unix:/run/gald/gald.sock"
  others,   ///< "0.0.0.0:443", "192.0.2.7:8389", "[::]:8389"
};

/// Nothing for what is no such address.
std::optional<Reach> reach_of(std::string_view address);

struct ServerOptions {
  /// As above. Port 0: any.
  std::vector<std::string> listen;

  /// The same, but what cannot be listened on is logged and left out.
  std::vector<std::string> listen_if_possible = {};

  /// PEM; with a certificate, every TCP address speaks TLS 1.2 or newer, and only TLS. The files
  /// are read again when they change.
  std::filesystem::path certificate_file = {};
  std::filesystem::path key_file = {};
  std::filesystem::path client_ca_file =
      {};  ///< who signs the certificates of clients; empty: none
  bool require_client_certificate = false;

  /// What a client may call this server, without the port, beside localhost, 127.0.0.1 and [::1]:
  /// for TCP addresses without TLS, as a page of another origin may have its name lead to them (DNS
  /// rebinding).
  std::vector<std::string> hosts = {};

  std::uint32_t socket_mode = 0660;  ///< of Unix sockets
  int workers = 6;                   ///< some may be busy for long: the others still answer
  std::size_t connections = 4000;    ///< at a time

  /// Of IPv6 a network of 64 bits; on a Unix socket an account.
  std::size_t connections_per_address = 2500;

  /// Bytes of bodies of more than 64 KiB that were made and have not gone out. What would be more
  /// is answered with 503.
  std::size_t bodies_limit = 256 << 20;
  std::size_t bodies_per_address = 160 << 20;  ///< as with the connections

  std::size_t waiting_requests = 256;    ///< for a worker; beyond that: 503
  std::size_t header_limit = 16 * 1024;  ///< bytes
  std::size_t body_limit = 64 * 1024;
  std::chrono::milliseconds request_timeout{10'000};  ///< from its first byte to its last
  std::chrono::milliseconds idle_timeout{75'000};     ///< between two requests
  std::chrono::milliseconds stall_timeout{30'000};    ///< a client that takes nothing for so long
  std::chrono::milliseconds answer_timeout{600'000};  ///< a worker that makes nothing for so long
  std::chrono::milliseconds patience{30'000};  ///< with a client that takes less than least_rate
  std::int64_t least_rate = 1024;              ///< bytes a second, on average over an answer
  std::chrono::milliseconds certificate_interval{10'000};  ///< how often its files are looked at
  std::chrono::milliseconds news_interval{500};            ///< how often news() is asked for
};

/// Why the certificates cannot be used, in one line that names the file.
std::optional<std::string> certificate_problem(const ServerOptions& options);

/// HTTP/1.1 (RFC 9110, 9112): keep-alive, pipelining, HEAD, chunked answers. One io thread and some
/// workers; memory is bounded by the limits, whatever clients do.
class HttpServer {
 public:
  /// Listens at once. Throws std::runtime_error with one clear line that names the address or file.
  /// `handler` outlives it.
  HttpServer(ServerOptions options, Handler& handler);

  /// Ends what is under way: answers have a moment to go out, those who wait get one.
  ~HttpServer();

  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// As given, with the ports that were found.
  std::vector<std::string> addresses() const;

  /// Thread-safe: there may be something for those who wait.
  void wake();

  struct Load {
    std::size_t connections = 0;
    std::size_t waiting = 0;    ///< requests for a worker
    std::size_t streaming = 0;  ///< streams from beginning to end, and requests that wait for news
  };

  Load load() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gald::net
