// From staged records to the published index: loads what changed with its neighbours, lets the
// pure reconciler plan, applies the plan.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include <SQLiteCpp/SQLiteCpp.h>

#include "base/clock.hpp"
#include "index/batch_loader.hpp"
#include "index/index.hpp"
#include "index/query.hpp"
#include "index/search_index.hpp"
#include "model/run.hpp"
#include "model/staged_record.hpp"
#include "reconcile/reconcile.hpp"

namespace gald::index {

/// One publication. Works on the writer's connection; the caller serialises.
class Publisher {
 public:
  Publisher(SQLite::Database& database, Statements& statements, const base::Clock& clock,
            std::int64_t run);

  /// Short transactions, each of which leaves a consistent picture. What is left when it stops
  /// early stays marked and is done by the next publication. With `only_released`, of what changed
  /// only the records whose loss was decided on.
  model::PublishedCounts publish(const Publication& how, std::stop_token stop,
                                 bool only_released = false);

 private:
  std::int64_t touched_in_all();
  std::vector<std::int64_t> touched_records(std::int64_t after, bool only_released);
  void apply(const reconcile::Plan& plan, Batch& batch);
  void apply_entry(const reconcile::PlannedEntry& planned, Batch& batch,
                   std::set<std::int64_t>& recheck);
  void settle_conflicts(const reconcile::Plan& plan, const Batch& batch,
                        const reconcile::Policy& policy);
  std::optional<reconcile::PlannedEntry> revived(const reconcile::PlannedEntry& planned,
                                                 Batch& batch);
  void record_changes(std::int64_t entry, const reconcile::PlannedEntry& planned,
                      const Batch& batch);
  void record_change(std::int64_t entry, std::string_view operation,
                     const model::FieldChange& change,
                     const std::optional<std::string>& former = std::nullopt);
  void begin_moment();
  void unlink_orphans(const reconcile::Plan& plan, const Batch& batch,
                      std::set<std::int64_t>& recheck);
  void note_held(const reconcile::Plan& plan, const Batch& batch);
  void recheck_memberships(std::int64_t entry);
  bool is_held(std::int64_t group, std::int64_t member);
  void recheck_membership(std::int64_t group, std::int64_t member);
  static std::string connector_of_manager(const reconcile::PlannedEntry& planned,
                                          const Batch& batch);
  void recheck_manager(std::int64_t entry, const std::string& connector);
  void recheck_reports(std::int64_t entry);
  bool apply_touched_members();

  SQLite::Database& database_;
  Statements& statements_;
  const base::Clock& clock_;
  const std::string now_;  ///< what has ended before, has ended in this publication
  base::TimePoint at_;     ///< when all of the transaction under way is told
  BatchLoader loader_;
  SearchChanges search_;
  std::int64_t run_;
  std::int64_t last_number_;  ///< of the changes recorded so far
  model::PublishedCounts counts_;
  bool any_lost_ = false;  ///< there are records whose loss is not published yet
};

}  // namespace gald::index
