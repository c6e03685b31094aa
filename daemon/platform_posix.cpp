#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <clocale>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "platform.hpp"

namespace gald::daemon {

using std::chrono::milliseconds;

void prepare_process() {
  // A peer or a pager that hangs up is an error of write(), not our end.
  ::signal(SIGPIPE, SIG_IGN);
  // Else libldap takes settings from /etc/ldap/ldap.conf and the environment (ldap.conf(5)).
  ::setenv("LDAPNOINIT", "1", 1);
  // wcwidth() knows nothing but ASCII in the C locale. Numbers and sorting stay as they are.
  if (!std::setlocale(LC_CTYPE, "C.UTF-8"))
    std::setlocale(LC_CTYPE, "");
}

void notify_service_manager(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (!path || (path[0] != '/' && path[0] != '@') || std::strlen(path) >= sizeof address.sun_path)
    return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path, std::strlen(path));
  if (path[0] == '@')
    address.sun_path[0] = '\0';  // an abstract name
  const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0)
    return;
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  // A service manager that does not read must not hold us: its socket takes a few messages, and
  // then the sender would wait for ever.
  const timeval patience{.tv_sec = 0, .tv_usec = 500'000};
  ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  (void)!::sendto(descriptor, state.data(), state.size(), MSG_NOSIGNAL,
                  reinterpret_cast<const sockaddr*>(&address), length);
  ::close(descriptor);
}

std::optional<milliseconds> watchdog_limit() {
  const char* text = std::getenv("WATCHDOG_USEC");
  const char* process = std::getenv("WATCHDOG_PID");
  if (!text || (process && std::to_string(::getpid()) != process))
    return std::nullopt;
  long long microseconds = 0;
  const auto [end, error] = std::from_chars(text, text + std::strlen(text), microseconds);
  if (error != std::errc() || *end != '\0' || microseconds < 1000)
    return std::nullopt;
  return milliseconds(microseconds / 1000);
}

std::filesystem::path credentials_folder() {
  const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
  return folder ? folder : "";
}

namespace {

sigset_t held_signals() {
  sigset_t set{};
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

void hold_signals() {
  const sigset_t set = held_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

class Signals::Impl {
 public:
  explicit Impl(Handlers handlers)
      : handlers_(std::move(handlers)), thread_([this] { listen(); }) {}

  ~Impl() {
    ending_ = true;
    pthread_kill(thread_.native_handle(), SIGHUP);  // wakes listen(), and nobody else
    thread_.join();
  }

 private:
  void listen() {
    while (!ending_) {
      const int number = wait();
      if (ending_)
        return;
      if (number == SIGHUP && handlers_.hang_up)
        handlers_.hang_up();
      else if (number > 0)
        handlers_.stop();
      else if (handlers_.tick)
        handlers_.tick();
    }
  }

  /// The signal; 0 or less when it is time for a tick.
  int wait() const {
    const sigset_t set = held_signals();
    if (handlers_.every.count() <= 0)
      return ::sigwaitinfo(&set, nullptr);
    timespec limit{};
    limit.tv_sec = handlers_.every.count() / 1000;
    limit.tv_nsec = handlers_.every.count() % 1000 * 1'000'000;
    return ::sigtimedwait(&set, nullptr, &limit);
  }

  const Handlers handlers_;
  std::atomic<bool> ending_ = false;
  std::thread thread_;  // last: it uses the others
};

Signals::Signals(Handlers handlers) : impl_(std::make_unique<Impl>(std::move(handlers))) {}

Signals::~Signals() = default;

std::optional<std::string> not_writable(const std::filesystem::path& folder) {
  const std::string name = folder.empty() ? "." : folder.string();
  if (::access(name.c_str(), W_OK | X_OK) == 0)
    return std::nullopt;
  return std::string(std::strerror(errno));
}

namespace {

constexpr const char* kGroupRemedy =
    "; the account that gald runs as must be a member of it, and the unit needs PrivateUsers=no";

std::optional<gid_t> id_of_group(const std::string& name) {
  std::vector<char> buffer(64 * 1024);

  struct group entry {};
  struct group* found = nullptr;
  ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr ? std::nullopt : std::optional(found->gr_gid);
}

/// Says which file is meant, and follows no link: root may be at work in a folder whose owner is
/// not root. Opens nothing, so that closing it takes no lock of SQLite's away.
class Pinned {
 public:
  explicit Pinned(const std::filesystem::path& file)
      : number_(::open(file.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)) {}

  ~Pinned() {
    if (number_ >= 0)
      ::close(number_);
  }

  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

  int number() const { return number_; }

 private:
  const int number_;
};

}  // namespace

void allow_open_files(std::size_t count) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= count)
    return;
  limit.rlim_cur = std::min<rlim_t>(count, limit.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

bool group_exists(const std::string& group) {
  return id_of_group(group).has_value();
}

bool may_give_to_group(const std::string& group) {
  const auto id = id_of_group(group);
  if (!id || ::geteuid() == 0 || ::getegid() == *id)
    return id.has_value();
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(0, ::getgroups(0, nullptr))));
  const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
  groups.resize(static_cast<std::size_t>(std::max(0, count)));
  return std::find(groups.begin(), groups.end(), *id) != groups.end();
}

void give_to_group(const std::filesystem::path& file, const std::string& group) {
  const auto id = id_of_group(group);
  if (!id)
    throw std::runtime_error("index.group: there is no group \"" + group + "\"");

  const Pinned pinned(file);

  struct stat state {};

  if (pinned.number() < 0 || ::fstat(pinned.number(), &state) != 0 || state.st_gid == *id)
    return;
  const std::string refused = file.string() + ": cannot be given to the group " + group + ": ";
  if (S_ISLNK(state.st_mode) || state.st_nlink > 1)
    throw std::runtime_error(refused + "it is a link; name the file itself in index.path");
  if (::fchownat(pinned.number(), "", static_cast<uid_t>(-1), *id, AT_EMPTY_PATH) != 0)
    throw std::runtime_error(refused + std::strerror(errno) + kGroupRemedy);
}

namespace {

int descriptor_of(Stream stream) {
  return stream == Stream::out ? STDOUT_FILENO : STDERR_FILENO;
}

}  // namespace

bool is_terminal(Stream stream) {
  return ::isatty(descriptor_of(stream)) == 1;
}

std::optional<std::size_t> terminal_width(Stream stream) {
  winsize size{};
  if (::ioctl(descriptor_of(stream), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
    return std::nullopt;
  return size.ws_col;
}

int cell_width(char32_t character) {
  return ::wcwidth(static_cast<wchar_t>(character));
}

}  // namespace gald::daemon
