// What happens to an index that is damaged: another one is made beside it from the sources, and
// takes its place when it is complete. Until then consumers keep what can still be read of the old
// one, instead of an empty list.
#pragma once

#include <filesystem>
#include <vector>

#include "base/clock.hpp"

namespace gald::index {

/// The files around it. Whoever changes them holds the writer lock. Throws std::runtime_error.
class Rebuild {
 public:
  explicit Rebuild(std::filesystem::path index);

  /// Whether the index is one that was found damaged. A backup that was put in its place is not.
  bool under_way() const;

  /// The index that is being made.
  const std::filesystem::path& file() const { return file_; }

  /// Gives the damaged index a second name, under which it stays (kept_aside()).
  void begin(base::TimePoint now) const;

  /// Puts file() in the place of the damaged index. Killed in between, it can be done again.
  /// REQUIRES: under_way(), file() needs no write-ahead log, and nobody has it open.
  void put_in_place() const;

  /// Removes what was made so far.
  void discard() const;

 private:
  const std::filesystem::path index_;
  const std::filesystem::path file_;
};

/// The damaged indexes that are still there, the oldest first.
std::vector<std::filesystem::path> kept_aside(const std::filesystem::path& index);

}  // namespace gald::index
