#include "api/spool.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <mutex>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "api/problem.hpp"

namespace gald::api {

namespace {

/// More than most answers have; it goes to the disk in pieces of this size, too.
constexpr std::size_t kKept = 256 * 1024;

/// Of a body on its way.
constexpr std::size_t kPiece = 64 * 1024;

[[noreturn]] void refuse_for_want_of_room() {
  throw Refused(503, "there is no room on the disk of the server for what was asked for",
                {{"Retry-After", "300"}});
}

[[noreturn]] void give_up(const std::filesystem::path& folder, const char* what) {
  const int error = errno;
  if (error == ENOSPC || error == EDQUOT || error == EFBIG)
    refuse_for_want_of_room();
  throw std::system_error(error, std::generic_category(), folder.string() + ": " + what);
}

/// Who has how many files.
class Shares {
 public:
  void take(const std::string& client) {
    const std::lock_guard lock(mutex_);
    if (all_ == Spool::kMostFiles)
      refuse("too many large answers are on their way to slow clients; try again later");
    int& his = taken_[client];
    if (his == Spool::kMostFilesOfAClient)
      refuse("too many large answers are on their way to you; read those first");
    ++his;
    ++all_;
  }

  void give_back(const std::string& client) {
    const std::lock_guard lock(mutex_);
    --all_;
    if (const auto his = taken_.find(client); --his->second == 0)
      taken_.erase(his);
  }

 private:
  [[noreturn]] static void refuse(const std::string& detail) {
    throw Refused(503, detail, {{"Retry-After", "30"}});
  }

  std::mutex mutex_;
  int all_ = 0;                       // guarded by mutex_
  std::map<std::string, int> taken_;  // guarded by mutex_
};

Shares& shares() {
  static Shares shares;
  return shares;
}

/// Where the file system knows no files without a name, one that loses its name at once.
int open_unnamed(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
    return descriptor;
  std::string name = (folder / ".gald-XXXXXX").string();
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0)
    ::unlink(name.c_str());
  return named;
}

class SpooledBody final : public net::BodySource {
 public:
  explicit SpooledBody(std::shared_ptr<const Spool> spool) : spool_(std::move(spool)) {}

  Piece next() override {
    Piece piece;
    piece.bytes = spool_->read(sent_, kPiece);
    sent_ += piece.bytes.size();
    piece.end = sent_ == spool_->size();
    return piece;
  }

  std::optional<std::uint64_t> length() const override { return spool_->size(); }

 private:
  const std::shared_ptr<const Spool> spool_;
  std::uint64_t sent_ = 0;
};

}  // namespace

bool leaves_room(std::uint64_t size, std::uint64_t free, std::uint64_t more) {
  constexpr std::uint64_t kMostReserved = 256u << 20;
  return free >= more && free - more >= std::min(kMostReserved, size / 20);
}

Spool::Spool(const std::filesystem::path& folder, std::string client)
    : folder_(folder.empty() ? "." : folder), client_(std::move(client)) {}

Spool::~Spool() {
  if (descriptor_ < 0)
    return;
  ::close(descriptor_);
  shares().give_back(client_);
}

void Spool::write(std::string_view bytes) {
  kept_ += bytes;
  size_ += bytes.size();
  if (kept_.size() > kKept)
    flush();
}

std::string Spool::read(std::uint64_t offset, std::size_t most) const {
  const std::uint64_t in_file = size_ - kept_.size();
  if (offset >= in_file)
    return kept_.substr(offset - in_file, most);
  std::string bytes(std::min<std::uint64_t>(most, in_file - offset), '\0');
  std::size_t got = 0;
  while (got < bytes.size()) {
    const ssize_t count = ::pread(descriptor_, bytes.data() + got, bytes.size() - got,
                                  static_cast<off_t>(offset + got));
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      give_up(folder_, "what was put aside cannot be read");
    got += static_cast<std::size_t>(count);
  }
  if (bytes.size() < most)
    bytes += kept_.substr(0, most - bytes.size());
  return bytes;
}

std::filesystem::path Spool::file() {
  open();
  return "/proc/self/fd/" + std::to_string(descriptor_);
}

void Spool::settle() {
  if (descriptor_ < 0)
    return;
  flush();
  require_room(0);  // a library may have written into it
  struct stat status = {};
  if (::fstat(descriptor_, &status) != 0)
    give_up(folder_, "what was put aside cannot be looked at");
  size_ = static_cast<std::uint64_t>(status.st_size);
}

void Spool::open() {
  if (descriptor_ >= 0)
    return;
  shares().take(client_);
  descriptor_ = open_unnamed(folder_);
  if (descriptor_ >= 0)
    return;
  const int error = errno;
  shares().give_back(client_);
  errno = error;
  give_up(folder_, "cannot make a temporary file");
}

void Spool::require_room(std::uint64_t more) const {
  struct statvfs disk = {};
  if (::fstatvfs(descriptor_, &disk) != 0 || disk.f_blocks == 0)
    return;  // it does not say
  const std::uint64_t block = disk.f_frsize;
  if (!leaves_room(block * disk.f_blocks, block * disk.f_bavail, more))
    refuse_for_want_of_room();
}

void Spool::flush() {
  open();
  require_room(kept_.size());
  for (std::string_view rest = kept_; !rest.empty();) {
    const ssize_t count = ::write(descriptor_, rest.data(), rest.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      give_up(folder_, "cannot write to a temporary file");
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  kept_.clear();
}

void give_body(net::ServerResponse& response, const std::shared_ptr<Spool>& spool) {
  spool->settle();
  if (spool->size() <= kKept)
    response.body = spool->read(0, kKept);
  else
    response.stream = std::make_shared<SpooledBody>(spool);
}

Places::Place::Place(Places& places) : places_(places) {
  if (--places_.free_ >= 0)
    return;
  ++places_.free_;
  throw Refused(503, "too much that takes long is under way; try again in a moment",
                {{"Retry-After", "10"}});
}

}  // namespace gald::api
