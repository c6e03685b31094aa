#include "index/preview.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "base/encoding.hpp"
#include "index/batch_loader.hpp"
#include "index/policy_json.hpp"

namespace gald::index {

using reconcile::Operation;

namespace {

/// Each part with its length, so that no two lists of parts read alike.
void add_part(std::string& text, std::string_view part) {
  text.append(std::to_string(part.size())).append(":").append(part);
}

/// Of a set: the entries come in an order that depends on what else there is.
class Digest {
 public:
  void add(const reconcile::PlannedEntry& planned) {
    std::string text;
    add_part(text, name_of(planned.operation));
    add_part(text, planned.entry.id);
    add_part(text, planned.forward_to);
    for (const model::FieldChange& change : planned.changes) {
      add_part(text, change.field);
      add_part(text, change.old_value ? "=" + *change.old_value : "");
      add_part(text, change.new_value ? "=" + *change.new_value : "");
    }
    const std::string digest = base::sha256_hex(text);
    for (std::size_t i = 0; i < sum_.size(); ++i)
      sum_[i] += std::stoull(digest.substr(16 * i, 16), nullptr, 16);
    ++entries_;
  }

  std::string text() const {
    std::string parts = std::to_string(entries_);
    for (const std::uint64_t part : sum_)
      parts.append("-").append(std::to_string(part));
    return base::sha256_hex(parts);
  }

 private:
  std::array<std::uint64_t, 4> sum_{};
  std::int64_t entries_ = 0;
};

/// The next records that the plan is about.
std::vector<std::int64_t> next_records(Statements& statements, const model::HeldPlan& plan,
                                       std::int64_t after) {
  std::vector<std::int64_t> ids;
  Query query(statements,
              plan.reason == model::PlanReason::policy
                  ? "SELECT id FROM record WHERE id > ?2 AND kind <> 'container' AND ?1 <> 0"
                    " ORDER BY id LIMIT ?3"
                  : "SELECT id FROM record WHERE id > ?2 AND plan_id = ?1 ORDER BY id LIMIT ?3");
  query.bind(plan.number, after, kBatch);
  while (query.next())
    ids.push_back(query.integer(0));
  return ids;
}

/// A policy may take a contact for deleted while its records are there.
bool ends(const reconcile::PlannedEntry& planned) {
  return planned.operation == Operation::update &&
         std::any_of(planned.changes.begin(), planned.changes.end(),
                     [](const model::FieldChange& change) {
                       return change.field == "status" &&
                              change.new_value == to_string(model::Status::deleted);
                     });
}

model::HeldChange as_change(const reconcile::PlannedEntry& planned, const Batch& batch) {
  const Operation operation = ends(planned) ? Operation::remove : planned.operation;
  model::HeldChange change{planned.entry, std::string(name_of(operation)), planned.changes, {}};
  for (const reconcile::PlannedLink& link : planned.records)
    if (batch.released.contains(link.record)) {
      const model::StagedRecord& record = batch.records[batch.position_of.at(link.record)];
      change.records.push_back(record.connector + "/" + record.anchor + ": " +
                               std::string(to_string(record.presence)));
    }
  return change;
}

void count(const reconcile::PlannedEntry& planned, Preview& result) {
  switch (planned.operation) {
    case Operation::none:
      return;
    case Operation::create:
    case Operation::restore:
      ++result.created;
      break;
    case Operation::update:
      if (ends(planned))
        ++result.deleted;
      else if (!planned.changes.empty())
        ++result.updated;
      break;
    case Operation::remove:
    case Operation::merge:
      ++result.deleted;
      break;
  }
  result.writes = true;
}

}  // namespace

std::string_view name_of(Operation operation) {
  switch (operation) {
    case Operation::none:
    case Operation::update:
      return "updated";
    case Operation::create:
      return "created";
    case Operation::remove:
      return "deleted";
    case Operation::restore:
      return "restored";
    case Operation::merge:
      return "merged";
  }
  return {};
}

std::optional<PlanRow> load_plan(Statements& statements, std::int64_t number) {
  Query query(statements,
              "SELECT number, created_at, run_id, reason, connector, subject, text, records,"
              " created, updated, deleted, state, superseded_by, decided_at, digest, policy"
              " FROM plan WHERE number = ?1");
  query.bind(number);
  if (!query.next())
    return std::nullopt;
  PlanRow row;
  row.plan = {query.integer(0),  query.text(1),
              query.integer(2),  model::plan_reason_named(query.text(3)).value(),
              query.text(4),     query.text(5),
              query.text(6),     query.integer(7),
              query.integer(8),  query.integer(9),
              query.integer(10), model::plan_state_named(query.text(11)).value(),
              query.integer(12), query.text(13)};
  row.digest = query.text(14);
  row.policy = query.text(15);
  return row;
}

std::string active_policy(Statements& statements) {
  Query query(statements, "SELECT policy FROM active_policy");
  return query.next() ? query.text(0) : to_json(reconcile::Policy{});
}

Preview preview(Statements& statements, const PlanRow& plan, const std::string& now,
                const HeldVisitor& visit) {
  const bool of_policy = plan.plan.reason == model::PlanReason::policy;
  const reconcile::Policy policy =
      policy_from_json(of_policy ? plan.policy : active_policy(statements));
  BatchLoader loader(statements, now, plan.plan.number);
  Preview result;
  Digest digest;
  std::set<std::int64_t> done;  // records that came along with an earlier batch
  std::int64_t last = 0;
  for (;;) {
    std::vector<std::int64_t> ids = next_records(statements, plan.plan, last);
    if (ids.empty())
      break;
    last = ids.back();
    result.records += static_cast<std::int64_t>(ids.size());
    std::erase_if(ids, [&](std::int64_t id) { return done.contains(id); });
    done.erase(done.begin(), done.upper_bound(last));
    const Batch batch = loader.load(ids);
    for (const model::StagedRecord& record : batch.records)
      if (record.id > last)
        done.insert(record.id);
    for (const reconcile::PlannedEntry& planned :
         reconcile::reconcile(batch.records, batch.entries, policy)) {
      count(planned, result);
      if (planned.operation == Operation::none || planned.changes.empty())
        continue;
      digest.add(planned);
      if (visit)
        visit(as_change(planned, batch));
    }
  }
  result.digest = digest.text();
  return result;
}

}  // namespace gald::index
