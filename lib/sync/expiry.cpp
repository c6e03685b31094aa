#include "sync/expiry.hpp"

#include <chrono>

namespace gald::sync {

int days_left(base::TimePoint end, base::TimePoint now) {
  return static_cast<int>(std::chrono::floor<std::chrono::days>(end - now).count());
}

std::optional<int> expiry_notice(base::TimePoint end, std::optional<base::TimePoint> since,
                                 base::TimePoint now) {
  const int left = days_left(end, now);
  if (left > kExpiryNoticeDays)
    return std::nullopt;
  const auto step = [](int days) {  // what has been said when that many days were left
    return days > kExpiryNoticeDays ? 0 : days > 14 ? 1 : days > 3 ? 2 : 3 + (3 - days);
  };
  if (since && step(days_left(end, *since)) == step(left))
    return std::nullopt;
  return left;
}

}  // namespace gald::sync
