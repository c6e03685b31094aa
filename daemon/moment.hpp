// Moments of the past as people write them.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.hpp"

namespace gald::daemon {

/// What parse_moment() takes, for help and errors.
inline constexpr std::string_view kMomentForms =
    "a date, its beginning (2026-11-01), a date with a time (\"2026-11-01 10:00\", "
    "2026-11-01T10:00:00Z, 2026-11-01T10:00+01:00), today, yesterday, \"yesterday 10:00\" or now";

/// Without a zone in the local time of the process. `now` is for today and yesterday. Nothing: it
/// is none of these forms, or there is no such day or hour.
std::optional<base::TimePoint> parse_moment(std::string_view text, base::TimePoint now);

}  // namespace gald::daemon
