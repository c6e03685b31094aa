#include "index/told_lines.hpp"

#include <utility>

#include "index/change_log.hpp"
#include "index/narrowing.hpp"

namespace gald::index {

namespace {

constexpr std::size_t kRemembered = 10'000;

/// The attribute that a line is about; empty for what is always told.
std::string_view attribute_of(const std::string& field) {
  if (field == "status" || field == "source" || field == "kind")
    return {};
  if (field == "memberLabels")
    return "labels";
  const std::optional<model::Attribute> attribute = model::attribute_named(field);
  return attribute ? told_as(*attribute) : std::string_view(field);
}

}  // namespace

ToldLines::ToldLines(Statements& statements, const Permission& permission)
    : statements_(statements),
      permission_(permission),
      now_(statements, history_bounds(statements).newest, permission) {}

std::optional<model::HistoryLine> ToldLines::told(model::HistoryLine line) {
  if (permission_.everything())
    return line;
  model::FieldChange& change = line.change;
  const std::string_view attribute = attribute_of(change.field);
  // "id": which other one it turned out to be, or that it is purged
  if (change.field == "id" || (!attribute.empty() && !permission_.tells(attribute)))
    return std::nullopt;
  if (!permitted_now(line.entry_id))
    return std::nullopt;
  const auto [first, last] = moment_of(line);
  EntryStates then(statements_, last, permission_);
  if (!then.permitted(line.entry_id))
    return std::nullopt;
  if (change.old_value &&
      !EntryStates(statements_, first - 1, permission_).permitted(line.entry_id))
    return std::nullopt;
  if (change.field == "groups" || change.field == name(model::Attribute::manager)) {
    if (!may_name(then, change.old_value))
      change.old_value.reset();
    if (!may_name(then, change.new_value))
      change.new_value.reset();
    if (!change.old_value && !change.new_value)
      return std::nullopt;
  }
  if (!permission_.tells("displayName")) {
    line.display_name.clear();
    line.group_name.clear();
  }
  if (permission_.attributes)
    change.connector.clear();
  return line;
}

std::vector<model::HistoryLine> ToldLines::read(Query& query, int limit) {
  std::vector<model::HistoryLine> lines;
  while (lines.size() < static_cast<std::size_t>(limit) && query.next())
    if (std::optional<model::HistoryLine> line = told(read_line(query)))
      lines.push_back(*std::move(line));
  return lines;
}

/// Readers see what was told of one moment at once: in the middle of it nobody was permitted.
std::pair<std::int64_t, std::int64_t> ToldLines::moment_of(const model::HistoryLine& line) {
  Query query(statements_,
              "SELECT min(number), max(number) FROM change"
              " WHERE entry_id = (SELECT id FROM entry WHERE uuid = ?1) AND at = ?2");
  query.bind(line.entry_id, line.at);
  query.next();
  return {query.integer(0), query.integer(1)};
}

bool ToldLines::permitted_now(const std::string& id) {
  if (permitted_now_.size() > kRemembered)
    permitted_now_.clear();
  const auto [it, is_new] = permitted_now_.try_emplace(id);
  if (is_new)
    it->second = now_.permitted(id);
  return it->second;
}

/// permitted() of the moment of the line says both: now, and then.
bool ToldLines::may_name(EntryStates& then, const std::optional<std::string>& id) {
  return id && then.permitted(*id);
}

}  // namespace gald::index
