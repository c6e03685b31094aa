#include "service.hpp"

#include <algorithm>

namespace gald::daemon {

using std::chrono::milliseconds;

void Service::loop(std::stop_token stop) {
  while (!stop.stop_requested()) {
    const base::TimePoint start = parts_.clock.now();
    parts_.cycle(stop);
    if (stop.stop_requested())
      return;
    const base::TimePoint now = parts_.clock.now();
    const base::TimePoint next = parts_.schedule.next(std::min(start, now), now, parts_.random());
    parts_.waiting(next);
    wait_until(next, now, stop);
  }
}

void Service::cycle_now() {
  {
    const std::lock_guard lock(mutex_);
    wanted_ = true;
  }
  changed_.notify_all();
}

void Service::wait_until(base::TimePoint time, base::TimePoint since, std::stop_token stop) {
  // In slices, because the clock of the wait stands still while the machine sleeps.
  constexpr milliseconds kSlice{20'000};
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested() && !wanted_) {
    const base::TimePoint now = parts_.clock.now();
    // A clock that was put right must not put the cycle off for as long as it was wrong.
    const bool set_back = now + std::chrono::minutes(1) < since;
    if (now >= time || set_back)
      break;
    changed_.wait_for(lock, stop, std::min<milliseconds>(kSlice, time - now),
                      [this] { return wanted_; });
  }
  wanted_ = false;
}

}  // namespace gald::daemon
