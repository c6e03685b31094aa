#include "memory_index.hpp"

#include <algorithm>
#include <deque>
#include <stdexcept>

#include "reconcile/join.hpp"

namespace gald::simulation {

using model::Entry;
using model::StagedRecord;
using reconcile::Operation;

namespace {

[[noreturn]] void broken(const std::string& promise) {
  throw std::logic_error("a plan breaks its promise: " + promise);
}

}  // namespace

void MemoryIndex::tell(std::span<const Said> page) {
  for (const Said& said : page) {
    const auto next = static_cast<std::int64_t>(ids_.size()) + 1;
    const auto [place, is_new] = ids_.try_emplace({said.connector, said.anchor}, next);
    if (is_new && said.presence != Presence::live) {
      ids_.erase(place);  // a tombstone of what was never seen
      continue;
    }
    StagedRecord& record = records_[place->second];
    const std::vector<std::string> before =
        is_new ? std::vector<std::string>() : reconcile::join_keys(record);
    if (!is_new && record.kind == said.kind && record.presence == said.presence &&
        record.attributes == said.attributes)
      continue;
    record.id = place->second;
    record.connector = said.connector;
    record.connector_kind = said.connector_kind;
    record.anchor = said.anchor;
    record.kind = said.kind;
    record.presence = said.presence;
    record.attributes = said.attributes;
    record.touched = true;
    touched_.insert(record.id);
    change_keys(record.id, before, reconcile::join_keys(record));
  }
}

void MemoryIndex::change_keys(std::int64_t id, const std::vector<std::string>& before,
                              const std::vector<std::string>& now) {
  for (const std::string& key : now)
    by_key_[key].insert(id);
  for (const std::string& key : before) {
    if (std::find(now.begin(), now.end(), key) != now.end())
      continue;
    std::set<std::int64_t>& left = by_key_[key];
    left.erase(id);
    if (left.empty())
      by_key_.erase(key);
    else  // they may be unambiguous now; one brings the others along
      touched_.insert(*left.begin());
  }
}

void MemoryIndex::touch_everything() {
  for (auto& [id, record] : records_)
    touched_.insert(id);
}

int MemoryIndex::publish(std::size_t batch, std::size_t most) {
  int published = 0;
  for (std::size_t done = 0; done < most && !touched_.empty(); ++done) {
    std::vector<std::int64_t> some(touched_.begin(), touched_.end());
    some.resize(std::min(some.size(), batch));
    const std::vector<StagedRecord> records = close(some);
    std::set<std::string> ids;
    for (const StagedRecord& record : records)
      if (!record.entry_id.empty())
        ids.insert(record.entry_id);
    std::vector<Entry> entries;
    for (const std::string& id : ids)
      entries.push_back(entries_.at(id));
    published += apply(reconcile::reconcile(records, entries), records);
  }
  return published;
}

/// With everybody that shares a key or an entry, in the order of the search.
std::vector<StagedRecord> MemoryIndex::close(const std::vector<std::int64_t>& touched) const {
  std::vector<StagedRecord> found;
  std::deque<std::int64_t> waiting(touched.begin(), touched.end());
  std::set<std::int64_t> known(touched.begin(), touched.end());
  const auto add = [&](const auto& index, const std::string& key) {
    if (const auto it = index.find(key); it != index.end())
      for (const std::int64_t id : it->second)
        if (known.insert(id).second)
          waiting.push_back(id);
  };
  while (!waiting.empty()) {
    const StagedRecord& record = records_.at(waiting.front());
    waiting.pop_front();
    for (const std::string& key : reconcile::join_keys(record))
      add(by_key_, key);
    if (!record.entry_id.empty())
      add(by_entry_, record.entry_id);
    found.push_back(record);
    found.back().touched = touched_.contains(record.id);
  }
  return found;
}

int MemoryIndex::apply(const reconcile::Plan& plan, const std::vector<StagedRecord>& batch) {
  std::set<std::int64_t> open;
  for (const StagedRecord& record : batch)
    open.insert(record.id);
  std::set<std::int64_t> placed;
  int published = 0;
  for (const reconcile::PlannedEntry& planned : plan) {
    if (planned.operation != Operation::none) {
      save(planned);
      ++published;
    } else if (!planned.changes.empty()) {
      broken("changes without an operation");
    }
    for (const reconcile::PlannedLink& each : planned.records) {
      if (!open.contains(each.record) || !placed.insert(each.record).second)
        broken("a record belongs to two entries, or is none of the batch");
      link(each, planned.entry.id);
    }
  }
  for (const StagedRecord& record : batch) {
    const bool live = reconcile::is_live(record);
    if (live && !placed.contains(record.id)) {
      if (!reconcile::only_adds(record))
        broken("a live record belongs nowhere");
      unlink(record.id);
    }
    records_[record.id].was_live = live;
    records_[record.id].touched = false;
    touched_.erase(record.id);
  }
  return published;
}

void MemoryIndex::save(const reconcile::PlannedEntry& planned) {
  const std::string& id = planned.entry.id;
  const bool known = entries_.contains(id);
  if (planned.operation == Operation::create && known && !forwards_.contains(id))
    broken("an id is given to a second contact");
  if (planned.operation != Operation::create && !known)
    broken("what is changed was never there");
  entries_[id] = planned.entry;
  forwards_.erase(id);
  if (planned.operation == Operation::merge) {
    entries_[id].status = model::Status::deleted;
    forwards_[id] = planned.forward_to;
  }
}

void MemoryIndex::unlink(std::int64_t id) {
  StagedRecord& record = records_.at(id);
  if (!record.entry_id.empty())
    by_entry_[record.entry_id].erase(id);
  record.entry_id.clear();
  record.joined_by.clear();
}

void MemoryIndex::link(const reconcile::PlannedLink& link, const std::string& entry) {
  StagedRecord& record = records_.at(link.record);
  if (!record.entry_id.empty())
    by_entry_[record.entry_id].erase(record.id);
  record.entry_id = entry;
  record.joined_by = link.joined_by;
  by_entry_[entry].insert(record.id);
}

Published MemoryIndex::published() const {
  Published published;
  published.forwards = forwards_;
  for (const auto& [id, entry] : entries_)
    if (!forwards_.contains(id))
      published.contacts[id] = {entry.kind, entry.source, entry.status, {}, values_text(entry)};
  for (const auto& [unused, record] : records_)
    if (reconcile::is_live(record) && !reconcile::is_reference(record))
      if (const auto it = published.contacts.find(record.entry_id); it != published.contacts.end())
        it->second.records.insert(name_of(record.connector, record.anchor));
  return published;
}

std::vector<std::string> MemoryIndex::links() const {
  std::vector<std::string> found;
  for (const auto& [unused, record] : records_)
    if (!record.entry_id.empty())
      found.push_back(name_of(record.connector, record.anchor) + " " + record.joined_by);
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace gald::simulation
