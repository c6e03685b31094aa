// One change of one object: what it makes of the record, its keys and its members.
#include <algorithm>
#include <iterator>
#include <set>

#include "index/attributes_blob.hpp"
#include "index/codes.hpp"
#include "index/liveness.hpp"
#include "index/staging.hpp"
#include "reconcile/join.hpp"

namespace gald::index {

using model::Change;
using model::Presence;
using model::RecordKind;

namespace {

/// What the names of the objects below a container, and whether they are in scope, depend on.
std::vector<std::string> names_path(const model::Attributes& container) {
  using model::Attribute;
  const std::string& parent = first_value(container, Attribute::parent);
  return {parent,
          first_value(container, parent.empty() ? Attribute::distinguished_name : Attribute::rdn),
          first_value(container, Attribute::scope)};
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

/// A loss may be held back, and what the record was is needed until it is published.
void Staging::keep_last_live(std::int64_t record) {
  static const std::string kKeep =
      std::string(
          "INSERT OR IGNORE INTO last_live SELECT r.id, r.kind, r.attributes FROM record r"
          " WHERE r.id = ?1 AND r.published_live = 1 AND ") +
      kLiveRecord;
  Query(statements_, kKeep).bind(record).run();
}

/// Where the contacts of disabled accounts are removed, that is a loss like any other.
void Staging::keep_last_enabled(std::int64_t record) {
  static const std::string kKeep =
      std::string(
          "INSERT OR IGNORE INTO last_live SELECT r.id, r.kind, r.attributes FROM record r"
          " WHERE r.id = ?1 AND r.published_live = 1 AND r.flags & 4 = 0 AND ") +
      kLiveRecord;
  Query(statements_, kKeep).bind(record).run();
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
        " attributes, parent, expires_at, flags, joined_code, touched) VALUES (?1, ?2, ?3, " +
        code_of("?4", kRecordKinds) + ", " + code_of("?5", kPresences) + ", ?6, ?7, ?8, ?9, " +
        std::to_string(kNotYetJoined) + ", 1)";
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
      else if ((flags & kDisabled) != 0)
        keep_last_enabled(id);
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
  see_member(collection, group, member);
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

}  // namespace gald::index
