// The conflicts of what a transaction publishes.
#include <set>
#include <utility>

#include "index/conflict_store.hpp"
#include "index/entry_store.hpp"
#include "index/publisher.hpp"
#include "model/forms.hpp"
#include "reconcile/conflict.hpp"
#include "reconcile/join.hpp"

namespace gald::index {

using reconcile::Conflict;
using reconcile::Operation;
using reconcile::Party;

namespace {

bool stands(const reconcile::PlannedEntry& planned) {
  return planned.operation != Operation::merge && planned.entry.status != model::Status::deleted;
}

void add_record(Party& party, const model::StagedRecord& record) {
  if (!reconcile::is_live(record))
    party.lost_ad |= record.connector_kind == model::ConnectorKind::active_directory;
  else if (!reconcile::is_reference(record))
    party.live.push_back(&record);
}

}  // namespace

/// Looks again at every entry of which something changed, beside those of the batch and whoever
/// has an address of it. A conflict is one of two entries at most, so that nobody else's can have
/// changed.
void Publisher::settle_conflicts(const reconcile::Plan& plan, const Batch& batch,
                                 const reconcile::Policy& policy) {
  struct Stranger {
    model::Entry entry;
    std::vector<model::StagedRecord> records;
  };

  // Whom a skipped record met is not told by the plan: then everybody may have.
  const bool skipping = policy.duplicates == reconcile::Duplicates::skip;
  std::set<std::int64_t> published;  // records
  std::vector<Party> parties;
  std::map<std::string, std::int64_t> rows;
  std::set<std::int64_t> known;
  std::vector<std::pair<std::int64_t, bool>> changed;  // row, and whether it is new
  for (const reconcile::PlannedEntry& planned : plan) {
    const std::int64_t row = batch.entry_rows.at(planned.entry.id);
    bool touched = skipping || planned.operation != Operation::none;
    Party party{&planned.entry, {}, false};
    for (const reconcile::PlannedLink& link : planned.records) {
      const model::StagedRecord& record = batch.records[batch.position_of.at(link.record)];
      touched = touched || record.touched || record.entry_id != planned.entry.id;
      add_record(party, record);
      if (skipping)
        published.insert(link.record);
    }
    if (touched)
      changed.emplace_back(row, planned.operation == Operation::create);
    if (!stands(planned))
      continue;
    rows[planned.entry.id] = row;
    known.insert(row);
    parties.push_back(std::move(party));
  }

  std::map<std::int64_t, Stranger> strangers;
  std::set<std::int64_t> looked_at;
  for (const auto& [row, unused] : changed)
    looked_at.insert(row);
  for (const reconcile::PlannedEntry& planned : plan) {
    const std::int64_t row = batch.entry_rows.at(planned.entry.id);
    if (!stands(planned) || !looked_at.contains(row))
      continue;
    for (const model::Address& address : planned.entry.addresses)
      if (address.kind == "smtp")
        for (const std::int64_t other :
             sharers(statements_, row, model::fold_address(address.value)))
          if (known.insert(other).second)
            strangers[other];
  }
  for (auto& [row, stranger] : strangers) {
    stranger.entry = load_entry(statements_, row)->entry;
    std::vector<std::int64_t> ids;
    {
      Query query(statements_, "SELECT id FROM record WHERE entry_id = ?1");
      query.bind(row);
      while (query.next())
        ids.push_back(query.integer(0));
    }
    for (const std::int64_t id : ids)
      stranger.records.push_back(loader_.load_record(id));
    Party party{&stranger.entry, {}, false};
    for (const model::StagedRecord& record : stranger.records)
      add_record(party, record);
    rows[stranger.entry.id] = row;
    parties.push_back(std::move(party));
  }

  std::vector<const model::StagedRecord*> skipped;
  if (skipping)
    for (const model::StagedRecord& record : batch.records)
      if (record.kind == model::RecordKind::contact && reconcile::is_live(record) &&
          !reconcile::is_reference(record) && !published.contains(record.id))
        skipped.push_back(&record);

  const std::vector<Conflict> found = reconcile::find_conflicts(parties, skipped);
  std::map<std::int64_t, std::vector<const Conflict*>> of_entry;
  for (const Conflict& conflict : found)
    for (const std::string* id : {&conflict.contact_id, &conflict.other_id})
      if (!id->empty())
        of_entry[rows.at(*id)].push_back(&conflict);
  const std::string now = base::to_iso8601(clock_.now());
  for (const auto& [row, is_new] : changed) {
    const auto conflicts = of_entry.find(row);
    if (conflicts != of_entry.end())
      save_conflicts(statements_, row, conflicts->second, rows, now);
    else if (!is_new)
      save_conflicts(statements_, row, {}, rows, now);
  }
}

}  // namespace gald::index
