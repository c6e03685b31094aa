// What is held back until somebody decides.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/entry.hpp"

namespace gald::model {

/// Why a plan was not applied at once.
enum class PlanReason {
  too_many,  ///< more would vanish than the guard allows
  emptied,   ///< everything of a kind would vanish
  scope,     ///< the configuration says anew what a connector reads
  policy,    ///< the configuration says anew what is made of the records
};

enum class PlanState {
  open,        ///< waits for a decision
  approved,    ///< decided: applied
  rejected,    ///< decided: what it holds stays as it is
  applied,     ///< what was left of it was within the guard
  dropped,     ///< nothing was left of it
  superseded,  ///< what it would do has changed; another plan says what that is now
};

std::string_view to_string(PlanReason reason);  // "too-many" | "emptied" | "scope" | "policy"
std::string_view to_string(PlanState state);
std::optional<PlanReason> plan_reason_named(std::string_view name);
std::optional<PlanState> plan_state_named(std::string_view name);

struct HeldPlan {
  std::int64_t number = 0;
  std::string created_at;  ///< ISO 8601
  std::int64_t run = 0;    ///< in which it was made
  PlanReason reason = PlanReason::too_many;
  std::string connector;  ///< empty with `policy`
  std::string subject;    ///< a kind of records, with `scope` a collection; empty with `policy`
  std::string text;       ///< the reason in words
  std::int64_t records = 0;
  std::int64_t created = 0;  ///< contacts and groups that it would publish, restored ones too
  std::int64_t updated = 0;
  std::int64_t deleted = 0;
  PlanState state = PlanState::open;
  std::int64_t superseded_by = 0;  ///< 0: nothing
  std::string decided_at;          ///< empty: not yet
};

/// One contact or group in a plan.
struct HeldChange {
  Entry entry;            ///< as it would be published
  std::string operation;  ///< "created" | "updated" | "deleted" | "restored" | "merged"
  std::vector<FieldChange> changes;

  /// The held records of it: "ad/GUID: absent".
  std::vector<std::string> records;
};

}  // namespace gald::model
