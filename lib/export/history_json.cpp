#include "export/history_json.hpp"

#include <nlohmann/json.hpp>

#include "export/contact_json.hpp"

namespace gald::exporting {

namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json value_or_null(const std::optional<std::string>& value) {
  return value ? Json(*value) : Json(nullptr);
}

std::string line_of(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string to_json(const model::HistoryLine& line) {
  return line_of({{"number", line.number},
                  {"run", line.run},
                  {"at", line.at},
                  {"id", line.entry_id},
                  {"kind", to_string(line.kind)},
                  {"displayName", text_or_null(line.display_name)},
                  {"operation", line.operation},
                  {"field", text_or_null(line.change.field)},
                  {"oldValue", value_or_null(line.change.old_value)},
                  {"newValue", value_or_null(line.change.new_value)},
                  {"connector", text_or_null(line.change.connector)}});
}

std::string to_json(const index::FeedItem& item) {
  using Action = index::FeedItem::Action;
  Json object = {{"action", to_string(item.action)},
                 {"number", item.number},
                 {"id", item.id},
                 {"kind", to_string(item.kind)}};
  if (item.action == Action::forward)
    object["forwardTo"] = item.forward_to;
  std::string line = line_of(object);
  if (item.action == Action::put || item.action == Action::remove) {
    line.pop_back();
    line += ",\"contact\":" + told_json(item.contact) + "}";
  }
  return line;
}

std::string position_json(const index::FeedAnswer& answer) {
  return line_of({{"position", index::to_string(answer.next)}, {"more", answer.more}});
}

}  // namespace gald::exporting
