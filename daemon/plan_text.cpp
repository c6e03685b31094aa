#include "plan_text.hpp"

#include <nlohmann/json.hpp>

#include "history_text.hpp"
#include "text.hpp"

namespace gald::daemon {

namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

std::string line_of(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

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

std::string to_json(const model::HeldPlan& plan) {
  return line_of(
      {{"plan", plan.number},
       {"state", model::to_string(plan.state)},
       {"createdAt", plan.created_at},
       {"run", plan.run},
       {"reason", model::to_string(plan.reason)},
       {"connector", text_or_null(plan.connector)},
       {"subject", text_or_null(plan.subject)},
       {"text", plan.text},
       {"records", plan.records},
       {"deleted", plan.deleted},
       {"updated", plan.updated},
       {"created", plan.created},
       {"supersededBy", plan.superseded_by == 0 ? Json(nullptr) : Json(plan.superseded_by)},
       {"decidedAt", text_or_null(plan.decided_at)}});
}

std::string to_json(const model::HeldChange& change) {
  const auto value_or_null = [](const std::optional<std::string>& value) {
    return value ? Json(*value) : Json(nullptr);
  };
  Json changes = Json::array();
  for (const model::FieldChange& field : change.changes)
    changes.push_back({{"field", field.field},
                       {"oldValue", value_or_null(field.old_value)},
                       {"newValue", value_or_null(field.new_value)},
                       {"connector", text_or_null(field.connector)}});
  return line_of({{"id", change.entry.id},
                  {"kind", model::to_string(change.entry.kind)},
                  {"displayName", text_or_null(name_of(change.entry))},
                  {"operation", change.operation},
                  {"changes", changes},
                  {"records", change.records}});
}

}  // namespace gald::daemon
