#include "index/publisher.hpp"

#include <utility>

#include "index/codes.hpp"
#include "index/entry_store.hpp"
#include "index/former_address.hpp"
#include "index/liveness.hpp"
#include "index/preview.hpp"
#include "reconcile/join.hpp"

namespace gald::index {

using model::Attribute;
using model::StagedRecord;
using reconcile::Operation;

Publisher::Publisher(SQLite::Database& database, Statements& statements, const base::Clock& clock,
                     std::int64_t run)
    : database_(database),
      statements_(statements),
      clock_(clock),
      now_(base::to_iso8601(clock.now())),
      loader_(statements, now_),
      search_(statements),
      run_(run),
      last_number_(database
                       .execAndGet("SELECT coalesce(max(seq), 0) FROM sqlite_sequence"
                                   " WHERE name = 'change'")
                       .getInt64()) {}

model::PublishedCounts Publisher::publish(const Publication& how, std::stop_token stop,
                                          bool only_released) {
  any_lost_ = database_.execAndGet("SELECT EXISTS (SELECT 1 FROM last_live)").getInt() != 0;
  std::int64_t done = 0;
  const std::int64_t all = how.progress ? touched_in_all() : 0;
  std::int64_t last = 0;  // in the first publication no index tells which records are touched
  while (!stop.stop_requested()) {
    const std::vector<std::int64_t> touched = touched_records(last, only_released);
    if (touched.empty())
      break;
    last = touched.back();
    SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
    begin_moment();
    Batch batch = loader_.load(touched);
    const reconcile::Plan plan = reconcile::reconcile(batch.records, batch.entries, how.policy);
    apply(plan, batch);
    settle_conflicts(plan, batch, how.policy);
    search_.write();
    transaction.commit();
    done += static_cast<std::int64_t>(touched.size());
    if (how.progress)
      how.progress(done, all);
  }
  while (!only_released && !stop.stop_requested() && apply_touched_members()) {
  }
  return counts_;
}

std::int64_t Publisher::touched_in_all() {
  // before the first publication all are, and counting them would mean to read them
  return Query(statements_,
               "SELECT CASE WHEN EXISTS (SELECT 1 FROM entry)"
               " THEN (SELECT count(*) FROM record WHERE touched = 1)"
               " ELSE (SELECT coalesce(max(id), 0) FROM record) END")
      .integers()
      .at(0);
}

std::vector<std::int64_t> Publisher::touched_records(std::int64_t after, bool only_released) {
  std::vector<std::int64_t> ids;
  Query query(statements_,
              "SELECT id FROM record WHERE touched = 1 AND id > ?1 AND released >= ?3"
              " ORDER BY id LIMIT ?2");
  query.bind(after, kBatch, only_released);
  while (query.next())
    ids.push_back(query.integer(0));
  return ids;
}

void Publisher::apply(const reconcile::Plan& plan, Batch& batch) {
  std::set<std::int64_t> recheck;
  for (const reconcile::PlannedEntry& planned : plan)
    apply_entry(planned, batch, recheck);
  unlink_orphans(plan, batch, recheck);
  for (const StagedRecord& record : batch.records) {
    if (batch.held.contains(record.id) ||
        (!record.touched && record.was_live == reconcile::is_live(record)))
      continue;
    Query(statements_,
          "UPDATE record SET touched = 0, released = 0, published_live = ?2 WHERE id = ?1")
        .bind(record.id, reconcile::is_live(record))
        .run();
    if (any_lost_)
      Query(statements_, "DELETE FROM last_live WHERE record_id = ?1").bind(record.id).run();
  }
  if (!batch.held.empty())
    note_held(plan, batch);
  for (const std::int64_t entry : recheck)
    recheck_memberships(entry);
  for (const reconcile::PlannedEntry& planned : plan)
    if (planned.operation != Operation::none)
      recheck_manager(batch.entry_rows.at(planned.entry.id), connector_of_manager(planned, batch));
  for (const std::int64_t entry : recheck)
    recheck_reports(entry);
}

/// What only added to an object that is gone belongs to nobody until that is back.
void Publisher::unlink_orphans(const reconcile::Plan& plan, const Batch& batch,
                               std::set<std::int64_t>& recheck) {
  std::set<std::int64_t> orphans;
  for (const StagedRecord& record : batch.records)
    if (!record.entry_id.empty() && reconcile::is_live(record) && reconcile::only_adds(record))
      orphans.insert(record.id);
  if (orphans.empty())
    return;
  for (const reconcile::PlannedEntry& planned : plan)
    for (const reconcile::PlannedLink& link : planned.records)
      orphans.erase(link.record);
  for (const std::int64_t orphan : orphans) {
    recheck.insert(batch.entry_rows.at(batch.records[batch.position_of.at(orphan)].entry_id));
    Query(statements_, "UPDATE record SET entry_id = NULL, joined_code = 0 WHERE id = ?1")
        .bind(orphan)
        .run();
  }
}

/// What a plan would do to an entry depends on what the entry is.
void Publisher::note_held(const reconcile::Plan& plan, const Batch& batch) {
  for (const reconcile::PlannedEntry& planned : plan)
    for (const reconcile::PlannedLink& link : planned.records)
      if (const auto held = batch.held.find(link.record);
          held != batch.held.end() && planned.operation != Operation::none)
        Query(statements_, "UPDATE plan SET stale = 1 WHERE number = ?1 AND stale = 0")
            .bind(held->second)
            .run();
}

void Publisher::apply_entry(const reconcile::PlannedEntry& as_planned, Batch& batch,
                            std::set<std::int64_t>& recheck) {
  const std::optional<reconcile::PlannedEntry> again = revived(as_planned, batch);
  const reconcile::PlannedEntry& planned = again ? *again : as_planned;
  const auto known = batch.entry_rows.find(planned.entry.id);
  std::int64_t row = known == batch.entry_rows.end() ? 0 : known->second;
  base::TimePoint at = at_;

  if (planned.operation != Operation::none) {
    std::int64_t number = last_number_ + static_cast<std::int64_t>(planned.changes.size());
    if (planned.changes.empty()) {  // only where values come from changed: nothing to tell anybody
      Query query(statements_, "SELECT change_number, changed_at FROM entry WHERE id = ?1");
      query.bind(row);
      query.next();
      number = query.integer(0);
      at = query.time(1);
    }
    SearchedWords found_by = search_.found_by(planned.entry.id, batch.entry(planned.entry.id));
    row = save_entry(statements_, planned.entry, run_, at, number);
    search_.replace(
        row, std::move(found_by),
        planned.operation == Operation::merge ? SearchedWords() : searched_words(planned.entry));
    batch.entry_rows[planned.entry.id] = row;
    record_changes(row, planned, batch);
    note_former_addresses(statements_, row, planned.entry, planned.changes, at);
    if (planned.operation == Operation::merge)
      Query(statements_, "UPDATE entry SET status_code = (" + code_of("'deleted'", kStatuses) +
                             "), forward_to = ?2 WHERE id = ?1")
          .bind(row, planned.forward_to)
          .run();
    if (planned.operation != Operation::update)
      recheck.insert(row);
  }

  static const std::string kLink =
      "UPDATE record SET entry_id = ?2, joined_code = " + code_of("?3", kJoinKeys) +
      " WHERE id = ?1";
  for (const reconcile::PlannedLink& link : planned.records) {
    const StagedRecord& record = batch.records[batch.position_of.at(link.record)];
    const bool moved = record.entry_id != planned.entry.id;
    if (moved || record.joined_by != link.joined_by)
      Query(statements_, kLink).bind(link.record, row, link.joined_by).run();
    if (moved && !record.entry_id.empty())
      recheck.insert(batch.entry_rows.at(record.entry_id));
    if (moved || record.was_live != reconcile::is_live(record))
      recheck.insert(row);
  }

  switch (planned.operation) {
    case Operation::none:
      break;
    case Operation::create:
      ++counts_.created;
      break;
    case Operation::update:
      if (!planned.changes.empty())
        ++counts_.updated;
      break;
    case Operation::remove:
    case Operation::merge:
      ++counts_.deleted;
      break;
    case Operation::restore:
      ++counts_.restored;
      break;
  }
}

// --- memberships ---------------------------------------------------------------------------------

/// Whether some live record of the group names a live record of the member.
const std::string kHolds =
    "SELECT c.name FROM record g"
    " JOIN record m ON m.connector_id = g.connector_id"
    " JOIN connector c ON c.id = g.connector_id"
    " WHERE g.entry_id = ?1 AND m.entry_id = ?2 AND " +
    is_there("g") + " AND " + is_there("m") +
    " AND EXISTS (SELECT 1 FROM record_member rm WHERE rm.group_id = g.id AND rm.member = "
    "m.anchor_key)"
    " ORDER BY c.kind, c.name LIMIT 1";

/// Which connector said since the last publication that a membership came or went.
constexpr std::string_view kSaidOfMembership =
    "SELECT c.name FROM record g"
    " JOIN record m ON m.connector_id = g.connector_id"
    " JOIN connector c ON c.id = g.connector_id"
    " WHERE g.entry_id = ?1 AND m.entry_id = ?2"
    " AND EXISTS (SELECT 1 FROM touched_member t WHERE t.group_id = g.id AND t.member = "
    "m.anchor_key)"
    " ORDER BY c.kind, c.name LIMIT 1";

/// The source strips the links of what it loses: they are held like the record.
bool Publisher::is_held(std::int64_t group, std::int64_t member) {
  Query query(statements_,
              "SELECT 1 FROM record WHERE entry_id IN (?1, ?2) AND plan_id IS NOT NULL"
              " AND published_live = 1");
  query.bind(group, member);
  return query.next();
}

void Publisher::recheck_membership(std::int64_t group, std::int64_t member) {
  std::string connector;
  bool holds = false;
  {
    Query query(statements_, kHolds);
    query.bind(group, member);
    if ((holds = query.next()))
      connector = query.text(0);
  }
  bool published = false;
  {
    Query query(statements_, "SELECT 1 FROM membership WHERE group_id = ?1 AND member_id = ?2");
    query.bind(group, member);
    published = query.next();
  }
  if (!holds && !published)
    return;

  std::string group_id;
  bool new_here = false;
  {
    Query query(statements_,
                "SELECT g.uuid, m.created_run = ?3, m.status FROM entry g, entry m"
                " WHERE g.id = ?1 AND m.id = ?2");
    query.bind(group, member, run_);
    query.next();
    group_id = query.text(0);
    new_here = query.integer(1) != 0;
    if (query.text(2) == "deleted") {  // by the policy: its records may be live
      holds = false;
      connector.clear();
    }
  }
  if (holds == published || (published && is_held(group, member)))
    return;
  if (connector.empty()) {
    Query query(statements_, kSaidOfMembership);
    query.bind(group, member);
    if (query.next())
      connector = query.text(0);
  }
  if (connector.empty()) {  // the membership is still there, one of its sides is not
    Query query(statements_,
                "SELECT c.name FROM record r JOIN connector c ON c.id = r.connector_id"
                " WHERE r.entry_id = ?1 ORDER BY r.presence <> 'live', c.kind, c.name LIMIT 1");
    query.bind(group);
    if (query.next())
      connector = query.text(0);
  }
  if (holds)
    Query(statements_, "INSERT INTO membership (group_id, member_id) VALUES (?1, ?2)")
        .bind(group, member)
        .run();
  else
    Query(statements_, "DELETE FROM membership WHERE group_id = ?1 AND member_id = ?2")
        .bind(group, member)
        .run();
  ++counts_.memberships;
  if (new_here && holds)
    return;  // part of what was created; the history need not say it again
  record_change(member, "updated",
                {"groups", holds ? std::nullopt : std::optional(group_id),
                 holds ? std::optional(group_id) : std::nullopt, connector});
  Query(statements_, "UPDATE entry SET changed_at = ?2, change_number = ?3 WHERE id = ?1")
      .bind(member, at_, last_number_)
      .run();
}

/// Every membership in which the entry is or should be on either side.
void Publisher::recheck_memberships(std::int64_t entry) {
  std::set<std::pair<std::int64_t, std::int64_t>> pairs;
  const auto collect = [&](std::string_view sql) {
    Query query(statements_, sql);
    query.bind(entry);
    while (query.next())
      pairs.emplace(query.integer(0), query.integer(1));
  };
  // CROSS fixes the order: from the entry's own records, not from all of its connector
  collect("SELECT group_id, member_id FROM membership WHERE member_id = ?1");
  collect("SELECT group_id, member_id FROM membership WHERE group_id = ?1");
  collect(
      "SELECT DISTINCT g.entry_id, m.entry_id FROM record m"
      " CROSS JOIN record_member rm ON rm.member = m.anchor_key"
      " CROSS JOIN record g ON g.id = rm.group_id AND g.connector_id = m.connector_id"
      " WHERE m.entry_id = ?1 AND g.entry_id IS NOT NULL");
  collect(
      "SELECT DISTINCT g.entry_id, m.entry_id FROM record g"
      " CROSS JOIN record_member rm ON rm.group_id = g.id"
      " CROSS JOIN record m ON m.anchor_key = rm.member AND m.connector_id = g.connector_id"
      " WHERE g.entry_id = ?1 AND m.entry_id IS NOT NULL");
  for (const auto& [group, member] : pairs)
    recheck_membership(group, member);
}

// --- managers ------------------------------------------------------------------------------------

/// Who says now, or said before, who the manager is.
std::string Publisher::connector_of_manager(const reconcile::PlannedEntry& planned,
                                            const Batch& batch) {
  const auto connector = [](const model::Entry& entry) {
    const auto it = entry.values.find(Attribute::manager);
    return it == entry.values.end() ? std::string() : it->second.substr(0, it->second.find('/'));
  };
  std::string found = connector(planned.entry);
  for (const model::Entry& before : batch.entries)
    if (found.empty() && before.id == planned.entry.id)
      found = connector(before);
  return found;
}

/// An entry names its manager by record; which entry that is, and whether it is still there, may
/// change without the entry's own records.
void Publisher::recheck_manager(std::int64_t entry, const std::string& connector) {
  std::string record;
  std::int64_t published = 0;
  bool new_here = false;
  {
    Query query(statements_,
                "SELECT coalesce(manager, ''), coalesce(manager_entry, 0), created_run = ?2"
                " FROM entry WHERE id = ?1");
    query.bind(entry, run_);
    query.next();
    record = query.text(0);
    published = query.integer(1);
    new_here = query.integer(2) != 0;
  }
  std::int64_t now = 0;
  if (const std::size_t slash = record.find('/'); slash != std::string::npos) {
    static const std::string kManager =
        "SELECT r.entry_id FROM connector c JOIN record r ON r.connector_id = c.id"
        " JOIN entry e ON e.id = r.entry_id AND e.status <> 'deleted'"
        " WHERE c.name = ?1 AND r.anchor_key = ?2 AND " +
        is_there("r");
    Query query(statements_, kManager);
    query.bind(record.substr(0, slash), Anchor{std::string_view(record).substr(slash + 1)});
    if (query.next())
      now = query.integer(0);
  }
  if (now == published)
    return;
  const auto id_of = [&](std::int64_t row) -> std::optional<std::string> {
    Query query(statements_, "SELECT uuid FROM entry WHERE id = ?1");
    query.bind(row);
    return query.next() ? std::optional(query.text(0)) : std::nullopt;
  };
  Query(statements_, "UPDATE entry SET manager_entry = nullif(?2, 0) WHERE id = ?1")
      .bind(entry, now)
      .run();
  if (new_here)
    return;
  record_change(entry, "updated",
                {std::string(model::name(Attribute::manager)), id_of(published), id_of(now),
                 connector.empty() ? record.substr(0, record.find('/')) : connector});
  Query(statements_, "UPDATE entry SET changed_at = ?2, change_number = ?3 WHERE id = ?1")
      .bind(entry, at_, last_number_)
      .run();
}

/// Everybody whose manager the entry is, was or may become.
void Publisher::recheck_reports(std::int64_t entry) {
  std::set<std::int64_t> reports;
  const auto collect = [&](std::string_view sql) {
    Query query(statements_, sql);
    query.bind(entry);
    while (query.next())
      reports.insert(query.integer(0));
  };
  collect(
      "SELECT e.id FROM record r JOIN connector c ON c.id = r.connector_id"
      " JOIN entry e ON e.manager = c.name || '/' || r.anchor WHERE r.entry_id = ?1");
  for (const std::int64_t report : reports)
    recheck_manager(report, {});
}

/// Members that staging saw come or go since the last publication. True while there may be more.
/// Links of a record that a plan holds wait with it.
bool Publisher::apply_touched_members() {
  struct Touched {
    std::int64_t group_record;
    std::string member_anchor;
    std::int64_t group;
    std::int64_t member;
  };

  std::vector<Touched> touched;
  {
    // A side without an entry has nothing published; its memberships follow when it gets one.
    Query query(statements_,
                "SELECT t.group_id, t.member, coalesce(g.entry_id, 0), coalesce(m.entry_id, 0)"
                " FROM touched_member t"
                " LEFT JOIN record g ON g.id = t.group_id"
                " LEFT JOIN record m ON m.connector_id = g.connector_id AND m.anchor_key = t.member"
                " WHERE g.plan_id IS NULL AND m.plan_id IS NULL LIMIT ?1");
    query.bind(kBatch);
    while (query.next())
      touched.push_back({query.integer(0), query.anchor(1), query.integer(2), query.integer(3)});
  }
  if (touched.empty())
    return false;
  SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
  begin_moment();
  for (const Touched& pair : touched) {
    if (pair.group != 0 && pair.member != 0)
      recheck_membership(pair.group, pair.member);
    Query(statements_, "DELETE FROM touched_member WHERE group_id = ?1 AND member = ?2")
        .bind(pair.group_record, Anchor{pair.member_anchor})
        .run();
  }
  transaction.commit();
  return true;
}

}  // namespace gald::index
