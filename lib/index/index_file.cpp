#include "index/index_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "index/schema.hpp"

namespace gald::index {

namespace {

namespace fs = std::filesystem;

/// Closing any descriptor of a file takes from it all locks that the process has (fcntl(2)), those
/// of SQLite's connections too: another process would then take the log from under them. So what
/// was opened once stays open, until the file is deleted.
class Descriptors {
 public:
  /// Negative, with errno: it cannot be opened. `flags` count only if the file is not open yet.
  int of(const fs::path& file, int flags) {
    const std::lock_guard lock(mutex_);
    drop_deleted();

    struct stat state {};

    if (::stat(file.c_str(), &state) == 0)
      if (const auto open = open_.find({state.st_dev, state.st_ino}); open != open_.end())
        return open->second;
    const int descriptor = ::open(file.c_str(), flags | O_CLOEXEC, 0640);
    if (descriptor >= 0 && ::fstat(descriptor, &state) == 0)
      open_.emplace(std::pair(state.st_dev, state.st_ino), descriptor);
    return descriptor;
  }

 private:
  void drop_deleted() {
    std::erase_if(open_, [](const auto& one) {
      struct stat state {};

      const bool deleted = ::fstat(one.second, &state) == 0 && state.st_nlink == 0;
      if (deleted)
        ::close(one.second);
      return deleted;
    });
  }

  std::mutex mutex_;
  std::map<std::pair<dev_t, ino_t>, int> open_;  // guarded by mutex_
};

int kept_open(const fs::path& file, int flags) {
  static Descriptors descriptors;
  return descriptors.of(file, flags);
}

}  // namespace

fs::path with_suffix(const fs::path& index, const char* suffix) {
  return index.string() + suffix;
}

void create_index_file(const fs::path& index) {
  // Made through no link, and its mode set only when it was: root may be at work in a folder whose
  // owner is not root.
  int descriptor = kept_open(index, O_RDWR);
  if (descriptor < 0 && errno == ENOENT) {
    descriptor = kept_open(index, O_RDWR | O_CREAT | O_EXCL);
    if (descriptor >= 0)
      (void)!::fchmod(descriptor, 0640);  // whatever the umask is
    else if (errno == EEXIST)
      descriptor = kept_open(index, O_RDWR);  // another process was faster
  }
  if (descriptor < 0 || ::faccessat(AT_FDCWD, index.c_str(), W_OK, AT_EACCESS) != 0)
    throw std::runtime_error(index.string() +
                             ": cannot be opened for writing: " + std::strerror(errno) +
                             "; its folder has to be there, and to be writable");
}

bool looks_like_an_index(const fs::path& file) {
  std::array<char, 72> head{};
  const int descriptor = kept_open(file, O_RDONLY);
  if (descriptor < 0 ||
      ::pread(descriptor, head.data(), head.size(), 0) != static_cast<ssize_t>(head.size()))
    return false;
  std::uint32_t id = 0;
  for (std::size_t i = 68; i < 72; ++i)  // "Application ID" of the SQLite file format
    id = id << 8 | static_cast<unsigned char>(head[i]);
  return std::memcmp(head.data(), "SQLite format 3", 16) == 0 && id == kApplicationId;
}

bool was_written_by_us(const fs::path& index) {
  std::error_code ignored;
  return looks_like_an_index(index) || fs::exists(with_suffix(index, "-wal"), ignored);
}

bool lost_its_content(const fs::path& index) {
  std::error_code missing;
  return fs::file_size(index, missing) == 0 && !missing &&
         fs::exists(with_suffix(index, "-wal"), missing);
}

bool means_damage(const SQLite::Exception& error) {
  return error.getErrorCode() == SQLITE_CORRUPT || error.getErrorCode() == SQLITE_NOTADB;
}

std::string describe(const fs::path& index, const SQLite::Exception& error, int system_error) {
  std::string text = index.string() + ": " + error.what();
  const int code = error.getErrorCode();
  if (system_error != 0 && (code == SQLITE_IOERR || code == SQLITE_CANTOPEN))
    text += std::string(" (") + std::strerror(system_error) + ")";
  if (code == SQLITE_FULL || (code == SQLITE_IOERR && system_error == ENOSPC))
    text += "; nothing is lost: make room, and the next cycle goes on";
  return text;
}

void flush_to_disk(const fs::path& file) {
  if (const int kept = kept_open(file, O_RDWR); kept < 0 || ::fsync(kept) != 0)
    throw std::runtime_error(file.string() + ": cannot be written: " + std::strerror(errno));
  const fs::path folder = file.has_parent_path() ? file.parent_path() : ".";
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool flushed = descriptor >= 0 && ::fsync(descriptor) == 0;
  const int error = errno;
  if (descriptor >= 0)
    ::close(descriptor);
  if (!flushed)
    throw std::runtime_error(folder.string() + ": cannot be written: " + std::strerror(error));
}

}  // namespace gald::index
