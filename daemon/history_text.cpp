#include "history_text.hpp"

#include "text.hpp"

namespace gald::daemon {

namespace {

std::string shown(const std::optional<std::string>& value) {
  return value ? printable(*value) : "(nothing)";
}

}  // namespace

std::string describe_change(const model::HistoryLine& line) {
  const model::FieldChange& change = line.change;
  std::string text;
  if (line.operation == "created" && change.new_value) {
    text = "created, " + printable(*change.new_value);
  } else {
    // Groups are recorded by id; people know them by name.
    const bool named = !line.group_name.empty();
    const auto value = [&](const std::optional<std::string>& recorded) {
      return recorded && named ? printable(line.group_name) : shown(recorded);
    };
    text = change.field + ": " + value(change.old_value) + " → " + value(change.new_value);
    if (line.operation != "updated")
      text = line.operation + ", " + text;
  }
  if (!change.connector.empty())
    text += " (" + change.connector + ")";
  return text;
}

std::string describe_in_history(const model::HistoryLine& line) {
  return spoken_time(line.at) + "  run " + std::to_string(line.run) + "  " + describe_change(line);
}

std::string describe_in_run(const model::HistoryLine& line) {
  return "run " + std::to_string(line.run) + "  " + pad(to_string(line.kind), 7) + "  " +
         pad(line.display_name, 28) + "  " + describe_change(line);
}

}  // namespace gald::daemon
