// Whether the index has changed, for whoever keeps something that was read from it.
#pragma once

#include <filesystem>
#include <memory>

namespace gald::index {

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
