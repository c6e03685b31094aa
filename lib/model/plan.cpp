#include "model/plan.hpp"

#include "model/names.hpp"

namespace gald::model {

namespace {

constexpr Names<PlanReason, 4> kReasons = {{
    {PlanReason::too_many, "too-many"},
    {PlanReason::emptied, "emptied"},
    {PlanReason::scope, "scope"},
    {PlanReason::policy, "policy"},
}};

constexpr Names<PlanState, 6> kStates = {{
    {PlanState::open, "open"},
    {PlanState::approved, "approved"},
    {PlanState::rejected, "rejected"},
    {PlanState::applied, "applied"},
    {PlanState::dropped, "dropped"},
    {PlanState::superseded, "superseded"},
}};

}  // namespace

std::string_view to_string(PlanReason reason) {
  return name_of(kReasons, reason);
}

std::string_view to_string(PlanState state) {
  return name_of(kStates, state);
}

std::optional<PlanReason> plan_reason_named(std::string_view name) {
  return value_of(kReasons, name);
}

std::optional<PlanState> plan_state_named(std::string_view name) {
  return value_of(kStates, name);
}

}  // namespace gald::model
