#include "ad/dial.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <system_error>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ad/bounded.hpp"

namespace gald::ad {

namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kSlice{250};

base::Error network_error(std::string what) {
  return {base::ErrorKind::network, std::move(what)};
}

base::Error stopped() {
  return {base::ErrorKind::stopped, "stopped while connecting"};
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

struct Lookup {
  int code = 0;
  Addresses addresses;
};

Lookup look_up(const std::string& host, const std::string& port, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  Lookup lookup;
  lookup.code = getaddrinfo(host.c_str(), port.c_str(), &hints, &list);
  lookup.addresses.reset(list);
  return lookup;
}

std::string explain(int lookup_code) {
  if (lookup_code == EAI_NONAME || lookup_code == EAI_NODATA)
    return "host name not found";
  return std::string("host name could not be looked up: ") + gai_strerror(lookup_code);
}

/// Finds addresses within the limit.
base::Result<Addresses> resolve(const std::string& host, const std::string& port,
                                Steady::time_point deadline, std::stop_token stop) {
  Lookup numeric = look_up(host, port, AI_NUMERICHOST);
  if (numeric.code == 0)
    return std::move(numeric.addresses);
  auto lookup = wait_in_thread(
      [host, port] { return base::Result<Lookup>(look_up(host, port, AI_ADDRCONFIG)); }, deadline,
      std::move(stop), "the host name was not answered in time by the name service");
  if (!lookup)
    return lookup.error();
  if (lookup->code != 0)
    return network_error(explain(lookup->code));
  return std::move(lookup->addresses);
}

/// A peer that is gone without a word is noticed after a minute, whatever the limits of the layers
/// above: probes after 20 s of silence, and the same for data that nobody acknowledges.
void watch_peer(int fd) {
  const int on = 1;
  const int idle = 20;
  const int interval = 10;
  const int probes = 4;
  const unsigned unacknowledged = 60'000;  // ms
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged, sizeof unacknowledged);
}

std::string explain_errno(int code) {
  if (code == ECONNREFUSED)
    return "connection refused";
  if (code == ETIMEDOUT)
    return "no answer to the connection attempt";
  return "connection failed: " + std::generic_category().message(code);
}

base::Result<Socket> connect_to(const addrinfo& address, Steady::time_point deadline,
                                std::stop_token stop) {
  Socket socket(::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                         address.ai_protocol));
  if (socket.fd() < 0)
    return network_error(explain_errno(errno));
  if (::connect(socket.fd(), address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS)
      return network_error(explain_errno(errno));
    pollfd waiting{socket.fd(), POLLOUT, 0};
    while (true) {
      if (stop.stop_requested())
        return stopped();
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Steady::now());
      if (left.count() <= 0)
        return network_error(explain_errno(ETIMEDOUT));
      if (::poll(&waiting, 1, static_cast<int>(std::min(left, kSlice).count())) > 0)
        break;
    }
    int code = 0;
    socklen_t size = sizeof code;
    ::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &code, &size);
    if (code != 0)
      return network_error(explain_errno(code));
  }
  const int on = 1;
  ::setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  watch_peer(socket.fd());
  return socket;
}

}  // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0)
      ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

Socket::~Socket() {
  if (fd_ >= 0)
    ::close(fd_);
}

base::Result<std::vector<std::string>> addresses_of(const std::string& host,
                                                    std::chrono::seconds limit,
                                                    std::stop_token stop) {
  const auto found = resolve(host, "0", Steady::now() + limit, std::move(stop));
  if (!found)
    return found.error();
  std::vector<std::string> texts;
  for (const addrinfo* at = found->get(); at != nullptr; at = at->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(at->ai_addr, at->ai_addrlen, text.data(), text.size(), nullptr, 0,
                    NI_NUMERICHOST) == 0)
      texts.emplace_back(text.data());
  }
  return texts;
}

base::Result<Socket> dial(const std::string& host, int port, std::chrono::seconds limit,
                          std::stop_token stop) {
  const auto deadline = Steady::now() + limit;
  auto addresses = resolve(host, std::to_string(port), deadline, stop);
  if (!addresses)
    return addresses.error();
  std::size_t left = 0;
  for (const addrinfo* at = addresses->get(); at != nullptr; at = at->ai_next)
    ++left;
  base::Error last = network_error("host name has no address");
  for (const addrinfo* at = addresses->get(); at != nullptr; at = at->ai_next, --left) {
    // a silent address must not eat the time of the ones behind it
    const auto now = Steady::now();
    const auto share = (deadline - now) / static_cast<Steady::duration::rep>(left);
    auto socket = connect_to(*at, now + share, stop);
    if (socket)
      return socket;
    last = socket.error();
    if (last.kind == base::ErrorKind::stopped)
      break;
  }
  return last;
}

}  // namespace gald::ad
