#include "index/plan_store.hpp"

#include "index/attributes_blob.hpp"
#include "index/policy_json.hpp"
#include "reconcile/join.hpp"

namespace gald::index {

using model::PlanReason;
using model::PlanState;

namespace {

bool is_undecided(const model::HeldPlan& plan) {
  return plan.state == PlanState::open || plan.state == PlanState::rejected;
}

}  // namespace

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
  held.actual.attributes = attributes_from_blob(query.text(4));
  held.plan = query.integer(6);
  held.held_presence = query.text(7);
  if (!query.is_null(8)) {
    held.published.kind = model::record_kind_named(query.text(8)).value();
    held.published.attributes = attributes_from_blob(query.text(9));
  }
  return held;
}

/// REQUIRES: `record` is one of lost_record(), or live without having been published so.
void PlanStore::hold(std::int64_t record, std::int64_t plan) {
  const Held held = load(record);
  if (held.actual.was_live)
    staging_.replace_keys(record, {}, stored_keys(held.published));
  Query(statements_,
        "UPDATE record SET plan_id = ?2, held_presence = presence, touched = 0 WHERE id = ?1")
      .bind(record, plan)
      .run();
}

/// The record counts as what it is again. `released`: and nobody judges that any more.
void PlanStore::let_go(const Held& held, bool released) {
  const std::int64_t record = held.actual.id;
  if (held.actual.was_live)
    staging_.replace_keys(record, stored_keys(held.published), stored_keys(held.actual));
  Query(statements_,
        "UPDATE record SET plan_id = NULL, held_presence = NULL, touched = 1, released = ?2"
        " WHERE id = ?1")
      .bind(record, released)
      .run();
  // what happened to its memberships meanwhile was passed over; CROSS fixes the order
  for (const char* sql :
       {"INSERT OR IGNORE INTO touched_member SELECT g.id, m.anchor_key FROM record h"
        " CROSS JOIN membership ms ON ms.member_id = h.entry_id"
        " CROSS JOIN record m ON m.entry_id = h.entry_id"
        " CROSS JOIN record g ON g.entry_id = ms.group_id AND g.connector_id = m.connector_id"
        " WHERE h.id = ?1",
        "INSERT OR IGNORE INTO touched_member SELECT g.id, m.anchor_key FROM record h"
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
      records = query.integers();
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

// --- after the publication -----------------------------------------------------------------------

void PlanStore::conclude(std::int64_t run, const Publication& how) {
  std::vector<std::int64_t> unclear;
  {
    Query query(statements_,
                "SELECT number FROM plan WHERE state IN ('open', 'rejected')"
                " AND reason <> 'policy' AND (stale = 1 OR digest = '')");
    unclear = query.integers();
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
      undecided = query.integers();
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
    numbers = query.integers();
  }
  std::vector<model::HeldPlan> plans;
  for (const std::int64_t number : numbers)
    plans.push_back(load_plan(statements_, number)->plan);
  return plans;
}

}  // namespace gald::index
