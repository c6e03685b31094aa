#include "index/staging.hpp"

#include <algorithm>
#include <iterator>
#include <set>

#include "index/attributes_blob.hpp"
#include "index/codes.hpp"
#include "index/liveness.hpp"
#include "index/schema.hpp"
#include "reconcile/join.hpp"

namespace gald::index {

using model::Change;
using model::Presence;
using model::RecordKind;

namespace {

/// How much of a sweep is in memory at a time.
constexpr int kSlice = 1000;

/// A complete read may always miss this many: a small directory changes by more than a share.
constexpr std::int64_t kHandful = 10;

/// Paths of containers longer than this are a loop in the data.
constexpr std::size_t kDeepest = 64;

/// The marks of a full round. Those of a resumable one must survive a crash; a source that lists
/// everything in every round starts over anyway, and must not write a row per record and round.
std::string marks(bool lists_everything, std::string_view table) {
  return (lists_everything ? "temp." : "main.") + std::string(table);
}

/// What the names of the objects below a container, and whether they are in scope, depend on.
std::vector<std::string> names_path(const model::Attributes& container) {
  using model::Attribute;
  const std::string& parent = first_value(container, Attribute::parent);
  return {parent,
          first_value(container, parent.empty() ? Attribute::distinguished_name : Attribute::rdn),
          first_value(container, Attribute::scope)};
}

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

/// What an object has after a change: of `old`, what the change leaves.
model::Attributes patched(const model::Attributes& old, Change& change, bool replaced) {
  model::Attributes attributes;
  if (replaced && change.kept.empty()) {
    attributes = std::move(change.set);
    erase_if(attributes, [](const auto& attribute) { return attribute.second.empty(); });
  } else {
    attributes = old;
    if (replaced)
      erase_if(attributes, [&change](const auto& attribute) {
        return std::find(change.kept.begin(), change.kept.end(), attribute.first) ==
               change.kept.end();
      });
    for (auto& [attribute, values] : change.set) {
      if (values.empty())
        attributes.erase(attribute);
      else
        attributes[attribute] = std::move(values);
    }
  }
  for (const model::Attribute attribute : change.cleared)
    attributes.erase(attribute);
  return attributes;
}

}  // namespace

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

void Staging::forget_marks(const Collection& collection) {
  for (const std::string_view table : {"seen_record", "seen_member"})
    Query(statements_,
          "DELETE FROM " + marks(collection.lists_everything, table) + " WHERE collection_id = ?1")
        .bind(collection.id)
        .run();
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

std::optional<Staging::Stored> Staging::stored(const Collection& collection,
                                               const std::string& anchor) {
  const auto read = [](Query& query) {
    return Stored{query.integer(0), model::record_kind_named(query.text(1)).value(),
                  model::presence_named(query.text(2)).value(), query.text(3)};
  };
  if (importing_) {
    std::optional<Stored> found;
    anchors_.find(collection.connector, anchor, [&](std::int64_t row) {
      Query query(statements_,
                  "SELECT id, kind, presence, attributes FROM record"
                  " WHERE id = ?1 AND connector_id = ?2 AND anchor_key = ?3");
      query.bind(row, collection.connector, Anchor{anchor});
      if (query.next())
        found = read(query);
      return found.has_value();
    });
    return found;
  }
  Query query(statements_,
              "SELECT id, kind, presence, attributes FROM record"
              " WHERE connector_id = ?1 AND anchor_key = ?2");
  query.bind(collection.connector, Anchor{anchor});
  return query.next() ? std::optional(read(query)) : std::nullopt;
}

/// Marks the record as seen in this full round; true when it was not before. A record is replaced
/// at first sight, as what a complete read does not say is not there any more, and patched later.
bool Staging::first_sight(const Collection& collection, std::int64_t record) {
  if (!collection.full || !collection.marking)
    return false;
  return Query(statements_, "INSERT OR IGNORE INTO " +
                                marks(collection.lists_everything, "seen_record") +
                                " (collection_id, record_id) VALUES (?1, ?2)")
             .bind(collection.id, record)
             .run() > 0;
}

/// A loss may be held back, and what the record was is needed until it is published.
void Staging::keep_last_live(std::int64_t record) {
  static const std::string kKeep =
      std::string(
          "INSERT OR IGNORE INTO last_live SELECT r.id, r.kind, r.attributes FROM record r"
          " WHERE r.id = ?1 AND r.published_live = 1 AND ") +
      kLiveRecord;
  Query(statements_, kKeep).bind(record).run();
}

/// An object that could not be mapped is there all the same, with the members it had: the sweep
/// must not take it for gone. One without a readable anchor may be any of them, so that nothing is
/// swept in this round (the mark of record 0).
void Staging::keep(const Collection& collection, const std::string& anchor) {
  const std::optional<Stored> known = stored(collection, anchor);
  if (known) {
    first_sight(collection, known->id);
    if (collection.full && collection.marking)
      Query(statements_, "INSERT OR IGNORE INTO " +
                             marks(collection.lists_everything, "seen_member") +
                             " (collection_id, group_id, member)"
                             " SELECT ?1, group_id, member FROM record_member WHERE group_id = ?2")
          .bind(collection.id, known->id)
          .run();
  } else if (anchor.empty()) {
    first_sight(collection, 0);
  }
}

void Staging::apply_change(const Collection& collection, Change change,
                           model::StagedCounts& counts) {
  const std::optional<Stored> before = stored(collection, change.anchor);
  if (quarantined_)
    Query(statements_, "DELETE FROM quarantine WHERE collection_id = ?1 AND anchor = ?2")
        .bind(collection.id, change.anchor)
        .run();
  if (!before && change.presence != Presence::live) {
    ++counts.unchanged;  // gone before we ever heard of it
    return;
  }
  if (!before && !change.kind) {
    quarantine(collection, {change.anchor,
                            "a change of an object that was never seen before; the next full read"
                            " brings it"});
    ++counts.rejected;
    return;
  }

  model::StagedRecord record;
  record.connector_kind = collection.connector_kind;
  record.anchor = change.anchor;
  record.kind = change.kind ? *change.kind : before->kind;
  // whether what is there is in scope, settle() decides
  record.presence =
      change.presence == Presence::live && before && before->presence == Presence::out_of_scope
          ? Presence::out_of_scope
          : change.presence;
  const bool first = before && first_sight(collection, before->id);
  const bool replaced = !before || (first && !change.part) || change.whole;
  model::Attributes old_attributes;
  if (before && !(replaced && change.kept.empty()))
    old_attributes = attributes_from_blob(before->attributes);
  record.attributes = patched(old_attributes, change, replaced);

  write_blob(record.attributes, blob_);
  const int flags = flags_of(record.attributes);
  const std::string& parent = model::first_value(record.attributes, model::Attribute::parent);
  const std::optional<Anchor> parent_or_null =
      parent.empty() ? std::nullopt : std::optional(Anchor{parent});
  const std::string& end = model::first_value(record.attributes, model::Attribute::account_expires);
  const std::optional<std::string> end_or_null =
      end.empty() || change.presence != Presence::live ? std::nullopt : std::optional(end);

  const std::string kind(to_string(record.kind));
  const std::string presence(to_string(record.presence));
  std::int64_t id = 0;
  bool changed = false;
  if (!before) {
    static const std::string kInsert =
        "INSERT INTO record (connector_id, collection_id, anchor_key, kind_code, presence_code,"
        " attributes, parent, expires_at, flags, touched) VALUES (?1, ?2, ?3, " +
        code_of("?4", kRecordKinds) + ", " + code_of("?5", kPresences) + ", ?6, ?7, ?8, ?9, 1)";
    Query(statements_, kInsert)
        .bind(collection.connector, collection.id, Anchor{record.anchor}, kind, presence,
              Blob{blob_}, parent_or_null, end_or_null, flags)
        .run();
    id = database_.getLastInsertRowid();
    if (importing_) {
      anchors_.insert(collection.connector, record.anchor, id);
      imported_.insert(collection.id);
    }
    first_sight(collection, id);
    add_keys(id, stored_keys(record));
    if (record.kind == RecordKind::container)
      touch_below(collection, record.anchor);  // they may have come, and been published, before it
    changed = true;
  } else {
    id = before->id;
    changed = before->attributes != blob_ || before->presence != record.presence ||
              before->kind != record.kind;
    if (changed) {
      if (!reconcile::is_live(record))
        keep_last_live(id);
      static const std::string kUpdate =
          "UPDATE record SET collection_id = ?2, kind_code = " + code_of("?3", kRecordKinds) +
          ", presence_code = " + code_of("?4", kPresences) +
          ", attributes = ?5, parent = ?6, expires_at = ?7, flags = ?8, touched = 1, released = 0"
          " WHERE id = ?1";
      Query(statements_, kUpdate)
          .bind(id, collection.id, kind, presence, Blob{blob_}, parent_or_null, end_or_null, flags)
          .run();
      const model::StagedRecord old =
          as_record(collection.connector_kind, record.anchor, before->kind, before->presence,
                    attributes_from_blob(before->attributes));
      replace_keys(id, stored_keys(old), stored_keys(record));
      if (record.kind == RecordKind::container &&
          (before->presence != record.presence ||
           names_path(old.attributes) != names_path(record.attributes)))
        touch_below(collection, record.anchor);
    }
  }
  if (change.presence == Presence::deleted)
    drop_links(collection, id, record.anchor);
  else if (record.kind == RecordKind::group && change.presence == Presence::live)
    changed = apply_members(collection, id, change) || changed;

  const bool was_live =
      before && (before->presence == Presence::live || before->presence == Presence::out_of_scope);
  if (!changed)
    ++counts.unchanged;
  else if (change.presence != Presence::live)
    ++counts.removed;
  else if (was_live)
    ++counts.updated;
  else
    ++counts.added;
}

bool Staging::apply_members(const Collection& collection, std::int64_t group,
                            const Change& change) {
  bool changed = false;
  if (change.members_complete) {
    const std::set<std::string> wanted(change.members_added.begin(), change.members_added.end());
    std::vector<std::string> gone;
    {
      Query query(statements_, "SELECT member FROM record_member WHERE group_id = ?1");
      query.bind(group);
      while (query.next())
        if (std::string member = query.anchor(0); !wanted.contains(member))
          gone.push_back(std::move(member));
    }
    for (const std::string& member : gone)
      changed = remove_member(group, member) || changed;
  }
  for (const std::string& member : change.members_added)
    changed = add_member(collection, group, member) || changed;
  for (const std::string& member : change.members_removed)
    changed = remove_member(group, member) || changed;
  return changed;
}

bool Staging::add_member(const Collection& collection, std::int64_t group,
                         const std::string& member) {
  if (collection.full && collection.marking)
    Query(statements_, "INSERT OR IGNORE INTO " +
                           marks(collection.lists_everything, "seen_member") +
                           " (collection_id, group_id, member) VALUES (?1, ?2, ?3)")
        .bind(collection.id, group, Anchor{member})
        .run();
  if (Query(statements_, "INSERT OR IGNORE INTO record_member (group_id, member) VALUES (?1, ?2)")
          .bind(group, Anchor{member})
          .run() == 0)
    return false;
  touch_member(group, member);
  return true;
}

/// The publisher looks at the pair in the next publication.
void Staging::touch_member(std::int64_t group, const std::string& member) {
  Query(statements_, "INSERT OR IGNORE INTO touched_member (group_id, member) VALUES (?1, ?2)")
      .bind(group, Anchor{member})
      .run();
}

bool Staging::remove_member(std::int64_t group, const std::string& member) {
  if (Query(statements_, "DELETE FROM record_member WHERE group_id = ?1 AND member = ?2")
          .bind(group, Anchor{member})
          .run() == 0)
    return false;
  touch_member(group, member);
  return true;
}

/// What is deleted for good comes back without its memberships, if it comes back: AD strips the
/// links of a tombstone without reporting the groups (seen with DirSync), Graph may forget to.
void Staging::drop_links(const Collection& collection, std::int64_t record,
                         const std::string& anchor) {
  std::vector<std::pair<std::int64_t, std::string>> links;
  {
    Query query(statements_,
                // CROSS fixes the order: from the member, not from all records of the connector.
                "SELECT m.group_id FROM record_member m CROSS JOIN record g ON g.id = m.group_id"
                " WHERE m.member = ?1 AND g.connector_id = ?2");
    query.bind(Anchor{anchor}, collection.connector);
    while (query.next())
      links.emplace_back(query.integer(0), anchor);
  }
  {
    Query query(statements_, "SELECT member FROM record_member WHERE group_id = ?1");
    query.bind(record);
    while (query.next())
      links.emplace_back(record, query.anchor(0));
  }
  for (const auto& [group, member] : links)
    remove_member(group, member);
}

/// Distinguished names below a container are rebuilt from it; DirSync reports the container alone.
void Staging::touch_below(const Collection& collection, const std::string& anchor) {
  if (importing_)
    return;  // nothing was published yet
  Query(statements_,
        "WITH RECURSIVE container(anchor) AS ("
        "  VALUES (?2)"
        "  UNION SELECT r.anchor_key FROM record r JOIN container c ON r.parent = c.anchor"
        "   WHERE r.connector_id = ?1 AND r.kind = 'container')"
        " UPDATE record SET touched = 1 WHERE touched = 0 AND connector_id = ?1"
        " AND kind <> 'container' AND parent IN (SELECT anchor FROM container)")
      .bind(collection.connector, Anchor{anchor})
      .run();
}

void Staging::add_keys(std::int64_t record, const std::vector<std::string>& keys) {
  for (const std::string& key : keys)
    if (importing_)
      keys_.add(key, record);
    else
      Query(statements_, "INSERT OR IGNORE INTO record_key (key, record_id) VALUES (?1, ?2)")
          .bind(key_hash(key), record)
          .run();
}

void Staging::replace_keys(std::int64_t record, const std::vector<std::string>& before,
                           const std::vector<std::string>& now) {
  if (importing_) {
    if (before != now)
      rekeyed_.insert(record);
    return;
  }
  const auto hashes = [](const std::vector<std::string>& keys) {
    std::set<std::int64_t> all;
    for (const std::string& key : keys)
      all.insert(key_hash(key));
    return all;
  };
  const std::set<std::int64_t> old_keys = hashes(before);
  const std::set<std::int64_t> new_keys = hashes(now);
  for (const std::int64_t key : old_keys) {
    if (new_keys.contains(key))
      continue;
    Query(statements_, "DELETE FROM record_key WHERE key = ?1 AND record_id = ?2")
        .bind(key, record)
        .run();
    // Whoever is left under the key may be the only one now. One of them brings the others along.
    Query(statements_,
          "UPDATE record SET touched = 1 WHERE touched = 0 AND id ="
          " (SELECT record_id FROM record_key WHERE key = ?1 LIMIT 1)")
        .bind(key)
        .run();
  }
  for (const std::int64_t key : new_keys)
    if (!old_keys.contains(key))
      Query(statements_, "INSERT OR IGNORE INTO record_key (key, record_id) VALUES (?1, ?2)")
          .bind(key, record)
          .run();
}

/// A complete read that saw far less than was there before: success proves that the source
/// answered, not that it showed everything.
bool Staging::is_implausible(const Collection& collection, model::StagedCounts& counts) {
  if (!collection.full || !collection.marking || collection.plausible_share <= 0)
    return false;
  std::string kinds;
  for (const RecordKind kind : collection.kinds_left_out)
    kinds.append(kinds.empty() ? "'" : ", '").append(to_string(kind)).append("'");
  Query query(statements_,
              "SELECT count(*), count(s.record_id) FROM record r LEFT JOIN " +
                  marks(collection.lists_everything, "seen_record") +
                  " s ON s.collection_id = r.collection_id AND s.record_id = r.id"
                  " WHERE r.collection_id = ?1 AND r.presence IN ('live', 'out_of_scope')"
                  " AND r.kind NOT IN (" +
                  kinds + ")");
  query.bind(collection.id);
  query.next();
  const std::int64_t known = query.integer(0);
  const std::int64_t unseen = known - query.integer(1);
  const double least = collection.plausible_share * static_cast<double>(known);
  if (unseen <= kHandful || static_cast<double>(known - unseen) >= least)
    return false;
  counts.held = unseen;
  counts.known = known;
  return true;
}

/// The end of a full round that is proven complete: what it did not see is not there any more. In
/// slices, as it may be much; swept records and links drop out of the queries.
std::int64_t Staging::sweep(const Collection& collection) {
  const std::string seen_record = marks(collection.lists_everything, "seen_record");
  const std::string seen_member = marks(collection.lists_everything, "seen_member");
  {
    Query unreadable(statements_, "SELECT 1 FROM " + seen_record +
                                      " WHERE collection_id = ?1 AND record_id = 0");
    unreadable.bind(collection.id);
    if (unreadable.next())
      return 0;
  }
  std::int64_t swept = 0;
  for (bool more = true; more;)
    swept += sweep_records(collection, seen_record, more);
  while (sweep_members(collection, seen_member)) {
  }
  return swept;
}

std::int64_t Staging::sweep_records(const Collection& collection, const std::string& seen,
                                    bool& more) {
  struct Unseen {
    std::int64_t id;
    std::string anchor;
    RecordKind kind;
    Presence presence;
    std::string attributes;
  };

  // what the configuration leaves unread is there for all we know
  static const std::string kOnlyLeftOut = to_blob({{model::Attribute::scope, {"out"}}});
  static const std::string kNothing;

  std::vector<Unseen> unseen;
  {
    Query query(statements_,
                "SELECT r.id, r.anchor, r.kind, r.attributes, r.presence FROM record r"
                " WHERE r.collection_id = ?1 AND r.presence IN ('live', 'out_of_scope')"
                " AND NOT EXISTS (SELECT 1 FROM " +
                    seen + " s WHERE s.collection_id = ?1 AND s.record_id = r.id) LIMIT ?2");
    query.bind(collection.id, kSlice);
    while (query.next())
      unseen.push_back({query.integer(0), query.text(1),
                        model::record_kind_named(query.text(2)).value(),
                        model::presence_named(query.text(4)).value(), query.text(3)});
  }
  std::int64_t swept = 0;
  for (const Unseen& record : unseen) {
    const bool left_out =
        std::find(collection.kinds_left_out.begin(), collection.kinds_left_out.end(),
                  record.kind) != collection.kinds_left_out.end();
    if (left_out) {
      Query(statements_, "UPDATE collection SET scoped = 1 WHERE id = ?1 AND scoped = 0")
          .bind(collection.id)
          .run();
      first_sight(collection, record.id);
      if (record.presence == Presence::out_of_scope && record.attributes == kOnlyLeftOut)
        continue;
    }
    ++swept;
    keep_last_live(record.id);
    static const std::string kSwept =
        "UPDATE record SET presence_code = " + code_of("?2", kPresences) +
        ", attributes = ?3, parent = NULL, expires_at = NULL, flags = ?4, touched = 1,"
        " released = 0 WHERE id = ?1";
    Query(statements_, kSwept)
        .bind(record.id, to_string(left_out ? Presence::out_of_scope : Presence::absent),
              Blob{left_out ? kOnlyLeftOut : kNothing}, left_out ? kLeftOut : 0)
        .run();
    replace_keys(record.id,
                 stored_keys(as_record(collection.connector_kind, record.anchor, record.kind,
                                       record.presence, attributes_from_blob(record.attributes))),
                 stored_keys(as_record(collection.connector_kind, record.anchor, record.kind,
                                       Presence::absent, {})));
  }
  more = !unseen.empty();
  return swept;
}

bool Staging::sweep_members(const Collection& collection, const std::string& seen) {
  // Graph leaves soft-deleted members out of a full read and does not announce them again when they
  // are restored: their memberships sleep until then.
  std::vector<std::pair<std::int64_t, std::string>> links;
  {
    Query query(statements_,
                "SELECT m.group_id, m.member FROM record g"
                " CROSS JOIN record_member m ON m.group_id = g.id"
                " WHERE g.collection_id = ?1 AND g.presence <> 'soft_deleted' AND g.kind = 'group'"
                " AND NOT EXISTS (SELECT 1 FROM record r WHERE r.connector_id = g.connector_id"
                " AND r.anchor_key = m.member AND r.presence = 'soft_deleted')"
                " AND NOT EXISTS (SELECT 1 FROM " +
                    seen +
                    " s WHERE s.collection_id = ?1 AND s.group_id = m.group_id"
                    " AND s.member = m.member) LIMIT ?2");
    query.bind(collection.id, kSlice);
    while (query.next())
      links.emplace_back(query.integer(0), query.anchor(1));
  }
  for (const auto& [group, member] : links)
    remove_member(group, member);
  return !links.empty();
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

void Staging::finish_publication() {
  if (indexed_)
    return;
  SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
  make_record_indexes(database_);
  transaction.commit();
  indexed_ = true;
}

bool Staging::anything_is_scoped() {
  return Query(statements_, "SELECT 1 FROM collection WHERE scoped = 1").next();
}

/// A slice of the records that changed, behind the record `after`. Where one belongs is known only
/// when everything above it has come, so not before the round is over. Returns the last record of
/// the slice; -1: there was none.
std::int64_t Staging::settle_scope(std::int64_t after,
                                   std::map<std::pair<std::int64_t, std::string>, bool>& known) {
  struct Moved {
    std::int64_t id;
    std::string anchor;
    RecordKind kind;
    Presence to;
    model::Attributes attributes;
  };

  struct Touched {
    std::int64_t id;
    std::int64_t connector;
    std::string parent;
    bool out;
    bool left_out;
  };

  std::vector<Touched> touched;
  {
    Query query(statements_,
                "SELECT r.id, r.connector_id, coalesce(r.parent, ''), r.presence = 'out_of_scope',"
                " r.flags"
                " FROM record r JOIN collection l ON l.id = r.collection_id"
                " WHERE r.touched = 1 AND r.id > ?1 AND l.scoped = 1"
                " AND r.kind <> 'container' AND r.presence IN ('live', 'out_of_scope')"
                " ORDER BY r.id LIMIT ?2");
    query.bind(after, kSlice);
    while (query.next())
      touched.push_back({query.integer(0), query.integer(1), query.anchor(2), query.integer(3) != 0,
                         (query.integer(4) & kLeftOut) != 0});
  }
  std::vector<Moved> moved;
  for (const Touched& record : touched) {
    const bool out = record.left_out || leaves_out(record.connector, record.parent, known);
    if (out == record.out)
      continue;
    Query query(statements_, "SELECT anchor, kind, attributes FROM record WHERE id = ?1");
    query.bind(record.id);
    query.next();
    moved.push_back({record.id, query.text(0), model::record_kind_named(query.text(1)).value(),
                     out ? Presence::out_of_scope : Presence::live,
                     attributes_from_blob(query.text(2))});
  }
  if (!moved.empty()) {
    SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
    for (const Moved& record : moved) {
      const auto keys_when = [&](Presence presence) {
        return stored_keys(as_record(model::ConnectorKind::active_directory, record.anchor,
                                     record.kind, presence, record.attributes));
      };
      const Presence from = record.to == Presence::live ? Presence::out_of_scope : Presence::live;
      if (record.to != Presence::live)
        keep_last_live(record.id);
      static const std::string kMove =
          "UPDATE record SET presence_code = " + code_of("?2", kPresences) +
          ", released = 0 WHERE id = ?1";
      Query(statements_, kMove).bind(record.id, to_string(record.to)).run();
      replace_keys(record.id, keys_when(from), keys_when(record.to));
    }
    transaction.commit();
  }
  return touched.empty() ? -1 : touched.back().id;
}

/// Whether what lies in this container is out of scope: the nearest container that says so decides.
/// `known` remembers the containers on the way.
bool Staging::leaves_out(std::int64_t connector, const std::string& container,
                         std::map<std::pair<std::int64_t, std::string>, bool>& known) {
  std::vector<std::string> path;
  std::string at = container;
  bool out = false;
  while (!at.empty() && path.size() < kDeepest) {
    if (const auto it = known.find({connector, at}); it != known.end()) {
      out = it->second;
      break;
    }
    path.push_back(at);
    Query query(statements_,
                "SELECT attributes FROM record WHERE connector_id = ?1 AND anchor_key = ?2"
                " AND presence = 'live'");
    query.bind(connector, Anchor{at});
    if (!query.next())
      break;
    const model::Attributes attributes = attributes_from_blob(query.text(0));
    if (const std::string& rule = model::first_value(attributes, model::Attribute::scope);
        !rule.empty()) {
      out = rule == "out";
      break;
    }
    at = model::first_value(attributes, model::Attribute::parent);
  }
  for (const std::string& step : path)
    known[{connector, step}] = out;
  return out;
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
