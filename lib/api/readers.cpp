#include "api/readers.hpp"

#include <mutex>
#include <utility>
#include <vector>

#include "api/problem.hpp"
#include "index/watch.hpp"

namespace gald::api {

namespace {

constexpr std::size_t kKept = 16;

template <typename Opened>
Opened& opened(std::optional<Opened>& connection, const std::filesystem::path& file,
               const index::Permission& permission, const std::stop_token& stop) {
  if (!connection) {
    if (!std::filesystem::exists(file))
      throw Refused(503, "there is no index yet: the first cycle makes it",
                    {{"Retry-After", "30"}});
    connection.emplace(file, permission, stop);
  }
  return *connection;
}

}  // namespace

Readers::Readers(std::filesystem::path index_file, index::Permission permission,
                 std::stop_token stop)
    : index_file_(std::move(index_file)),
      permission_(std::move(permission)),
      stop_(std::move(stop)) {}

index::Reader& Readers::reader() {
  return opened(reader_, index_file_, permission_, stop_);
}

index::Feed& Readers::feed() {
  return opened(feed_, index_file_, permission_, stop_);
}

index::History& Readers::history() {
  return opened(history_, index_file_, permission_, stop_);
}

class ReaderPool::Impl {
 public:
  Impl(std::filesystem::path index_file, std::stop_token stop)
      : index_file_(std::move(index_file)), stop_(std::move(stop)) {}

  /// The generation of the file goes with them, and back.
  std::unique_ptr<Readers> take(const index::Permission& permission, std::uint64_t& generation) {
    const index::FileId now = index::id_of(index_file_);
    const std::lock_guard lock(mutex_);
    if (now != file_) {
      kept_.clear();
      file_ = now;
      ++generation_;
    }
    generation = generation_;
    for (auto it = kept_.begin(); it != kept_.end(); ++it)
      if ((*it)->permission() == permission) {
        std::unique_ptr<Readers> found = std::move(*it);
        kept_.erase(it);
        return found;
      }
    return std::make_unique<Readers>(index_file_, permission, stop_);  // opens nothing yet
  }

  void give_back(std::unique_ptr<Readers> readers, std::uint64_t generation) {
    const std::lock_guard lock(mutex_);
    if (generation != generation_)
      return;
    kept_.insert(kept_.begin(), std::move(readers));
    if (kept_.size() > kKept)
      kept_.pop_back();
  }

 private:
  const std::filesystem::path index_file_;
  const std::stop_token stop_;
  std::mutex mutex_;
  index::FileId file_;                          // guarded by mutex_
  std::uint64_t generation_ = 0;                // guarded by mutex_
  std::vector<std::unique_ptr<Readers>> kept_;  // guarded by mutex_; those used last come first
};

ReaderPool::ReaderPool(std::filesystem::path index_file, std::stop_token stop)
    : impl_(std::make_shared<Impl>(std::move(index_file), std::move(stop))) {}

ReaderPool::~ReaderPool() = default;

ReaderPool::Loan ReaderPool::take(const index::Permission& permission) {
  return Loan(impl_, permission);
}

ReaderPool::Loan::Loan(std::shared_ptr<Impl> pool, const index::Permission& permission)
    : pool_(std::move(pool)), readers_(pool_->take(permission, generation_)) {}

ReaderPool::Loan::~Loan() {
  if (readers_)
    pool_->give_back(std::move(readers_), generation_);
}

}  // namespace gald::api
