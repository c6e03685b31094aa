#include "base/clock.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>

namespace gald::base {

using namespace std::chrono;  // NOLINT(google-build-using-namespace): this file is about time

namespace {

/// `form` has a d where a digit stands.
bool has_form(std::string_view text, std::string_view form) {
  return std::equal(text.begin(), text.end(), form.begin(), form.end(), [](char c, char expected) {
    return expected == 'd' ? c >= '0' && c <= '9' : c == expected;
  });
}

/// REQUIRES: a few digits and nothing else.
int number_in(std::string_view digits) {
  int number = 0;
  for (const char digit : digits)
    number = number * 10 + (digit - '0');
  return number;
}

}  // namespace

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
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
  constexpr std::string_view kOffset = "dd:dd";
  if (!has_form(text.substr(0, kForm.size()), kForm))
    return std::nullopt;
  const year_month_day date{year(number_in(text.substr(0, 4))),
                            month(static_cast<unsigned>(number_in(text.substr(5, 2)))),
                            day(static_cast<unsigned>(number_in(text.substr(8, 2))))};
  const int h = number_in(text.substr(11, 2));
  const int mi = number_in(text.substr(14, 2));
  const int s = number_in(text.substr(17, 2));
  if (!date.ok() || h > 23 || mi > 59 || s > 60)
    return std::nullopt;
  TimePoint time(sys_days(date) + hours(h) + minutes(mi) + seconds(s));
  std::string_view rest = text.substr(kForm.size());
  if (rest.starts_with('.')) {
    const std::size_t end = std::min(rest.find_first_not_of("0123456789", 1), rest.size());
    const std::string fraction(rest.substr(1, end - 1));
    if (fraction.empty())
      return std::nullopt;
    time += milliseconds(number_in((fraction + "00").substr(0, 3)));
    rest.remove_prefix(end);
  }
  if (rest == "Z")
    return time;
  if (rest.empty() || (rest.front() != '+' && rest.front() != '-') ||
      !has_form(rest.substr(1), kOffset))
    return std::nullopt;
  const hours east(number_in(rest.substr(1, 2)));
  const minutes further(number_in(rest.substr(4, 2)));
  if (east > hours(23) || further > minutes(59))
    return std::nullopt;
  return rest.front() == '+' ? time - east - further : time + east + further;
}

}  // namespace gald::base
