// `gald diff`: what is different between two moments.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "history_text.hpp"
#include "index/history.hpp"
#include "output.hpp"
#include "text.hpp"

namespace gald::daemon {

namespace {

using Json = nlohmann::ordered_json;

std::string group_name(const index::EntryDifference& difference, const model::FieldChange& change) {
  const std::string& id = change.new_value ? *change.new_value : *change.old_value;
  const auto group = std::find_if(difference.groups.begin(), difference.groups.end(),
                                  [&](const auto& one) { return one.id == id; });
  return group == difference.groups.end() ? std::string() : group->display_name;
}

std::string describe(const index::EntryDifference& difference, const model::FieldChange& change) {
  model::HistoryLine line;
  line.operation = difference.operation == "created" ? "created" : "updated";
  line.change = change;
  if (change.field == "groups")
    line.group_name = group_name(difference, change);
  return describe_change(line);
}

std::string to_json(const index::EntryDifference& difference) {
  const auto value_or_null = [](const std::optional<std::string>& value) {
    return value ? Json(*value) : Json(nullptr);
  };
  Json changes = Json::array();
  for (const model::FieldChange& change : difference.changes)
    changes.push_back({{"field", change.field},
                       {"oldValue", value_or_null(change.old_value)},
                       {"newValue", value_or_null(change.new_value)}});
  const Json object = {
      {"id", difference.id},
      {"kind", to_string(difference.kind)},
      {"displayName",
       difference.display_name.empty() ? Json(nullptr) : Json(difference.display_name)},
      {"operation", difference.operation},
      {"changes", changes}};
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

int execute(const DiffCommand& command, const Context& context) {
  const index::History history(context.config.index_file);
  history.differences(command.before, command.after, [&](const index::EntryDifference& difference) {
    if (command.json) {
      print_line(to_json(difference));
      return;
    }
    print_line(pad(difference.operation, 8) + "  " + pad(to_string(difference.kind), 7) + "  " +
               printable(difference.display_name) + "  " + difference.id);
    for (const model::FieldChange& change : difference.changes)
      print_line("    " + describe(difference, change));
  });
  return exit_code::kComplete;
}

}  // namespace gald::daemon
