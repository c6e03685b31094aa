#include "net/http_session.hpp"

#include <utility>

#include <boost/asio/post.hpp>

#include "base/log.hpp"
#include "net/accept_encoding.hpp"
#include "net/listening.hpp"

namespace gald::net {

using std::chrono::microseconds;
using std::chrono::milliseconds;

namespace {

constexpr std::chrono::seconds kLingering{2};
constexpr std::string_view kTooMuchUnderWay =
    "too much is on its way to clients that take their time; try again in a moment";

/// A string that is cleared, or is assigned an empty one, keeps its memory.
template <typename Value>
void give_back(Value& value) {
  const Value old = std::exchange(value, Value());
}

}  // namespace

/// What a worker made of a request.
struct HttpSession::Answer {
  Message message;
  int status = 200;
  std::string route;
  std::shared_ptr<BodySource> stream;
  std::optional<milliseconds> wait;
  std::shared_ptr<void> held;
  bool failed = false;  ///< there is not even an answer that says so
};

/// What a worker made of the next piece of a stream.
struct HttpSession::Piece {
  std::string bytes;
  bool end = false;
  bool failed = false;
  milliseconds ask_again{0};
};

HttpSession::HttpSession(SessionContext& context, Peer peer, bool checks_host)
    : context_(context), peer_(std::move(peer)), checks_host_(checks_host) {}

void HttpSession::begin() {
  place_ = context_.sessions.insert(context_.sessions.end(), shared_from_this());
  ++context_.connections;
  client_ = context_.per_client.try_emplace(client_of(peer_)).first;
  ++client_->second.connections;
  since_ = Steady::now();
  deadline_ = since_ + context_.options.request_timeout;
  state_ = State::shaking_hands;
  shake_hands();
}

void HttpSession::on_hands_shaken(const error_code& ec, const std::string& certificate) {
  if (state_ == State::closed)
    return;
  if (ec || context_.draining)
    return close();
  peer_.certificate = certificate;
  next_request();
}

std::optional<Steady::time_point> HttpSession::idle_since() const {
  return state_ == State::idle ? std::optional(since_) : std::nullopt;
}

// ---- one request after the other ----------------------------------------------------------------

void HttpSession::next_request() {
  text_.clear();
  give_back(body_);
  parser_.reset();
  head_checked_ = false;
  keep_alive_ = true;
  keep_open(false);
  status_ = 0;
  sent_ = 0;
  has_written_ = {};
  route_.clear();
  give_back_sent();  // an idle connection keeps little
  stream_.reset();
  held_.reset();
  if (!request_.method.empty())
    give_back(request_);
  if (context_.draining)
    return close();
  since_ = Steady::now();
  if (used_ < filled_) {  // it was sent together with the one before
    state_ = State::reading;
    deadline_ = since_ + context_.options.request_timeout;
    return parse();
  }
  give_back_input();
  state_ = State::idle;
  deadline_ = since_ + context_.options.idle_timeout;
  read_more();
}

void HttpSession::give_back_sent() {
  give_back_room();
  give_back(message_);
  ready_.reset();
}

// ---- answering ----------------------------------------------------------------------------------

void HttpSession::dispatch() {
  keep_alive_ = keep_alive_ && !context_.draining;
  if (send_ready())
    return;
  request_.method = text_.method();
  request_.target = target_;
  request_.headers.clear();
  for (std::size_t i = 0; i < text_.fields(); ++i)
    request_.headers.emplace_back(text_.name(i), text_.value(i));
  request_.body = std::move(body_);
  request_.peer = peer_;
  request_.waited = false;
  request_.again = false;
  request_.held.reset();
  waits_until_.reset();
  ask(false);
}

bool HttpSession::send_ready() {
  if (!keep_alive_ || text_.version() < 11 || text_.method() != "GET" || !body_.empty())
    return false;
  std::shared_ptr<const ReadyAnswer> found = context_.handler.ready(
      {text_.method(), target_, text_.value_of(http::field::authorization),
       text_.value_of(http::field::if_none_match), text_.value_of(http::field::accept_encoding),
       text_.value_of(http::field::accept), peer_});
  if (!found)
    return false;
  if (!take_room_for(*found)) {
    refuse(503, kTooMuchUnderWay, true);
    return true;
  }
  ready_ = std::move(found);
  if (const std::time_t now = std::time(nullptr); now != context_.date_of) {
    context_.date_of = now;
    context_.date = http_date(now);
  }
  date_ = context_.date;
  status_ = ready_->status;
  const std::string_view message = ready_->message;
  const std::size_t date = date_in(message);
  start_writing(
      {asio::buffer(message.data(), date), asio::buffer(date_),
       asio::buffer(message.data() + date + date_.size(), message.size() - date - date_.size())},
      Then::next_request);
  return true;
}

namespace {

ServerResponse response_to(Handler& handler, const ServerRequest& request) {
  try {
    return handler.answer(request);
  } catch (const std::exception& error) {
    base::log::error("api.failed", error.what(), {{"method", request.method}});
  } catch (...) {
    base::log::error("api.failed", "an exception that is no std::exception",
                     {{"method", request.method}});
  }
  return handler.refuse(500, "the answer could not be made; the log says why");
}

}  // namespace

void HttpSession::ask(bool again) {
  request_.again = again;
  request_.held = held_;
  state_ = State::answering;
  deadline_ = Steady::now() + context_.options.answer_timeout;
  seen_wakes_ = context_.wakes;
  auto work = [self = shared_from_this()]() mutable {
    Answer answer;
    try {
      answer = self->make_answer();
    } catch (const std::exception& error) {  // no memory
      answer.failed = true;
      base::log::error("api.failed", error.what(), {{"method", self->request_.method}});
    }
    asio::io_context& io = self->context_.io;
    asio::post(io, [self = std::move(self), answer = std::move(answer)]() mutable {
      self->answered(std::move(answer));
    });
  };
  if (again)
    return context_.workers.go_on(std::move(work));
  if (context_.workers.ask(std::move(work), context_.options.waiting_requests))
    return;
  refuse(503, "too many requests are waiting; try again in a moment", keep_alive_);
}

/// Runs on a worker.
HttpSession::Answer HttpSession::make_answer() {
  ServerResponse response = response_to(context_.handler, request_);
  Answer answer;
  answer.wait = response.wait;
  answer.held = std::move(response.held);
  if (answer.wait)
    return answer;
  Sending sending;
  sending.head = request_.method == "HEAD";
  sending.gzip = accepts_gzip(request_.header("Accept-Encoding").value_or(""));
  sending.chunks = text_.version() >= 11;
  sending.keep_alive = keep_alive_;
  sending.if_none_match = request_.header("If-None-Match").value_or("");
  answer.message = message_of(response, sending);
  answer.status = response.status;
  answer.route = std::move(response.route);
  if (!sending.head)
    answer.stream = std::move(response.stream);
  if (response.keep && !sending.head && !answer.stream && sending.keep_alive && sending.chunks)
    response.keep(std::make_shared<ReadyAnswer>(
        ReadyAnswer{answer.message.head + answer.message.body, answer.status, answer.route}));
  return answer;
}

void HttpSession::answered(Answer answer) {
  if (state_ == State::closed)
    return;
  if (answer.failed)
    return close();
  held_ = std::move(answer.held);
  if (answer.wait)
    return park(*answer.wait);
  status_ = answer.status;
  route_ = std::move(answer.route);
  if (!take_room(answer.message.body.size())) {
    keep_open(false);
    return refuse(503, kTooMuchUnderWay, keep_alive_);
  }
  stream_ = std::move(answer.stream);
  keep_open(stream_ != nullptr);
  give_back(request_);  // a stream may go on for long
  send(std::move(answer.message));
}

/// Of what is sent in one piece with its head nothing is counted: it is short, and there is one of
/// each connection at most. Nor is a piece of a stream, which is as short.
bool HttpSession::take_room(std::size_t size) {
  if (context_.bodies + size > context_.options.bodies_limit ||
      client_->second.bodies + size > context_.options.bodies_per_address)
    return false;
  room_ = size;
  context_.bodies += size;
  client_->second.bodies += size;
  return true;
}

/// Many may be sent the same one, which is in memory once. Of each it counts for its client, who
/// could otherwise keep one after the other in memory, at its own pace.
bool HttpSession::take_room_for(const ReadyAnswer& ready) {
  const std::size_t size = ready.message.size();
  if (size <= kInOnePiece)
    return true;
  if (client_->second.bodies + size > context_.options.bodies_per_address)
    return false;
  const auto [one, is_new] = context_.ready_bodies.try_emplace(&ready, 0);
  if (is_new && context_.bodies + size > context_.options.bodies_limit) {
    context_.ready_bodies.erase(one);
    return false;
  }
  context_.bodies += is_new ? size : 0;
  client_->second.bodies += size;
  ++one->second;
  return true;
}

void HttpSession::give_back_room() {
  context_.bodies -= room_;
  client_->second.bodies -= std::exchange(room_, 0);
  if (!ready_ || ready_->message.size() <= kInOnePiece)
    return;
  client_->second.bodies -= ready_->message.size();
  const auto one = context_.ready_bodies.find(ready_.get());
  if (--one->second != 0)
    return;
  context_.ready_bodies.erase(one);
  context_.bodies -= ready_->message.size();
}

void HttpSession::refuse(int status, std::string_view detail, bool keep_alive) {
  ServerResponse response = context_.handler.refuse(status, detail);
  if (status == 503)
    response.headers.emplace_back("Retry-After", "1");
  keep_alive_ = keep_alive;
  status_ = status;
  stream_.reset();
  Sending sending;
  sending.head = text_.method() == "HEAD";
  sending.keep_alive = keep_alive;
  send(message_of(response, sending));
}

void HttpSession::send(Message message) {
  message_ = std::move(message);
  if (message_.until_close)
    keep_alive_ = false;
  start_writing({asio::buffer(message_.head), asio::buffer(message_.body)},
                stream_       ? Then::next_piece
                : keep_alive_ ? Then::next_request
                              : Then::close);
}

void HttpSession::start_writing(Buffers buffers, Then then) {
  state_ = State::writing;
  then_ = then;
  under_way_ = 0;
  writing_since_ = Steady::now();
  sent_before_ = sent_;
  sent_ += asio::buffer_size(buffers);
  on_some_written(0);
  write(buffers);
}

void HttpSession::on_some_written(std::size_t size) {
  written_ = size;
  deadline_ = Steady::now() + context_.options.stall_timeout;
}

void HttpSession::on_written(const error_code& ec) {
  if (state_ == State::closed)
    return;
  if (ec)
    return close();
  has_written_ += Steady::now() - writing_since_;
  switch (then_) {
    case Then::read_body:
      state_ = State::reading;
      deadline_ = since_ + context_.options.request_timeout;
      return read_more();
    case Then::next_piece:
      give_back(message_.head);
      give_back(message_.body);
      return next_piece();
    case Then::next_request:
      told();
      return next_request();
    case Then::close:
      told();
      return linger();
  }
}

/// Only the time counts in which it could have taken more. A few bytes now and then would keep what
/// is to be sent, and a descriptor with it, for as long as a client likes.
bool HttpSession::is_too_slow(Steady::time_point now) const {
  const auto took = has_written_ + (now - writing_since_);
  if (took <= context_.options.patience)
    return false;
  const auto taken = static_cast<std::int64_t>(sent_before_ + written_) - under_way_;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(took).count();
  return taken < seconds * context_.options.least_rate;
}

void HttpSession::told() {
  const int status = std::exchange(status_, 0);
  if (status == 0)
    return;
  context_.handler.answered(
      ready_ ? std::string_view(ready_->route) : std::string_view(route_), text_.method(), status,
      std::chrono::duration_cast<microseconds>(Steady::now() - since_), sent_);
}

// ---- bodies that are made while they are sent ---------------------------------------------------

void HttpSession::next_piece() {
  state_ = State::answering;
  deadline_ = Steady::now() + context_.options.answer_timeout;
  seen_wakes_ = context_.wakes;
  context_.workers.go_on([self = shared_from_this()]() mutable {
    Piece piece = self->make_piece();
    asio::io_context& io = self->context_.io;
    asio::post(io, [self = std::move(self), piece = std::move(piece)]() mutable {
      self->got(std::move(piece));
    });
  });
}

/// Runs on a worker.
HttpSession::Piece HttpSession::make_piece() {
  Piece piece;
  try {
    const BodySource::Piece next = stream_->next();
    piece.end = next.end;
    piece.ask_again = next.ask_again;
    if (!next.bytes.empty() || next.end)
      piece.bytes = framed(message_, next.bytes, next.end);
  } catch (const std::exception& error) {
    piece.failed = true;
    base::log::error("api.broken_off", error.what(), {{"route", route_}});
  }
  return piece;
}

void HttpSession::got(Piece piece) {
  if (state_ == State::closed)
    return;
  if (piece.failed)
    return close();
  if (piece.bytes.empty() && !piece.end)
    return park(piece.ask_again);
  message_.body = std::move(piece.bytes);
  if (piece.end)
    stream_.reset();
  start_writing({asio::buffer(message_.body)}, !piece.end    ? Then::next_piece
                                               : keep_alive_ ? Then::next_request
                                                             : Then::close);
}

void HttpSession::park(milliseconds time) {
  state_ = State::parked;
  give_back_input();
  keep_open(true);
  // Of what came while the worker looked, nobody knows whether it saw it.
  if (context_.draining || seen_wakes_ != context_.wakes)
    return unpark();
  if (!stream_ && !waits_until_)
    waits_until_ = Steady::now() + time;  // from the first time on, however often it is woken
  deadline_ = stream_ ? Steady::now() + time : *waits_until_;
}

void HttpSession::unpark() {
  if (stream_ && context_.draining) {
    message_.body = framed(message_, {}, true);
    stream_.reset();
    keep_alive_ = false;
    return start_writing({asio::buffer(message_.body)}, Then::close);
  }
  if (stream_)
    return next_piece();
  request_.waited = request_.waited || context_.draining || Steady::now() >= deadline_;
  ask(true);
}

void HttpSession::keep_open(bool open) {
  if (open != std::exchange(kept_open_, open))
    open ? ++context_.kept_open : --context_.kept_open;
}

void HttpSession::wake() {
  if (state_ == State::parked)
    unpark();
}

// ---- ends ---------------------------------------------------------------------------------------

void HttpSession::sweep(Steady::time_point now) {
  if (state_ == State::parked && has_hung_up(descriptor())) {
    if (stream_)
      return close();
    request_.waited = true;  // a half-closed connection still takes an answer
    return unpark();
  }
  if (state_ == State::writing) {
    // The system takes more from us only once much of what it has is gone: a slow client would look
    // like one that takes nothing.
    const int left = bytes_under_way(descriptor());
    if (left < std::exchange(under_way_, left))
      on_some_written(written_);
    if (is_too_slow(now))
      return close();
  }
  if (now < deadline_)
    return;
  if (state_ == State::parked)
    return unpark();
  if (state_ != State::reading || late_)  // or nothing was being read, as there was no memory
    return close();
  late_ = true;
  cancel_reading();
}

void HttpSession::drain() {
  if (state_ == State::parked)
    unpark();
  else if (state_ == State::idle || state_ == State::reading || state_ == State::shaking_hands)
    close();
}

void HttpSession::linger() {
  // Closing a socket that has something unread makes the system throw away what was sent.
  state_ = State::lingering;
  keep_open(false);
  give_back_sent();
  deadline_ = Steady::now() + kLingering;
  end_writing();
}

void HttpSession::close() {
  if (state_ == State::closed)
    return;
  told();
  keep_open(false);
  give_back_room();
  state_ = State::closed;
  held_.reset();
  close_socket();
  --context_.connections;
  if (--client_->second.connections == 0)
    context_.per_client.erase(client_);
  context_.sessions.erase(place_);
}

}  // namespace gald::net
