#include "index/batch_loader.hpp"

#include <algorithm>
#include <deque>
#include <utility>

#include "index/attributes_blob.hpp"
#include "index/entry_store.hpp"
#include "index/key_buffer.hpp"
#include "reconcile/join.hpp"

namespace gald::index {

using model::Attribute;
using model::StagedRecord;

namespace {

/// Distinguished names deeper than this are a loop in the data.
constexpr int kDeepest = 64;

}  // namespace

const model::Entry* Batch::entry(const std::string& id) const {
  const auto at = std::lower_bound(
      entries.begin(), entries.end(), id,
      [](const model::Entry& entry, const std::string& wanted) { return entry.id < wanted; });
  return at != entries.end() && at->id == id ? &*at : nullptr;
}

Batch BatchLoader::load(const std::vector<std::int64_t>& touched) {
  Batch batch;
  std::deque<std::int64_t> waiting(touched.begin(), touched.end());
  std::set<std::int64_t> known(touched.begin(), touched.end());
  std::set<std::string> asked;
  while (!waiting.empty()) {
    std::int64_t plan = 0;
    StagedRecord record = load_record(waiting.front(), plan);
    if (plan != 0 && plan == released_plan_)
      batch.released.insert(record.id);
    else if (plan != 0)
      batch.held[record.id] = plan;
    waiting.pop_front();
    for (const std::int64_t neighbour : neighbours(record, asked))
      if (known.insert(neighbour).second)
        waiting.push_back(neighbour);
    batch.position_of[record.id] = batch.records.size();
    batch.records.push_back(std::move(record));
  }
  std::set<std::string> entries;
  for (const StagedRecord& record : batch.records)
    if (!record.entry_id.empty())
      entries.insert(record.entry_id);
  for (const std::string& id : entries) {
    std::int64_t row = 0;
    {
      Query query(statements_, "SELECT id FROM entry WHERE uuid = ?1");
      query.bind(id);
      query.next();
      row = query.integer(0);
    }
    batch.entry_rows[id] = row;
    batch.entries.push_back(load_entry(statements_, row)->entry);
  }
  return batch;
}

/// A record that is held counts as what was published of it, so that all that follows from its
/// loss or its return is held with it.
void BatchLoader::show_as_published(StagedRecord& record) {
  if (!record.was_live) {
    record.presence = model::Presence::out_of_scope;
    return;
  }
  Query query(statements_, "SELECT kind, attributes FROM last_live WHERE record_id = ?1");
  query.bind(record.id);
  query.next();
  record.kind = model::record_kind_named(query.text(0)).value();
  record.presence = model::Presence::live;
  record.attributes = attributes_from_blob(query.text(1));
}

StagedRecord BatchLoader::load_record(std::int64_t id) {
  std::int64_t plan = 0;
  return load_record(id, plan);
}

StagedRecord BatchLoader::load_record(std::int64_t id, std::int64_t& plan) {
  StagedRecord record;
  std::int64_t connector = 0;
  {
    Query query(statements_,
                "SELECT c.name, c.kind, r.anchor, r.kind, r.presence, r.attributes, r.touched,"
                " e.uuid, r.joined_by, c.id, r.published_live, r.plan_id"
                " FROM record r JOIN connector c ON c.id = r.connector_id"
                " LEFT JOIN entry e ON e.id = r.entry_id WHERE r.id = ?1");
    query.bind(id);
    query.next();
    record.id = id;
    record.connector = query.text(0);
    record.connector_kind = model::connector_kind_named(query.text(1)).value();
    record.anchor = query.text(2);
    record.kind = model::record_kind_named(query.text(3)).value();
    record.presence = model::presence_named(query.text(4)).value();
    record.attributes = attributes_from_blob(query.text(5));
    record.touched = query.integer(6) != 0;
    record.entry_id = query.text(7);
    record.joined_by = query.text(8);
    connector = query.integer(9);
    record.was_live = query.integer(10) != 0;
    plan = query.integer(11);
  }
  if (plan != 0 && plan != released_plan_)
    show_as_published(record);
  const std::string& end = first_value(record.attributes, Attribute::account_expires);
  record.expired = !end.empty() && end <= now_;
  if (record.connector_kind == model::ConnectorKind::active_directory &&
      record.kind != model::RecordKind::container)
    if (std::string name = distinguished_name(connector, record.attributes); !name.empty())
      record.attributes[Attribute::distinguished_name] = {std::move(name)};
  return record;
}

/// A renamed OU is reported alone: the names of what is below it are rebuilt from the objects
/// above. Empty when one of them was never seen; then the name as delivered has to do.
std::string BatchLoader::distinguished_name(std::int64_t connector,
                                            const model::Attributes& attributes) {
  std::vector<std::pair<std::string, std::string>> path;  // anchor, RDN; from the bottom up
  std::string anchor = first_value(attributes, Attribute::parent);
  std::string above;
  while (!anchor.empty()) {
    if (const auto known = container_names_.find({connector, anchor});
        known != container_names_.end()) {
      above = known->second;
      break;
    }
    if (path.size() > kDeepest)
      return {};
    model::Attributes container;
    {
      Query query(statements_,
                  "SELECT attributes FROM record WHERE connector_id = ?1 AND anchor_key = ?2"
                  " AND presence = 'live'");
      query.bind(connector, Anchor{anchor});
      if (!query.next())
        return {};
      container = attributes_from_blob(query.text(0));
    }
    const std::string& parent = first_value(container, Attribute::parent);
    path.emplace_back(anchor, first_value(container, parent.empty() ? Attribute::distinguished_name
                                                                    : Attribute::rdn));
    anchor = parent;
  }
  for (auto step = path.rbegin(); step != path.rend(); ++step) {
    std::string name = step->second;
    if (!above.empty())
      name.append(",").append(above);
    above = std::move(name);
    container_names_[{connector, step->first}] = above;
  }
  const std::string& rdn = first_value(attributes, Attribute::rdn);
  return rdn.empty() || above.empty() ? std::string() : rdn + "," + above;
}

/// Records that share a key or the entry with this one, but for keys and entries in `asked`.
std::vector<std::int64_t> BatchLoader::neighbours(const StagedRecord& record,
                                                  std::set<std::string>& asked) {
  std::vector<std::int64_t> ids;
  const auto find = [&](std::string_view sql, const auto& key) {
    Query query(statements_, sql);
    query.bind(key);
    while (query.next())
      ids.push_back(query.integer(0));
  };
  for (const std::string& key : reconcile::join_keys(record)) {
    if (!asked.insert(key).second)
      continue;
    find("SELECT record_id FROM record_key WHERE key = ?1", key_hash(key));
    if (key.starts_with(reconcile::kObjectKey))  // CROSS: SQLite would begin with the records
      find(
          "SELECT r.id FROM connector c CROSS JOIN record r ON r.connector_id = c.id"
          " AND r.anchor_key = ?1"
          " WHERE c.kind <> 'exchange-online' AND r.kind <> 'container'",
          Anchor{std::string_view(key).substr(reconcile::kObjectKey.size())});
  }
  if (!record.entry_id.empty() && asked.insert(record.entry_id).second)
    find("SELECT r.id FROM record r JOIN entry e ON e.id = r.entry_id WHERE e.uuid = ?1",
         record.entry_id);
  return ids;
}

}  // namespace gald::index
