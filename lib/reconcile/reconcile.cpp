#include "reconcile/reconcile.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/guid.hpp"
#include "reconcile/difference.hpp"
#include "reconcile/duplicates.hpp"
#include "reconcile/join.hpp"
#include "reconcile/merge.hpp"

namespace gald::reconcile {

using model::Entry;
using model::FieldChange;
using model::StagedRecord;

namespace {

/// gald's namespace for entry ids. Changing it would rename every contact there is.
constexpr std::string_view kEntryNamespace = "6f0a4c5e-9d0b-5b1e-8a55-7a1d0c3f2b94";

/// Says which connector a difference came from.
class Cause {
 public:
  explicit Cause(std::vector<const StagedRecord*> records) : records_(std::move(records)) {}

  /// Who changed something since the last publication: what came or went before what was edited,
  /// the strongest source first.
  const std::string& anybody() const {
    static const std::string kNobody;
    const StagedRecord* best = nullptr;
    for (const StagedRecord* record : records_)
      if (best == nullptr || rank(*record) < rank(*best))
        best = record;
    return best == nullptr ? kNobody : best->connector;
  }

  /// The given connector if it changed something, else anybody().
  const std::string& rather(const std::string& connector) const {
    for (const StagedRecord* record : records_)
      if (record->touched && record->connector == connector)
        return record->connector;
    return anybody();
  }

 private:
  static int rank(const StagedRecord& record) {
    if (!record.touched)
      return 2;
    return record.was_live != is_live(record) ? 0 : 1;
  }

  std::vector<const StagedRecord*> records_;
};

std::string origin(const Entry& entry, std::string_view field) {
  const auto it = entry.origins.find(std::string(field));
  return it == entry.origins.end() ? std::string() : it->second;
}

/// A value that is gone, or a class that is another, may be somebody else's doing than of the
/// record that it came from.
std::vector<FieldChange> diff(const Entry& before, const Entry& now, const Cause& cause) {
  std::vector<FieldChange> changes = differences(before, now);
  for (FieldChange& change : changes)
    if (!change.new_value || change.field == "status" || change.field == "source" ||
        change.field == "kind")
      change.connector = cause.rather(change.connector);
  return changes;
}

class Planner {
 public:
  Planner(std::span<const StagedRecord> records, std::span<const Entry> published,
          const Policy& policy)
      : records_(records), policy_(policy) {
    for (const Entry& entry : published)
      published_.emplace(entry.id, &entry);
  }

  Plan run() {
    const std::vector<Cell> cells = settle_duplicates(join(records_), records_, policy_.duplicates);
    for (const Cell& cell : cells)
      if (!cell.entry_id.empty())
        taken_.insert(cell.entry_id);
    for (const Cell& cell : cells)
      plan(cell);
    return std::move(plan_);
  }

 private:
  const Entry* published(const std::string& id) const {
    const auto it = published_.find(id);
    return it == published_.end() ? nullptr : it->second;
  }

  void plan(const Cell& cell) {
    PlannedEntry planned;
    std::vector<const StagedRecord*> all;
    std::vector<const StagedRecord*> live;
    for (const Cell::Member& member : cell.live) {
      live.push_back(&records_[member.record]);
      all.push_back(live.back());
      planned.records.push_back({live.back()->id, member.joined_by});
    }
    for (const std::size_t gone : cell.gone) {
      all.push_back(&records_[gone]);
      planned.records.push_back({records_[gone].id, records_[gone].joined_by});
    }
    const Cause cause(all);
    const Entry* before = cell.entry_id.empty() ? nullptr : published(cell.entry_id);
    if (live.empty()) {
      plan_removal(before, cause.anybody(), std::move(planned));
    } else if (Entry now = merge(live, policy_); now.status == model::Status::deleted) {
      plan_removal(before, origin(now, "status"), std::move(planned));
    } else {
      plan_live(cell, before, std::move(now), cause, std::move(planned));
    }
    for (const std::string& merged : cell.merged_entry_ids)
      plan_merge(merged, cell.entry_id, cause);
  }

  void plan_removal(const Entry* before, const std::string& by, PlannedEntry planned) {
    if (before == nullptr)
      return;  // it never was published
    planned.entry = *before;
    planned.entry.status = model::Status::deleted;
    if (before->status != model::Status::deleted) {
      planned.operation = Operation::remove;
      planned.entry.origins["status"] = by;
      planned.changes.push_back({"status", std::string(to_string(before->status)),
                                 std::string(to_string(model::Status::deleted)), by});
    }
    plan_.push_back(std::move(planned));
  }

  void plan_live(const Cell& cell, const Entry* before, Entry now, const Cause& cause,
                 PlannedEntry planned) {
    now.id = before != nullptr ? before->id : new_id(cell);
    if (before == nullptr) {
      planned.operation = Operation::create;
      planned.changes.push_back({"status", std::nullopt, std::string(to_string(now.status)),
                                 records_[cell.live.front().record].connector});
    } else {
      planned.changes = diff(*before, now, cause);
      if (before->status == model::Status::deleted)
        planned.operation = Operation::restore;
      else if (!planned.changes.empty() || before->values != now.values ||
               before->origins != now.origins || before->addresses != now.addresses ||
               before->phones != now.phones || before->search_name != now.search_name)
        planned.operation = Operation::update;
    }
    planned.entry = std::move(now);
    plan_.push_back(std::move(planned));
  }

  void plan_merge(const std::string& merged, const std::string& survivor, const Cause& cause) {
    const Entry* before = published(merged);
    if (before == nullptr)
      return;
    PlannedEntry planned;
    planned.operation = Operation::merge;
    planned.entry = *before;
    planned.forward_to = survivor;
    planned.changes.push_back({"id", merged, survivor, cause.anybody()});
    plan_.push_back(std::move(planned));
  }

  /// From the strongest anchor whose id is free: another cell may carry on the entry that once
  /// began with it.
  std::string new_id(const Cell& cell) {
    for (const Cell::Member& member : cell.live) {
      std::string id = entry_id_for(records_[member.record].anchor);
      if (published_.contains(id) || !taken_.insert(id).second)
        continue;
      return id;
    }
    std::string id;
    std::string name = records_[cell.live.front().record].anchor;
    do {
      name += "+";
      id = entry_id_for(name);
    } while (published_.contains(id) || !taken_.insert(id).second);
    return id;
  }

  std::span<const StagedRecord> records_;
  const Policy& policy_;
  std::map<std::string, const Entry*> published_;
  std::set<std::string> taken_;
  Plan plan_;
};

}  // namespace

std::string entry_id_for(std::string_view anchor) {
  static const base::Guid kNamespace = base::Guid::parse(kEntryNamespace).value();
  return base::Guid::from_name(kNamespace, anchor).text();
}

Plan reconcile(std::span<const StagedRecord> records, std::span<const Entry> published,
               const Policy& policy) {
  return Planner(records, published, policy).run();
}

}  // namespace gald::reconcile
