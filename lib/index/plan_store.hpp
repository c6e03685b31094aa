// What is held back: judges what a publication would lose, makes plans of it, and keeps them true.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <SQLiteCpp/SQLiteCpp.h>

#include "base/clock.hpp"
#include "index/index.hpp"
#include "index/preview.hpp"
#include "index/query.hpp"
#include "index/staging.hpp"

namespace gald::index {

/// Works on the writer's connection; the caller serialises. A held record is not touched (nothing
/// of it is to be published) and not forgotten: when its source says something, it is touched, and
/// judge() looks at it again.
class PlanStore {
 public:
  PlanStore(SQLite::Database& database, Statements& statements, Staging& staging,
            const base::Clock& clock);

  /// The policy to publish with: without a guard the configured one, which then is in force;
  /// otherwise the one that is, until a plan for another is approved.
  reconcile::Policy policy_in_force(const Publication& how);

  /// Before the entries are published: holds what came or went by a change of scope and what
  /// exceeds the guard, and lets go of what recovered. One transaction; none in a quiet cycle.
  void judge(std::int64_t run, const Publication& how);

  /// After the entries were published: what each plan would do now. One that would do something
  /// else than before gets a new number. Also compares the configured policy with the one in force.
  void conclude(std::int64_t run, const Publication& how);

  /// See Index::approve(), which publishes what this lets go.
  Decision approve(std::int64_t number, std::int64_t run);
  Decision reject(std::int64_t number, std::int64_t run);

  std::vector<model::HeldPlan> plans_of(std::int64_t run);

 private:
  /// A record with both of its faces.
  struct Held {
    std::int64_t plan = 0;
    std::string held_presence;
    model::StagedRecord actual;
    model::StagedRecord published;  ///< as it was before its loss; only if it was live
  };

  using Kind = std::pair<std::string, std::string>;  ///< connector, and kind of records

  bool nothing_to_judge();
  bool counts_as_live(const model::StagedRecord& record) const;
  std::set<std::int64_t> reconsider_held();
  void hold_rescoped(std::int64_t run, bool guarded, std::set<std::int64_t>& shaken);
  void judge_losses(std::int64_t run, const reconcile::GuardLimits& limits,
                    std::set<std::int64_t>& shaken);
  std::map<Kind, std::int64_t> losses();
  void judge_kind(std::int64_t run, const Kind& kind, std::int64_t vanishing,
                  const reconcile::GuardLimits& limits, std::set<std::int64_t>& shaken);
  void let_pass(const Kind& kind, std::int64_t vanishing);

  std::optional<std::int64_t> open_plan(const Kind& subject, bool of_scope);
  std::int64_t add_plan(std::int64_t run, const model::HeldPlan& plan, const std::string& policy);
  void close(std::int64_t number, model::PlanState state, std::int64_t run,
             std::int64_t superseded_by = 0);
  std::int64_t supersede(const PlanRow& old, std::int64_t run, const std::string& text);
  void note(std::int64_t number, const Preview& seen);
  void drop_or_renew(std::int64_t number, std::int64_t run);
  std::string scope_text(const PlanRow& plan);
  std::int64_t held_by(std::int64_t number);

  Held load(std::int64_t record);
  void hold(std::int64_t record, std::int64_t plan);
  void let_go(const Held& held, bool released);
  void release(std::int64_t number);

  void conclude_policy(std::int64_t run, const reconcile::Policy& configured);
  void bring_into_force(const std::string& policy, bool released);

  std::string now() const { return base::to_iso8601(clock_.now()); }

  SQLite::Database& database_;
  Statements& statements_;
  Staging& staging_;
  const base::Clock& clock_;
  bool disabled_is_gone_ = false;  ///< by the policy in force
};

}  // namespace gald::index
