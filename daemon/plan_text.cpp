#include "plan_text.hpp"

#include "history_text.hpp"
#include "text.hpp"

namespace gald::daemon {

namespace {

std::string name_of(const model::Entry& entry) {
  const auto it = entry.values.find(model::Attribute::display_name);
  return it == entry.values.end() ? std::string() : it->second;
}

model::HistoryLine as_line(const model::HeldChange& held, const model::FieldChange& change) {
  model::HistoryLine line;
  line.operation = held.operation;
  line.change = change;
  return line;
}

}  // namespace

std::string describe(const model::HeldPlan& plan) {
  std::string text = "Plan " + std::to_string(plan.number) + "  " +
                     pad(model::to_string(plan.state), 10) + "  " + spoken_time(plan.created_at) +
                     "  " + printable(plan.text) + "\n      " + grouped(plan.deleted) +
                     " would be deleted, " + grouped(plan.updated) + " updated, " +
                     grouped(plan.created) + " created\n";
  if (plan.superseded_by != 0)
    text += "      superseded by plan " + std::to_string(plan.superseded_by) + "\n";
  return text;
}

std::string describe_open(const std::vector<model::HeldPlan>& plans) {
  std::string text;
  for (const model::HeldPlan& plan : plans)
    if (plan.state == model::PlanState::open)
      text += "  " + describe(plan) + "      review it: gald plan show " +
              std::to_string(plan.number) + "\n";
  return text.empty() ? text : "Held until somebody decides\n" + text;
}

std::string describe(const model::HeldChange& change) {
  std::string text = pad(change.operation, 8) + "  " + pad(to_string(change.entry.kind), 7) + "  " +
                     fit(name_of(change.entry), 28) + "  " + change.entry.id + "\n";
  for (const model::FieldChange& field : change.changes)
    text += "    " + describe_change(as_line(change, field)) + "\n";
  for (const std::string& record : change.records)
    text += "    because of " + printable(record) + "\n";
  return text;
}

}  // namespace gald::daemon
