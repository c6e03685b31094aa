#include "index/plan_store.hpp"

#include "index/attributes_json.hpp"
#include "index/liveness.hpp"
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
const std::string& lost_record() {
  static const std::string kLost =
      std::string(
          "r.touched = 1 AND r.plan_id IS NULL AND r.released = 0"
          " AND r.published_live = 1 AND NOT ") +
      kLiveRecord + " AND EXISTS (SELECT 1 FROM last_live l WHERE l.record_id = r.id)";
  return kLost;
}

std::vector<std::int64_t> integers(Query& query) {
  std::vector<std::int64_t> found;
  while (query.next())
    found.push_back(query.integer(0));
  return found;
}

bool is_undecided(const model::HeldPlan& plan) {
  return plan.state == PlanState::open || plan.state == PlanState::rejected;
}

}  // namespace

/// A record with both of its faces.
struct PlanStore::Held {
  std::int64_t plan = 0;
  std::string held_presence;
  model::StagedRecord actual;
  model::StagedRecord published;  ///< as it was before its loss; only if it was live
};

PlanStore::PlanStore(SQLite::Database& database, Statements& statements, Staging& staging,
                     const base::Clock& clock)
    : database_(database), statements_(statements), staging_(staging), clock_(clock) {}

// --- records -------------------------------------------------------------------------------------

PlanStore::Held PlanStore::load(std::int64_t record) {
  Query query(statements_,
              "SELECT c.kind, r.anchor, r.kind, r.presence, r.attributes, r.published_live,"
              " coalesce(r.plan_id, 0), coalesce(r.held_presence, ''), l.kind, l.attributes"
              " FROM record r JOIN connector c ON c.id = r.connector_id"
              " LEFT JOIN last_live l ON l.record_id = r.id WHERE r.id = ?1");
  query.bind(record);
  query.next();
  Held held;
  held.actual.id = record;
  held.actual.connector_kind = model::connector_kind_named(query.text(0)).value();
  held.actual.anchor = query.text(1);
  held.actual.was_live = query.integer(5) != 0;
  held.published = held.actual;
  held.actual.kind = model::record_kind_named(query.text(2)).value();
  held.actual.presence = model::presence_named(query.text(3)).value();
  held.actual.attributes = attributes_from_json(query.text(4));
  held.plan = query.integer(6);
  held.held_presence = query.text(7);
  if (!query.is_null(8)) {
    held.published.kind = model::record_kind_named(query.text(8)).value();
    held.published.attributes = attributes_from_json(query.text(9));
  }
  return held;
}

/// REQUIRES: `record` is one of lost_record(), or live without having been published so.
void PlanStore::hold(std::int64_t record, std::int64_t plan) {
  const Held held = load(record);
  if (held.actual.was_live)
    staging_.replace_keys(record, {}, reconcile::join_keys(held.published));
  Query(statements_,
        "UPDATE record SET plan_id = ?2, held_presence = presence, touched = 0 WHERE id = ?1")
      .bind(record, plan)
      .run();
}

/// The record counts as what it is again. `released`: and nobody judges that any more.
void PlanStore::let_go(const Held& held, bool released) {
  const std::int64_t record = held.actual.id;
  if (held.actual.was_live)
    staging_.replace_keys(record, reconcile::join_keys(held.published),
                          reconcile::join_keys(held.actual));
  Query(statements_,
        "UPDATE record SET plan_id = NULL, held_presence = NULL, touched = 1, released = ?2"
        " WHERE id = ?1")
      .bind(record, released)
      .run();
  // what happened to its memberships meanwhile was passed over; CROSS fixes the order
  for (const char* sql :
       {"INSERT OR IGNORE INTO touched_member SELECT g.id, m.anchor FROM record h"
        " CROSS JOIN membership ms ON ms.member_id = h.entry_id"
        " CROSS JOIN record m ON m.entry_id = h.entry_id"
        " CROSS JOIN record g ON g.entry_id = ms.group_id AND g.connector_id = m.connector_id"
        " WHERE h.id = ?1",
        "INSERT OR IGNORE INTO touched_member SELECT g.id, m.anchor FROM record h"
        " CROSS JOIN membership ms ON ms.group_id = h.entry_id"
        " CROSS JOIN record g ON g.entry_id = h.entry_id"
        " CROSS JOIN record m ON m.entry_id = ms.member_id AND m.connector_id = g.connector_id"
        " WHERE h.id = ?1"})
    Query(statements_, sql).bind(record).run();
}

void PlanStore::release(std::int64_t number) {
  for (;;) {
    std::vector<std::int64_t> records;
    {
      Query query(statements_, "SELECT id FROM record WHERE plan_id = ?1 LIMIT 500");
      query.bind(number);
      records = integers(query);
    }
    if (records.empty())
      return;
    for (const std::int64_t record : records)
      let_go(load(record), true);
  }
}

// --- plans ---------------------------------------------------------------------------------------

std::int64_t PlanStore::held_by(std::int64_t number) {
  Query query(statements_, "SELECT count(*) FROM record WHERE plan_id = ?1");
  query.bind(number);
  query.next();
  return query.integer(0);
}

std::optional<std::int64_t> PlanStore::open_plan(const Kind& subject, bool of_scope) {
  Query query(statements_,
              "SELECT number FROM plan WHERE state = 'open' AND connector = ?1 AND subject = ?2"
              " AND (reason = 'scope') = ?3 AND reason <> 'policy'");
  query.bind(subject.first, subject.second, of_scope);
  return query.next() ? std::optional(query.integer(0)) : std::nullopt;
}

std::int64_t PlanStore::add_plan(std::int64_t run, const model::HeldPlan& plan,
                                 const std::string& policy) {
  Query(statements_,
        "INSERT INTO plan (created_at, run_id, reason, connector, subject, text, policy, state)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'open')")
      .bind(now(), run, to_string(plan.reason), plan.connector, plan.subject, plan.text, policy)
      .run();
  return database_.getLastInsertRowid();
}

void PlanStore::close(std::int64_t number, PlanState state, std::int64_t run,
                      std::int64_t superseded_by) {
  Query(statements_,
        "UPDATE plan SET state = ?2, decided_at = ?3, decided_run = ?4,"
        " superseded_by = nullif(?5, 0), stale = 0 WHERE number = ?1")
      .bind(number, to_string(state), now(), run, superseded_by)
      .run();
}

/// Under a new number, because an approval is of what was shown.
std::int64_t PlanStore::supersede(const PlanRow& old, std::int64_t run, const std::string& text) {
  model::HeldPlan plan = old.plan;
  plan.text = text;
  const std::int64_t number = add_plan(run, plan, old.policy);
  Query(statements_, "UPDATE record SET plan_id = ?2 WHERE plan_id = ?1")
      .bind(old.plan.number, number)
      .run();
  if (old.plan.state == PlanState::rejected)
    Query(statements_, "UPDATE plan SET state = 'rejected' WHERE number = ?1").bind(number).run();
  close(old.plan.number, PlanState::superseded, run, number);
  return number;
}

void PlanStore::note(std::int64_t number, const Preview& seen) {
  Query(statements_,
        "UPDATE plan SET records = ?2, created = ?3, updated = ?4, deleted = ?5, digest = ?6,"
        " stale = 0 WHERE number = ?1")
      .bind(number, seen.records, seen.created, seen.updated, seen.deleted, seen.digest)
      .run();
}

std::string PlanStore::scope_text(const PlanRow& plan) {
  Query query(statements_, "SELECT count(*), sum(published_live) FROM record WHERE plan_id = ?1");
  query.bind(plan.plan.number);
  query.next();
  const std::int64_t left = query.integer(1);
  return "the scope of " + plan.plan.connector + "/" + plan.plan.subject +
         " was changed; records that leave it: " + std::to_string(left) +
         ", that come into it: " + std::to_string(query.integer(0) - left);
}

// --- judging -------------------------------------------------------------------------------------

bool PlanStore::nothing_to_judge() {
  static const std::string kAnything =
      "SELECT EXISTS (SELECT 1 FROM collection WHERE rescoped = 1)"
      " OR EXISTS (SELECT 1 FROM record WHERE touched = 1 AND +plan_id IS NOT NULL)"
      " OR EXISTS (SELECT 1 FROM record r WHERE " +
      lost_record() + ")";
  Query query(statements_, kAnything);
  query.next();
  return query.integer(0) == 0;
}

void PlanStore::judge(std::int64_t run, const Publication& how) {
  if (database_.execAndGet("SELECT EXISTS (SELECT 1 FROM entry)").getInt() == 0) {
    database_.exec("UPDATE collection SET rescoped = 0 WHERE rescoped = 1");
    return;  // there is nothing that could be lost
  }
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
      records = integers(query);
    }
    if (records.empty())
      return shaken;
    last = records.back();
    for (const std::int64_t record : records) {
      const Held held = load(record);
      if (reconcile::is_live(held.actual) == held.actual.was_live ||
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
        records = integers(query);
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
  static const std::string kCount =
      "SELECT c.name, r.kind, count(*) FROM record r JOIN connector c ON c.id = r.connector_id"
      " WHERE " +
      lost_record() + " GROUP BY 1, 2";
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
  static const std::string kLost =
      "SELECT r.id FROM record r JOIN connector c"
      " ON c.id = +r.connector_id WHERE c.name = ?1 AND r.kind = ?2"
      " AND r.id > ?3 AND " +
      lost_record() + " ORDER BY r.id LIMIT 500";
  for (std::int64_t last = 0;;) {
    std::vector<std::int64_t> records;
    {
      Query query(statements_, kLost);
      query.bind(kind.first, kind.second, last);
      records = integers(query);
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
  static const std::string kPass =
      "UPDATE record AS r SET released = 1 WHERE r.kind = ?2 AND +r.connector_id ="
      " (SELECT id FROM connector WHERE name = ?1) AND " +
      lost_record();
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

// --- after the publication -----------------------------------------------------------------------

void PlanStore::conclude(std::int64_t run, const Publication& how) {
  std::vector<std::int64_t> unclear;
  {
    Query query(statements_,
                "SELECT number FROM plan WHERE state IN ('open', 'rejected')"
                " AND reason <> 'policy' AND (stale = 1 OR digest = '')");
    unclear = integers(query);
  }
  for (const std::int64_t number : unclear) {
    const PlanRow row = *load_plan(statements_, number);
    const Preview seen = preview(statements_, row, now());
    SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
    if (row.digest.empty() || row.digest == seen.digest)
      note(number, seen);
    else
      note(supersede(row, run, row.plan.text), seen);
    transaction.commit();
  }
  if (how.guard)
    conclude_policy(run, how.policy);
}

// --- policy --------------------------------------------------------------------------------------

reconcile::Policy PlanStore::policy_in_force(const Publication& how) {
  const bool published = database_.execAndGet("SELECT EXISTS (SELECT 1 FROM entry)").getInt() != 0;
  const bool noted =
      database_.execAndGet("SELECT EXISTS (SELECT 1 FROM active_policy)").getInt() != 0;
  const std::string in_force = active_policy(statements_);
  const std::string configured = to_json(how.policy);
  if (noted && in_force == configured)
    return how.policy;
  if (how.guard && published) {
    if (!noted && in_force == configured)
      bring_into_force(configured, false);
    return policy_from_json(in_force);
  }
  SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
  bring_into_force(configured, false);
  if (published && in_force != configured)
    database_.exec("UPDATE record SET touched = 1 WHERE kind <> 'container' AND plan_id IS NULL");
  transaction.commit();
  return how.policy;
}

void PlanStore::bring_into_force(const std::string& policy, bool released) {
  database_.exec("DELETE FROM active_policy");
  Query(statements_, "INSERT INTO active_policy (policy) VALUES (?1)").bind(policy).run();
  if (released)  // only these: what changed meanwhile is for the next cycle, which judges it
    database_.exec(
        "UPDATE record SET touched = 1, released = 1 WHERE touched = 0"
        " AND kind <> 'container' AND plan_id IS NULL");
}

/// Another policy than the one in force becomes a plan, once, unless it changes nothing.
void PlanStore::conclude_policy(std::int64_t run, const reconcile::Policy& configured) {
  const std::string wanted = to_json(configured);
  const bool differs = wanted != active_policy(statements_);
  std::optional<PlanRow> known;
  {
    std::vector<std::int64_t> undecided;
    {
      Query query(statements_,
                  "SELECT number FROM plan WHERE state IN ('open', 'rejected')"
                  " AND reason = 'policy'");
      undecided = integers(query);
    }
    for (const std::int64_t number : undecided) {
      PlanRow row = *load_plan(statements_, number);
      if (differs && row.policy == wanted)
        known = std::move(row);
      else
        close(number, PlanState::dropped, run);
    }
  }
  if (!differs || known)
    return;
  PlanRow made;
  made.plan.reason = PlanReason::policy;
  made.plan.number = -1;  // of no record
  made.policy = wanted;
  made.plan.text = "the configuration says anew what is made of the records";
  const Preview seen = preview(statements_, made, now());
  SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
  if (seen.created + seen.updated + seen.deleted == 0)
    bring_into_force(wanted, seen.writes);
  else
    note(add_plan(run, made.plan, wanted), seen);
  transaction.commit();
}

// --- decisions -----------------------------------------------------------------------------------

Decision PlanStore::approve(std::int64_t number, std::int64_t run) {
  const std::optional<PlanRow> row = load_plan(statements_, number);
  if (!row)
    return {Decision::Outcome::unknown, {}};
  if (!is_undecided(row->plan))
    return {row->plan.state == PlanState::approved ? Decision::Outcome::already
                                                   : Decision::Outcome::closed,
            row->plan};
  const Preview seen = preview(statements_, *row, now());
  SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
  Decision decision{Decision::Outcome::done, {}};
  if (seen.records == 0) {
    close(number, PlanState::dropped, run);
    decision.outcome = Decision::Outcome::closed;
  } else if (seen.digest != row->digest) {
    note(supersede(*row, run, row->plan.text), seen);
    decision.outcome = Decision::Outcome::moved;
  } else {
    close(number, PlanState::approved, run);
    if (row->plan.reason == PlanReason::policy)
      bring_into_force(row->policy, true);
    else
      release(number);
  }
  transaction.commit();
  decision.plan = load_plan(statements_, number)->plan;
  return decision;
}

Decision PlanStore::reject(std::int64_t number, std::int64_t run) {
  const std::optional<PlanRow> row = load_plan(statements_, number);
  if (!row)
    return {Decision::Outcome::unknown, {}};
  if (row->plan.state != PlanState::open)
    return {row->plan.state == PlanState::rejected ? Decision::Outcome::already
                                                   : Decision::Outcome::closed,
            row->plan};
  close(number, PlanState::rejected, run);
  return {Decision::Outcome::done, load_plan(statements_, number)->plan};
}

std::vector<model::HeldPlan> PlanStore::plans_of(std::int64_t run) {
  std::vector<std::int64_t> numbers;
  {
    Query query(statements_,
                "SELECT number FROM plan WHERE state = 'open' OR decided_run = ?1 ORDER BY number");
    query.bind(run);
    numbers = integers(query);
  }
  std::vector<model::HeldPlan> plans;
  for (const std::int64_t number : numbers)
    plans.push_back(load_plan(statements_, number)->plan);
  return plans;
}

}  // namespace gald::index
