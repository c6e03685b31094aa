// Whether the index has changed, for whoever keeps something that was read from it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

namespace gald::index {

/// Which file it is, not what is in it: a backup that was put back is another one.
struct FileId {
  std::uint64_t device = 0;
  std::uint64_t number = 0;

  bool operator==(const FileId&) const = default;
};

/// All zero where there is none.
FileId id_of(const std::filesystem::path& file);

/// One thread at a time.
class Watch {
 public:
  explicit Watch(std::filesystem::path file);
  ~Watch();

  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /// Whether anything was committed, or another file took the place of the index, since the last
  /// call. True the first time, and whenever it cannot be told. Costs microseconds.
  bool changed();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gald::index
