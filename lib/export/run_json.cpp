#include "export/run_json.hpp"

#include <nlohmann/json.hpp>

namespace gald::exporting {

namespace {

using Json = nlohmann::ordered_json;

/// An error text of a server need not be UTF-8.
std::string line_of(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json value_or_null(const std::optional<std::string>& value) {
  return value ? Json(*value) : Json(nullptr);
}

std::string name_of(const model::Entry& entry) {
  const auto it = entry.values.find(model::Attribute::display_name);
  return it == entry.values.end() ? std::string() : it->second;
}

Json to_json_object(const model::CollectionReport& read) {
  return {{"connector", read.connector},
          {"collection", read.collection},
          {"complete", read.complete},
          {"round", read.full ? "full" : "changes"},
          {"error", text_or_null(read.error)},
          {"remedy", text_or_null(read.remedy)},
          {"pages", read.pages},
          {"requests", read.requests},
          {"units", read.units},
          {"bytes", read.bytes},
          {"objects", read.objects},
          {"requestsPerObject", read.objects > 0 ? Json(static_cast<double>(read.requests) /
                                                        static_cast<double>(read.objects))
                                                 : Json(nullptr)},
          {"waitedMs", read.waited.count()},
          {"tookMs", read.took.count()},
          {"added", read.staged.added},
          {"updated", read.staged.updated},
          {"removed", read.staged.removed},
          {"unchanged", read.staged.unchanged},
          {"rejected", read.staged.rejected}};
}

Json to_json_array(const std::vector<model::CollectionReport>& collections) {
  Json list = Json::array();
  for (const model::CollectionReport& read : collections)
    list.push_back(to_json_object(read));
  return list;
}

Json to_json_object(const model::PublishedCounts& published) {
  return {{"created", published.created},
          {"updated", published.updated},
          {"deleted", published.deleted},
          {"restored", published.restored},
          {"memberships", published.memberships}};
}

}  // namespace

std::string to_json(const model::RunReport& report) {
  Json plans = Json::array();
  for (const model::HeldPlan& plan : report.plans)
    plans.push_back(Json::parse(to_json(plan)));
  const Json object = {{"run", report.id},
                       {"outcome", to_string(report.outcome)},
                       {"startedAt", base::to_iso8601(report.started)},
                       {"endedAt", base::to_iso8601(report.ended)},
                       {"error", text_or_null(report.error)},
                       {"damage", text_or_null(report.damage)},
                       {"collections", to_json_array(report.collections)},
                       {"published", to_json_object(report.published)},
                       {"waitingFor", report.waiting_for},
                       {"plans", plans}};
  return line_of(object);
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

std::string to_json(const index::ConflictLine& line) {
  const auto side = [](const index::ConflictLine::Side& of) {
    return of.id.empty() ? Json(nullptr)
                         : Json({{"id", of.id},
                                 {"kind", of.kind},
                                 {"displayName", of.display_name.empty() ? Json(nullptr)
                                                                         : Json(of.display_name)}});
  };
  const Json object = {{"kind", line.kind},         {"contact", side(line.contact)},
                       {"other", side(line.other)}, {"evidence", line.evidence},
                       {"since", line.since},       {"remedy", line.remedy}};
  return line_of(object);
}

std::string to_json(const index::RunSummary& run,
                    const std::vector<model::CollectionReport>& collections) {
  Json list = to_json_array(collections);
  for (Json& read : list) {
    read.erase("remedy");  // only its own report has it
    read.erase("requestsPerObject");
  }
  return line_of({{"run", run.id},
                  {"outcome", text_or_null(run.outcome)},
                  {"startedAt", run.started_at},
                  {"endedAt", text_or_null(run.ended_at)},
                  {"error", text_or_null(run.error)},
                  {"collections", std::move(list)},
                  {"published", to_json_object(run.published)}});
}

}  // namespace gald::exporting
