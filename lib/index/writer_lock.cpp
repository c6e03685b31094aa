#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "index/index.hpp"

namespace gald::index {

std::optional<WriterLock> WriterLock::try_acquire(const std::filesystem::path& index_file) {
  const std::string name = index_file.string() + ".lock";
  // through no link: root may be at work in a folder whose owner is not root
  const int descriptor = ::open(name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
  if (descriptor < 0)
    throw std::runtime_error(name + ": cannot be opened: " + std::strerror(errno) +
                             "; check index.path and the permissions of its directory");
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0)
    return WriterLock(descriptor);
  const int error = errno;
  ::close(descriptor);
  if (error != EWOULDBLOCK)
    throw std::runtime_error(name + ": cannot be locked: " + std::strerror(error));
  return std::nullopt;
}

WriterLock::WriterLock(WriterLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

WriterLock::~WriterLock() {
  if (descriptor_ >= 0)
    ::close(descriptor_);  // releases the lock
}

}  // namespace gald::index
