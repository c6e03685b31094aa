// The HTTP front and whatever bytes a client sends: in pieces of any size, followed by the end of
// the connection. Every connection comes to an end, what was sent to it are whole answers, and what
// a handler is given keeps the limits.
//
// An input: how many sizes there are, the sizes that the pieces have in turn, what is sent.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include "base/log.hpp"
#include "net/http_session.hpp"

namespace {

using namespace gald::net;
using error_code = boost::system::error_code;

// Far below what an input may have, so that it can come to them.
constexpr std::size_t kHeaderLimit = 512;
constexpr std::size_t kBodyLimit = 256;

void require(bool holds) {
  if (!holds)
    std::abort();
}

class ThreePieces : public BodySource {
 public:
  Piece next() override {
    ++given_;
    return {given_ % 2 == 0 ? "" : "piece", given_ > 4, {}};
  }

 private:
  int given_ = 0;
};

class Echo : public Handler {
 public:
  std::shared_ptr<const ReadyAnswer> ready(const RequestHead& head) override {
    check(head.target);
    return head.target.starts_with("/ready") ? ready_ : nullptr;
  }

  ServerResponse answer(const ServerRequest& request) override {
    check(request.target);
    require(!request.method.empty() && request.body.size() <= kBodyLimit);
    std::size_t size = 0;
    for (const auto& [name, value] : request.headers) {
      require(!name.empty() && value.find_first_of("\r\n", 0) == value.npos);
      size += name.size() + value.size();
    }
    require(size <= kHeaderLimit);
    ServerResponse response;
    response.route = "/";
    if (request.target.starts_with("/throw"))
      throw std::runtime_error("as asked");
    if (request.target.starts_with("/wait") && !request.waited) {
      response.wait = std::chrono::milliseconds(0);
    } else if (request.target.starts_with("/stream")) {
      response.stream = std::make_shared<ThreePieces>();
    } else if (request.target.starts_with("/keep")) {
      response.body = "kept";
      response.keep = [](std::shared_ptr<const ReadyAnswer> kept) {
        require(kept->message.starts_with("HTTP/1.1 200 "));
      };
    } else {
      response.body = std::string(request.target.size(), 'x');
    }
    return response;
  }

  ServerResponse refuse(int status, std::string_view detail) override {
    require(status >= 400 && !detail.empty());
    return {status, {}, std::string(detail)};
  }

 private:
  static void check(std::string_view target) {
    require(target.starts_with('/'));
    for (const char c : target)
      require(c > ' ' && c < 0x7f);
  }

  const std::shared_ptr<const ReadyAnswer> ready_ = std::make_shared<ReadyAnswer>(
      ReadyAnswer{"HTTP/1.1 200 OK\r\nDate: Sat, 28 Nov 2026 00:00:00 GMT\r\n"
                  "Content-Length: 2\r\n\r\nok",
                  200, "/ready"});
};

/// A connection whose other end is in memory.
class MemorySession : public HttpSession {
 public:
  MemorySession(SessionContext& context, std::string_view input, std::string_view sizes)
      : HttpSession(context, {.address = "127.0.0.1"}, true),
        io_(context.io),
        input_(input),
        sizes_(sizes) {}

  bool closed = false;
  std::string output;

 private:
  std::shared_ptr<MemorySession> self() {
    return std::static_pointer_cast<MemorySession>(shared_from_this());
  }

  void shake_hands() override { on_hands_shaken({}, {}); }

  void read_some(boost::asio::mutable_buffer into) override {
    const auto piece = static_cast<unsigned char>(sizes_[pieces_++ % sizes_.size()]);
    const std::size_t size = std::min({into.size(), input_.size(), std::size_t{piece} + 1});
    std::memcpy(into.data(), input_.data(), size);
    input_.remove_prefix(size);
    const error_code ec = size == 0 ? error_code(boost::asio::error::eof) : error_code();
    boost::asio::post(io_, [self = self(), ec, size] { self->on_read(ec, size); });
  }

  void write(const Buffers& buffers) override {
    const std::size_t before = output.size();
    for (const boost::asio::const_buffer& buffer : buffers)
      output.append(static_cast<const char*>(buffer.data()), buffer.size());
    boost::asio::post(io_, [self = self(), size = output.size() - before] {
      self->on_some_written(size);
      self->on_written({});
    });
  }

  void end_writing() override { on_writing_ended(); }

  void close_socket() override { closed = true; }

  void cancel_reading() override {}

  int descriptor() override { return -1; }

  boost::asio::io_context& io_;
  std::string_view input_;
  const std::string_view sizes_;
  std::size_t pieces_ = 0;
};

std::size_t number_behind(std::string_view head, std::string_view name) {
  const std::size_t at = head.find(name);
  return at == head.npos ? 0 : std::strtoul(head.data() + at + name.size(), nullptr, 10);
}

/// What is left behind one whole answer. The body of an answer to HEAD is not there, and neither is
/// one that was cut off: whether it may be, the caller knows.
std::string_view behind_answer(std::string_view output, bool may_have_no_body) {
  require(output.starts_with("HTTP/1.1 ") && output.size() > 13);
  const int status = std::atoi(output.data() + 9);
  require(status >= 100 && status < 600);
  const std::size_t end = output.find("\r\n\r\n");
  require(end != output.npos);
  const std::string_view head = output.substr(0, end + 4);
  output.remove_prefix(head.size());
  if (status == 100)
    return output;
  if (may_have_no_body && (output.empty() || output.starts_with("HTTP/1.1 ")))
    return output;
  if (head.find("Transfer-Encoding: chunked") != head.npos) {
    const std::size_t last = output.find("0\r\n\r\n");
    require(last != output.npos);
    return output.substr(last + 5);
  }
  if (head.find("Content-Length: ") == head.npos)
    return {};  // until the end of the connection
  const std::size_t length = number_behind(head, "Content-Length: ");
  require(length <= output.size());
  return output.substr(length);
}

struct World {
  World() : context(options(), handler) { gald::base::log::start(gald::base::log::Level::error); }

  static ServerOptions options() {
    ServerOptions options;
    options.header_limit = kHeaderLimit;
    options.body_limit = kBodyLimit;
    options.workers = 1;
    return options;
  }

  Echo handler;
  SessionContext context;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World* const world = new World;  // its threads go on until the program ends
  const std::size_t sizes = size == 0 ? 0 : data[0] % 8 + 1;
  if (size < 1 + sizes)
    return 0;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::string_view input = all.substr(1 + sizes);
  const auto session = std::make_shared<MemorySession>(world->context, input, all.substr(1, sizes));
  session->begin();
  while (!session->closed) {
    world->context.io.restart();
    if (world->context.io.poll() == 0) {
      session->wake();  // where it waits for news
      std::this_thread::yield();
    }
  }
  require(world->context.connections == 0 && world->context.per_client.empty());
  require(world->context.sessions.empty() && world->context.kept_open == 0);
  require(world->context.bodies == 0 && world->context.ready_bodies.empty());
  const bool has_head = input.find("HEAD") != input.npos;
  std::string_view output = session->output;
  while (!output.empty())
    output = behind_answer(output, has_head);
  return 0;
}
