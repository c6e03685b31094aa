// What the service does just now, and how long that may still take.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "sync/cycle.hpp"

namespace gald::sync {

enum class Activity {
  idle,     ///< until the next cycle is due
  waiting,  ///< a cycle is due, and another process writes the index
  reading,
  publishing,
};

std::string_view to_string(Activity activity);

/// Told by the service as it goes, asked by anybody. Thread-safe.
class LiveStatus {
 public:
  /// `clock` outlives it.
  explicit LiveStatus(const base::Clock& clock);

  void cycle_blocked();
  void cycle_begun();
  void moved(const Progress& progress);
  void cycle_over();
  void next_cycle(base::TimePoint at);

  /// How far a collection, or the publication, has come.
  struct Step {
    std::string connector;  ///< empty: the publication
    std::string collection;
    std::int64_t objects = 0;
    bool full = false;  ///< a round that sees everything, not only what changed
    bool done = false;

    /// In all. Where the source does not tell, whoever asks may know: as many as the last time,
    /// say.
    std::optional<std::int64_t> expected = {};
  };

  struct Snapshot {
    Activity activity = Activity::idle;
    base::TimePoint since;                           ///< of the activity
    std::optional<base::TimePoint> next_cycle = {};  ///< while idle
    std::vector<Step> steps = {};                    ///< of the activity; while idle none
  };

  Snapshot snapshot() const;

 private:
  void turn_to(Activity activity);

  const base::Clock& clock_;
  mutable std::mutex mutex_;
  Snapshot now_;  // guarded by mutex_
};

/// How long the activity will go on at the pace it has had so far: as long as the slowest of the
/// collections that are read completely. Nothing where one of them may hold any number of objects,
/// and in the first seconds, which say little.
std::optional<std::chrono::seconds> time_left(const LiveStatus::Snapshot& snapshot,
                                              base::TimePoint now);

}  // namespace gald::sync
