// How a session of the HTTP server reads: the requests, and what it refuses of them.
#include <algorithm>
#include <cstring>
#include <utility>

#include "base/text.hpp"
#include "net/http_session.hpp"
#include "net/request_target.hpp"

namespace gald::net {

namespace {

constexpr std::size_t kFirstRead = 1024;  // most requests are shorter, and most connections idle
constexpr std::size_t kTargetLimit = 8 * 1024;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

/// Nothing is being read into it.
void HttpSession::give_back_input() {
  if (used_ < filled_)
    return;
  used_ = filled_ = 0;
  if (in_.size() > kFirstRead) {
    in_.resize(kFirstRead);
    in_.shrink_to_fit();
  }
}

void HttpSession::read_more() {
  if (used_ == filled_) {
    used_ = filled_ = 0;
  } else if (filled_ == in_.size() && used_ > 0) {
    std::memmove(in_.data(), in_.data() + used_, filled_ - used_);
    filled_ -= used_;
    used_ = 0;
  }
  if (filled_ == in_.size()) {
    const std::size_t most = context_.options.header_limit + kFirstRead;
    if (in_.size() >= most)
      return refuse(431, "expected a shorter head", false);
    in_.resize(std::min(most, std::max(kFirstRead, in_.size() * 2)));
  }
  read_some(asio::buffer(in_.data() + filled_, in_.size() - filled_));
}

void HttpSession::on_read(const error_code& ec, std::size_t size) {
  if (state_ == State::closed)
    return;
  if (std::exchange(late_, false))
    return refuse(408, "the request took too long to arrive", false);
  if (ec)
    return close();
  if (state_ == State::lingering)
    return read_some(asio::buffer(in_.data(), in_.size()));
  filled_ += size;
  parse();
}

void HttpSession::parse() {
  // RFC 9112 section 2.2: an empty line before a request is none. It prolongs nothing either.
  while (!parser_ && filled_ - used_ >= 2 && in_.compare(used_, 2, "\r\n") == 0)
    used_ += 2;
  if (!parser_ && used_ == filled_) {
    state_ = State::idle;
    deadline_ = since_ + context_.options.idle_timeout;
    return read_more();
  }
  if (state_ == State::idle) {
    state_ = State::reading;
    since_ = Steady::now();
    deadline_ = since_ + context_.options.request_timeout;
  }
  if (!parser_)
    parser_.emplace(text_, body_, context_.options.header_limit, context_.options.body_limit);
  while (true) {
    if (used_ == filled_)
      return read_more();
    error_code ec;
    used_ += parser_->put(asio::const_buffer(in_.data() + used_, filled_ - used_), ec);
    if (ec == http::error::need_more)
      return read_more();
    if (ec)
      return parser_failed(ec);
    if (parser_->is_header_done() && !head_checked_ && !check_head())
      return;
    if (parser_->is_done())
      return dispatch();
  }
}

void HttpSession::parser_failed(const error_code& ec) {
  if (ec == http::error::header_limit || ec == http::error::buffer_overflow) {
    if (!text_.started())
      return refuse(414, "expected a target of at most 8 KiB", false);
    return refuse(431,
                  "expected headers of at most " +
                      std::to_string(context_.options.header_limit / 1024) + " KiB, and at most " +
                      std::to_string(RequestParser::kMostFields),
                  false);
  }
  if (ec == http::error::body_limit)
    return refuse(
        413,
        "expected a body of at most " + std::to_string(context_.options.body_limit / 1024) + " KiB",
        false);
  if (ec == http::error::bad_transfer_encoding)
    return refuse(
        411, "expected the length of the body in Content-Length, and no Transfer-Encoding", false);
  refuse(400, "expected a request of HTTP/1.1: " + ec.message(), false);
}

/// False: the request goes no further, or not before something was written.
bool HttpSession::check_head() {
  head_checked_ = true;
  keep_alive_ = parser_->keep_alive();
  target_ = text_.target();
  if (target_.size() > kTargetLimit) {
    refuse(414, "expected a target of at most 8 KiB", false);
    return false;
  }
  if (const std::optional<std::string> fault = fault_of_head()) {
    refuse(400, *fault, false);
    return false;
  }
  const std::optional<RequestTarget> target = split_target(target_);
  target_ = target->path;
  const std::string_view host =
      target->host.empty() ? text_.value_of(http::field::host) : target->host;
  if (checks_host_ && !host.empty() && !is_host_of_ours(host, context_.options.hosts)) {
    refuse(421,
           "this server does not answer for the host that was asked for; the configuration names "
           "those that it answers for: [api] hosts",
           false);
    return false;
  }
  const std::string_view expect = text_.value_of(http::field::expect);
  if (expect.empty())
    return true;
  if (!base::ascii_iequals(expect, "100-continue")) {
    refuse(417, "expected no other expectation than 100-continue", false);
    return false;
  }
  if (parser_->is_done() || text_.version() < 11 || used_ < filled_)
    return true;
  start_writing({asio::buffer(kContinue)}, Then::read_body);
  return false;
}

std::optional<std::string> HttpSession::fault_of_head() const {
  if (!split_target(target_))
    return "expected a target that begins with \"/\" (RFC 9112 section 3.2)";
  const std::size_t hosts = text_.count(http::field::host);
  if (hosts > 1 || (hosts == 0 && text_.version() >= 11))
    return "expected one Host header";
  if (!is_visible(text_.value_of(http::field::host)))
    return "expected a host name in the Host header";
  if (text_.count(http::field::authorization) > 1)
    return "expected one Authorization header";
  return std::nullopt;
}

void HttpSession::on_writing_ended() {
  if (state_ == State::closed)
    return;
  in_.resize(std::max(in_.size(), kFirstRead));
  read_some(asio::buffer(in_.data(), in_.size()));
}

}  // namespace gald::net
