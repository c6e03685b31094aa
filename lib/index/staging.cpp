#include "index/staging.hpp"

#include <algorithm>
#include <set>

#include "index/schema.hpp"
#include "reconcile/join.hpp"

namespace gald::index {

using model::Change;
using model::Presence;
using model::RecordKind;

namespace {

/// Of one value, and of all values of an object. Nobody wrote so much by hand: it is a mistake, or
/// means harm, and everybody who reads the index would have to carry it.
constexpr std::size_t kMostOfValue = 64 * 1024;
constexpr std::size_t kMostOfObject = 1024 * 1024;

/// Why the change is not to be taken; empty: it is. Pictures are limited where they are read.
std::string excess(const Change& change) {
  std::size_t total = 0;
  for (const auto& [attribute, values] : change.set) {
    if (attribute == model::Attribute::photo)
      continue;
    for (const std::string& value : values) {
      total += value.size();
      if (value.size() > kMostOfValue)
        return std::string(model::name(attribute)) + ": a value of " +
               std::to_string(value.size()) + " bytes; at most " + std::to_string(kMostOfValue) +
               " are taken";
    }
  }
  return total <= kMostOfObject
             ? std::string()
             : "all values together have " + std::to_string(total) + " bytes; at most " +
                   std::to_string(kMostOfObject) + " are taken";
}

}  // namespace

model::StagedRecord as_record(model::ConnectorKind connector, const std::string& anchor,
                              RecordKind kind, Presence presence,
                              const model::Attributes& attributes) {
  model::StagedRecord record;
  record.connector_kind = connector;
  record.anchor = anchor;
  record.kind = kind;
  record.presence = presence;
  record.attributes = attributes;
  return record;
}

std::vector<std::string> stored_keys(const model::StagedRecord& record) {
  std::vector<std::string> keys = reconcile::join_keys(record);
  std::erase_if(keys, [&](const std::string& key) {
    return key.starts_with(reconcile::kObjectKey) &&
           std::string_view(key).substr(reconcile::kObjectKey.size()) == record.anchor;
  });
  return keys;
}

Staging::Staging(SQLite::Database& database, Statements& statements, const base::Clock& clock)
    : database_(database), statements_(statements), clock_(clock) {
  database_.exec(
      "CREATE TEMP TABLE seen_record (collection_id INTEGER, record_id INTEGER,"
      " PRIMARY KEY (collection_id, record_id)) WITHOUT ROWID;"
      "CREATE TEMP TABLE seen_member (collection_id INTEGER, group_id INTEGER, member BLOB,"
      " PRIMARY KEY (collection_id, group_id, member)) WITHOUT ROWID;");
  SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
  finish_import();  // of an earlier process, if it did not come to it
  transaction.commit();
}

Staging::Collection Staging::collection(const CollectionKey& key) {
  Query(statements_,
        "INSERT INTO connector (name, kind) VALUES (?1, ?2)"
        " ON CONFLICT (name) DO UPDATE SET kind = excluded.kind WHERE kind <> excluded.kind")
      .bind(key.connector, to_string(key.connector_kind))
      .run();
  Query(statements_,
        "INSERT OR IGNORE INTO collection (connector_id, name, fingerprint, scope)"
        " SELECT id, ?2, ?3, ?4 FROM connector WHERE name = ?1")
      .bind(key.connector, key.collection, key.fingerprint, key.scope)
      .run();
  Query query(statements_,
              "SELECT l.id, l.connector_id, l.fingerprint, l.position, l.answered_by,"
              " l.full_round, l.marking, l.full_at, l.scoped, l.scope, l.rescoped,"
              " l.completed_at IS NOT NULL"
              " FROM collection l JOIN connector c ON c.id = l.connector_id"
              " WHERE c.name = ?1 AND l.name = ?2");
  query.bind(key.connector, key.collection);
  query.next();
  Collection found;
  found.id = query.integer(0);
  found.connector = query.integer(1);
  found.connector_kind = key.connector_kind;
  found.fingerprint = query.text(2);
  found.cursor = {query.text(3), query.text(4)};
  found.full = query.integer(5) != 0;
  found.marking = query.integer(6) != 0;
  found.full_at = base::parse_iso8601(query.text(7));
  found.scoped = query.integer(8) != 0;
  found.scope = query.optional_text(9);
  found.rescoped = query.integer(10) != 0;
  found.completed = query.integer(11) != 0;
  found.lists_everything = key.lists_everything;
  found.plausible_share = key.plausible_share;
  found.kinds_left_out = key.kinds_left_out;
  return found;
}

Position Staging::position(const CollectionKey& key) {
  SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
  if (!importing_)
    finish_import();  // one that ended because a page of it could not be stored
  begin_import();
  const Collection found = collection(key);
  Position position{found.cursor, found.full};
  const bool due = key.complete_every && !found.full &&
                   (!found.full_at || clock_.now() - *found.full_at >= *key.complete_every);
  // an index of an older gald does not know what was read before
  const bool rescoped = found.scope && *found.scope != key.scope;
  if (found.scope != key.scope)
    Query(statements_,
          "UPDATE collection SET scope = ?2, rescoped = max(rescoped, ?3) WHERE id = ?1")
        .bind(found.id, key.scope, rescoped && found.completed)
        .run();
  // A full round without a cursor begins anew too: what an earlier attempt staged may be stale. And
  // a round that ended without one left nothing to go on from.
  if (found.fingerprint != key.fingerprint || rescoped || found.lists_everything || due ||
      found.cursor.position.empty()) {
    if (found.fingerprint != key.fingerprint)
      Query(statements_, "UPDATE collection SET fingerprint = ?2 WHERE id = ?1")
          .bind(found.id, key.fingerprint)
          .run();
    position = begin_full(found);
  }
  transaction.commit();
  return position;
}

Position Staging::restart(const CollectionKey& key) {
  SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
  Position position = begin_full(collection(key));
  transaction.commit();
  return position;
}

Position Staging::begin_full(const Collection& collection) {
  if (imported_.contains(collection.id))
    finish_import();  // what is there already will be compared
  forget_marks(collection);
  // Who is still unreadable will be quarantined again in the course of this round.
  if (collection.lists_everything)
    rejected_[collection.id].clear();
  else
    Query(statements_, "DELETE FROM quarantine WHERE collection_id = ?1").bind(collection.id).run();
  // Without records from before there is nothing to sweep, and nothing needs a mark.
  Query(statements_,
        "UPDATE collection SET position = '', answered_by = '', full_round = 1,"
        " marking = EXISTS (SELECT 1 FROM record WHERE collection_id = ?1)"
        " WHERE id = ?1 AND (position <> '' OR full_round = 0 OR"
        " marking <> EXISTS (SELECT 1 FROM record WHERE collection_id = ?1))")
      .bind(collection.id)
      .run();
  return {{}, true};
}

model::StagedCounts Staging::apply(const CollectionKey& key, std::vector<Change> changes,
                                   const std::vector<model::Rejected>& rejected,
                                   const std::optional<model::Cursor>& next, bool last) {
  try {
    return apply_page(key, changes, rejected, next, last);
  } catch (...) {
    // the page was rolled back, what is remembered of it here was not
    importing_ = false;
    anchors_ = {};
    imported_.clear();
    keys_.clear();
    rekeyed_.clear();
    throw;
  }
}

model::StagedCounts Staging::apply_page(const CollectionKey& key, std::vector<Change>& changes,
                                        const std::vector<model::Rejected>& rejected,
                                        const std::optional<model::Cursor>& next, bool last) {
  SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
  const Collection found = collection(key);
  model::StagedCounts counts;
  {
    Query query(statements_, "SELECT 1 FROM quarantine WHERE collection_id = ?1");
    query.bind(found.id);
    quarantined_ = query.next();
  }
  if (!found.scoped && std::any_of(changes.begin(), changes.end(), [](const Change& change) {
        return change.set.contains(model::Attribute::scope);
      }))
    Query(statements_, "UPDATE collection SET scoped = 1 WHERE id = ?1").bind(found.id).run();
  const auto reject = [&](const model::Rejected& object) {
    keep(found, object.anchor);
    quarantine(found, object);
    if (found.lists_everything)
      rejected_[found.id].insert(object.anchor);
    ++counts.rejected;
  };
  for (Change& change : changes) {
    if (std::string reason = excess(change); reason.empty())
      apply_change(found, std::move(change), counts);
    else
      reject({change.anchor, std::move(reason)});
  }
  if (keys_.full())
    write_keys();
  for (const model::Rejected& object : rejected)
    reject(object);
  // where the configuration says that less is to be seen, a plan holds what is not
  if (last && !found.rescoped && is_implausible(found, counts)) {
    // from the beginning again: an empty position makes the next round begin anew
    Query(statements_, "UPDATE collection SET position = '', answered_by = '' WHERE id = ?1")
        .bind(found.id)
        .run();
    transaction.commit();
    return counts;
  }
  if (next && *next != found.cursor)
    Query(statements_, "UPDATE collection SET position = ?2, answered_by = ?3 WHERE id = ?1")
        .bind(found.id, next->position, next->answered_by)
        .run();
  if (last) {
    if (found.full && found.marking)
      counts.removed += sweep(found);
    if (found.full)
      forget_marks(found);
    if (found.lists_everything)
      release(found);
    Query(statements_,
          "UPDATE collection SET full_at = iif(full_round, ?2, full_at), full_round = 0,"
          " marking = 0, completed_at = ?2 WHERE id = ?1")
        .bind(found.id, base::to_iso8601(clock_.now()))
        .run();
  }
  transaction.commit();
  return counts;
}

void Staging::settle() {
  {
    SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
    finish_import();
    transaction.commit();
  }
  Query(statements_, "UPDATE record SET touched = 1, expires_at = NULL WHERE expires_at <= ?1")
      .bind(base::to_iso8601(clock_.now()))
      .run();
  std::map<std::pair<std::int64_t, std::string>, bool> known;
  for (std::int64_t at = anything_is_scoped() ? 0 : -1; at >= 0;)
    at = settle_scope(at, known);
}

/// The end of a listing: what it did not reject leaves the quarantine, and nothing is written when
/// that is nobody.
void Staging::release(const Collection& collection) {
  std::vector<std::string> well;
  {
    Query query(statements_, "SELECT anchor FROM quarantine WHERE collection_id = ?1");
    query.bind(collection.id);
    while (query.next())
      if (std::string anchor = query.text(0); !rejected_[collection.id].contains(anchor))
        well.push_back(std::move(anchor));
  }
  for (const std::string& anchor : well)
    Query(statements_, "DELETE FROM quarantine WHERE collection_id = ?1 AND anchor = ?2")
        .bind(collection.id, anchor)
        .run();
}

void Staging::quarantine(const Collection& collection, const model::Rejected& rejected) {
  quarantined_ = true;
  Query(statements_,
        "INSERT INTO quarantine (collection_id, anchor, reason, at) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT DO UPDATE SET reason = excluded.reason, at = excluded.at"
        " WHERE reason <> excluded.reason")
      .bind(collection.id, rejected.anchor, rejected.reason, base::to_iso8601(clock_.now()))
      .run();
}

std::vector<std::string> Staging::never_complete(const std::vector<CollectionKey>& keys) {
  std::vector<std::string> waiting;
  for (const CollectionKey& key : keys) {
    Query query(statements_,
                "SELECT 1 FROM collection l JOIN connector c ON c.id = l.connector_id"
                " WHERE c.name = ?1 AND l.name = ?2 AND l.completed_at IS NOT NULL");
    query.bind(key.connector, key.collection);
    if (!query.next())
      waiting.push_back(key.connector + "/" + key.collection);
  }
  return waiting;
}

}  // namespace gald::index
