#include "net/http_server.hpp"

#include <algorithm>
#include <future>
#include <thread>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <sys/socket.h>

#include "base/log.hpp"
#include "net/http_session.hpp"
#include "net/listening.hpp"
#include "net/server_tls.hpp"

namespace gald::net {

namespace ssl = boost::asio::ssl;
using asio::generic::stream_protocol;
using Socket = asio::basic_stream_socket<stream_protocol, asio::io_context::executor_type>;
using Acceptor = asio::basic_socket_acceptor<stream_protocol, asio::io_context::executor_type>;

namespace {

/// The end waits so long for what is under way.
constexpr std::chrono::seconds kGrace{5};

/// Deadlines are looked at so often: one timer for all is much cheaper than one for each operation.
constexpr std::chrono::milliseconds kSweep{1000};

/// The system would take megabytes for a client that reads nothing, and it would look as if it had
/// got them.
constexpr int kSendBuffer = 256 * 1024;

/// Counts what has gone out, so that a slow client is told from one that takes nothing.
template <typename Progress>
auto all_with(Progress progress) {
  return [progress](const error_code& ec, std::size_t size) -> std::size_t {
    progress(size);
    return ec ? 0 : 64 * 1024;
  };
}

class PlainSession : public HttpSession {
 public:
  PlainSession(SessionContext& context, Peer peer, bool checks_host, Socket socket)
      : HttpSession(context, std::move(peer), checks_host), socket_(std::move(socket)) {}

 private:
  std::shared_ptr<PlainSession> self() {
    return std::static_pointer_cast<PlainSession>(shared_from_this());
  }

  void shake_hands() override { on_hands_shaken({}, {}); }

  void read_some(asio::mutable_buffer into) override {
    socket_.async_read_some(
        into, [self = self()](const error_code& ec, std::size_t size) { self->on_read(ec, size); });
  }

  void write(const Buffers& buffers) override {
    asio::async_write(socket_, buffers,
                      all_with([this](std::size_t size) { on_some_written(size); }),
                      [self = self()](const error_code& ec, std::size_t) { self->on_written(ec); });
  }

  void end_writing() override {
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
    on_writing_ended();
  }

  void close_socket() override {
    error_code ignored;
    socket_.close(ignored);
  }

  void cancel_reading() override {
    error_code ignored;
    socket_.cancel(ignored);
  }

  int descriptor() override { return socket_.native_handle(); }

  Socket socket_;
};

class TlsSession : public HttpSession {
 public:
  TlsSession(SessionContext& context, Peer peer, Socket socket, std::shared_ptr<ServerTls> tls)
      : HttpSession(context, std::move(peer), false),
        tls_(std::move(tls)),
        stream_(std::move(socket), tls_->context()) {}

 private:
  std::shared_ptr<TlsSession> self() {
    return std::static_pointer_cast<TlsSession>(shared_from_this());
  }

  void shake_hands() override {
    stream_.async_handshake(ssl::stream_base::server, [self = self()](const error_code& ec) {
      self->on_hands_shaken(ec, ec ? std::string() : client_certificate(self->handle()));
    });
  }

  void read_some(asio::mutable_buffer into) override {
    stream_.async_read_some(
        into, [self = self()](const error_code& ec, std::size_t size) { self->on_read(ec, size); });
  }

  void write(const Buffers& buffers) override {
    asio::async_write(stream_, buffers,
                      all_with([this](std::size_t size) { on_some_written(size); }),
                      [self = self()](const error_code& ec, std::size_t) { self->on_written(ec); });
  }

  void end_writing() override {
    stream_.async_shutdown([self = self()](const error_code&) { self->close(); });
  }

  void close_socket() override {
    error_code ignored;
    stream_.next_layer().close(ignored);
  }

  void cancel_reading() override {
    error_code ignored;
    stream_.next_layer().cancel(ignored);
  }

  int descriptor() override { return stream_.next_layer().native_handle(); }

  SSL* handle() { return stream_.native_handle(); }

  const std::shared_ptr<ServerTls> tls_;
  ssl::stream<Socket> stream_;
};

}  // namespace

class HttpServer::Impl {
 public:
  Impl(ServerOptions options, Handler& handler)
      : context_(std::move(options), handler),
        timer_(context_.io),
        work_(context_.io.get_executor()) {
    const ServerOptions& given = context_.options;
    if (!given.certificate_file.empty())
      tls_ = std::make_shared<ServerTls>(given);
    for (const std::string& address : given.listen)
      doors_.emplace_back(Listening(address, given.socket_mode), context_.io);
    for (const std::string& address : given.listen_if_possible)
      try {
        doors_.emplace_back(Listening(address, given.socket_mode), context_.io);
      } catch (const std::runtime_error& error) {
        base::log::warning("api.not_listening", error.what());
      }
    for (Door& door : doors_)
      accept(door);
    sweep_later();
  }

  void start() {
    thread_ = std::thread([this] { run(); });
  }

  ~Impl() {
    if (!thread_.joinable())
      return;  // there was no room for it
    asio::post(context_.io, [this] { drain(); });
    drained_.get_future().wait_for(kGrace);
    std::promise<void> closed;
    asio::post(context_.io, [&] {
      for_each_session([](HttpSession& session) { session.close(); });
      closed.set_value();
    });
    closed.get_future().wait();
    context_.handler.cut_short();
    context_.workers.stop();
    watcher_.stop();
    context_.io.stop();
    thread_.join();
  }

  std::vector<std::string> addresses() const {
    std::vector<std::string> found;
    for (const Door& door : doors_)
      found.push_back(door.listening.address());
    return found;
  }

  void wake() {
    if (woken_.exchange(true))
      return;
    asio::post(context_.io, [this] {
      woken_ = false;
      ++context_.wakes;
      for_each_session([](HttpSession& session) { session.wake(); });
    });
  }

  Load load() const {
    return {context_.connections, context_.workers.waiting(), context_.kept_open};
  }

 private:
  struct Door {
    Door(Listening given, asio::io_context& io) : listening(std::move(given)), acceptor(io) {
      const int family = listening.is_unix()             ? AF_UNIX
                         : listening.address()[0] == '[' ? AF_INET6
                                                         : AF_INET;
      acceptor.assign(stream_protocol(family, 0), listening.release_descriptor());
    }

    Listening listening;
    Acceptor acceptor;
    bool resting = false;  // there was no room for another descriptor
  };

  /// Whatever goes wrong with one connection (no memory), the others go on; its time runs out. What
  /// is done again and again has seen to its next time before anything can go wrong.
  void run() {
    while (true)
      try {
        context_.io.run();
        return;
      } catch (const std::exception& error) {
        base::log::error("api.failed", error.what());
      }
  }

  template <typename Do>
  void for_each_session(Do action) {
    // What is done to one may end it, and no other.
    for (auto it = context_.sessions.begin(); it != context_.sessions.end();) {
      const std::shared_ptr<HttpSession> session = *it++;
      try {
        action(*session);
      } catch (const std::exception& error) {
        base::log::error("api.failed", error.what());
        session->close();
      }
    }
  }

  void accept(Door& door) {
    door.acceptor.async_accept(context_.io, [this, &door](const error_code& ec, Socket socket) {
      if (context_.draining)
        return;
      door.resting = true;  // so that the next sweep goes on, whatever happens here
      if (!ec || ec == asio::error::connection_aborted) {
        accept(door);
        door.resting = false;
        if (!ec)
          welcome(door, std::move(socket));
        return;
      }
      base::log::warning("api.no_connection", "a connection could not be accepted",
                         {{"address", door.listening.address()}, {"reason", ec.message()}});
    });
  }

  void welcome(Door& door, Socket socket) {
    Peer peer = peer_of(socket.native_handle());
    const bool encrypted = tls_ && !door.listening.is_unix();
    peer.encrypted = encrypted;
    error_code ec;
    socket.set_option(asio::socket_base::send_buffer_size(kSendBuffer), ec);
    if (!door.listening.is_unix())
      socket.set_option(asio::ip::tcp::no_delay(true), ec);
    const auto found = context_.per_client.find(client_of(peer));
    if (found != context_.per_client.end() &&
        found->second.connections >= context_.options.connections_per_address)
      return turn_away(socket, encrypted,
                       peer.user ? "too many connections from this account"
                                 : "too many connections from this address");
    if (context_.sessions.size() >= context_.options.connections && !close_oldest_idle())
      return turn_away(socket, encrypted, "too many connections");
    if (encrypted)
      std::make_shared<TlsSession>(context_, std::move(peer), std::move(socket), tls_)->begin();
    else
      std::make_shared<PlainSession>(context_, std::move(peer), door.listening.is_loopback(),
                                     std::move(socket))
          ->begin();
  }

  bool close_oldest_idle() {
    HttpSession* oldest = nullptr;
    for (const auto& session : context_.sessions)
      if (session->idle_since() && (!oldest || session->idle_since() < oldest->idle_since()))
        oldest = session.get();
    if (oldest)
      oldest->close();
    return oldest != nullptr;
  }

  /// Without waiting: there may be very many of them.
  void turn_away(Socket& socket, bool encrypted, std::string_view why) {
    if (encrypted)
      return;
    ServerResponse response = context_.handler.refuse(503, why);
    response.headers.emplace_back("Retry-After", "1");
    Sending sending;
    sending.keep_alive = false;
    const Message message = message_of(response, sending);
    ::send(socket.native_handle(), message.head.data(), message.head.size(),
           MSG_DONTWAIT | MSG_NOSIGNAL);
    error_code ignored;
    socket.shutdown(Socket::shutdown_send, ignored);
  }

  void sweep_later() {
    timer_.expires_after(std::min(kSweep, context_.options.news_interval));
    timer_.async_wait([this](const error_code& ec) {
      if (!ec)
        sweep();
    });
  }

  void sweep() {
    sweep_later();
    const Steady::time_point now = Steady::now();
    for_each_session([&](HttpSession& session) { session.sweep(now); });
    if (context_.draining && context_.sessions.empty())
      return drained();
    for (Door& door : doors_)
      if (door.resting) {
        accept(door);
        door.resting = false;
      }
    if (tls_ && now >= certificate_due_) {
      certificate_due_ = now + context_.options.certificate_interval;
      if (auto newer = ServerTls::if_changed(*tls_, context_.options))
        tls_ = std::move(newer);
    }
    if (!context_.sessions.empty() && now >= news_due_ && !asking_for_news_.exchange(true)) {
      news_due_ = now + context_.options.news_interval;
      watcher_.go_on([this] { ask_for_news(); });
    }
  }

  /// Runs on a thread of its own.
  void ask_for_news() {
    try {
      if (context_.handler.news())
        wake();
    } catch (const std::exception& error) {
      base::log::error("api.failed", error.what());
    }
    asking_for_news_ = false;
  }

  void drain() {
    context_.draining = true;
    for (Door& door : doors_) {
      error_code ignored;
      door.acceptor.close(ignored);
    }
    for_each_session([](HttpSession& session) { session.drain(); });
    if (context_.sessions.empty())
      drained();
  }

  void drained() {
    timer_.cancel();
    if (!std::exchange(is_drained_, true))
      drained_.set_value();
  }

  SessionContext context_;
  Workers watcher_{1};
  std::shared_ptr<ServerTls> tls_;
  std::list<Door> doors_;
  asio::steady_timer timer_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  Steady::time_point certificate_due_ = Steady::now();
  Steady::time_point news_due_ = Steady::now();
  std::atomic<bool> asking_for_news_ = false;
  std::atomic<bool> woken_ = false;
  bool is_drained_ = false;
  std::promise<void> drained_;
  std::thread thread_;
};

HttpServer::HttpServer(ServerOptions options, Handler& handler)
    : impl_(std::make_unique<Impl>(std::move(options), handler)) {
  impl_->start();  // from here on, a handler may ask for the load
}

HttpServer::~HttpServer() = default;

std::vector<std::string> HttpServer::addresses() const {
  return impl_->addresses();
}

void HttpServer::wake() {
  impl_->wake();
}

HttpServer::Load HttpServer::load() const {
  return impl_->load();
}

}  // namespace gald::net
