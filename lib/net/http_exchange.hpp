// The state of one HttpClient::send, and the words for what can happen to it. Included by
// http_client.cpp only: whoever includes it pays for Asio and Beast.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "base/text.hpp"
#include "net/http_client.hpp"
#include "net/url.hpp"

namespace gald::net {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
using base::Error;
using base::ErrorKind;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kReadBuffer = 64 * 1024;

inline std::string duration_text(milliseconds duration) {
  if (duration.count() % 1000 == 0)
    return std::to_string(duration.count() / 1000) + " s";
  return std::to_string(duration.count()) + " ms";
}

struct Connection {
  Connection(asio::io_context& io, ssl::context& tls) : stream(io, tls) {
    buffer.reserve(kReadBuffer);
  }

  tcp::socket& socket() { return stream.next_layer(); }

  ssl::stream<tcp::socket> stream;
  bool secured = false;  ///< false: bytes go past TLS, to a proxy or by plain HTTP
  std::string peer;
  boost::beast::flat_buffer buffer;
  steady_clock::time_point last_used;
};

using Outcome = std::variant<HttpResponse, Error>;

/// Lives on the io thread, `done` apart. Whatever ends the exchange early (its deadline, a stop)
/// closes the socket, so that the operation under way completes at once.
struct Exchange : std::enable_shared_from_this<Exchange> {
  enum class Ended { no, late, stopped };

  Exchange(asio::io_context& io, const HttpRequest& to_send, Url to, milliseconds limit, bool again)
      : request(to_send),
        url(std::move(to)),
        origin(url.origin()),
        timeout(limit),
        replayable(again),
        timer(io),
        attempt(io),
        resolved(io) {}

  void arm(milliseconds after, const char* what) {
    doing = what;
    armed_for = after;
    timer.expires_after(after);
    // A wait that had expired before it was armed anew must not count: hence the number.
    timer.async_wait([self = shared_from_this(), number = ++arming](error_code ec) {
      if (!ec && self->arming == number)
        self->end(Ended::late);
    });
  }

  /// Gives up the connection attempt under way, not the exchange.
  void arm_attempt(milliseconds after) {
    attempt.expires_after(after);
    attempt.async_wait([self = shared_from_this(), number = ++attempts](error_code ec) {
      if (!ec && self->attempts == number)
        self->close();
    });
  }

  void disarm() {
    ++arming;
    timer.cancel();
    disarm_attempt();
  }

  void disarm_attempt() {
    ++attempts;
    attempt.cancel();
  }

  void close() {
    error_code ignored;
    connection->socket().close(ignored);
  }

  void end(Ended why) {
    if (ended == Ended::no)
      ended = why;
    resolved.cancel();
    if (connection)
      close();
  }

  Error error(ErrorKind kind, const std::string& what, const std::string& remedy = {}) const {
    if (ended == Ended::stopped)
      return Error{ErrorKind::stopped, origin + ": stopped", {}};
    const std::string where = origin + ": " + hop;
    if (ended == Ended::late)
      return Error{stands ? ErrorKind::broken : ErrorKind::network,
                   where + "no answer within " + duration_text(armed_for) + doing,
                   {}};
    return Error{kind, where + what, remedy};
  }

  const HttpRequest& request;  // the caller of send() waits, so it outlives the exchange
  Url url;
  std::string origin;
  milliseconds timeout;
  bool replayable;
  base::Result<base::Secret> proxy_credentials = base::Secret();

  asio::steady_timer timer;
  asio::steady_timer attempt;
  asio::steady_timer resolved;  // cancelled when the name has been looked up
  std::uint64_t arming = 0;
  std::uint64_t attempts = 0;
  milliseconds armed_for{0};
  const char* doing = "";
  std::string hop;      // "proxy http://p:8080: " until there is a tunnel through it
  bool stands = false;  // the connection, TLS included
  Ended ended = Ended::no;
  std::unique_ptr<Connection> connection;
  std::promise<Outcome> done;
};

/// Where a lookup leaves its answer. getaddrinfo() cannot be interrupted, and a silent name server
/// keeps it for half a minute; so it runs in a thread of its own that touches nothing else and
/// whose answer may come when nobody waits for it any more.
struct Lookup {
  std::mutex mutex;
  std::shared_ptr<Exchange> waiting;  // reset when nobody waits
  error_code error;
  std::vector<tcp::endpoint> endpoints;
};

inline void look_up(const std::shared_ptr<Lookup>& lookup, const std::string& host,
                    std::uint16_t port) {
  asio::io_context own;
  tcp::resolver resolver(own);
  error_code ec;
  const auto found =
      resolver.resolve(host, std::to_string(port), tcp::resolver::numeric_service, ec);
  const std::lock_guard lock(lookup->mutex);
  lookup->error = ec;
  for (const auto& entry : found)
    lookup->endpoints.push_back(entry.endpoint());
  if (!lookup->waiting)
    return;
  const auto executor = lookup->waiting->resolved.get_executor();
  asio::post(executor, [exchange = std::move(lookup->waiting)] { exchange->resolved.cancel(); });
}

/// Plain HTTP must not be talked to this address: see HttpClientOptions::plain_http.
inline bool leaves_the_link(const tcp::endpoint& endpoint) {
  const auto address = endpoint.address();
  if (address.is_loopback())
    return false;
  if (!address.is_v4())
    return true;
  const auto bytes = address.to_v4().to_bytes();
  return bytes[0] != 169 || bytes[1] != 254;
}

// ---- errors in the words of an operator
// -----------------------------------------------------------

inline std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return text;
}

inline std::string words_for(const error_code& ec) {
  if (ec == asio::error::host_not_found || ec == asio::error::no_data)
    return "host name not found";
  if (ec == asio::error::host_not_found_try_again)
    return "host name not found (the name server does not answer)";
  if (ec == asio::error::connection_refused)
    return "connection refused";
  if (ec == asio::error::connection_reset || ec == asio::error::broken_pipe)
    return "connection reset";
  if (ec == asio::error::network_unreachable || ec == asio::error::host_unreachable)
    return "network unreachable";
  if (ec == asio::error::timed_out || ec == asio::error::operation_aborted)
    return "connection timed out";
  if (ec == asio::error::eof || ec == ssl::error::stream_truncated ||
      ec == http::error::end_of_stream)
    return "connection closed by the server";
  return one_line(base::ascii_lower(ec.message()));
}

}  // namespace gald::net
