// The connections of a worker to the index, narrowed to what somebody may see.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>

#include "index/feed.hpp"
#include "index/history.hpp"
#include "index/permission.hpp"
#include "index/reader.hpp"

namespace gald::api {

/// Opened when they are first used. One thread at a time.
class Readers {
 public:
  Readers(std::filesystem::path index_file, index::Permission permission,
          std::stop_token stop = {});

  /// Refused with 503 while there is no index.
  index::Reader& reader();
  index::Feed& feed();
  index::History& history();

  const std::filesystem::path& index_file() const { return index_file_; }

  const index::Permission& permission() const { return permission_; }

 private:
  const std::filesystem::path index_file_;
  const index::Permission permission_;
  const std::stop_token stop_;
  std::optional<index::Reader> reader_;
  std::optional<index::Feed> feed_;
  std::optional<index::History> history_;
};

/// Keeps those that were used last, for as long as the file is the same. Thread-safe.
class ReaderPool {
 public:
  /// Told to stop, whatever is asked of them ends soon with an exception.
  explicit ReaderPool(std::filesystem::path index_file, std::stop_token stop = {});
  ~ReaderPool();

  /// Nobody else has it until it is given back, which happens at the end of its life.
  class Loan;
  Loan take(const index::Permission& permission);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

class ReaderPool::Loan {
 public:
  ~Loan();
  Loan(Loan&&) noexcept = default;

  Readers& operator*() const { return *readers_; }

 private:
  friend class ReaderPool;
  explicit Loan(std::shared_ptr<Impl> pool, const index::Permission& permission);

  std::shared_ptr<Impl> pool_;
  std::uint64_t generation_ = 0;  ///< of the file
  std::unique_ptr<Readers> readers_;
};

}  // namespace gald::api
