// When to say that a credential will end: a pure function.
#pragma once

#include <optional>

#include "base/clock.hpp"

namespace gald::sync {

/// From this many days before its end on, a credential is worth a word.
inline constexpr int kExpiryNoticeDays = 30;

/// Whole days from `now` to `end`, rounded down; negative when it is over.
int days_left(base::TimePoint end, base::TimePoint now);

/// The days left, when it has to be said now: 30, 14, 3, 2, 1 and 0 days before the end, and once a
/// day after it; once each, as seen from the last look at `since`. At the first look (no `since`),
/// whenever 30 days or less are left.
std::optional<int> expiry_notice(base::TimePoint end, std::optional<base::TimePoint> since,
                                 base::TimePoint now);

}  // namespace gald::sync
