// The loop of the service: when a cycle runs. What a cycle is, it is told.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <utility>

#include "base/clock.hpp"
#include "sync/schedule.hpp"

namespace gald::daemon {

class Service {
 public:
  /// `cycle` blocks and must not throw. `random` gives numbers in [0, 1).
  struct Parts {
    sync::Schedule schedule;
    const base::Clock& clock;
    std::function<double()> random;
    std::function<void(std::stop_token)> cycle;
    std::function<void(base::TimePoint next)> waiting;  ///< called before each wait
  };

  explicit Service(Parts parts) : parts_(std::move(parts)) {}

  /// A cycle at once, then by the schedule, one after the other, until told to stop.
  void loop(std::stop_token stop);

  /// Thread-safe. Requests that come while a cycle runs become one cycle behind it.
  void cycle_now();

 private:
  void wait_until(base::TimePoint time, base::TimePoint since, std::stop_token stop);

  const Parts parts_;  // constant after construction
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool wanted_ = false;  // guarded by mutex_
};

}  // namespace gald::daemon
