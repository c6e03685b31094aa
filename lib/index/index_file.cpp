#include "index/index_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "index/schema.hpp"

namespace gald::index {

namespace {

namespace fs = std::filesystem;

void flush(const fs::path& file, int flags) {
  const int descriptor = ::open(file.c_str(), flags | O_CLOEXEC);
  const bool done = descriptor >= 0 && ::fsync(descriptor) == 0;
  const int error = errno;
  if (descriptor >= 0)
    ::close(descriptor);
  if (!done)
    throw std::runtime_error(file.string() + ": cannot be written: " + std::strerror(error));
}

}  // namespace

fs::path with_suffix(const fs::path& index, const char* suffix) {
  return index.string() + suffix;
}

void create_index_file(const fs::path& index) {
  const int descriptor = ::open(index.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (descriptor < 0)
    throw std::runtime_error(index.string() +
                             ": cannot be opened for writing: " + std::strerror(errno) +
                             "; its folder has to be there, and to be writable");

  struct stat state {};

  if (::fstat(descriptor, &state) == 0 && state.st_size == 0)
    (void)!::fchmod(descriptor, 0640);  // of another owner: then it is as that one wants it
  ::close(descriptor);
}

bool looks_like_an_index(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::array<char, 72> head{};
  if (!stream.read(head.data(), head.size()))
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
  const auto empty = [](const fs::path& file) {
    std::error_code missing;
    return fs::file_size(file, missing) == 0 && !missing;
  };
  return empty(index) && fs::exists(with_suffix(index, "-wal")) &&
         !empty(with_suffix(index, "-wal"));
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
  flush(file, O_RDWR);
  flush(file.has_parent_path() ? file.parent_path() : ".", O_RDONLY | O_DIRECTORY);
}

}  // namespace gald::index
