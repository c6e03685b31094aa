#include "index/compaction.hpp"

#include <string>

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include "index/attributes_blob.hpp"
#include "index/attributes_json.hpp"

namespace gald::index {

namespace {

std::string_view text_of(sqlite3_value* value) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  return {text, static_cast<std::size_t>(sqlite3_value_bytes(value))};
}

/// The JSON text of attributes as their bytes.
void packed_attributes(sqlite3_context* context, int, sqlite3_value** arguments) {
  try {
    const std::string blob = to_blob(attributes_from_json(text_of(arguments[0])));
    sqlite3_result_blob(context, blob.data(), static_cast<int>(blob.size()), SQLITE_TRANSIENT);
  } catch (const std::exception& error) {
    sqlite3_result_error(context, error.what(), -1);
  }
}

// Into new tables rather than in place: what shrinks in place leaves its pages half empty.
constexpr const char* kCompaction = R"sql(
CREATE TABLE new_record (
  id             INTEGER PRIMARY KEY,
  connector_id   INTEGER NOT NULL REFERENCES connector,
  collection_id  INTEGER NOT NULL REFERENCES collection,
  anchor         TEXT NOT NULL,
  kind           TEXT NOT NULL,
  presence       TEXT NOT NULL,
  attributes     BLOB NOT NULL,
  parent         TEXT,
  touched        INTEGER NOT NULL,
  published_live INTEGER NOT NULL DEFAULT 0,
  entry_id       INTEGER REFERENCES entry,
  joined_by      TEXT NOT NULL DEFAULT '',
  expires_at     TEXT,
  plan_id        INTEGER,
  held_presence  TEXT,
  released       INTEGER NOT NULL DEFAULT 0,
  flags          INTEGER NOT NULL DEFAULT 0
);
-- a quotation mark inside a value is escaped: only the attribute itself reads like this
INSERT INTO new_record
SELECT id, connector_id, collection_id, anchor, kind, presence, packed_attributes(attributes), parent,
       touched, published_live, entry_id, joined_by, expires_at, plan_id, held_presence, released,
       (instr(attributes, '"isCriticalSystemObject":"true"') > 0)
         + 2 * (instr(attributes, '"scope":"out"') > 0)
  FROM record ORDER BY id;
DROP TABLE record;
ALTER TABLE new_record RENAME TO record;
CREATE INDEX record_entry ON record (entry_id) WHERE entry_id IS NOT NULL;
-- the keys are made anew when the index is opened, as the index over the anchors is not there
DROP TABLE record_key;
CREATE TABLE record_key (
  key        INTEGER NOT NULL,
  record_id  INTEGER NOT NULL,
  PRIMARY KEY (key, record_id)
) WITHOUT ROWID;
UPDATE last_live SET attributes = packed_attributes(attributes);
)sql";

}  // namespace

void compact_tables(SQLite::Database& database) {
  database.createFunction("packed_attributes", 1, true, nullptr, packed_attributes);
  database.exec(kCompaction);
}

}  // namespace gald::index
