#include "sync/live_status.hpp"

#include <algorithm>

namespace gald::sync {

namespace {

constexpr std::chrono::seconds kTooEarly{3};

}  // namespace

std::string_view to_string(Activity activity) {
  switch (activity) {
    case Activity::idle:
      return "idle";
    case Activity::waiting:
      return "waiting";
    case Activity::reading:
      return "reading";
    case Activity::publishing:
      return "publishing";
  }
  return {};
}

LiveStatus::LiveStatus(const base::Clock& clock) : clock_(clock) {
  now_.since = clock.now();
}

void LiveStatus::turn_to(Activity activity) {
  now_ = {activity, clock_.now()};
}

void LiveStatus::cycle_blocked() {
  const std::lock_guard lock(mutex_);
  turn_to(Activity::waiting);
}

void LiveStatus::cycle_begun() {
  const std::lock_guard lock(mutex_);
  turn_to(Activity::reading);
}

void LiveStatus::moved(const Progress& progress) {
  const std::lock_guard lock(mutex_);
  const Activity activity =
      progress.stage == Progress::Stage::reading ? Activity::reading : Activity::publishing;
  if (now_.activity != activity)
    turn_to(activity);
  const auto known = std::find_if(now_.steps.begin(), now_.steps.end(), [&](const Step& step) {
    return step.connector == progress.connector && step.collection == progress.collection;
  });
  Step& step = known != now_.steps.end() ? *known : now_.steps.emplace_back();
  step = {progress.connector, progress.collection, progress.objects,
          progress.full,      progress.done,       progress.expected};
}

void LiveStatus::cycle_over() {
  const std::lock_guard lock(mutex_);
  turn_to(Activity::idle);
}

void LiveStatus::next_cycle(base::TimePoint at) {
  const std::lock_guard lock(mutex_);
  now_.next_cycle = at;
}

LiveStatus::Snapshot LiveStatus::snapshot() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

std::optional<std::chrono::seconds> time_left(const LiveStatus::Snapshot& snapshot,
                                              base::TimePoint now) {
  const auto spent = now - snapshot.since;
  if (spent < kTooEarly)
    return std::nullopt;
  std::optional<std::chrono::seconds> longest;
  for (const LiveStatus::Step& step : snapshot.steps) {
    if (step.done || !step.full)
      continue;
    if (!step.expected || step.objects <= 0)
      return std::nullopt;
    const double left =
        static_cast<double>(std::max<std::int64_t>(*step.expected - step.objects, 0));
    const std::chrono::duration<double> needed =
        std::chrono::duration<double>(spent) * (left / static_cast<double>(step.objects));
    longest = std::max(longest.value_or(std::chrono::seconds(0)),
                       std::chrono::ceil<std::chrono::seconds>(needed));
  }
  return longest;
}

}  // namespace gald::sync
