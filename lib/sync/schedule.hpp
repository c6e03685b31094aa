// When the next cycle starts: a pure function.
#pragma once

#include <chrono>

#include "base/clock.hpp"

namespace gald::sync {

struct Schedule {
  std::chrono::milliseconds interval{std::chrono::minutes(30)};
  std::chrono::milliseconds jitter{std::chrono::minutes(1)};

  /// Cycles are `interval` apart from start to start, each put off by up to `jitter`, so that many
  /// installations do not ask at the same moment. A cycle that outlasted the interval is followed
  /// by the next one at once; missed ones are not made up for.
  /// REQUIRES: 0 <= random < 1.
  base::TimePoint next(base::TimePoint last_start, base::TimePoint now, double random) const;
};

/// How long to wait before try number `attempt` (1 is the first repetition) of a request to a
/// source that gave no Retry-After: full jitter below a limit that doubles from 2 s to 2 min.
/// REQUIRES: 0 <= random < 1.
std::chrono::milliseconds backoff(int attempt, double random);

}  // namespace gald::sync
