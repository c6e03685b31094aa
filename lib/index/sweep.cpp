// Full rounds: the marks of what they see, and what becomes of the rest.
#include <algorithm>

#include "index/attributes_blob.hpp"
#include "index/codes.hpp"
#include "index/liveness.hpp"
#include "index/staging.hpp"

namespace gald::index {

using model::Presence;
using model::RecordKind;

namespace {

/// How much of a sweep is in memory at a time.
constexpr int kSlice = 1000;

/// A complete read may always miss this many: a small directory changes by more than a share.
constexpr std::int64_t kHandful = 10;

/// The marks of a full round. Those of a resumable one must survive a crash; a source that lists
/// everything in every round starts over anyway, and must not write a row per record and round.
std::string marks(bool lists_everything, std::string_view table) {
  return (lists_everything ? "temp." : "main.") + std::string(table);
}

}  // namespace

void Staging::forget_marks(const Collection& collection) {
  for (const std::string_view table : {"seen_record", "seen_member"})
    Query(statements_,
          "DELETE FROM " + marks(collection.lists_everything, table) + " WHERE collection_id = ?1")
        .bind(collection.id)
        .run();
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

void Staging::see_member(const Collection& collection, std::int64_t group,
                         const std::string& member) {
  if (collection.full && collection.marking)
    Query(statements_, "INSERT OR IGNORE INTO " +
                           marks(collection.lists_everything, "seen_member") +
                           " (collection_id, group_id, member) VALUES (?1, ?2, ?3)")
        .bind(collection.id, group, Anchor{member})
        .run();
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

}  // namespace gald::index
