#include "index/integrity.hpp"

#include <array>
#include <stdexcept>

#include "index/index_file.hpp"
#include "index/schema.hpp"

namespace gald::index {

namespace {

/// More of them say nothing new.
constexpr int kProblems = 10;

struct Promise {
  const char* broken;  ///< behind a number
  const char* sql;     ///< counts what breaks it
};

/// What holds between any two transactions.
constexpr auto kPromises = std::to_array<Promise>({
    {"records belong to a contact that is not there",
     "SELECT count(*) FROM record r WHERE r.entry_id IS NOT NULL"
     " AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.id = r.entry_id)"},
    {"records belong to a collection that is not there",
     "SELECT count(*) FROM record r"
     " WHERE NOT EXISTS (SELECT 1 FROM collection l WHERE l.id = r.collection_id)"},
    {"contacts are published, and no record stands behind them",
     "SELECT count(*) FROM entry e WHERE e.status <> 'deleted' AND e.forward_to IS NULL"
     " AND NOT EXISTS (SELECT 1 FROM record r WHERE r.entry_id = e.id)"},
    {"contacts lead to one that is not there",
     "SELECT count(*) FROM entry e WHERE e.forward_to IS NOT NULL"
     " AND NOT EXISTS (SELECT 1 FROM entry s WHERE s.uuid = e.forward_to)"},
    {"addresses belong to a contact that is not there",
     "SELECT count(*) FROM address a"
     " WHERE NOT EXISTS (SELECT 1 FROM entry e WHERE e.id = a.entry_id)"},
    {"former addresses belong to a contact that is not there",
     "SELECT count(*) FROM former_address a"
     " WHERE NOT EXISTS (SELECT 1 FROM entry e WHERE e.id = a.entry_id)"},
    {"phones belong to a contact that is not there",
     "SELECT count(*) FROM phone p"
     " WHERE NOT EXISTS (SELECT 1 FROM entry e WHERE e.id = p.entry_id)"},
    {"memberships have a side that is not there",
     "SELECT count(*) FROM membership m"
     " WHERE NOT EXISTS (SELECT 1 FROM entry e WHERE e.id = m.group_id)"
     " OR NOT EXISTS (SELECT 1 FROM entry e WHERE e.id = m.member_id)"},
    {"contacts bear a change number that was never given",
     "SELECT count(*) FROM entry WHERE change_number >"
     " (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'change')"},
});

}  // namespace

std::vector<std::string> structural_problems(SQLite::Database& database) {
  std::vector<std::string> problems;
  SQLite::Statement lines(database, "PRAGMA integrity_check(" + std::to_string(kProblems) + ")");
  while (lines.executeStep())
    if (std::string line = lines.getColumn(0).getString(); line != "ok")
      problems.push_back(std::move(line));
  return problems;
}

namespace {

std::vector<std::string> find_problems(SQLite::Database& database) {
  std::vector<std::string> problems = structural_problems(database);
  if (!problems.empty())
    return problems;  // in such a file the rest would be noise
  for (const Promise& promise : kPromises)
    if (const auto count = database.execAndGet(promise.sql).getInt64(); count != 0)
      problems.push_back(std::to_string(count) + " " + promise.broken);
  return problems;
}

}  // namespace

std::vector<std::string> problems_of(const std::filesystem::path& index) {
  try {
    SQLite::Database database(index.string(), SQLite::OPEN_READONLY, 10'000);
    require_schema(database, index.string());
    SQLite::Transaction picture(database);
    try {
      return find_problems(database);
    } catch (const SQLite::Exception& error) {
      if (!means_damage(error))
        throw;
      return {error.what()};
    }
  } catch (const SQLite::Exception& error) {
    throw std::runtime_error(describe(index, error, 0));
  }
}

}  // namespace gald::index
