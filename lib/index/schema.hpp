// The tables (private) and the views (public, documented in docs/sql.md) of the index file.
#pragma once

#include <string>

namespace SQLite {
class Database;
}

namespace gald::index {

/// Of the tables; PRAGMA user_version holds it. A file of a newer version is refused.
inline constexpr int kSchemaVersion = 6;

/// Of the views: the promise to consumers, readable as `SELECT version FROM contract`.
inline constexpr int kContractVersion = 2;

/// PRAGMA application_id, "gald" in ASCII: tells an index from other SQLite files.
inline constexpr int kApplicationId = 0x67616c64;

/// Creates or upgrades, in one transaction. Throws std::runtime_error for a file that is no index
/// or belongs to a newer gald; `file` is for that message.
void prepare_schema(SQLite::Database& database, const std::string& file);

/// The index that finds a record by its anchor, and those that the cycles after the first look
/// into. A first import does without: insertions into them, page by page, would be most of its
/// cost. The first is made at the end of its reading, the others behind its publication. Each is
/// made unless it is there.
void make_anchor_index(SQLite::Database& database);
void make_record_indexes(SQLite::Database& database);
void drop_record_indexes(SQLite::Database& database);

/// The indexes over the order of lists (page.hpp); each is made unless it is there.
void make_list_indexes(SQLite::Database& database);

/// The checks of prepare_schema without the writing, for readers.
void require_schema(SQLite::Database& database, const std::string& file);

}  // namespace gald::index
