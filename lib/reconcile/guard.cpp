#include "reconcile/guard.hpp"

namespace gald::reconcile {

namespace {

std::string grouped(std::int64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3)
    text.insert(at - 3, ",");
  return text;
}

}  // namespace

Verdict guard(const std::string& connector, model::RecordKind kind, const LossCounts& counts,
              const GuardLimits& limits) {
  const std::string kinds = std::string(to_string(kind)) + "s";
  const std::int64_t lost = counts.vanishing + counts.gone_lately;
  const std::int64_t known = counts.published + counts.gone_lately;
  if (counts.vanishing == 0 || lost <= kGuardHandful)
    return {};
  const std::string lately = counts.gone_lately == 0 ? ""
                                                     : " (" + grouped(counts.gone_lately) +
                                                           " of them already did within 24 hours)";
  if (counts.vanishing == counts.published)
    return {true, model::PlanReason::emptied,
            "connector " + connector + ": all " + grouped(known) + " " + kinds + " would vanish" +
                lately};
  if (lost > limits.deletes || lost * 100 > limits.percent * known)
    return {true, model::PlanReason::too_many,
            grouped(lost) + " of " + grouped(known) + " " + kinds + " of connector " + connector +
                " would vanish" + lately + "; the guard allows " + grouped(limits.deletes) +
                " and " + std::to_string(limits.percent) + " %"};
  return {};
}

}  // namespace gald::reconcile
