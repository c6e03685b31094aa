// What is in scope, as the containers above an object say.
#include "index/attributes_blob.hpp"
#include "index/codes.hpp"
#include "index/liveness.hpp"
#include "index/staging.hpp"

namespace gald::index {

using model::Presence;
using model::RecordKind;

namespace {

/// How many records are in memory at a time.
constexpr int kSlice = 1000;

/// Paths of containers longer than this are a loop in the data.
constexpr std::size_t kDeepest = 64;

}  // namespace

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

}  // namespace gald::index
