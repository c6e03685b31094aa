#include "net/retry_after.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <iomanip>
#include <locale>
#include <sstream>
#include <string>

#include "base/text.hpp"

namespace gald::net {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kMost = std::chrono::hours(24);

}  // namespace

std::optional<base::TimePoint> parse_http_date(std::string_view text) {
  text = base::trim(text);
  constexpr std::size_t kAsctimeSize = 24;
  // get_time takes an input that ends before its format does for a match.
  if (!text.ends_with(" GMT") && text.size() != kAsctimeSize)
    return std::nullopt;
  for (const char* format :
       {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"}) {
    std::istringstream in{std::string(text)};
    in.imbue(std::locale::classic());
    std::tm tm{};
    in >> std::get_time(&tm, format);
    if (in.fail() || in.peek() != std::istringstream::traits_type::eof())
      continue;
    const std::chrono::year_month_day day{std::chrono::year(tm.tm_year + 1900),
                                          std::chrono::month(static_cast<unsigned>(tm.tm_mon + 1)),
                                          std::chrono::day(static_cast<unsigned>(tm.tm_mday))};
    if (!day.ok())
      continue;
    return std::chrono::sys_days(day) + std::chrono::hours(tm.tm_hour) +
           std::chrono::minutes(tm.tm_min) + std::chrono::seconds(tm.tm_sec);
  }
  return std::nullopt;
}

std::optional<milliseconds> parse_retry_after(std::string_view text, base::TimePoint now) {
  text = base::trim(text);
  if (text.empty())
    return std::nullopt;
  if (text.find_first_not_of("0123456789.") == std::string_view::npos) {
    double seconds = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
    if (end != text.data() + text.size())
      return std::nullopt;
    if (error == std::errc::result_out_of_range || seconds > 86400.0)
      return kMost;
    if (error != std::errc())
      return std::nullopt;
    return milliseconds(static_cast<milliseconds::rep>(seconds * 1000.0));
  }
  if (const auto date = parse_http_date(text))
    return std::clamp(*date - now, milliseconds(0), kMost);
  return std::nullopt;
}

}  // namespace gald::net
