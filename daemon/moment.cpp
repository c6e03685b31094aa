#include "moment.hpp"

#include <charconv>
#include <chrono>
#include <ctime>
#include <string>

#include "base/text.hpp"

namespace gald::daemon {

namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

/// Takes a text apart from the left; what does not fit stays.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }

  bool take(std::string_view text) {
    if (!base::ascii_iequals(rest_.substr(0, text.size()), text))
      return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  /// Exactly so many digits.
  std::optional<int> number(std::size_t digits) {
    int value = 0;
    const std::string_view text = rest_.substr(0, digits);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.size() != digits || text.front() == '-' || error != std::errc() ||
        end != text.data() + digits)
      return std::nullopt;
    rest_.remove_prefix(digits);
    return value;
  }

 private:
  std::string_view rest_;
};

std::optional<std::chrono::year_month_day> local_day(base::TimePoint time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  if (::localtime_r(&seconds, &parts) == nullptr)
    return std::nullopt;
  return std::chrono::year_month_day{std::chrono::year(parts.tm_year + 1900),
                                     std::chrono::month(static_cast<unsigned>(parts.tm_mon + 1)),
                                     std::chrono::day(static_cast<unsigned>(parts.tm_mday))};
}

std::optional<std::chrono::year_month_day> take_day(Scanner& text, base::TimePoint now) {
  if (text.take("today"))
    return local_day(now);
  if (text.take("yesterday")) {
    const auto today = local_day(now);
    if (!today)
      return std::nullopt;
    return std::chrono::year_month_day(std::chrono::sys_days(*today) - std::chrono::days(1));
  }
  const auto year = text.number(4);
  const bool month_follows = text.take("-");
  const auto month = text.number(2);
  const bool day_follows = text.take("-");
  const auto day = text.number(2);
  if (!year || !month_follows || !month || !day_follows || !day)
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  return date.ok() ? std::optional(date) : std::nullopt;
}

/// "10:00", "10:00:30", "10:00:30.250".
std::optional<milliseconds> take_time(Scanner& text) {
  const auto hour = text.number(2);
  if (!hour || *hour > 23 || !text.take(":"))
    return std::nullopt;
  const auto minute = text.number(2);
  if (!minute || *minute > 59)
    return std::nullopt;
  milliseconds time = std::chrono::hours(*hour) + minutes(*minute);
  if (!text.take(":"))
    return time;
  const auto second = text.number(2);
  if (!second || *second > 59)
    return std::nullopt;
  time += std::chrono::seconds(*second);
  if (!text.take("."))
    return time;
  const auto fraction = text.number(3);
  return fraction ? std::optional(time + milliseconds(*fraction)) : std::nullopt;
}

/// East of Greenwich: "Z", "+01:00", "-0330".
std::optional<minutes> take_zone(Scanner& text) {
  if (text.take("Z"))
    return minutes(0);
  const bool east = text.take("+");
  if (!east && !text.take("-"))
    return std::nullopt;
  const auto hour = text.number(2);
  text.take(":");
  const auto minute = text.number(2);
  if (!hour || !minute || *hour > 23 || *minute > 59)
    return std::nullopt;
  const minutes offset(*hour * 60 + *minute);
  return east ? offset : -offset;
}

std::optional<base::TimePoint> in_local_time(std::chrono::year_month_day day, milliseconds time) {
  std::tm parts{};
  parts.tm_year = static_cast<int>(day.year()) - 1900;
  parts.tm_mon = static_cast<int>(static_cast<unsigned>(day.month())) - 1;
  parts.tm_mday = static_cast<int>(static_cast<unsigned>(day.day()));
  parts.tm_sec = 0;
  parts.tm_hour = static_cast<int>(time / std::chrono::hours(1));
  parts.tm_min = static_cast<int>(time % std::chrono::hours(1) / minutes(1));
  parts.tm_isdst = -1;  // whatever holds on that day
  const std::time_t seconds = ::mktime(&parts);
  if (seconds == -1)
    return std::nullopt;
  return base::TimePoint(std::chrono::seconds(seconds)) + time % minutes(1);
}

}  // namespace

std::optional<base::TimePoint> parse_moment(std::string_view text, base::TimePoint now) {
  if (base::ascii_iequals(base::trim(text), "now"))
    return now;
  Scanner scanner(base::trim(text));
  const auto day = take_day(scanner, now);
  if (!day)
    return std::nullopt;
  if (scanner.at_end())
    return in_local_time(*day, milliseconds(0));
  if (!scanner.take("T") && !scanner.take(" "))
    return std::nullopt;
  const auto time = take_time(scanner);
  if (!time)
    return std::nullopt;
  scanner.take(" ");
  if (scanner.at_end())
    return in_local_time(*day, *time);
  const auto zone = take_zone(scanner);
  if (!zone || !scanner.at_end())
    return std::nullopt;
  return base::TimePoint(std::chrono::sys_days(*day)) + *time - *zone;
}

}  // namespace gald::daemon
