// HTTPS for blocking callers. No Boost in this header: whoever includes it compiles in half a
// second.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "net/secret_provider.hpp"
#include "net/url.hpp"

namespace gald::net {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method = "GET";
  std::string url;  ///< absolute; https, but see HttpClientOptions::plain_http
  Headers headers;
  std::string body;
};

struct HttpResponse {
  int status = 0;
  Headers headers;
  std::string body;              ///< decoded when the server compressed it
  std::uint64_t wire_bytes = 0;  ///< of the body as it was sent
  /// The certificate that was verified, for people: "graph.microsoft.com, issued by Some CA 1,
  /// valid until 2027-03-01".
  std::string peer = {};

  /// Names compare without case; nothing when absent.
  std::optional<std::string_view> header(std::string_view name) const;
};

struct HttpClientOptions {
  std::filesystem::path ca_file;             ///< PEM; empty: the system's store
  std::chrono::seconds connect_timeout{10};  ///< name, TCP and TLS together
  std::chrono::seconds idle_timeout{60};  ///< a kept connection older than this is not used again
  std::uint64_t body_limit = 64u * 1024 * 1024;  ///< decoded
  std::string user_agent = "gald";
  /// "http://host[:port]": every https origin is reached through a tunnel (CONNECT) that this proxy
  /// makes; TLS is with the origin, whose name only the proxy looks up. Empty: none.
  std::string proxy;
  SecretProvider proxy_credentials;  ///< "user:password"; may be empty
  /// Accepts http:// URLs too, but to addresses of this machine and its links (127.0.0.0/8, ::1,
  /// localhost, 169.254.0.0/16) only: the metadata service of Azure has no TLS.
  bool plain_http = false;
};

/// Keeps connections per origin and sends one request at a time on each; a 503 ends them, so that
/// the next request meets another front end. Thread-safe. Certificates
/// and host names are always verified; TLS 1.2 is the least.
class HttpClient {
 public:
  /// Throws std::runtime_error naming the file when ca_file cannot be read, and for a proxy that is
  /// not of the form above.
  explicit HttpClient(HttpClientOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Blocks until the whole answer is here. `timeout` bounds the exchange after the connection
  /// stands. Any HTTP status is a value; an Error names scheme, host and port, never the query or a
  /// header, and is
  /// - network: no connection (the name, TCP, the proxy's way on, the time limit of these);
  /// - tls: the certificate or the handshake was refused;
  /// - broken: reset, closed, silent or garbled after that, or reset during the handshake;
  /// - protocol: the answer is larger than body_limit;
  /// - auth: the proxy refused us;
  /// - stopped, or config for a request that cannot be sent.
  /// A kept connection that turns out to be dead before the first byte of the
  /// answer is replaced once, for GET and for requests marked `replayable`.
  base::Result<HttpResponse> send(const HttpRequest& request, std::chrono::milliseconds timeout,
                                  std::stop_token stop, bool replayable = true);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gald::net
