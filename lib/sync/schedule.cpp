#include "sync/schedule.hpp"

#include <algorithm>
#include <cmath>

namespace gald::sync {

using std::chrono::milliseconds;

base::TimePoint Schedule::next(base::TimePoint last_start, base::TimePoint now,
                               double random) const {
  const milliseconds delay(
      static_cast<milliseconds::rep>(static_cast<double>(jitter.count()) * random));
  return std::max(now, last_start + interval + delay);
}

milliseconds backoff(int attempt, double random) {
  constexpr double kFirst = 2'000;
  constexpr double kMost = 120'000;
  const double limit = std::min(kMost, kFirst * std::pow(2.0, std::max(0, attempt - 1)));
  // Never nothing at all: a source that is out of breath gets at least a tenth of the limit.
  return milliseconds(static_cast<milliseconds::rep>(limit * (0.1 + 0.9 * random)));
}

}  // namespace gald::sync
