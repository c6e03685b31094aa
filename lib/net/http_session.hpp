// One connection of the HTTP server, apart from how bytes come and go. Lives on the io thread.
// Included by http_session*.cpp and http_server.cpp only: whoever includes it pays for Asio and
// Beast.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>

#include "net/http_answer.hpp"
#include "net/http_request_parser.hpp"
#include "net/http_server.hpp"
#include "net/workers.hpp"

namespace gald::net {

namespace asio = boost::asio;
using Steady = std::chrono::steady_clock;

class HttpSession;

struct Share {
  std::size_t connections = 0;
  std::size_t bodies = 0;
};

/// What all connections share.
struct SessionContext {
  SessionContext(ServerOptions given, Handler& answers)
      : options(std::move(given)), handler(answers), workers(options.workers) {}

  const ServerOptions options;
  Handler& handler;
  asio::io_context io{1};
  Workers workers;

  // On the io thread.
  std::list<std::shared_ptr<HttpSession>> sessions;
  std::map<std::string, Share> per_client;  ///< what each has: client_of()
  std::size_t bodies = 0;                   ///< bytes of those that are under way
  std::unordered_map<const ReadyAnswer*, std::size_t> ready_bodies;  ///< to how many each
  std::uint64_t wakes = 0;  ///< how often those who wait were woken
  bool draining = false;    ///< no request is taken any more
  std::time_t date_of = 0;
  HttpDate date{};

  std::atomic<std::size_t> connections = 0;
  std::atomic<std::size_t> kept_open = 0;  ///< streams, and waits of requests
};

class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  /// `checks_host`: only the hosts of the options may be asked for.
  HttpSession(SessionContext& context, Peer peer, bool checks_host);
  virtual ~HttpSession() = default;

  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;

  /// Joins the sessions of the context, until it closes.
  void begin();

  /// Now and then: whether something took too long.
  void sweep(Steady::time_point now);

  /// There may be something for those who wait.
  void wake();

  /// The server ends: as soon as what is under way is answered.
  void drain();

  void close();

  /// Since when it has waited for a request; nothing if it does something.
  std::optional<Steady::time_point> idle_since() const;

 protected:
  using Buffers = std::array<asio::const_buffer, 3>;

  // How bytes come and go: one operation at a time, which ends with one call of on_...().
  virtual void shake_hands() = 0;
  virtual void read_some(asio::mutable_buffer into) = 0;
  virtual void write(const Buffers& buffers) = 0;
  virtual void end_writing() = 0;  ///< then the other end knows that nothing more comes
  virtual void close_socket() = 0;
  virtual void cancel_reading() = 0;  ///< on_read() comes with operation_aborted
  virtual int descriptor() = 0;

  void on_hands_shaken(const error_code& ec, const std::string& certificate);
  void on_read(const error_code& ec, std::size_t size);
  void on_some_written(std::size_t size);  ///< of what write() was given
  void on_written(const error_code& ec);
  void on_writing_ended();

 private:
  enum class State {
    fresh,
    shaking_hands,
    idle,       // between two requests
    reading,    // one
    answering,  // a worker makes the answer, or a piece of it
    writing,
    parked,     // until there is news
    lingering,  // everything was said; what still comes is thrown away
    closed,
  };

  enum class Then { read_body, next_request, next_piece, close };

  struct Answer;
  struct Piece;

  void read_more();
  void give_back_sent();
  void give_back_input();
  void parse();
  bool check_head();
  std::optional<std::string> fault_of_head() const;
  void parser_failed(const error_code& ec);
  void dispatch();
  bool send_ready();
  void ask(bool again);
  Answer make_answer();
  Piece make_piece();
  void answered(Answer answer);
  bool take_room(std::size_t size);
  bool take_room_for(const ReadyAnswer& ready);
  void give_back_room();
  void refuse(int status, std::string_view detail, bool keep_alive);
  void send(Message message);
  void start_writing(Buffers buffers, Then then);
  bool is_too_slow(Steady::time_point now) const;
  void told();
  void next_request();
  void next_piece();
  void got(Piece piece);
  void park(std::chrono::milliseconds time);
  void unpark();
  void keep_open(bool open);
  void linger();

  SessionContext& context_;
  Peer peer_;
  const bool checks_host_;
  State state_ = State::fresh;
  Then then_ = Then::close;
  Steady::time_point deadline_ = Steady::time_point::max();
  Steady::time_point since_;  // of the state `idle`, and of the request
  std::list<std::shared_ptr<HttpSession>>::iterator place_;
  std::map<std::string, Share>::iterator client_;

  std::string in_;  // [used_, filled_) was read and not parsed
  std::size_t used_ = 0;
  std::size_t filled_ = 0;
  RequestText text_;
  std::string body_;
  std::optional<RequestParser> parser_;
  bool head_checked_ = false;
  bool late_ = false;  // the read under way was cancelled, as it took too long
  bool keep_alive_ = true;
  std::string_view target_;  // in text_

  ServerRequest request_;  // while it is answered: the worker's
  std::uint64_t seen_wakes_ = 0;
  std::optional<Steady::time_point> waits_until_;  ///< of a request that was parked
  bool kept_open_ = false;                         // is counted by the context
  int status_ = 0;
  std::string route_;
  std::uint64_t sent_ = 0;
  std::uint64_t sent_before_ = 0;  // without what is being written
  std::size_t written_ = 0;        // of what is being written
  int under_way_ = 0;              // as the last sweep saw it
  Steady::time_point writing_since_;
  Steady::duration has_written_{};  // for how long, before that
  Message message_;
  std::size_t room_ = 0;  // that its body has
  std::shared_ptr<const ReadyAnswer> ready_;
  std::shared_ptr<BodySource> stream_;
  std::shared_ptr<void> held_;
  HttpDate date_{};
};

}  // namespace gald::net
