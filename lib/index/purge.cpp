#include "index/purge.hpp"

#include <string>
#include <utility>
#include <vector>

#include "index/change_log.hpp"
#include "index/search_index.hpp"

namespace gald::index {

namespace {

/// Entries in one transaction. Each may have a long history.
constexpr int kBatch = 200;

struct Row {
  std::int64_t id;
  std::string uuid;
  std::string kind;
  std::string last_change;  ///< its number: up to where it was told of
};

class Purge {
 public:
  Purge(Statements& statements, std::int64_t run)
      : statements_(statements), search_(statements), run_(run) {}

  /// The first thing in a transaction.
  void begin_moment(base::TimePoint now) { at_ = base::to_iso8601(next_moment(statements_, now)); }

  std::vector<Row> overdue(base::TimePoint deleted_before) {
    return rows(
        "SELECT e.id, e.uuid, e.kind, e.change_number FROM entry e WHERE e.status = 'deleted' AND "
        "e.forward_to IS "
        "NULL"
        " AND e.changed_at < ?1"
        " AND NOT EXISTS (SELECT 1 FROM record r WHERE r.entry_id = e.id"
        "                  AND (r.touched = 1 OR r.plan_id IS NOT NULL))"
        " ORDER BY e.changed_at LIMIT ?2",
        deleted_before, kBatch);
  }

  /// With the ids that lead to it, of which each may have others that lead there.
  std::int64_t take(const Row& entry) {
    std::int64_t taken = 1;
    for (const Row& merged :
         rows("SELECT id, uuid, kind, change_number FROM entry WHERE forward_to = ?1 LIMIT ?2",
              entry.uuid, -1))
      taken += take(merged);
    take_records(entry.id);
    search_.remove(entry.id);
    const int told =
        Query(statements_, "DELETE FROM change WHERE entry_id = ?1").bind(entry.id).run();
    Query(statements_, "UPDATE history SET gone = gone + ?1").bind(told).run();
    for (const char* sql :
         {"DELETE FROM address WHERE entry_id = ?1", "DELETE FROM phone WHERE entry_id = ?1",
          "DELETE FROM former_address WHERE entry_id = ?1",
          "DELETE FROM membership WHERE group_id = ?1",
          "DELETE FROM membership WHERE member_id = ?1", "DELETE FROM conflict WHERE entry_id = ?1",
          "DELETE FROM conflict WHERE other_id = ?1 AND other_id <> 0",
          "DELETE FROM entry WHERE id = ?1"})
      Query(statements_, sql).bind(entry.id).run();
    Query(statements_,
          "INSERT INTO change (run_id, at, entry_id, operation, field, old_value, new_value,"
          " connector, former) VALUES (?1, ?2, 0, 'purged', 'id', ?3, ?4, '', ?5)")
        .bind(run_, at_, entry.uuid, entry.kind, entry.last_change)
        .run();
    return taken;
  }

  /// The last thing in the transaction.
  void settle() { search_.write(); }

 private:
  std::vector<Row> rows(const char* sql, const auto& value, int limit) {
    std::vector<Row> found;
    Query query(statements_, sql);
    query.bind(value, limit);
    while (query.next())
      found.push_back({query.integer(0), query.text(1), query.text(2), query.text(3)});
    return found;
  }

  /// A record that is gone has no keys. What the source still has it will not tell again, as
  /// nothing about it changes, so that its record has to stay for the day when it is wanted.
  void take_records(std::int64_t entry) {
    Query(statements_,
          "UPDATE record SET entry_id = NULL, joined_code = 0 WHERE entry_id = ?1"
          " AND presence IN ('live', 'out_of_scope')")
        .bind(entry)
        .run();
    for (const char* sql :
         {"DELETE FROM record_member WHERE group_id IN (SELECT id FROM record WHERE entry_id = ?1)",
          "DELETE FROM touched_member WHERE group_id IN"
          " (SELECT id FROM record WHERE entry_id = ?1)",
          "DELETE FROM seen_record WHERE (collection_id, record_id) IN"
          " (SELECT collection_id, id FROM record WHERE entry_id = ?1)",
          "DELETE FROM last_live WHERE record_id IN (SELECT id FROM record WHERE entry_id = ?1)",
          "DELETE FROM record WHERE entry_id = ?1"})
      Query(statements_, sql).bind(entry).run();
  }

  Statements& statements_;
  SearchChanges search_;
  std::int64_t run_;
  std::string at_;  ///< when all of the transaction under way is told
};

}  // namespace

std::int64_t purge(SQLite::Database& database, Statements& statements, const base::Clock& clock,
                   std::chrono::milliseconds keep, std::int64_t run, std::stop_token stop) {
  const base::TimePoint now = clock.now();
  Purge purge(statements, run);
  std::int64_t purged = 0;
  while (!stop.stop_requested()) {
    const std::vector<Row> overdue = purge.overdue(now - keep);
    if (overdue.empty())
      break;
    SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
    purge.begin_moment(now);
    for (const Row& entry : overdue)
      purged += purge.take(entry);
    purge.settle();
    transaction.commit();
  }
  return purged;
}

}  // namespace gald::index
