#include "base/clock.hpp"

#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>

namespace gald::base {

using namespace std::chrono;  // NOLINT(google-build-using-namespace): this file is about time

TimePoint SystemClock::now() const {
  return time_point_cast<milliseconds>(system_clock::now());
}

bool SystemClock::sleep(milliseconds duration, std::stop_token stop) const {
  std::mutex mutex;
  std::condition_variable_any waiting;
  std::unique_lock lock(mutex);
  waiting.wait_for(lock, stop, duration, [] { return false; });
  return !stop.stop_requested();
}

bool ManualClock::sleep(milliseconds duration, std::stop_token stop) const {
  if (stop.stop_requested())
    return false;
  now_.store(now_.load() + duration);
  return true;
}

std::string to_iso8601(TimePoint time) {
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  char text[40];
  std::snprintf(
      text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return text;
}

std::optional<TimePoint> parse_iso8601(std::string_view text) {
  const std::string copy(text);
  int y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0, read = 0;
  if (std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &y, &mo, &d, &h, &mi, &s, &read) != 6)
    return std::nullopt;
  std::string_view rest = std::string_view(copy).substr(static_cast<std::size_t>(read));
  int millis = 0;
  if (!rest.empty() && rest.front() == '.') {
    rest.remove_prefix(1);
    int digits = 0;
    while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') {
      if (digits < 3)
        millis = millis * 10 + (rest.front() - '0');
      ++digits;
      rest.remove_prefix(1);
    }
    for (; digits < 3; ++digits)
      millis *= 10;
  }
  if (rest != "Z")
    return std::nullopt;
  const year_month_day date{year(y), month(static_cast<unsigned>(mo)),
                            day(static_cast<unsigned>(d))};
  if (!date.ok() || h > 23 || mi > 59 || s > 60)
    return std::nullopt;
  return TimePoint(sys_days(date) + hours(h) + minutes(mi) + seconds(s) + milliseconds(millis));
}

}  // namespace gald::base
