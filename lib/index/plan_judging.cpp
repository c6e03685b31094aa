// What a publication would lose, and what becomes of it.
#include <tuple>

#include "index/liveness.hpp"
#include "index/plan_store.hpp"
#include "index/policy_json.hpp"
#include "reconcile/guard.hpp"
#include "reconcile/join.hpp"

namespace gald::index {

using model::PlanReason;
using model::PlanState;

namespace {

/// What vanishes within this time counts together.
constexpr std::chrono::hours kLately{24};

// A + before a column keeps SQLite from searching by it: what changed is few, and has an index.

/// A record that nobody judged and nobody holds, as `r`. One whose last live state is not known
/// was lost before this version; it cannot be held.
/// `disabled_too`: the contacts of disabled accounts are removed.
const std::string& lost_record(bool disabled_too) {
  static const auto kLost = [](const std::string& gone) {
    return "r.touched = 1 AND r.plan_id IS NULL AND r.released = 0 AND r.published_live = 1 AND " +
           gone + " AND EXISTS (SELECT 1 FROM last_live l WHERE l.record_id = r.id)";
  };
  static const std::string kGone = kLost(std::string("NOT ") + kLiveRecord);
  static const std::string kGoneOrDisabled =
      kLost(std::string("(r.flags & 4 <> 0 OR NOT ") + kLiveRecord + ")");
  return disabled_too ? kGoneOrDisabled : kGone;
}

}  // namespace

bool PlanStore::nothing_to_judge() {
  const std::string kAnything =
      "SELECT EXISTS (SELECT 1 FROM collection WHERE rescoped = 1)"
      " OR EXISTS (SELECT 1 FROM record WHERE touched = 1 AND +plan_id IS NOT NULL)"
      " OR EXISTS (SELECT 1 FROM record r WHERE " +
      lost_record(disabled_is_gone_) + ")";
  Query query(statements_, kAnything);
  query.next();
  return query.integer(0) == 0;
}

void PlanStore::judge(std::int64_t run, const Publication& how) {
  if (database_.execAndGet("SELECT EXISTS (SELECT 1 FROM entry)").getInt() == 0) {
    database_.exec("UPDATE collection SET rescoped = 0 WHERE rescoped = 1");
    return;  // there is nothing that could be lost
  }
  disabled_is_gone_ = policy_from_json(active_policy(statements_)).disabled_account ==
                      reconcile::DisabledAccount::remove;
  if (nothing_to_judge())
    return;
  SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
  std::set<std::int64_t> shaken = reconsider_held();
  hold_rescoped(run, how.guard.has_value(), shaken);
  if (how.guard)
    judge_losses(run, *how.guard, shaken);
  for (const std::int64_t number : shaken)
    drop_or_renew(number, run);
  transaction.commit();
}

bool PlanStore::counts_as_live(const model::StagedRecord& record) const {
  return reconcile::is_live(record) &&
         !(disabled_is_gone_ &&
           model::flag(record.attributes, model::Attribute::account_enabled) == false);
}

/// What a source said of records that are held. Returns the open plans that lost some of theirs.
std::set<std::int64_t> PlanStore::reconsider_held() {
  std::set<std::int64_t> shaken;
  for (std::int64_t last = 0;;) {
    std::vector<std::int64_t> records;
    {
      Query query(statements_,
                  "SELECT id FROM record WHERE touched = 1 AND plan_id IS NOT NULL AND id > ?1"
                  " ORDER BY id LIMIT 500");
      query.bind(last);
      records = query.integers();
    }
    if (records.empty())
      return shaken;
    last = records.back();
    for (const std::int64_t record : records) {
      const Held held = load(record);
      if (counts_as_live(held.actual) == held.actual.was_live ||
          to_string(held.actual.presence) != held.held_presence) {
        let_go(held, false);
        if (load_plan(statements_, held.plan)->plan.state == PlanState::open)
          shaken.insert(held.plan);
      } else {
        hold(record, held.plan);
        if (!held.actual.was_live)  // what it would publish may have changed
          Query(statements_, "UPDATE plan SET stale = 1 WHERE number = ?1").bind(held.plan).run();
      }
    }
  }
}

/// Until the first complete round under a new scope is published, everything that comes or goes
/// may be of the new scope's making.
void PlanStore::hold_rescoped(std::int64_t run, bool guarded, std::set<std::int64_t>& shaken) {
  struct Rescoped {
    std::int64_t collection;
    Kind subject;
  };

  static const std::string kMoved =
      std::string(
          "SELECT r.id FROM record r WHERE r.touched = 1 AND r.id > ?2 AND +r.collection_id = ?1"
          " AND r.plan_id IS NULL AND r.released = 0 AND r.published_live <> ") +
      kLiveRecord +
      " AND (r.published_live = 0 OR EXISTS"
      "  (SELECT 1 FROM last_live l WHERE l.record_id = r.id)) ORDER BY r.id LIMIT 500";
  std::vector<Rescoped> collections;
  {
    Query query(statements_,
                "SELECT l.id, c.name, l.name FROM collection l"
                " JOIN connector c ON c.id = l.connector_id WHERE l.rescoped = 1");
    while (query.next())
      collections.push_back({query.integer(0), {query.text(1), query.text(2)}});
  }
  for (const Rescoped& rescoped : collections) {
    std::optional<std::int64_t> plan = open_plan(rescoped.subject, true);
    bool grown = false;
    for (std::int64_t last = 0; guarded;) {
      std::vector<std::int64_t> records;
      {
        Query query(statements_, kMoved);
        query.bind(rescoped.collection, last);
        records = query.integers();
      }
      if (records.empty())
        break;
      last = records.back();
      if (!plan) {
        model::HeldPlan made;
        made.reason = PlanReason::scope;
        std::tie(made.connector, made.subject) = rescoped.subject;
        plan = add_plan(run, made, {});
      }
      for (const std::int64_t record : records)
        hold(record, *plan);
      grown = true;
    }
    if (grown)
      shaken.insert(*plan);
    Query(statements_, "UPDATE collection SET rescoped = 0 WHERE id = ?1 AND full_round = 0")
        .bind(rescoped.collection)
        .run();
  }
}

/// Records that are newly lost, by kind.
std::map<PlanStore::Kind, std::int64_t> PlanStore::losses() {
  const std::string kCount =
      "SELECT c.name, r.kind, count(*) FROM record r JOIN connector c ON c.id = r.connector_id"
      " WHERE " +
      lost_record(disabled_is_gone_) + " GROUP BY 1, 2";
  std::map<Kind, std::int64_t> found;
  Query query(statements_, kCount);
  while (query.next())
    found[{query.text(0), query.text(1)}] = query.integer(2);
  return found;
}

void PlanStore::judge_losses(std::int64_t run, const reconcile::GuardLimits& limits,
                             std::set<std::int64_t>& shaken) {
  std::map<Kind, std::int64_t> vanishing = losses();
  for (const std::int64_t number : shaken)
    if (const PlanRow row = *load_plan(statements_, number); row.plan.reason != PlanReason::scope)
      vanishing.try_emplace({row.plan.connector, row.plan.subject}, 0);
  for (const auto& [kind, records] : vanishing)
    judge_kind(run, kind, records, limits, shaken);
}

void PlanStore::judge_kind(std::int64_t run, const Kind& kind, std::int64_t vanishing,
                           const reconcile::GuardLimits& limits, std::set<std::int64_t>& shaken) {
  std::optional<std::int64_t> plan = open_plan(kind, false);
  const std::int64_t held = plan ? held_by(*plan) : 0;
  reconcile::LossCounts counts;
  counts.vanishing = vanishing + held;
  {
    Query query(statements_,
                "SELECT coalesce(sum(l.records), 0) FROM loss l JOIN connector c"
                " ON c.id = l.connector_id WHERE c.name = ?1 AND l.kind = ?2 AND l.at > ?3");
    const std::string since = base::to_iso8601(clock_.now() - kLately);
    query.bind(kind.first, kind.second, since);
    query.next();
    counts.gone_lately = query.integer(0);
  }
  if (counts.vanishing + counts.gone_lately > reconcile::kGuardHandful) {
    // looks at every record of the connector, and is therefore asked last
    Query query(statements_,
                "SELECT count(*) FROM record r JOIN connector c ON c.id = r.connector_id"
                " WHERE c.name = ?1 AND r.kind = ?2 AND r.published_live = 1");
    query.bind(kind.first, kind.second);
    query.next();
    counts.published = query.integer(0);
  }
  const reconcile::Verdict verdict =
      reconcile::guard(kind.first, model::record_kind_named(kind.second).value(), counts, limits);
  if (!verdict.held) {
    if (plan && held > 0) {
      release(*plan);
      close(*plan, PlanState::applied, run);
      shaken.erase(*plan);
    }
    let_pass(kind, vanishing + held);
    return;
  }
  if (!plan) {
    model::HeldPlan made;
    made.reason = verdict.reason;
    std::tie(made.connector, made.subject) = kind;
    made.text = verdict.text;
    plan = add_plan(run, made, {});
  } else {
    PlanRow old = *load_plan(statements_, *plan);
    old.plan.reason = verdict.reason;
    shaken.erase(*plan);
    plan = supersede(old, run, verdict.text);
  }
  const std::string kLost =
      "SELECT r.id FROM record r JOIN connector c"
      " ON c.id = +r.connector_id WHERE c.name = ?1 AND r.kind = ?2"
      " AND r.id > ?3 AND " +
      lost_record(disabled_is_gone_) + " ORDER BY r.id LIMIT 500";
  for (std::int64_t last = 0;;) {
    std::vector<std::int64_t> records;
    {
      Query query(statements_, kLost);
      query.bind(kind.first, kind.second, last);
      records = query.integers();
    }
    if (records.empty())
      return;
    last = records.back();
    for (const std::int64_t record : records)
      hold(record, *plan);
  }
}

/// Judged once: when the publication breaks off, the next one does not count them again.
void PlanStore::let_pass(const Kind& kind, std::int64_t vanishing) {
  if (vanishing == 0)
    return;
  const std::string kPass =
      "UPDATE record AS r SET released = 1 WHERE r.kind = ?2 AND +r.connector_id ="
      " (SELECT id FROM connector WHERE name = ?1) AND " +
      lost_record(disabled_is_gone_);
  Query(statements_, kPass).bind(kind.first, kind.second).run();
  Query(statements_, "DELETE FROM loss WHERE at <= ?1")
      .bind(base::to_iso8601(clock_.now() - kLately))
      .run();
  Query(statements_,
        "INSERT INTO loss (connector_id, kind, at, records)"
        " SELECT id, ?2, ?3, ?4 FROM connector WHERE name = ?1")
      .bind(kind.first, kind.second, now(), vanishing)
      .run();
}

/// A plan with other records than before.
void PlanStore::drop_or_renew(std::int64_t number, std::int64_t run) {
  const PlanRow row = *load_plan(statements_, number);
  if (row.plan.state != PlanState::open)
    return;
  if (held_by(number) == 0) {
    close(number, PlanState::dropped, run);
    return;
  }
  const bool of_scope = row.plan.reason == PlanReason::scope;
  const std::string text = of_scope ? scope_text(row) : row.plan.text;
  if (row.plan.run == run && row.digest.empty())
    Query(statements_, "UPDATE plan SET text = ?2 WHERE number = ?1").bind(number, text).run();
  else
    supersede(row, run, text);
}

}  // namespace gald::index
