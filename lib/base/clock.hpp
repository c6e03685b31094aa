// Time is passed in: nothing below the composition root asks the operating system for it.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace gald::base {

using TimePoint = std::chrono::sys_time<std::chrono::milliseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;

  /// Returns when `duration` has passed on this clock, or at once when told to stop: then false.
  virtual bool sleep(std::chrono::milliseconds duration, std::stop_token stop) const = 0;
};

class SystemClock final : public Clock {
 public:
  TimePoint now() const override;
  bool sleep(std::chrono::milliseconds duration, std::stop_token stop) const override;
};

/// A clock that a test moves by hand. Whoever sleeps on it moves it too, and does not wait.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(TimePoint start) : now_(start) {}

  TimePoint now() const override { return now_.load(); }

  bool sleep(std::chrono::milliseconds duration, std::stop_token stop) const override;

  void advance(std::chrono::milliseconds by) { now_.store(now_.load() + by); }

 private:
  mutable std::atomic<TimePoint> now_;
};

/// "2026-11-21T05:30:00.000Z": UTC, fixed width, so that text order is time order.
std::string to_iso8601(TimePoint time);

/// A date, a time and their zone, as RFC 3339 has them. Anything else: nothing.
std::optional<TimePoint> parse_iso8601(std::string_view text);

}  // namespace gald::base
