// All coroutines of the client are in this file. g++ 12.2 miscompiles some expressions with
// co_await, so here: coroutine parameters by value, and nothing but names, calls, literals and
// std::move in such an expression.
#include "net/http_client.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/log.hpp"
#include "net/http_exchange.hpp"
#include "net/http_message.hpp"
#include "net/tls.hpp"

#if defined(__GNUC__) && !defined(__clang__)
// g++ 12 inlines the allocation of a coroutine frame but not its release, and then warns of a pair
// of Asio's own functions (awaitable_frame_base) that do belong together.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace gald::net {

namespace {

constexpr std::uint32_t kHeaderLimit = 64 * 1024;

/// One address that swallows packets must not use up the time of the others (IPv6 that leads
/// nowhere, for instance).
constexpr std::chrono::seconds kPerAddress{3};

}  // namespace

// ---- the client
// -----------------------------------------------------------------------------------

class HttpClient::Impl {
 public:
  explicit Impl(HttpClientOptions options);
  ~Impl();

  Outcome send(const HttpRequest& request, const Url& url, milliseconds timeout,
               const std::stop_token& stop, bool replayable);

  const HttpClientOptions& options() const { return options_; }

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
  using Parser = http::response_parser<http::string_body>;

  asio::awaitable<void> run(std::shared_ptr<Exchange> exchange);
  asio::awaitable<Problem> connect(std::shared_ptr<Exchange> exchange);
  asio::awaitable<Problem> dial(std::shared_ptr<Exchange> exchange, Url hop);
  asio::awaitable<Problem> dig_tunnel(std::shared_ptr<Exchange> exchange);
  asio::awaitable<Problem> shake_hands(std::shared_ptr<Exchange> exchange);
  asio::awaitable<Talk> talk(std::shared_ptr<Exchange> exchange);
  asio::awaitable<error_code> write(std::shared_ptr<Exchange> exchange, std::string bytes);
  asio::awaitable<error_code> read_some(std::shared_ptr<Exchange> exchange);
  asio::awaitable<error_code> read(std::shared_ptr<Exchange> exchange, Parser* parser);

  std::unique_ptr<Connection> take_idle(const std::string& origin);
  void keep(const std::string& origin, std::unique_ptr<Connection> connection);
  Error tls_error(Exchange& exchange, const error_code& ec) const;

  HttpClientOptions options_;
  std::optional<Url> proxy_;
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
  if (!options_.proxy.empty()) {
    proxy_ = parse_http_url(options_.proxy);
    if (!proxy_ || proxy_->target != "/")
      throw std::runtime_error("proxy '" + options_.proxy +
                               "' is not of the form http://host[:port]");
  }
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
  // Here and not on the io thread, because it reads a file.
  if (proxy_ && url.tls && options_.proxy_credentials)
    exchange->proxy_credentials = options_.proxy_credentials();
  auto outcome = exchange->done.get_future();
  asio::co_spawn(io_, run(exchange), asio::detached);
  const std::stop_callback on_stop(stop, [this, exchange] {
    asio::post(io_, [exchange] { exchange->end(Exchange::Ended::stopped); });
  });
  return outcome.get();
}

asio::awaitable<void> HttpClient::Impl::run(std::shared_ptr<Exchange> exchange) {
  Outcome outcome = exchange->error(ErrorKind::protocol, "internal error");
  try {
    exchange->connection = take_idle(exchange->origin);
    const bool reused = exchange->connection != nullptr;
    exchange->stands = reused;
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
      // A 503 sticks to its connection, and perhaps to others: meet another front end next time
      // ("Best practices for working with Microsoft Graph").
      const auto* response = std::get_if<HttpResponse>(&outcome);
      if (response != nullptr && response->status == 503)
        idle_.erase(exchange->origin);
      else if (keep_alive && exchange->ended == Exchange::Ended::no)
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
  exchange->stands = false;
  exchange->connection = std::make_unique<Connection>(io_, tls_);
  const bool through_proxy = proxy_ && exchange->url.tls;
  Url hop = through_proxy ? *proxy_ : exchange->url;
  if (through_proxy)
    exchange->hop = "proxy " + hop.origin() + ": ";
  exchange->arm(options_.connect_timeout, " (looking up the host name)");
  Problem problem = co_await dial(exchange, std::move(hop));
  if (!problem && through_proxy)
    problem = co_await dig_tunnel(exchange);
  if (!problem && exchange->url.tls)
    problem = co_await shake_hands(exchange);
  exchange->stands = !problem;
  co_return problem;
}

/// A TCP connection with `hop`, which is the origin or the proxy before it.
asio::awaitable<HttpClient::Impl::Problem> HttpClient::Impl::dial(
    std::shared_ptr<Exchange> exchange, Url hop) {
  error_code ec;
  auto token = asio::redirect_error(asio::use_awaitable, ec);
  const auto lookup = std::make_shared<Lookup>();
  lookup->waiting = exchange;
  exchange->resolved.expires_at(asio::steady_timer::time_point::max());
  std::thread(look_up, lookup, hop.host, hop.port).detach();
  if (exchange->ended == Exchange::Ended::no)
    co_await exchange->resolved.async_wait(token);
  std::vector<tcp::endpoint> endpoints;
  {
    const std::lock_guard lock(lookup->mutex);
    lookup->waiting.reset();
    ec = lookup->error;
    endpoints = std::move(lookup->endpoints);
  }
  if (!exchange->url.tls)  // what the name promised must hold for its addresses, too
    endpoints.erase(std::remove_if(endpoints.begin(), endpoints.end(), leaves_the_link),
                    endpoints.end());
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
  co_return std::nullopt;
}

/// The proxy connects us with the origin; from then on it only passes bytes.
asio::awaitable<HttpClient::Impl::Problem> HttpClient::Impl::dig_tunnel(
    std::shared_ptr<Exchange> exchange) {
  exchange->doing = " (asking the proxy)";
  if (!exchange->proxy_credentials)
    co_return exchange->proxy_credentials.error();
  const std::string& credentials = exchange->proxy_credentials->reveal();
  std::string request = tunnel_request(exchange->url, options_.user_agent, credentials);
  error_code ec = co_await write(exchange, std::move(request));
  Parser parser;
  parser.header_limit(kHeaderLimit);
  parser.skip(true);  // what looks like a length is not one (RFC 9110 section 9.3.6)
  if (!ec)
    ec = co_await read(exchange, &parser);
  if (ec || exchange->ended != Exchange::Ended::no) {
    const bool garbled = parser.got_some();
    co_return exchange->error(ErrorKind::network,
                              garbled ? "the answer is not HTTP" : words_for(ec),
                              garbled ? "Check that there is an HTTP proxy at this address." : "");
  }
  const int status = static_cast<int>(parser.get().result_int());
  exchange->hop.clear();
  if (status / 100 != 2) {
    const Error refused =
        tunnel_refusal(proxy_->origin(), status, !exchange->proxy_credentials->empty());
    co_return exchange->error(refused.kind, refused.what, refused.remedy);
  }
  if (exchange->connection->buffer.size() != 0)
    co_return exchange->error(ErrorKind::network, "the proxy talks into the tunnel");
  co_return std::nullopt;
}

asio::awaitable<HttpClient::Impl::Problem> HttpClient::Impl::shake_hands(
    std::shared_ptr<Exchange> exchange) {
  exchange->doing = " (TLS handshake)";
  SSL* handle = exchange->connection->stream.native_handle();
  error_code ec;
  asio::ip::make_address(exchange->url.host, ec);
  if (!expect_host(handle, exchange->url.host, !ec))
    co_return exchange->error(ErrorKind::tls, "not a host name that a certificate can be for");

  auto token = asio::redirect_error(asio::use_awaitable, ec);
  co_await exchange->connection->stream.async_handshake(ssl::stream_base::client, token);
  if (ec || exchange->ended != Exchange::Ended::no)
    co_return tls_error(*exchange, ec);
  exchange->connection->secured = true;
  exchange->connection->peer = describe_peer(handle);
  co_return std::nullopt;
}

Error HttpClient::Impl::tls_error(Exchange& exchange, const error_code& ec) const {
  const std::string store = options_.ca_file.empty() ? "the system's certificates"
                                                     : "ca_file = " + options_.ca_file.string();
  if (const auto refused = verification_failure(exchange.connection->stream.native_handle(), store))
    return exchange.error(ErrorKind::tls, *refused);
  if (ec.category() == asio::error::get_ssl_category()) {
    const char* reason = ERR_reason_error_string(static_cast<unsigned long>(ec.value()));
    return exchange.error(ErrorKind::tls,
                          std::string("TLS handshake failed: ") + (reason ? reason : ec.message()));
  }
  return exchange.error(ErrorKind::broken, words_for(ec) + " during the TLS handshake");
}

asio::awaitable<error_code> HttpClient::Impl::write(std::shared_ptr<Exchange> exchange,
                                                    std::string bytes) {
  error_code ec;
  auto token = asio::redirect_error(asio::use_awaitable, ec);
  Connection& connection = *exchange->connection;
  const auto buffer = asio::buffer(bytes);
  if (connection.secured)
    co_await asio::async_write(connection.stream, buffer, token);
  else
    co_await asio::async_write(connection.socket(), buffer, token);
  OPENSSL_cleanse(bytes.data(), bytes.size());  // tokens and secrets were in it
  co_return ec;
}

asio::awaitable<error_code> HttpClient::Impl::read_some(std::shared_ptr<Exchange> exchange) {
  error_code ec;
  auto token = asio::redirect_error(asio::use_awaitable, ec);
  Connection& connection = *exchange->connection;
  const auto room = connection.buffer.prepare(kReadBuffer);
  std::size_t size = 0;
  if (connection.secured)
    size = co_await connection.stream.async_read_some(room, token);
  else
    size = co_await connection.socket().async_read_some(room, token);
  connection.buffer.commit(size);
  co_return ec;
}

/// Until the message is whole. What Beast's own http::async_read does, for both kinds of streams.
asio::awaitable<error_code> HttpClient::Impl::read(std::shared_ptr<Exchange> exchange,
                                                   Parser* parser) {
  auto& buffer = exchange->connection->buffer;
  error_code ec;
  parser->eager(true);
  while (true) {
    if (buffer.size() != 0) {
      buffer.consume(parser->put(buffer.data(), ec));
      if (ec == http::error::need_more)
        ec.clear();
      if (ec || parser->is_done())
        co_return ec;
    }
    ec = co_await read_some(exchange);
    if (ec == asio::error::eof && parser->got_some()) {
      ec.clear();
      parser->put_eof(ec);  // the end of the connection may be that of the body
      co_return ec;
    }
    if (ec)
      co_return ec;
  }
}

asio::awaitable<HttpClient::Impl::Talk> HttpClient::Impl::talk(std::shared_ptr<Exchange> exchange) {
  Connection& connection = *exchange->connection;
  exchange->arm(exchange->timeout, "");

  std::string request = wire_form(exchange->request, exchange->url, options_.user_agent);
  error_code ec = co_await write(exchange, std::move(request));
  if (ec || exchange->ended != Exchange::Ended::no) {
    Error failed = exchange->error(ErrorKind::broken, words_for(ec));
    co_return Talk(std::move(failed), true, false);
  }

  std::optional<Parser> parser;
  do {  // interim answers (RFC 9110 section 15.2) are skipped
    parser.emplace();
    parser->header_limit(kHeaderLimit);
    parser->body_limit(options_.body_limit);
    parser->skip(exchange->request.method == "HEAD");
    ec = co_await read(exchange, &*parser);
  } while (!ec && parser->get().result_int() / 100 == 1);

  if (ec || exchange->ended != Exchange::Ended::no) {
    const bool silent = !parser->got_some();
    std::string what = words_for(ec);
    ErrorKind kind = ErrorKind::broken;
    if (ec == http::error::body_limit) {
      what = "the answer is larger than " + std::to_string(options_.body_limit) + " bytes";
      kind = ErrorKind::protocol;
    } else if (parser->is_header_done()) {
      const auto length = parser->content_length();
      what = "the answer was cut off after " + std::to_string(parser->get().body().size()) +
             (length ? " of " + std::to_string(*length) : "") + " bytes";
    } else if (!silent) {
      what = "the answer is not HTTP, or was cut off in its headers";
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
  response.peer = connection.peer;
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
  auto url = parse_url(request.url);
  if (!url && impl_->options().plain_http && is_plain_http_url(request.url))
    url = parse_http_url(request.url);
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
  if (auto broken = decode(response, url->origin(), impl_->options().body_limit))
    return std::move(*broken);
  return std::move(response);
}

}  // namespace gald::net
