// What a first import puts off to its end, because row by row it would be most of its cost.
#include <utility>

#include "index/attributes_blob.hpp"
#include "index/schema.hpp"
#include "index/staging.hpp"

namespace gald::index {

/// Before the first record of all.
void Staging::begin_import() {
  if (importing_ ||
      database_
              .execAndGet("SELECT EXISTS (SELECT 1 FROM record) OR NOT EXISTS"
                          " (SELECT 1 FROM sqlite_schema WHERE name = 'record_anchor')")
              .getInt() != 0)
    return;
  drop_record_indexes(database_);
  indexed_ = false;
  anchors_ = {};
  importing_ = true;
}

/// Makes what begin_import() put off, but for what its publication can do without; afterwards
/// everything is as if it had been made row by row. REQUIRES: a transaction, in which a crash
/// leaves it to the next process.
void Staging::finish_import() {
  const bool abandoned =
      !importing_ && database_
                             .execAndGet(
                                 "SELECT count(*) FROM sqlite_schema WHERE name IN"
                                 " ('record_anchor', 'sqlite_autoindex_record_1')")
                             .getInt() == 0;
  if (!importing_ && !abandoned)
    return;
  importing_ = false;
  anchors_ = {};
  imported_.clear();
  make_anchor_index(database_);
  if (abandoned) {  // which keys were written, nobody knows any more
    database_.exec("DELETE FROM record_key");
    std::int64_t last = 0;
    while (const std::optional<std::int64_t> next = next_record(last)) {
      last = *next;
      buffer_keys_of(last);
      if (keys_.full())
        write_keys();
    }
  }
  write_keys();
  for (const std::int64_t record : std::exchange(rekeyed_, {})) {
    Query(statements_, "DELETE FROM record_key WHERE record_id = ?1").bind(record).run();
    buffer_keys_of(record);
  }
  write_keys();
}

std::optional<std::int64_t> Staging::next_record(std::int64_t after) {
  Query query(statements_, "SELECT id FROM record WHERE id > ?1 ORDER BY id LIMIT 1");
  query.bind(after);
  return query.next() ? std::optional(query.integer(0)) : std::nullopt;
}

void Staging::buffer_keys_of(std::int64_t record) {
  Query query(statements_,
              "SELECT c.kind, r.anchor, r.kind, r.presence, r.attributes FROM record r"
              " JOIN connector c ON c.id = r.connector_id WHERE r.id = ?1");
  query.bind(record);
  query.next();
  for (const std::string& key : stored_keys(as_record(
           model::connector_kind_named(query.text(0)).value(), query.text(1),
           model::record_kind_named(query.text(2)).value(),
           model::presence_named(query.text(3)).value(), attributes_from_blob(query.text(4)))))
    keys_.add(key, record);
}

void Staging::write_keys() {
  keys_.drain([&](std::int64_t hash, std::int64_t record) {
    Query(statements_, "INSERT OR IGNORE INTO record_key (key, record_id) VALUES (?1, ?2)")
        .bind(hash, record)
        .run();
  });
}

void Staging::finish_publication() {
  if (indexed_)
    return;
  SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
  make_record_indexes(database_);
  transaction.commit();
  indexed_ = true;
}

}  // namespace gald::index
