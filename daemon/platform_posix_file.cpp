#include <cerrno>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "new_file.hpp"

namespace gald::daemon {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void give_up(const fs::path& file, const char* what) {
  throw std::runtime_error(file.string() + ": " + what + ": " + std::strerror(errno));
}

fs::path resolved(const fs::path& target) {
  std::error_code error;
  const fs::file_status status = fs::status(target, error);
  if (!fs::exists(status))
    return fs::absolute(target);
  if (!fs::is_regular_file(status))
    throw std::runtime_error(target.string() +
                             ": is no regular file; name a file, or leave --output away to write "
                             "to standard output");
  return fs::canonical(target);
}

std::string unusual_suffix() {
  std::random_device source;
  char text[20];
  std::snprintf(text, sizeof text, ".%08x.part", source());
  return text;
}

/// A rename is on the disk when its folder is.
void sync_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0)
    give_up(folder, "cannot be opened");
  const int result = ::fsync(descriptor);
  ::close(descriptor);
  if (result != 0)
    give_up(folder, "cannot be written to the disk");
}

}  // namespace

NewFile::NewFile(const fs::path& target) : target_(resolved(target)) {
  for (int attempt = 0; file_ == nullptr; ++attempt) {
    path_ = target_.parent_path() / ("." + target_.filename().string() + unusual_suffix());
    const int descriptor =
        ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (descriptor >= 0)
      file_ = ::fdopen(descriptor, "wb");
    else if (errno != EEXIST || attempt == 10)
      give_up(target_, "cannot make a file in this folder");
  }
}

NewFile::~NewFile() {
  std::fclose(file_);
  if (!in_place_)
    ::unlink(path_.c_str());
}

void NewFile::write(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size())
    give_up(target_, "cannot be written");
}

void NewFile::put_in_place() {
  if (std::fflush(file_) != 0 || ::fsync(::fileno(file_)) != 0)
    give_up(target_, "cannot be written");
  if (::rename(path_.c_str(), target_.c_str()) != 0)
    give_up(target_, "cannot be replaced");
  in_place_ = true;
  sync_folder(target_.parent_path());
}

}  // namespace gald::daemon
