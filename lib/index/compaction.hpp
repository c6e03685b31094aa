// The step from schema 5 to 6 of the tables in which every contact has rows.
#pragma once

namespace SQLite {
class Database;
}

namespace gald::index {

/// REQUIRES: a transaction, and no views. The indexes over records are gone afterwards.
void compact_tables(SQLite::Database& database);

}  // namespace gald::index
