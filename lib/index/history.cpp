#include "index/history.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <stdexcept>
#include <utility>

#include "index/change_log.hpp"
#include "index/entry_states.hpp"
#include "index/reading.hpp"
#include "index/told_lines.hpp"
#include "model/forms.hpp"
#include "reconcile/difference.hpp"

namespace gald::index {

using model::Attribute;
using model::Contact;
using model::EntryState;
using model::FieldChange;
using model::Status;

namespace {

std::string display_name(const model::Entry& entry) {
  const auto it = entry.values.find(Attribute::display_name);
  return it == entry.values.end() ? std::string() : it->second;
}

/// ContactCondition for what was. `groups`: the ids of those that the filter names.
bool matches(const ContactFilter& filter, const std::set<std::string>& groups,
             const StoredState& stored) {
  const EntryState& state = stored.state;
  const model::Entry& entry = state.entry;
  if (!state.forward_to.empty() || (filter.source && entry.source != *filter.source))
    return false;
  if (filter.kind ? entry.kind != *filter.kind : entry.kind == model::EntryKind::group)
    return false;
  if (filter.status ? entry.status != *filter.status
                    : entry.status == Status::deleted && !filter.with_deleted)
    return false;
  if (!filter.group.empty() &&
      std::none_of(groups.begin(), groups.end(),
                   [&](const std::string& id) { return state.groups.contains(id); }))
    return false;
  if (filter.visibility) {
    const auto hidden = entry.values.find(Attribute::hidden);
    const Visibility visibility = hidden == entry.values.end() ? Visibility::unknown
                                  : hidden->second == "true"   ? Visibility::hidden
                                                               : Visibility::visible;
    if (visibility != *filter.visibility)
      return false;
  }
  return (!filter.changed_after || stored.change_number > *filter.changed_after) &&
         (!filter.changed_since || stored.changed_at >= base::to_iso8601(*filter.changed_since));
}

bool bears(const ContactFilter& filter, const Contact& contact) {
  return filter.label.empty() || std::find(contact.labels.begin(), contact.labels.end(),
                                           filter.label) != contact.labels.end();
}

/// Who was meant by an id, an address or a name.
struct Known {
  std::optional<StoredState> by_id;
  std::vector<StoredState> by_address;
  std::vector<StoredState> by_name;
};

void compare(std::string_view field, const std::set<std::string>& before,
             const std::set<std::string>& now, std::vector<FieldChange>& changes) {
  for (const std::string& value : before)
    if (!now.contains(value))
      changes.push_back({std::string(field), value, std::nullopt, {}});
  for (const std::string& value : now)
    if (!before.contains(value))
      changes.push_back({std::string(field), std::nullopt, value, {}});
}

/// Including what is between entries.
std::vector<FieldChange> compare(const EntryState& before, const EntryState& now) {
  const auto text_or_none = [](const std::string& text) {
    return text.empty() ? std::nullopt : std::optional(text);
  };
  std::vector<FieldChange> changes = reconcile::differences(before.entry, now.entry);
  if (before.manager_id != now.manager_id)
    changes.push_back({std::string(name(Attribute::manager)),
                       text_or_none(before.manager_id),
                       text_or_none(now.manager_id),
                       {}});
  compare("groups", before.groups, now.groups, changes);
  compare("memberLabels", before.member_labels, now.member_labels, changes);
  if (before.forward_to != now.forward_to)
    changes.push_back({"id", text_or_none(before.forward_to), text_or_none(now.forward_to), {}});
  return changes;
}

std::string operation_between(const EntryState& before, const EntryState& now) {
  if (before.forward_to.empty() && !now.forward_to.empty())
    return "merged";
  const bool was_there = before.entry.status != Status::deleted && before.forward_to.empty();
  const bool is_there = now.entry.status != Status::deleted && now.forward_to.empty();
  if (was_there == is_there)
    return "updated";
  return is_there ? "restored" : "deleted";
}

}  // namespace

class History::Impl : public Reading {
 public:
  Impl(const std::filesystem::path& path, const Permission& permitted, const std::stop_token& stop)
      : Reading(path, stop), permission(permitted) {
    // Beside the file, and on disk if it gets large: what is sorted by the names of the past.
    database.exec(
        "CREATE TEMP TABLE past (row INTEGER PRIMARY KEY, name TEXT, uuid TEXT NOT NULL);"
        "CREATE INDEX temp.past_by_name ON past (name COLLATE NOCASE, uuid)");
  }

  std::int64_t number_of(const Moment& moment) {
    const HistoryBounds bounds = history_bounds(statements);
    std::int64_t found = 0;
    if (const auto* after = std::get_if<AfterRun>(&moment)) {
      if (bounds.kept_after != 0 && after->run < bounds.run)
        throw MomentGone("run " + std::to_string(after->run) +
                         ": the history does not go back to it; the first run that can be"
                         " asked for is " +
                         std::to_string(bounds.run));
      require_run(after->run);
      Query query(statements,
                  "SELECT number FROM change WHERE run_id <= ?1 ORDER BY run_id DESC, number DESC"
                  " LIMIT 1");
      query.bind(after->run);
      found = query.next() ? query.integer(0) : 0;
    } else {
      const std::string at = base::to_iso8601(std::get<base::TimePoint>(moment));
      if (bounds.kept_after != 0 && at < bounds.at)
        throw MomentGone(at +
                         ": the history does not go back to then; the oldest moment"
                         " that can be asked for is " +
                         bounds.at);
      found = last_number_at(statements, at);
    }
    return std::max(found, bounds.kept_after);
  }

  /// Fills `past` with the names that entries had which changed since; with `with`, of those only.
  void collect_changed(EntryStates& states, std::int64_t after, std::int64_t until,
                       const std::function<bool(const StoredState&)>& wanted) {
    database.exec("DELETE FROM temp.past");
    Query changed(statements,
                  "SELECT DISTINCT entry_id FROM change WHERE number > ?1 AND number <= ?2"
                  " AND entry_id <> 0");
    changed.bind(after, until);
    while (changed.next()) {
      const auto stored = states.load(changed.integer(0));
      if (!stored || !wanted(*stored))
        continue;
      const std::string name = display_name(stored->state.entry);
      const std::optional<std::string> or_null = name.empty() ? std::nullopt : std::optional(name);
      Query(statements, "INSERT INTO temp.past (row, name, uuid) VALUES (?1, ?2, ?3)")
          .bind(stored->row, or_null, stored->state.entry.id)
          .run();
    }
  }

  Known known_as(EntryStates& states, std::int64_t number, const std::string& what) {
    const std::string folded = model::fold_address(what);
    Known known;
    known.by_id = states.load(folded);
    while (known.by_id && !known.by_id->state.forward_to.empty())
      known.by_id = states.load(std::string(known.by_id->state.forward_to));
    std::set<std::int64_t> candidates = rows_known_as(what, folded);
    candidates.merge(rows_once_known_as(what, folded, number));
    for (const std::int64_t row : candidates) {
      const std::optional<StoredState> stored = states.load(row);
      if (!stored || !stored->state.forward_to.empty())
        continue;
      const model::Entry& entry = stored->state.entry;
      if (std::any_of(entry.addresses.begin(), entry.addresses.end(), [&](const auto& address) {
            return model::fold_address(address.value) == folded;
          }))
        known.by_address.push_back(*stored);
      if (const std::string name = display_name(entry);
          !comes_before(name, {}, what, {}) && !comes_before(what, {}, name, {}))
        known.by_name.push_back(*stored);
    }
    return known;
  }

  std::set<std::string> groups_known_as(EntryStates& states, std::int64_t number,
                                        const std::string& what) {
    const auto is_group = [](const StoredState& stored) {
      const model::Entry& entry = stored.state.entry;
      return entry.kind == model::EntryKind::group && entry.status != Status::deleted;
    };
    const Known known = known_as(states, number, what);
    if (known.by_id && is_group(*known.by_id))
      return {known.by_id->state.entry.id};
    std::set<std::string> ids;
    for (const std::vector<StoredState>* some : {&known.by_address, &known.by_name})
      for (const StoredState& stored : *some)
        if (is_group(stored))
          ids.insert(stored.state.entry.id);
    if (ids.empty())
      throw NoSuchGroup("no group had the id, address or name \"" + what + "\" at that moment");
    return ids;
  }

  const Permission permission;

 private:
  std::set<std::int64_t> rows_known_as(const std::string& what, const std::string& folded) {
    std::set<std::int64_t> rows;
    Query query(statements,
                "SELECT entry_id FROM address WHERE folded = ?2"
                " UNION SELECT id FROM entry WHERE display_name = ?1 COLLATE NOCASE");
    query.bind(what, folded);
    while (query.next())
      rows.insert(query.integer(0));
    return rows;
  }

  /// Entries that were called so then and are not any more, or had the address.
  std::set<std::int64_t> rows_once_known_as(const std::string& what, const std::string& folded,
                                            std::int64_t after) {
    std::set<std::int64_t> rows;
    Query lines(statements,
                "SELECT entry_id, field, old_value, old_value = ?2 COLLATE NOCASE FROM change"
                " WHERE number > ?1 AND field IN ('addresses', 'displayName')"
                " AND old_value IS NOT NULL");
    lines.bind(after, what);
    while (lines.next()) {
      const std::string value = lines.text(2);
      const bool same = lines.text(1) == "displayName"
                            ? lines.integer(3) != 0
                            : model::fold_address(value.substr(value.find(':') + 1)) == folded;
      if (same)
        rows.insert(lines.integer(0));
    }
    return rows;
  }

  void require_run(std::int64_t run) {
    Query query(statements, "SELECT 1 FROM run WHERE id = ?1");
    query.bind(run);
    if (!query.next())
      throw NoSuchRun("run " + std::to_string(run) +
                      ": there was no such run; `gald status` shows the last ones");
  }
};

History::History(const std::filesystem::path& file, const Permission& permission,
                 std::stop_token stop)
    : impl_(explained(file, [&] { return std::make_unique<Impl>(file, permission, stop); })) {}

History::~History() = default;
History::History(History&&) noexcept = default;

void History::contacts(const Moment& moment, const ContactFilter& filter,
                       const std::function<bool(const Contact&)>& visit) const {
  explained(impl_->file, [&] {
    SQLite::Transaction picture(impl_->database);
    const std::int64_t number = impl_->number_of(moment);
    EntryStates states(impl_->statements, number, impl_->permission);
    const std::set<std::string> groups = filter.group.empty()
                                             ? std::set<std::string>()
                                             : impl_->groups_known_as(states, number, filter.group);
    const auto wanted = [&](const StoredState& stored) { return matches(filter, groups, stored); };
    impl_->collect_changed(states, number, history_bounds(impl_->statements).newest, wanted);
    // so written SQLite merges two indexes, and sorts nothing
    static const std::string kByName =
        "SELECT e.id, e.display_name, e.uuid FROM entry e"
        " WHERE e.change_number <= ?1 AND e.forward_to IS NULL"
        " UNION ALL SELECT row, name, uuid FROM temp.past ORDER BY 2 COLLATE NOCASE, 3";
    // an order tells of the names, too
    static const std::string kById =
        "SELECT e.id, e.uuid FROM entry e WHERE e.change_number <= ?1 AND e.forward_to IS NULL"
        " UNION ALL SELECT row, uuid FROM temp.past ORDER BY 2";
    Query rows(impl_->statements, impl_->permission.tells("displayName") ? kByName : kById);
    rows.bind(number);
    while (rows.next()) {
      const auto stored = states.load(rows.integer(0));
      if (!stored || !wanted(*stored))
        continue;
      const Contact contact = states.contact(*stored);
      if (bears(filter, contact) && !visit(contact))
        return;
    }
  });
}

std::vector<Contact> History::find(const Moment& moment, std::string_view id_or_address) const {
  return explained(impl_->file, [&] {
    SQLite::Transaction picture(impl_->database);
    const std::int64_t number = impl_->number_of(moment);
    EntryStates states(impl_->statements, number, impl_->permission);
    Known known = impl_->known_as(states, number, std::string(id_or_address));
    std::vector<StoredState> found = std::move(known.by_address);
    if (known.by_id) {
      std::erase_if(found, [&](const StoredState& one) { return one.row == known.by_id->row; });
      found.push_back(*std::move(known.by_id));
    }
    if (found.empty())
      found = std::move(known.by_name);
    std::sort(found.begin(), found.end(), [](const StoredState& a, const StoredState& b) {
      const model::Entry& left = a.state.entry;
      const model::Entry& right = b.state.entry;
      const bool left_gone = left.status == Status::deleted;
      if (left_gone != (right.status == Status::deleted))
        return !left_gone;
      return comes_before(display_name(left), left.id, display_name(right), right.id);
    });
    std::vector<Contact> contacts;
    contacts.reserve(found.size());
    for (const StoredState& stored : found)
      contacts.push_back(states.contact(stored));
    return contacts;
  });
}

void History::differences(const Moment& before, const Moment& after,
                          const std::function<void(const EntryDifference&)>& visit) const {
  explained(impl_->file, [&] {
    SQLite::Transaction picture(impl_->database);
    const std::int64_t first = impl_->number_of(before);
    const std::int64_t last = impl_->number_of(after);
    if (first > last)
      throw std::runtime_error(
          "the second moment is before the first one; name the earlier one first");
    EntryStates then(impl_->statements, first, impl_->permission);
    EntryStates later(impl_->statements, last, impl_->permission);
    impl_->collect_changed(later, first, last, [](const StoredState&) { return true; });
    Query rows(impl_->statements, "SELECT row FROM temp.past ORDER BY name COLLATE NOCASE, uuid");
    while (rows.next()) {
      const std::optional<StoredState> now = later.load(rows.integer(0));
      const std::optional<StoredState> was = then.load(rows.integer(0));
      const model::Entry& entry = now->state.entry;
      EntryDifference difference{entry.id, entry.kind, display_name(entry), "created", {}, {}};
      if (was) {
        difference.operation = operation_between(was->state, now->state);
        difference.changes = compare(was->state, now->state);
        if (difference.changes.empty())
          continue;
      } else if (!now->state.forward_to.empty()) {
        continue;  // it came and became another one in between
      } else {
        difference.changes = {{"status", std::nullopt, std::string(to_string(entry.status)), {}}};
      }
      for (const FieldChange& change : difference.changes)
        if (change.field == "groups") {
          const std::string& id = change.new_value ? *change.new_value : *change.old_value;
          difference.groups.push_back({id, (change.new_value ? later : then).name_of(id)});
        }
      visit(difference);
    }
  });
}

std::vector<model::HistoryLine> History::lines(std::string_view id, int limit,
                                               std::optional<std::int64_t> before) const {
  return explained(impl_->file, [&] {
    static const std::string kSql = kHistoryLines +
                                    "WHERE (ch.entry_id = (SELECT id FROM entry WHERE uuid = ?1)"
                                    " OR (ch.entry_id = 0 AND ch.old_value = ?1))"
                                    " AND ch.number < ?2 ORDER BY ch.number DESC";
    SQLite::Transaction picture(impl_->database);
    ToldLines lines(impl_->statements, impl_->permission);
    Query query(impl_->statements, kSql);
    query.bind(id, before.value_or(std::numeric_limits<std::int64_t>::max()));
    return lines.read(query, limit);
  });
}

HistoryState History::state() const {
  return explained(impl_->file, [&]() -> HistoryState {
    SQLite::Transaction picture(impl_->database);
    if (!impl_->permission.everything())  // how much was told of others
      return {0, 0, "", history_bounds(impl_->statements).at, ""};
    const HistorySize size = history_size(impl_->statements);
    return {size.changes, size.bytes, size.oldest_at, history_bounds(impl_->statements).at,
            size.newest_at};
  });
}

}  // namespace gald::index
