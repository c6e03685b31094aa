#include "export/explain_json.hpp"

#include <nlohmann/json.hpp>

namespace gald::exporting {

namespace {

using Json = nlohmann::ordered_json;
using reconcile::ExplainedRecord;
using reconcile::ExplainedValue;
using reconcile::Explanation;
using reconcile::Reason;

std::string title(const model::Entry& entry) {
  const auto name = entry.values.find(model::Attribute::display_name);
  return name == entry.values.end() ? entry.id : name->second;
}

Json to_json(const Reason& reason) {
  return {{"rule", reason.rule}, {"text", reason.text}};
}

Json to_json(const ExplainedRecord& record) {
  return {{"connector", record.connector},
          {"type", to_string(record.connector_kind)},
          {"kind", to_string(record.kind)},
          {"anchor", record.anchor},
          {"presence", to_string(record.presence)},
          {"joined", to_json(record.joined)},
          {"keys", record.keys}};
}

Json to_json(const ExplainedValue& value) {
  Json others = Json::array();
  for (const ExplainedValue::Other& other : value.others)
    others.push_back({{"connector", other.connector}, {"value", other.value}});
  return {{"attribute", value.attribute},
          {"value", value.value},
          {"connector", value.connector},
          {"reason", to_json(value.reason)},
          {"others", others}};
}

}  // namespace

std::string to_json(const index::ExplainReport& report) {
  const Explanation& told = report.explanation;
  Json records = Json::array();
  for (const ExplainedRecord& record : told.records)
    records.push_back(to_json(record));
  Json values = Json::array();
  for (const ExplainedValue& value : told.values)
    values.push_back(to_json(value));
  Json conflicts = Json::array();
  for (const index::ConflictLine& line : report.conflicts) {
    const std::string& other = line.contact.id == told.entry.id ? line.other.id : line.contact.id;
    conflicts.push_back({{"kind", line.kind},
                         {"other", other.empty() ? Json(nullptr) : Json(other)},
                         {"evidence", line.evidence},
                         {"since", line.since},
                         {"remedy", line.remedy}});
  }
  const Json object = {
      {"id", told.entry.id},
      {"displayName", title(told.entry)},
      {"mergedId", report.merged_id.empty() ? Json(nullptr) : Json(report.merged_id)},
      {"pending", told.pending},
      {"kind", {{"value", to_string(told.entry.kind)}, {"reason", to_json(told.kind)}}},
      {"source", {{"value", to_string(told.entry.source)}, {"reason", to_json(told.source)}}},
      {"status", {{"value", to_string(told.entry.status)}, {"reason", to_json(told.status)}}},
      {"visibility", to_json(told.visibility)},
      {"records", records},
      {"values", values},
      {"conflicts", conflicts}};
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace gald::exporting
