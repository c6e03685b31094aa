// What a plan would do: the reconciler's answer to the records it holds, without a write.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "index/query.hpp"
#include "model/plan.hpp"
#include "reconcile/policy.hpp"
#include "reconcile/reconcile.hpp"

namespace gald::index {

/// A row of the table `plan`.
struct PlanRow {
  model::HeldPlan plan;
  std::string digest;  ///< empty: nobody has found out yet what it would do
  std::string policy;  ///< JSON; with PlanReason::policy, the one it would bring into force
};

std::optional<PlanRow> load_plan(Statements& statements, std::int64_t number);

/// The policy that is in force; without one noted, as in an index of an older gald, the default.
std::string active_policy(Statements& statements);

struct Preview {
  std::int64_t records = 0;
  std::int64_t created = 0;
  std::int64_t updated = 0;
  std::int64_t deleted = 0;
  bool writes = false;  ///< it does something, if only to where values come from
  std::string digest;   ///< of all that it would publish
};

using HeldVisitor = std::function<void(const model::HeldChange&)>;

/// The publication of exactly this plan, in batches; each contact once. `now` is ISO 8601.
Preview preview(Statements& statements, const PlanRow& plan, const std::string& now,
                const HeldVisitor& visit = {});

/// The word of the history for it.
std::string_view name_of(reconcile::Operation operation);

}  // namespace gald::index
