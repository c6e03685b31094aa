#include "index/history.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <utility>

#include "index/change_log.hpp"
#include "index/entry_states.hpp"
#include "index/reading.hpp"
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

bool matches(const ContactFilter& filter, const model::Entry& entry) {
  if (filter.source && entry.source != *filter.source)
    return false;
  if (filter.status ? entry.status != *filter.status
                    : entry.status == Status::deleted && !filter.with_deleted)
    return false;
  return filter.kind ? entry.kind == *filter.kind : entry.kind != model::EntryKind::group;
}

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
  explicit Impl(const std::filesystem::path& path) : Reading(path) {
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
        throw std::runtime_error("run " + std::to_string(after->run) +
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
        throw std::runtime_error(at +
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

 private:
  void require_run(std::int64_t run) {
    Query query(statements, "SELECT 1 FROM run WHERE id = ?1");
    query.bind(run);
    if (!query.next())
      throw std::runtime_error("run " + std::to_string(run) +
                               ": there was no such run; `gald status` shows the last ones");
  }
};

History::History(const std::filesystem::path& file)
    : impl_(explained(file, [&] { return std::make_unique<Impl>(file); })) {}

History::~History() = default;
History::History(History&&) noexcept = default;

void History::contacts(const Moment& moment, const ContactFilter& filter,
                       const std::function<bool(const Contact&)>& visit) const {
  explained(impl_->file, [&] {
    SQLite::Transaction picture(impl_->database);
    const std::int64_t number = impl_->number_of(moment);
    EntryStates states(impl_->statements, number);
    const auto wanted = [&](const StoredState& stored) {
      return stored.state.forward_to.empty() && matches(filter, stored.state.entry);
    };
    impl_->collect_changed(states, number, history_bounds(impl_->statements).newest, wanted);
    Query rows(impl_->statements,
               "SELECT row FROM (SELECT e.id AS row, e.display_name AS name, e.uuid AS uuid"
               "  FROM entry e WHERE e.change_number <= ?1 AND e.forward_to IS NULL"
               " UNION ALL SELECT row, name, uuid FROM temp.past)"
               " ORDER BY name COLLATE NOCASE, uuid");
    rows.bind(number);
    while (rows.next()) {
      const auto stored = states.load(rows.integer(0));
      if (stored && wanted(*stored) && !visit(states.contact(*stored)))
        return;
    }
  });
}

std::vector<Contact> History::find(const Moment& moment, std::string_view id_or_address) const {
  return explained(impl_->file, [&] {
    SQLite::Transaction picture(impl_->database);
    const std::int64_t number = impl_->number_of(moment);
    EntryStates states(impl_->statements, number);
    const std::string what(id_or_address);
    const std::string folded = model::fold_address(what);

    std::vector<StoredState> found;
    std::set<std::int64_t> rows;
    const auto take = [&](const std::optional<StoredState>& stored) {
      if (stored && stored->state.forward_to.empty() && rows.insert(stored->row).second)
        found.push_back(*stored);
    };
    std::optional<StoredState> named = states.load(folded);
    while (named && !named->state.forward_to.empty())
      named = states.load(named->state.forward_to);
    take(named);

    std::vector<StoredState> by_name;
    std::set<std::int64_t> candidates = impl_->rows_known_as(what, folded);
    candidates.merge(impl_->rows_once_known_as(what, folded, number));
    for (const std::int64_t row : candidates) {
      const std::optional<StoredState> stored = states.load(row);
      if (!stored || !stored->state.forward_to.empty())
        continue;
      const model::Entry& entry = stored->state.entry;
      if (std::any_of(entry.addresses.begin(), entry.addresses.end(), [&](const auto& address) {
            return model::fold_address(address.value) == folded;
          }))
        take(stored);
      else if (const std::string name = display_name(entry);
               !comes_before(name, {}, what, {}) && !comes_before(what, {}, name, {}))
        by_name.push_back(*stored);
    }
    if (found.empty())
      found = std::move(by_name);
    std::sort(found.begin(), found.end(), [](const StoredState& a, const StoredState& b) {
      const model::Entry& left = a.state.entry;
      const model::Entry& right = b.state.entry;
      const bool left_gone = left.status == Status::deleted;
      if (left_gone != (right.status == Status::deleted))
        return !left_gone;
      return comes_before(display_name(left), left.id, display_name(right), right.id);
    });
    std::vector<Contact> contacts;
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
    EntryStates then(impl_->statements, first);
    EntryStates later(impl_->statements, last);
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

std::vector<model::HistoryLine> History::lines(std::string_view id, int limit) const {
  return explained(impl_->file, [&] {
    static const std::string kSql = kHistoryLines +
                                    "WHERE ch.entry_id = (SELECT id FROM entry WHERE uuid = ?1)"
                                    " OR (ch.entry_id = 0 AND ch.old_value = ?1)"
                                    " ORDER BY ch.number DESC LIMIT ?2";
    Query query(impl_->statements, kSql);
    query.bind(id, limit);
    return read_lines(query);
  });
}

HistoryState History::state() const {
  return explained(impl_->file, [&]() -> HistoryState {
    SQLite::Transaction picture(impl_->database);
    const HistorySize size = history_size(impl_->statements);
    return {size.changes, size.bytes, size.oldest_at, history_bounds(impl_->statements).at};
  });
}

}  // namespace gald::index
