#include "net/listening.hpp"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <utility>

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace gald::net {

namespace {

constexpr std::string_view kUnix = "unix:";
constexpr int kBacklog = 1024;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

[[noreturn]] void fail(const std::string& address, const std::string& what) {
  throw std::runtime_error("cannot listen on " + address + ": " + what);
}

[[noreturn]] void fail(const std::string& address, int error) {
  if (error == EADDRINUSE)
    fail(address, "the address is in use by another program");
  if (error == EADDRNOTAVAIL)
    fail(address, "this machine does not have this address");
  fail(address, std::strerror(error));
}

std::optional<Address> parsed(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos)
    return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);
  std::uint16_t port = 0;
  const char* end = port_text.data() + port_text.size();
  const auto [stop, error] = std::from_chars(port_text.data(), end, port);
  if (error != std::errc() || stop != end)
    return std::nullopt;
  Address address;
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    address.size = sizeof(sockaddr_in6);
    if (::inet_pton(AF_INET6, std::string(host).c_str(), &v6.sin6_addr) != 1)
      return std::nullopt;
    return address;
  }
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  address.size = sizeof(sockaddr_in);
  if (::inet_pton(AF_INET, std::string(host).c_str(), &v4.sin_addr) != 1)
    return std::nullopt;
  return address;
}

std::uint16_t port_of(const sockaddr_storage& storage) {
  return ntohs(storage.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6&>(storage).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(storage).sin_port);
}

bool is_loopback_address(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET6)
    return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr) != 0;
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
  return (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
}

std::string text_of(const sockaddr_storage& storage) {
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET6)
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr, text,
                sizeof text);
  else if (storage.ss_family == AF_INET)
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(storage).sin_addr, text,
                sizeof text);
  return text;
}

std::uint64_t number_of_file(const std::string& file) {
  struct stat status = {};
  return ::lstat(file.c_str(), &status) == 0 && S_ISSOCK(status.st_mode) ? status.st_ino : 0;
}

/// A socket file stays behind when its process is killed.
bool nobody_listens(const sockaddr_un& name, socklen_t size) {
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0)
    return false;
  const bool refused = ::connect(probe, reinterpret_cast<const sockaddr*>(&name), size) != 0 &&
                       errno == ECONNREFUSED;
  ::close(probe);
  return refused;
}

}  // namespace

std::optional<Reach> reach_of(std::string_view address) {
  if (address.starts_with(kUnix))
    return address.size() > kUnix.size() ? std::optional(Reach::machine) : std::nullopt;
  const std::optional<Address> found = parsed(address);
  if (!found)
    return std::nullopt;
  return is_loopback_address(found->storage) ? Reach::machine : Reach::others;
}

Listening::Listening(const std::string& address, std::uint32_t socket_mode) : address_(address) {
  try {
    if (address.starts_with(kUnix))
      listen_on_file(socket_mode);
    else
      listen_on_port();
  } catch (...) {
    if (descriptor_ >= 0)
      ::close(descriptor_);
    throw;
  }
}

Listening::Listening(Listening&& other) noexcept
    : address_(std::move(other.address_)),
      file_(std::exchange(other.file_, {})),
      file_number_(other.file_number_),
      loopback_(other.loopback_),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

Listening::~Listening() {
  // Another one may have taken the place of the file.
  if (!file_.empty() && file_number_ != 0 && number_of_file(file_) == file_number_)
    ::unlink(file_.c_str());
  if (descriptor_ >= 0)
    ::close(descriptor_);
}

int Listening::release_descriptor() {
  return std::exchange(descriptor_, -1);
}

void Listening::listen_on_file(std::uint32_t mode) {
  const std::string file = address_.substr(kUnix.size());
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (file.empty() || file.size() >= sizeof name.sun_path)
    fail(address_,
         "expected a file name of at most " + std::to_string(sizeof name.sun_path - 1) + " bytes");
  std::memcpy(name.sun_path, file.c_str(), file.size() + 1);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + file.size() + 1);
  descriptor_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  // Nobody may come in between bind() and chmod(): Linux gives the file the mode of the socket.
  if (descriptor_ < 0 || ::fchmod(descriptor_, 0600) != 0)
    fail(address_, errno);
  const auto bound = [&] {
    return ::bind(descriptor_, reinterpret_cast<const sockaddr*>(&name), size) == 0;
  };
  if (!bound()) {
    if (errno != EADDRINUSE)
      fail(address_, errno);
    if (number_of_file(file) == 0)
      fail(address_, "there is a file of this name that is no socket");
    if (!nobody_listens(name, size))
      fail(address_, EADDRINUSE);
    ::unlink(file.c_str());
    if (!bound())
      fail(address_, errno);
  }
  file_ = file;
  file_number_ = number_of_file(file);
  if (::chmod(file.c_str(), static_cast<mode_t>(mode)) != 0 ||
      ::listen(descriptor_, kBacklog) != 0) {
    const int error = errno;
    ::unlink(file.c_str());
    fail(address_, error);
  }
}

void Listening::listen_on_port() {
  std::optional<Address> wanted = parsed(address_);
  if (!wanted)
    fail(address_,
         "expected an address and a port, such as 127.0.0.1:8389 or [::1]:8389, or "
         "unix: and a file name");
  descriptor_ = ::socket(wanted->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor_ < 0)
    fail(address_, errno);
  const int on = 1;
  ::setsockopt(descriptor_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (wanted->storage.ss_family == AF_INET6)
    ::setsockopt(descriptor_, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(descriptor_, wanted->get(), wanted->size) != 0 || ::listen(descriptor_, kBacklog) != 0)
    fail(address_, errno);
  Address found;
  found.size = sizeof found.storage;
  if (::getsockname(descriptor_, found.get(), &found.size) != 0)
    fail(address_, errno);
  loopback_ = is_loopback_address(found.storage);
  address_ = address_.substr(0, address_.rfind(':') + 1) + std::to_string(port_of(found.storage));
}

Peer peer_of(int descriptor) {
  Peer peer;
  Address address;
  address.size = sizeof address.storage;
  if (::getpeername(descriptor, address.get(), &address.size) == 0 &&
      address.storage.ss_family != AF_UNIX) {
    peer.address = text_of(address.storage);
    return peer;
  }
  ucred account{};
  socklen_t size = sizeof account;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &account, &size) != 0)
    return peer;
  peer.user = account.uid;
  peer.groups = {account.gid};
  gid_t more[64];
  size = sizeof more;
  std::vector<gid_t> many;
  gid_t* found = more;
  int failed = ::getsockopt(descriptor, SOL_SOCKET, SO_PEERGROUPS, more, &size);
  if (failed != 0 && errno == ERANGE) {  // now `size` says how many bytes there are
    many.resize(size / sizeof(gid_t));
    found = many.data();
    failed = ::getsockopt(descriptor, SOL_SOCKET, SO_PEERGROUPS, found, &size);
  }
  if (failed == 0)
    peer.groups.insert(peer.groups.end(), found, found + size / sizeof(gid_t));
  return peer;
}

std::string client_of(const Peer& peer) {
  if (peer.user)
    return "account " + std::to_string(*peer.user);
  in6_addr bytes{};
  if (::inet_pton(AF_INET6, peer.address.c_str(), &bytes) != 1)
    return peer.address;
  return std::string(reinterpret_cast<const char*>(bytes.s6_addr), 8);
}

int bytes_under_way(int descriptor) {
  int bytes = 0;
  return ::ioctl(descriptor, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

bool has_hung_up(int descriptor) {
  pollfd one{descriptor, POLLRDHUP, 0};
  return ::poll(&one, 1, 0) > 0 && (one.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

}  // namespace gald::net
