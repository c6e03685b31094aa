// All coroutines of the client are in this file. g++ 12.2 miscompiles some expressions with
// co_await, so here: coroutine parameters by value, and nothing but names, calls, literals and
// std::move in such an expression.
#include "net/http_client.hpp"

#include <algorithm>
#include <future>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <variant>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/log.hpp"
#include "base/text.hpp"
#include "net/http_message.hpp"

#if defined(__GNUC__) && !defined(__clang__)
// g++ 12 inlines the allocation of a coroutine frame but not its release, and then warns of a pair
// of Asio's own functions (awaitable_frame_base) that do belong together.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace gald::net {

namespace {

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
constexpr std::uint32_t kHeaderLimit = 64 * 1024;

/// One address that swallows packets must not use up the time of the others (IPv6 that leads
/// nowhere, for instance).
constexpr std::chrono::seconds kPerAddress{3};

std::string duration_text(milliseconds duration) {
  if (duration.count() % 1000 == 0)
    return std::to_string(duration.count() / 1000) + " s";
  return std::to_string(duration.count()) + " ms";
}

// ---- what goes out
// --------------------------------------------------------------------------------

http::request<http::string_body> message(const HttpRequest& request, const Url& url,
                                         const std::string& user_agent) {
  http::request<http::string_body> out;
  out.version(11);
  out.method_string(request.method);
  out.target(url.target);
  out.set(http::field::host, url.origin().substr(std::string_view("https://").size()));
  out.set(http::field::user_agent, user_agent);
  out.set(http::field::accept_encoding, "gzip");
  for (const auto& [name, value] : request.headers)
    out.set(name, value);
  out.body() = request.body;
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT")
    out.content_length(request.body.size());
  return out;
}

// ---- the state of one send
// ------------------------------------------------------------------------

struct Connection {
  Connection(asio::io_context& io, ssl::context& tls) : stream(io, tls) {
    buffer.reserve(kReadBuffer);
  }

  tcp::socket& socket() { return stream.next_layer(); }

  ssl::stream<tcp::socket> stream;
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

  Error error(ErrorKind kind, const std::string& what) const {
    if (ended == Ended::stopped)
      return Error{ErrorKind::stopped, origin + ": stopped", {}};
    if (ended == Ended::late)
      return Error{ErrorKind::network,
                   origin + ": no answer within " + duration_text(armed_for) + doing,
                   {}};
    return Error{kind, origin + ": " + what, {}};
  }

  const HttpRequest& request;  // the caller of send() waits, so it outlives the exchange
  Url url;
  std::string origin;
  milliseconds timeout;
  bool replayable;

  asio::steady_timer timer;
  asio::steady_timer attempt;
  asio::steady_timer resolved;  // cancelled when the name has been looked up
  std::uint64_t arming = 0;
  std::uint64_t attempts = 0;
  milliseconds armed_for{0};
  const char* doing = "";
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

void look_up(const std::shared_ptr<Lookup>& lookup, const std::string& host, std::uint16_t port) {
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

// ---- errors in the words of an operator
// -----------------------------------------------------------

std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return text;
}

std::string words_for(const error_code& ec) {
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

}  // namespace

// ---- the client
// -----------------------------------------------------------------------------------

class HttpClient::Impl {
 public:
  explicit Impl(HttpClientOptions options);
  ~Impl();

  Outcome send(const HttpRequest& request, const Url& url, milliseconds timeout,
               const std::stop_token& stop, bool replayable);
  void forget(const std::string& origin);

  std::uint64_t body_limit() const { return options_.body_limit; }

 private:
  /// What became of one request on one connection. `silent`: not a byte of an answer was seen.
  struct Talk {
    Talk(Outcome result, bool no_byte, bool keep)
        : outcome(std::move(result)), silent(no_byte), keep_alive(keep) {}

    Outcome outcome;
    bool silent;
    bool keep_alive;
  };

  using Problem = std::optional<Error>;

  asio::awaitable<void> run(std::shared_ptr<Exchange> exchange);
  asio::awaitable<Problem> connect(std::shared_ptr<Exchange> exchange);
  asio::awaitable<Problem> shake_hands(std::shared_ptr<Exchange> exchange);
  asio::awaitable<Talk> talk(std::shared_ptr<Exchange> exchange);

  std::unique_ptr<Connection> take_idle(const std::string& origin);
  void keep(const std::string& origin, std::unique_ptr<Connection> connection);
  Error tls_error(Exchange& exchange, const error_code& ec) const;

  HttpClientOptions options_;
  ssl::context tls_{ssl::context::tls_client};
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  std::map<std::string, std::vector<std::unique_ptr<Connection>>> idle_;  // io thread only
  std::thread thread_;
};

HttpClient::Impl::Impl(HttpClientOptions options) : options_(std::move(options)) {
  SSL_CTX_set_min_proto_version(tls_.native_handle(), TLS1_2_VERSION);
  tls_.set_verify_mode(ssl::verify_peer);
  error_code ec;
  if (options_.ca_file.empty())
    tls_.set_default_verify_paths(ec);
  else
    tls_.load_verify_file(options_.ca_file.string(), ec);
  if (ec)
    throw std::runtime_error((options_.ca_file.empty() ? "the system's certificate store"
                                                       : "ca_file " + options_.ca_file.string()) +
                             ": cannot be read as certificates in PEM form");
  thread_ = std::thread([this] { io_.run(); });
}

HttpClient::Impl::~Impl() {
  asio::post(io_, [this] { idle_.clear(); });
  work_.reset();
  thread_.join();
}

Outcome HttpClient::Impl::send(const HttpRequest& request, const Url& url, milliseconds timeout,
                               const std::stop_token& stop, bool replayable) {
  const auto exchange =
      std::make_shared<Exchange>(io_, request, url, timeout, replayable || request.method == "GET");
  auto outcome = exchange->done.get_future();
  asio::co_spawn(io_, run(exchange), asio::detached);
  const std::stop_callback on_stop(stop, [this, exchange] {
    asio::post(io_, [exchange] { exchange->end(Exchange::Ended::stopped); });
  });
  return outcome.get();
}

void HttpClient::Impl::forget(const std::string& origin) {
  asio::post(io_, [this, origin] { idle_.erase(origin); });
}

asio::awaitable<void> HttpClient::Impl::run(std::shared_ptr<Exchange> exchange) {
  Outcome outcome = exchange->error(ErrorKind::protocol, "internal error");
  try {
    exchange->connection = take_idle(exchange->origin);
    const bool reused = exchange->connection != nullptr;
    Problem problem;
    if (!reused)
      problem = co_await connect(exchange);
    if (problem) {
      outcome = std::move(*problem);
    } else {
      Talk first = co_await talk(exchange);
      outcome = std::move(first.outcome);
      bool keep_alive = first.keep_alive;
      // The server may close a kept connection at any time, also while our request is on its way
      // (RFC 9112 section 9.3.1 and 9.5): try once more, on a connection that is surely new.
      const bool dead = reused && first.silent && exchange->ended == Exchange::Ended::no &&
                        std::holds_alternative<Error>(outcome);
      if (dead && exchange->replayable) {
        problem = co_await connect(exchange);
        if (problem) {
          outcome = std::move(*problem);
          keep_alive = false;
        } else {
          Talk second = co_await talk(exchange);
          outcome = std::move(second.outcome);
          keep_alive = second.keep_alive;
        }
      }
      if (keep_alive && exchange->ended == Exchange::Ended::no)
        keep(exchange->origin, std::move(exchange->connection));
    }
  } catch (const std::exception& caught) {
    outcome = exchange->error(ErrorKind::protocol, one_line(caught.what()));
  }
  exchange->disarm();
  exchange->connection.reset();
  exchange->done.set_value(std::move(outcome));
}

asio::awaitable<HttpClient::Impl::Problem> HttpClient::Impl::connect(
    std::shared_ptr<Exchange> exchange) {
  error_code ec;
  auto token = asio::redirect_error(asio::use_awaitable, ec);
  exchange->connection = std::make_unique<Connection>(io_, tls_);
  exchange->arm(options_.connect_timeout, " (looking up the host name)");

  const auto lookup = std::make_shared<Lookup>();
  lookup->waiting = exchange;
  exchange->resolved.expires_at(asio::steady_timer::time_point::max());
  std::thread(look_up, lookup, exchange->url.host, exchange->url.port).detach();
  if (exchange->ended == Exchange::Ended::no)
    co_await exchange->resolved.async_wait(token);
  std::vector<tcp::endpoint> endpoints;
  {
    const std::lock_guard lock(lookup->mutex);
    lookup->waiting.reset();
    ec = lookup->error;
    endpoints = std::move(lookup->endpoints);
  }
  if (ec || endpoints.empty() || exchange->ended != Exchange::Ended::no)
    co_return exchange->error(ErrorKind::network, ec ? words_for(ec) : "host name not found");

  exchange->doing = " (connecting)";
  for (const tcp::endpoint& endpoint : endpoints) {
    exchange->close();
    exchange->arm_attempt(kPerAddress);
    co_await exchange->connection->socket().async_connect(endpoint, token);
    if (!ec || exchange->ended != Exchange::Ended::no)
      break;
  }
  exchange->disarm_attempt();
  if (ec || exchange->ended != Exchange::Ended::no)
    co_return exchange->error(ErrorKind::network, words_for(ec));
  exchange->connection->socket().set_option(tcp::no_delay(true), ec);
  Problem problem = co_await shake_hands(exchange);
  co_return problem;
}

asio::awaitable<HttpClient::Impl::Problem> HttpClient::Impl::shake_hands(
    std::shared_ptr<Exchange> exchange) {
  exchange->doing = " (TLS handshake)";
  SSL* handle = exchange->connection->stream.native_handle();
  error_code ec;
  asio::ip::make_address(exchange->url.host, ec);
  const bool is_address = !ec;
  // RFC 9110 section 4.3.4: an address is compared with the addresses in the certificate, a name
  // with its DNS names; RFC 6066 section 3: SNI never carries an address.
  const bool prepared =
      is_address
          ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(handle), exchange->url.host.c_str()) == 1
          : SSL_set1_host(handle, exchange->url.host.c_str()) == 1 &&
                SSL_set_tlsext_host_name(handle, exchange->url.host.c_str()) == 1;
  if (!prepared)
    co_return exchange->error(ErrorKind::tls, "not a host name that a certificate can be for");
  SSL_set_hostflags(handle, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);

  auto token = asio::redirect_error(asio::use_awaitable, ec);
  co_await exchange->connection->stream.async_handshake(ssl::stream_base::client, token);
  if (ec || exchange->ended != Exchange::Ended::no)
    co_return tls_error(*exchange, ec);
  co_return std::nullopt;
}

Error HttpClient::Impl::tls_error(Exchange& exchange, const error_code& ec) const {
  const long verdict = SSL_get_verify_result(exchange.connection->stream.native_handle());
  if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH)
    return exchange.error(ErrorKind::tls, "certificate is for another name");
  if (verdict != X509_V_OK) {
    const std::string store = options_.ca_file.empty() ? "the system's certificates"
                                                       : "ca_file = " + options_.ca_file.string();
    return exchange.error(ErrorKind::tls, std::string("certificate refused: ") +
                                              X509_verify_cert_error_string(verdict) + " (" +
                                              store + ")");
  }
  if (ec.category() == asio::error::get_ssl_category()) {
    const char* reason = ERR_reason_error_string(static_cast<unsigned long>(ec.value()));
    return exchange.error(ErrorKind::tls,
                          std::string("TLS handshake failed: ") + (reason ? reason : ec.message()));
  }
  return exchange.error(ErrorKind::network, words_for(ec) + " during the TLS handshake");
}

asio::awaitable<HttpClient::Impl::Talk> HttpClient::Impl::talk(std::shared_ptr<Exchange> exchange) {
  error_code ec;
  auto token = asio::redirect_error(asio::use_awaitable, ec);
  Connection& connection = *exchange->connection;
  exchange->arm(exchange->timeout, "");

  auto request = message(exchange->request, exchange->url, options_.user_agent);
  co_await http::async_write(connection.stream, request, token);
  if (ec || exchange->ended != Exchange::Ended::no) {
    Error failed = exchange->error(ErrorKind::network, words_for(ec));
    co_return Talk(std::move(failed), true, false);
  }

  std::optional<http::response_parser<http::string_body>> parser;
  do {  // interim answers (RFC 9110 section 15.2) are skipped
    parser.emplace();
    parser->header_limit(kHeaderLimit);
    parser->body_limit(options_.body_limit);
    parser->skip(exchange->request.method == "HEAD");
    co_await http::async_read_header(connection.stream, connection.buffer, *parser, token);
  } while (!ec && parser->get().result_int() / 100 == 1);
  if (!ec && !parser->is_done())
    co_await http::async_read(connection.stream, connection.buffer, *parser, token);

  if (ec || exchange->ended != Exchange::Ended::no) {
    const bool silent = !parser->got_some();
    std::string what = words_for(ec);
    ErrorKind kind = ErrorKind::network;
    if (ec == http::error::body_limit) {
      what = "the answer is larger than " + std::to_string(options_.body_limit) + " bytes";
      kind = ErrorKind::protocol;
    } else if (parser->is_header_done()) {
      const auto length = parser->content_length();
      what = "the answer was cut off after " + std::to_string(parser->get().body().size()) +
             (length ? " of " + std::to_string(*length) : "") + " bytes";
      kind = ErrorKind::protocol;
    } else if (!silent) {
      what = "the answer is not HTTP, or was cut off in its headers";
      kind = ErrorKind::protocol;
    }
    Error failed = exchange->error(kind, what);
    co_return Talk(std::move(failed), silent, false);
  }

  const bool keep_alive = parser->keep_alive() && connection.buffer.size() == 0;
  auto received = parser->release();
  HttpResponse response;
  response.status = static_cast<int>(received.result_int());
  for (const auto& field : received)
    response.headers.emplace_back(field.name_string(), field.value());
  response.body = std::move(received.body());
  response.wire_bytes = response.body.size();
  co_return Talk(std::move(response), false, keep_alive);
}

std::unique_ptr<Connection> HttpClient::Impl::take_idle(const std::string& origin) {
  const auto found = idle_.find(origin);
  if (found == idle_.end())
    return nullptr;
  auto& kept = found->second;
  while (!kept.empty()) {
    auto connection = std::move(kept.back());
    kept.pop_back();
    if (steady_clock::now() - connection->last_used > options_.idle_timeout)
      continue;
    // Nothing is expected on an idle connection: whatever can be read is its end.
    error_code ec;
    char byte = 0;
    tcp::socket& socket = connection->socket();
    socket.non_blocking(true, ec);
    socket.receive(asio::buffer(&byte, 1), tcp::socket::message_peek, ec);
    if (ec == asio::error::would_block)
      return connection;
  }
  return nullptr;
}

void HttpClient::Impl::keep(const std::string& origin, std::unique_ptr<Connection> connection) {
  connection->last_used = steady_clock::now();
  idle_[origin].push_back(std::move(connection));
}

// ---- the public face
// ------------------------------------------------------------------------------

HttpClient::HttpClient(HttpClientOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}

HttpClient::~HttpClient() = default;

base::Result<HttpResponse> HttpClient::send(const HttpRequest& request, milliseconds timeout,
                                            std::stop_token stop, bool replayable) {
  const auto url = parse_url(request.url);
  if (auto refused = refusal(request, url))
    return *std::move(refused);
  const auto started = steady_clock::now();
  Outcome outcome = impl_->send(request, *url, timeout, stop, replayable);
  const auto took = std::chrono::duration_cast<milliseconds>(steady_clock::now() - started);

  if (auto* failed = std::get_if<Error>(&outcome)) {
    base::log::debug("http.failed", failed->what,
                     {{"method", request.method}, {"path", url->path()}, {"ms", took.count()}});
    return std::move(*failed);
  }
  auto& response = std::get<HttpResponse>(outcome);
  base::log::debug("http.request", url->origin(),
                   {{"method", request.method},
                    {"path", url->path()},
                    {"status", response.status},
                    {"bytes", response.wire_bytes},
                    {"ms", took.count()}});
  // Here and not on the io thread, where it would hold up the other exchanges.
  if (auto broken = decode(response, url->origin(), impl_->body_limit()))
    return std::move(*broken);
  return std::move(response);
}

void HttpClient::forget_connections(std::string_view url) {
  if (const auto origin = origin_of(url))
    impl_->forget(*origin);
}

}  // namespace gald::net
