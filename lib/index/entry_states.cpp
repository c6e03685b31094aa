#include "index/entry_states.hpp"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "base/text.hpp"
#include "index/change_log.hpp"
#include "index/entry_store.hpp"
#include "index/narrowing.hpp"

namespace gald::index {

using model::Attribute;

bool comes_before(const std::string& name_a, const std::string& id_a, const std::string& name_b,
                  const std::string& id_b) {
  const std::string a = base::ascii_lower(name_a);
  const std::string b = base::ascii_lower(name_b);
  return std::tie(a, id_a) < std::tie(b, id_b);
}

std::optional<StoredState> EntryStates::load(std::int64_t row) {
  std::optional<StoredState> found = stored(row, true);
  if (!found || permission_.everything())
    return found;
  model::EntryState& state = found->state;
  narrow(permission_, state);
  std::erase_if(state.groups, [&](const std::string& id) { return !permitted(id); });
  if (!state.manager_id.empty() && !permitted(state.manager_id))
    state.manager_id.clear();
  return found;
}

std::optional<StoredState> EntryStates::permitted_then(std::int64_t row) {
  return stored(row, false);
}

bool EntryStates::permitted(const std::string& id) {
  const std::int64_t row = row_of(id);
  return row != 0 && stored(row, true).has_value();
}

std::optional<StoredState> EntryStates::stored(std::int64_t row, bool now_too) {
  StoredState stored;
  stored.row = row;
  {
    static const std::string kSql =
        "SELECT e.changed_at, e.change_number, coalesce(e.forward_to, ''),"
        " coalesce((SELECT m.uuid FROM entry m WHERE m.id = e.manager_entry), ''), " +
        entry_columns() + " FROM entry e WHERE e.id = ?1";
    Query query(statements_, kSql);
    query.bind(row);
    if (!query.next())
      return std::nullopt;
    stored.changed_at = base::to_iso8601(query.time(0));
    stored.change_number = query.integer(1);
    stored.state.forward_to = query.text(2);
    stored.state.manager_id = query.text(3);
    stored.state.entry = read_entry(query, 4);
  }
  model::EntryState& state = stored.state;
  read_lists(statements_, row, state.entry);
  {
    Query query(statements_,
                "SELECT g.uuid FROM membership ms JOIN entry g ON g.id = ms.group_id"
                " WHERE ms.member_id = ?1");
    query.bind(row);
    while (query.next())
      state.groups.insert(query.text(0));
  }
  if (state.entry.kind == model::EntryKind::group)
    for (std::string& label : labels_now(row))
      state.member_labels.insert(std::move(label));
  const bool is_now = stored.change_number <= number_;
  if ((is_now || now_too) && !permits(permission_, state))
    return std::nullopt;
  if (is_now) {
    state = told_of(std::move(state));
    return stored;
  }
  auto was = taken_back(std::move(state), changes_behind(statements_, row, number_));
  if (!was || !permits(permission_, *was))
    return std::nullopt;
  state = *std::move(was);
  Query query(statements_,
              "SELECT number, at FROM change WHERE entry_id = ?1 AND number <= ?2"
              " ORDER BY number DESC LIMIT 1");
  query.bind(row, number_);
  const bool known = query.next();
  stored.change_number = known ? query.integer(0) : 0;
  stored.changed_at = known ? query.text(1) : std::string();
  return stored;
}

std::optional<StoredState> EntryStates::load(const std::string& id) {
  const std::int64_t row = row_of(id);
  return row == 0 ? std::nullopt : load(row);
}

/// 0: there is none.
std::int64_t EntryStates::row_of(const std::string& id) {
  Query query(statements_, "SELECT id FROM entry WHERE uuid = ?1");
  query.bind(id);
  return query.next() ? query.integer(0) : 0;
}

model::Contact EntryStates::contact(const StoredState& stored) {
  model::Contact contact;
  contact.entry = stored.state.entry;
  contact.changed_at = stored.changed_at;
  contact.change_number = stored.change_number;
  // one that is purged now, or was published later than its report, is nobody's manager
  if (!stored.state.manager_id.empty() && other(stored.state.manager_id).there)
    contact.manager_id = stored.state.manager_id;
  std::set<std::string> labels;
  for (const std::string& id : stored.state.groups) {
    Other group = other(id);
    if (!group.there)
      continue;
    contact.groups.push_back({id, std::move(group.name)});
    labels.insert(group.labels.begin(), group.labels.end());
  }
  std::sort(contact.groups.begin(), contact.groups.end(), [](const auto& a, const auto& b) {
    return comes_before(a.display_name, a.id, b.display_name, b.id);
  });
  contact.labels.assign(labels.begin(), labels.end());
  std::sort(contact.labels.begin(), contact.labels.end(),
            [](const std::string& a, const std::string& b) { return comes_before(a, a, b, b); });
  return contact;
}

EntryStates::Other EntryStates::other(const std::string& id) {
  if (const auto known = changed_.find(id); known != changed_.end())
    return known->second;
  std::int64_t row = 0;
  {
    Query query(statements_, "SELECT id, change_number, display_name FROM entry WHERE uuid = ?1");
    query.bind(id);
    if (!query.next())
      return {};
    row = query.integer(0);
    if (query.integer(1) <= number_ && permission_.everything())
      return {true, query.text(2), labels_now(row)};
  }
  Other found;
  if (const std::optional<StoredState> was = load(row)) {
    found.there = true;
    const model::Entry& entry = was->state.entry;
    if (const auto name = entry.values.find(Attribute::display_name); name != entry.values.end())
      found.name = name->second;
    found.labels.assign(was->state.member_labels.begin(), was->state.member_labels.end());
  }
  return changed_[id] = std::move(found);
}

std::vector<std::string> EntryStates::labels_now(std::int64_t group) {
  std::vector<std::string> labels;
  Query query(statements_, "SELECT label FROM label_group WHERE group_id = ?1");
  query.bind(group);
  while (query.next())
    labels.push_back(query.text(0));
  return labels;
}

}  // namespace gald::index
