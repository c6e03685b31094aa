#include "index/contact_filter.hpp"

#include <algorithm>
#include <set>

#include "index/change_log.hpp"
#include "index/codes.hpp"
#include "index/labels.hpp"
#include "index/narrowing.hpp"
#include "index/query.hpp"
#include "model/forms.hpp"

namespace gald::index {

namespace {

std::set<std::int64_t> find_groups(Statements& statements, const std::string& what) {
  {
    Query query(statements,
                "SELECT id FROM entry WHERE uuid = ?1 AND kind = 'group'"
                " AND status <> 'deleted' AND forward_to IS NULL");
    const std::string id = model::fold_address(what);
    query.bind(id);
    if (query.next())
      return {query.integer(0)};
  }
  std::set<std::int64_t> groups = groups_named(statements, what);
  if (groups.empty())
    throw NoSuchGroup("no group has the id, address or name \"" + what +
                      "\"; `gald list --kind group` shows those that there are");
  return groups;
}

std::string json_array(const std::set<std::int64_t>& rows) {
  std::string text;
  for (const std::int64_t row : rows)
    text += (text.empty() ? "[" : ",") + std::to_string(row);
  return text + "]";
}

/// The conditions are over the codes, so that an index that has them can do without the rows.
template <typename Value, typename Words>
std::optional<std::int64_t> coded(const std::optional<Value>& value, const Words& words) {
  if (!value)
    return std::nullopt;
  return std::find(words.begin(), words.end(), to_string(*value)) - words.begin();
}

std::string_view condition_for(Visibility visibility) {
  switch (visibility) {
    case Visibility::hidden:
      return "e.hidden = 1";
    case Visibility::visible:
      return "e.hidden = 0";
    case Visibility::unknown:
      return "e.hidden IS NULL";
  }
  return {};
}

}  // namespace

ContactCondition::ContactCondition(Statements& statements, const ContactFilter& filter)
    : sql_("(e.forward_to IS NULL"),
      source_(coded(filter.source, kSources)),
      status_(coded(filter.status, kStatuses)),
      kind_(coded(filter.kind, kEntryKinds)),
      changed_after_(filter.changed_after) {
  const auto add = [&](std::string_view condition) { (sql_ += " AND ") += condition; };
  // "+": most are of one kind, and to look these up in the index of classes would take longer
  add(kind_ ? "+e.kind_code = :filter_kind" : "e.kind_code <> 3");
  if (source_)
    add("e.source_code = :filter_source");
  if (status_)
    add("e.status_code = :filter_status");
  else if (!filter.with_deleted)
    add("e.status_code <> 2");
  if (!filter.group.empty()) {
    groups_ = json_array(find_groups(statements, filter.group));
    add("e.id IN (SELECT member_id FROM membership"
        " WHERE group_id IN (SELECT value FROM json_each(:filter_groups)))");
  }
  if (filter.kind != model::EntryKind::group && is_narrowed_to_members(statements))
    add("e.id IN (SELECT member_id FROM temp.permitted_member)");  // says where to begin
  if (!filter.label.empty()) {
    label_ = filter.label;
    add("e.id IN (SELECT ms.member_id FROM label_group lg"
        " JOIN membership ms ON ms.group_id = lg.group_id WHERE lg.label = :filter_label)");
  }
  if (filter.visibility)
    add(condition_for(*filter.visibility));
  if (changed_after_)
    add("e.change_number > :filter_changed_after");
  if (filter.changed_since) {
    // there is an index over the numbers, and what is told later has greater ones
    const base::TimePoint before = *filter.changed_since - std::chrono::milliseconds(1);
    const bool told = !is_narrowed(statements);  // else not when others changed
    told_before_ = told ? last_number_at(statements, base::to_iso8601(before)) : 0;
    add("e.change_number > :filter_told_before");
    if (!told || (told_before_ == 0 && history_bounds(statements).kept_after != 0)) {
      changed_since_ = filter.changed_since->time_since_epoch().count();
      add("e.changed_at >= :filter_changed_since");
    }
  }
  sql_ += ")";
}

void ContactCondition::bind(Query& query) const {
  const auto set = [&](const char* parameter, const auto& value) {
    if (value)
      query.bind_named(parameter, *value);
  };
  set(":filter_kind", kind_);
  set(":filter_source", source_);
  set(":filter_status", status_);
  set(":filter_groups", groups_);
  set(":filter_label", label_);
  set(":filter_changed_after", changed_after_);
  set(":filter_changed_since", changed_since_);
  set(":filter_told_before", told_before_);
}

}  // namespace gald::index
