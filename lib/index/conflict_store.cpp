#include "index/conflict_store.hpp"

#include <set>
#include <tuple>

namespace gald::index {

void describe_conflicts(Statements& statements) {
  for (const reconcile::ConflictKind kind : reconcile::conflict_kinds())
    Query(statements,
          "INSERT INTO conflict_kind (kind, remedy) VALUES (?1, ?2)"
          " ON CONFLICT (kind) DO UPDATE SET remedy = excluded.remedy"
          " WHERE remedy <> excluded.remedy")
        .bind(to_string(kind), reconcile::remedy(kind))
        .run();
}

std::vector<std::int64_t> sharers(Statements& statements, std::int64_t entry,
                                  const std::string& folded_address) {
  std::vector<std::int64_t> found;
  Query query(statements,
              "SELECT DISTINCT a.entry_id FROM address a CROSS JOIN entry e ON e.id = a.entry_id"
              " WHERE a.folded = ?1 AND a.entry_id <> ?2 AND a.kind = 'smtp'"
              " AND e.status <> 'deleted' AND e.forward_to IS NULL LIMIT ?3");
  query.bind(folded_address, entry, kMostSharers);
  while (query.next())
    found.push_back(query.integer(0));
  if (found.size() >= kMostSharers)
    found.clear();
  return found;
}

void save_conflicts(Statements& statements, std::int64_t entry,
                    const std::vector<const reconcile::Conflict*>& conflicts,
                    const std::map<std::string, std::int64_t>& rows, const std::string& at) {
  using Row = std::tuple<std::int64_t, std::string, std::int64_t, std::string>;
  std::set<Row> wanted;
  for (const reconcile::Conflict* conflict : conflicts)
    wanted.emplace(rows.at(conflict->contact_id), to_string(conflict->kind),
                   conflict->other_id.empty() ? 0 : rows.at(conflict->other_id),
                   conflict->evidence);
  std::set<Row> known;
  {
    Query query(statements,
                "SELECT entry_id, kind, other_id, evidence FROM conflict WHERE entry_id = ?1"
                " UNION ALL SELECT entry_id, kind, other_id, evidence FROM conflict"
                " WHERE other_id = ?1");
    query.bind(entry);
    while (query.next())
      known.emplace(query.integer(0), query.text(1), query.integer(2), query.text(3));
  }
  for (const auto& [contact, kind, other, evidence] : known)
    if (!wanted.contains({contact, kind, other, evidence}))
      Query(statements,
            "DELETE FROM conflict WHERE entry_id = ?1 AND kind = ?2 AND other_id = ?3"
            " AND evidence = ?4")
          .bind(contact, kind, other, evidence)
          .run();
  for (const auto& [contact, kind, other, evidence] : wanted)
    if (!known.contains({contact, kind, other, evidence}))
      Query(statements,
            "INSERT INTO conflict (entry_id, kind, other_id, evidence, since)"
            " VALUES (?1, ?2, ?3, ?4, ?5)")
          .bind(contact, kind, other, evidence, at)
          .run();
}

}  // namespace gald::index
