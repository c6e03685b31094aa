// What a publication tells of itself: one line of the history for each change, of one moment for
// each transaction, with what it takes to take them back.
#include <algorithm>
#include <utility>

#include "index/change_log.hpp"
#include "index/entry_store.hpp"
#include "index/preview.hpp"
#include "index/publisher.hpp"
#include "reconcile/difference.hpp"

namespace gald::index {

using reconcile::Operation;

/// What readers see at once is told of one moment.
void Publisher::begin_moment() {
  at_ = next_moment(statements_, clock_.now());
}

/// An id that leads somewhere else, or of which no record is left, may become a contact's own
/// again: then what was published under it is what changes.
std::optional<reconcile::PlannedEntry> Publisher::revived(const reconcile::PlannedEntry& planned,
                                                          Batch& batch) {
  if (planned.operation != Operation::create)
    return std::nullopt;
  std::int64_t row = 0;
  std::optional<std::string> forward_to;
  {
    Query query(statements_, "SELECT id, forward_to FROM entry WHERE uuid = ?1");
    query.bind(planned.entry.id);
    if (!query.next())
      return std::nullopt;
    row = query.integer(0);
    forward_to = query.optional_text(1);
  }
  model::Entry before = load_entry(statements_, row)->entry;
  reconcile::PlannedEntry again = planned;
  again.operation = Operation::restore;
  const std::string by = planned.changes.front().connector;
  again.changes = reconcile::differences(before, planned.entry);
  for (model::FieldChange& change : again.changes)
    change.connector = by;
  if (forward_to)
    again.changes.push_back({"id", *forward_to, planned.entry.id, by});
  batch.entry_rows[before.id] = row;
  batch.entries.push_back(std::move(before));
  return again;
}

void Publisher::record_changes(std::int64_t entry, const reconcile::PlannedEntry& planned,
                               const Batch& batch) {
  const auto before = [&]() -> const model::Entry& {
    return *std::find_if(batch.entries.begin(), batch.entries.end(),
                         [&](const model::Entry& known) { return known.id == planned.entry.id; });
  };
  bool phones_told = false;
  for (const model::FieldChange& change : planned.changes) {
    std::optional<std::string> former;
    if (planned.operation == Operation::merge)
      former = former_text(before().status);
    else if (change.field == "phones" && !std::exchange(phones_told, true))
      former = former_text(before().phones);
    record_change(entry, name_of(planned.operation), change, former);
  }
}

void Publisher::record_change(std::int64_t entry, std::string_view operation,
                              const model::FieldChange& change,
                              const std::optional<std::string>& former) {
  Query(statements_,
        "INSERT INTO change (number, run_id, at, entry_id, operation, field, old_value, new_value,"
        " connector, former) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")
      .bind(++last_number_, run_, base::to_iso8601(at_), entry, operation, change.field,
            change.old_value, change.new_value, change.connector, former)
      .run();
}

}  // namespace gald::index
