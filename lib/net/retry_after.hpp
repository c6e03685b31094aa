// Dates and waits in HTTP headers.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "base/clock.hpp"

namespace gald::net {

/// The three forms of RFC 9110 section 5.6.7, all of them GMT.
std::optional<base::TimePoint> parse_http_date(std::string_view text);

/// RFC 9110 section 10.2.3: seconds or a date. Microsoft Graph sends decimal seconds ("2.128"), so
/// those are understood too. Never negative, a day at most; nothing for anything else.
std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view text,
                                                           base::TimePoint now);

}  // namespace gald::net
