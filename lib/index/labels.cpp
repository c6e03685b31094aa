#include "index/labels.hpp"

#include <optional>
#include <set>
#include <utility>

#include "base/log.hpp"
#include "model/forms.hpp"

namespace gald::index {

namespace {

using Rows = std::set<std::pair<std::string, std::int64_t>>;  // label, group

}  // namespace

std::set<std::int64_t> groups_named(Statements& statements, const std::string& name) {
  const std::string folded = model::fold_address(name);
  Query query(statements,
              "SELECT id FROM entry WHERE display_name = ?1 COLLATE NOCASE AND kind = 'group'"
              " AND status <> 'deleted' AND forward_to IS NULL"
              " UNION SELECT e.id FROM address a CROSS JOIN entry e ON e.id = a.entry_id"
              " WHERE a.folded = ?2 AND e.kind = 'group' AND e.status <> 'deleted'"
              " AND e.forward_to IS NULL");
  query.bind(name, folded);
  std::set<std::int64_t> groups;
  while (query.next())
    groups.insert(query.integer(0));
  return groups;
}

namespace {

Rows present(Statements& statements) {
  Rows rows;
  Query query(statements, "SELECT label, group_id FROM label_group");
  while (query.next())
    rows.emplace(query.text(0), query.integer(1));
  return rows;
}

void tell(Statements& statements, const Rows& rows, const Rows& others, bool come, std::int64_t run,
          const std::string& at) {
  for (const auto& row : rows) {
    if (others.contains(row))
      continue;
    const auto& [label, group] = row;
    const std::optional<std::string> given = label;
    const std::optional<std::string> none;
    Query told(statements,
               "INSERT INTO change (run_id, at, entry_id, operation, field, old_value, new_value,"
               " connector) VALUES (?1, max(?2, coalesce((SELECT at FROM change ORDER BY number"
               " DESC LIMIT 1), '')), ?3, 'updated', 'memberLabels', ?4, ?5, '')"
               " RETURNING number, at");
    told.bind(run, at, group, come ? none : given, come ? given : none);
    told.next();
    Query(statements, "UPDATE entry SET change_number = ?2, changed_at = ?3 WHERE id = ?1")
        .bind(group, told.integer(0), base::parse_iso8601(told.text(1)).value())
        .run();
  }
}

}  // namespace

void settle_labels(SQLite::Database& database, Statements& statements,
                   const std::map<std::string, std::vector<std::string>>& labels, std::int64_t run,
                   const std::string& now) {
  Rows wanted;
  for (const auto& [label, names] : labels) {
    bool found = false;
    for (const std::string& name : names)
      for (const std::int64_t group : groups_named(statements, name)) {
        wanted.emplace(label, group);
        found = true;
      }
    if (!found)
      base::log::warning("publish.label_without_group",
                         "none of the groups behind a label is there; check [labels]",
                         {{"label", label}});
  }
  const Rows before = present(statements);
  if (wanted == before)
    return;
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  Query(statements, "DELETE FROM label_group").run();
  for (const auto& [label, group] : wanted)
    Query(statements, "INSERT INTO label_group (label, group_id) VALUES (?1, ?2)")
        .bind(label, group)
        .run();
  tell(statements, before, wanted, false, run, now);
  tell(statements, wanted, before, true, run, now);
  transaction.commit();
}

}  // namespace gald::index
