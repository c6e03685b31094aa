// A client of few words for the tests of HttpServer: it sends bytes as they are given.
#pragma once

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.hpp"

namespace gald::contract {

struct HttpAnswer {
  int status = 0;                              ///< 0: the connection ended before there was one
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
  bool complete = false;

  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

class HttpPeer {
 public:
  /// "127.0.0.1:1234" or "unix:/path".
  explicit HttpPeer(const std::string& address, int receive_buffer = 0) {
    if (address.starts_with("unix:")) {
      sockaddr_un name{};
      name.sun_family = AF_UNIX;
      std::strncpy(name.sun_path, address.c_str() + 5, sizeof name.sun_path - 1);
      open(AF_UNIX, receive_buffer, reinterpret_cast<sockaddr*>(&name), sizeof name);
    } else {
      sockaddr_in name{};
      name.sin_family = AF_INET;
      const std::size_t colon = address.rfind(':');
      name.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
      inet_pton(AF_INET, address.substr(0, colon).c_str(), &name.sin_addr);
      open(AF_INET, receive_buffer, reinterpret_cast<sockaddr*>(&name), sizeof name);
    }
  }

  ~HttpPeer() { close(descriptor_); }

  HttpPeer(HttpPeer&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), read_(std::move(other.read_)) {}

  HttpPeer& operator=(HttpPeer&&) = delete;

  /// Whether all of it could be sent.
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0)
        return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  void half_close() const { ::shutdown(descriptor_, SHUT_WR); }

  HttpAnswer ask(std::string_view method, std::string_view target, const std::string& headers = {},
                 const std::string& body = {}) {
    send(std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" +
         headers + "\r\n" + body);
    return read_answer(method == "HEAD");
  }

  HttpAnswer get(std::string_view target, const std::string& headers = {}) {
    return ask("GET", target, headers);
  }

  HttpAnswer read_answer(bool head = false) {
    HttpAnswer answer;
    std::size_t end = 0;
    while ((end = read_.find("\r\n\r\n")) == std::string::npos)
      if (!receive())
        return answer;
    parse_head(answer, read_.substr(0, end));
    read_.erase(0, end + 4);
    if (head || answer.status == 304 || answer.status == 204 || answer.status == 100)
      answer.complete = true;
    else if (answer.header("transfer-encoding") == "chunked")
      read_chunks(answer);
    else if (const std::string length = answer.header("content-length"); !length.empty())
      answer.complete = take(std::stoull(length), answer.body);
    else
      answer.complete = take_all(answer.body);
    if (read_.empty())
      read_.shrink_to_fit();
    return answer;
  }

  /// What has come so far, after waiting for more.
  std::string& read_more() {
    receive();
    return read_;
  }

  /// Whether the other end closes the connection, and says nothing more before.
  bool is_closed() { return read_.empty() && !receive() && !timed_out_; }

  bool timed_out() const { return timed_out_; }

  int descriptor() const { return descriptor_; }

 private:
  void open(int family, int receive_buffer, const sockaddr* name, socklen_t size) {
    descriptor_ = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer != 0)
      ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    if (descriptor_ < 0 || ::connect(descriptor_, name, size) != 0) {
      const int error = errno;
      ::close(descriptor_);
      throw std::runtime_error(std::string("cannot connect: ") + std::strerror(error));
    }
  }

  static void parse_head(HttpAnswer& answer, const std::string& head) {
    bool first = true;
    for (const std::string_view line : base::split(head, '\n')) {
      const std::string_view text = base::trim(line);
      if (std::exchange(first, false)) {
        answer.status = std::stoi(std::string(text.substr(std::strlen("HTTP/1.1 "), 3)));
        continue;
      }
      const std::size_t colon = text.find(':');
      answer.headers[base::ascii_lower(text.substr(0, colon))] = base::trim(text.substr(colon + 1));
    }
  }

  bool take(std::size_t size, std::string& into) {
    while (read_.size() < size)
      if (!receive())
        return false;
    into += read_.substr(0, size);
    read_.erase(0, size);
    return true;
  }

  bool take_all(std::string& into) {
    while (receive()) {
    }
    into = std::move(read_);
    read_.clear();
    return !timed_out_;
  }

  void read_chunks(HttpAnswer& answer) {
    while (true) {
      std::size_t end = 0;
      while ((end = read_.find("\r\n")) == std::string::npos)
        if (!receive())
          return;
      const std::size_t size = std::stoul(read_.substr(0, end), nullptr, 16);
      read_.erase(0, end + 2);
      std::string line_end;
      if (!take(size, answer.body) || !take(2, line_end))
        return;
      if (size == 0) {
        answer.complete = true;
        return;
      }
    }
  }

  bool receive() {
    pollfd one{descriptor_, POLLIN, 0};
    if (::poll(&one, 1, 20'000) <= 0) {
      timed_out_ = true;
      return false;
    }
    char buffer[16 * 1024];
    const ssize_t got = ::recv(descriptor_, buffer, sizeof buffer, 0);
    if (got <= 0)
      return false;
    read_.append(buffer, static_cast<std::size_t>(got));
    return true;
  }

  int descriptor_ = -1;
  std::string read_;
  bool timed_out_ = false;
};

}  // namespace gald::contract
