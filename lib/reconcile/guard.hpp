// How much may vanish without anybody being asked. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "model/plan.hpp"
#include "model/record.hpp"

namespace gald::reconcile {

struct GuardLimits {
  std::int64_t deletes = 500;
  int percent = 10;  ///< of what was there
};

/// Of the records of one kind of one connector. What vanishes within a day counts together: a
/// source that loses its objects in portions loses them all the same.
struct LossCounts {
  std::int64_t vanishing = 0;    ///< published as live, and now gone
  std::int64_t gone_lately = 0;  ///< vanished and published so within the last day
  std::int64_t published = 0;    ///< live as published, those that vanish among them
};

struct Verdict {
  bool held = false;
  model::PlanReason reason = model::PlanReason::too_many;
  std::string text;  ///< when held: the reason in words
};

/// Up to this many always go, unless they are all that is left of more: a person who leaves a
/// small company is ten percent of it.
inline constexpr std::int64_t kGuardHandful = 5;

/// Held is what exceeds one of the limits, and what leaves nothing of a kind.
Verdict guard(const std::string& connector, model::RecordKind kind, const LossCounts& counts,
              const GuardLimits& limits);

}  // namespace gald::reconcile
