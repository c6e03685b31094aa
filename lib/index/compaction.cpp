#include "index/compaction.hpp"

#include <string>

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include "base/clock.hpp"
#include "index/attributes_blob.hpp"
#include "index/attributes_json.hpp"
#include "index/packed_guid.hpp"

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

/// An anchor as Query binds it.
void packed_anchor(sqlite3_context* context, int, sqlite3_value** arguments) {
  const std::optional<std::string> packed = packed_guid(text_of(arguments[0]));
  if (packed)
    sqlite3_result_blob(context, packed->data(), static_cast<int>(packed->size()),
                        SQLITE_TRANSIENT);
  else
    sqlite3_result_value(context, arguments[0]);
}

/// ISO 8601 as milliseconds since 1970.
void milliseconds(sqlite3_context* context, int, sqlite3_value** arguments) {
  const std::string text(text_of(arguments[0]));
  if (const auto time = base::parse_iso8601(text))
    sqlite3_result_int64(context, time->time_since_epoch().count());
  else
    sqlite3_result_error(context, ("no time in the index: " + text).c_str(), -1);
}

/// The place of the first argument among the others; itself when it is none of them.
void code(sqlite3_context* context, int count, sqlite3_value** arguments) {
  for (int i = 1; i < count; ++i)
    if (text_of(arguments[i]) == text_of(arguments[0]))
      return sqlite3_result_int(context, i - 1);
  sqlite3_result_value(context, arguments[0]);
}

// Into new tables rather than in place: what shrinks in place leaves its pages half empty.
constexpr const char* kCompaction = R"sql(
CREATE TABLE new_record (
  id             INTEGER PRIMARY KEY,
  connector_id   INTEGER NOT NULL REFERENCES connector,
  collection_id  INTEGER NOT NULL REFERENCES collection,
  anchor_key     BLOB NOT NULL,
  kind_code      INTEGER NOT NULL,
  presence_code  INTEGER NOT NULL,
  attributes     BLOB NOT NULL,
  parent         BLOB,
  touched        INTEGER NOT NULL,
  published_live INTEGER NOT NULL DEFAULT 0,
  entry_id       INTEGER REFERENCES entry,
  joined_code    NOT NULL,
  expires_at     TEXT,
  plan_id        INTEGER,
  held_presence  TEXT,
  released       INTEGER NOT NULL DEFAULT 0,
  flags          INTEGER NOT NULL DEFAULT 0,
  anchor         TEXT AS (CASE typeof(anchor_key) WHEN 'blob' THEN lower(
      substr(hex(anchor_key), 1, 8) || '-' || substr(hex(anchor_key), 9, 4) || '-' ||
      substr(hex(anchor_key), 13, 4) || '-' || substr(hex(anchor_key), 17, 4) || '-' ||
      substr(hex(anchor_key), 21)) ELSE anchor_key END),
  joined_by      TEXT AS (CASE joined_code
      WHEN 0 THEN '' WHEN 1 THEN 'source-anchor' WHEN 2 THEN 'security-identifier'
      WHEN 3 THEN 'object-guid' WHEN 4 THEN 'external-directory-object-id' WHEN 5 THEN 'x500'
      WHEN 6 THEN 'proxy-addresses' WHEN 7 THEN 'external-address' WHEN 8 THEN 'mail'
      WHEN 9 THEN 'duplicate' WHEN 10 THEN 'replacement' WHEN 2147483647 THEN ''
      ELSE joined_code END),
  kind           TEXT AS (CASE kind_code
      WHEN 0 THEN 'contact' WHEN 1 THEN 'user' WHEN 2 THEN 'group' WHEN 3 THEN 'container'
      ELSE kind_code END),
  presence       TEXT AS (CASE presence_code
      WHEN 0 THEN 'live' WHEN 1 THEN 'soft_deleted' WHEN 2 THEN 'deleted' WHEN 3 THEN 'absent'
      WHEN 4 THEN 'out_of_scope' ELSE presence_code END)
);
-- a quotation mark inside a value is escaped: only the attribute itself reads like this
INSERT INTO new_record
SELECT id, connector_id, collection_id, packed_anchor(anchor), code(kind, 'contact', 'user', 'group', 'container'),
       code(presence, 'live', 'soft_deleted', 'deleted', 'absent', 'out_of_scope'),
       packed_attributes(attributes), packed_anchor(parent), touched, published_live, entry_id,
       code(joined_by, '', 'source-anchor', 'security-identifier', 'object-guid', 'external-directory-object-id', 'x500', 'proxy-addresses', 'external-address', 'mail', 'duplicate', 'replacement'),
       expires_at, plan_id, held_presence, released,
       (instr(attributes, '"isCriticalSystemObject":"true"') > 0)
         + 2 * (instr(attributes, '"scope":"out"') > 0)
  FROM record ORDER BY id;
DROP TABLE record;
ALTER TABLE new_record RENAME TO record;
CREATE INDEX record_entry ON record (entry_id) WHERE entry_id IS NOT NULL;
UPDATE record_member SET member = packed_anchor(member);
UPDATE touched_member SET member = packed_anchor(member);
UPDATE seen_member SET member = packed_anchor(member);
-- the keys are made anew when the index is opened, as the index over the anchors is not there
DROP TABLE record_key;
CREATE TABLE record_key (
  key        INTEGER NOT NULL,
  record_id  INTEGER NOT NULL,
  PRIMARY KEY (key, record_id)
) WITHOUT ROWID;
CREATE TABLE origin_set (
  id    INTEGER PRIMARY KEY,
  json  TEXT NOT NULL UNIQUE
);
INSERT INTO origin_set (json) SELECT DISTINCT origins FROM entry ORDER BY 1;
CREATE TABLE new_entry (
  id                   INTEGER PRIMARY KEY,
  uuid                 TEXT NOT NULL UNIQUE,
  kind_code            INTEGER NOT NULL,
  source_code          INTEGER NOT NULL,
  status_code          INTEGER NOT NULL,
  display_name         TEXT,
  given_name           TEXT,
  surname              TEXT,
  initials             TEXT,
  company_name         TEXT,
  department           TEXT,
  job_title            TEXT,
  office_location      TEXT,
  employee_id          TEXT,
  description          TEXT,
  notes                TEXT,
  web_page             TEXT,
  manager              TEXT,
  manager_entry        INTEGER,
  mail                 TEXT,
  mail_nickname        TEXT,
  user_principal_name  TEXT,
  street               TEXT,
  city                 TEXT,
  state                TEXT,
  postal_code          TEXT,
  country_or_region    TEXT,
  hidden               INTEGER,
  group_type           TEXT,
  distinguished_name   TEXT,
  custom_attributes    TEXT NOT NULL DEFAULT '{}',
  origins              INTEGER NOT NULL,
  search_name          TEXT NOT NULL DEFAULT '',
  forward_to           TEXT,
  created_run          INTEGER NOT NULL,
  created_at           INTEGER NOT NULL,
  changed_at           INTEGER NOT NULL,
  change_number        INTEGER NOT NULL,
  kind                 TEXT AS (CASE kind_code
      WHEN 0 THEN 'contact' WHEN 1 THEN 'user' WHEN 2 THEN 'guest' WHEN 3 THEN 'group'
      ELSE kind_code END),
  source               TEXT AS (CASE source_code
      WHEN 0 THEN 'cloud' WHEN 1 THEN 'on_premises' WHEN 2 THEN 'hybrid' ELSE source_code END),
  status               TEXT AS (CASE status_code
      WHEN 0 THEN 'active' WHEN 1 THEN 'disabled' WHEN 2 THEN 'deleted' ELSE status_code END)
);
INSERT INTO new_entry
SELECT id, uuid, code(kind, 'contact', 'user', 'guest', 'group'),
       code(source, 'cloud', 'on_premises', 'hybrid'), code(status, 'active', 'disabled', 'deleted'),
       display_name, given_name, surname, initials, company_name, department, job_title, office_location, employee_id, description, notes, web_page, manager,
       manager_entry, mail, mail_nickname, user_principal_name, street, city, state, postal_code,
       country_or_region, hidden, group_type, distinguished_name, custom_attributes,
       (SELECT o.id FROM origin_set o WHERE o.json = origins), search_name, forward_to, created_run,
       milliseconds(created_at), milliseconds(changed_at), change_number
  FROM entry ORDER BY id;
DROP TABLE entry;
ALTER TABLE new_entry RENAME TO entry;
CREATE INDEX entry_by_class ON entry (kind_code, source_code, status_code, hidden, forward_to)
 WHERE forward_to IS NULL;
CREATE INDEX entry_by_manager ON entry (manager) WHERE manager IS NOT NULL;
CREATE INDEX entry_deleted ON entry (changed_at) WHERE status = 'deleted' AND forward_to IS NULL;
CREATE INDEX entry_forwards ON entry (forward_to) WHERE forward_to IS NOT NULL;
CREATE TABLE new_address (
  entry_id      INTEGER NOT NULL,
  position      INTEGER NOT NULL,
  kind_code     NOT NULL,
  value         TEXT NOT NULL,
  folded_form   TEXT,
  is_primary    INTEGER NOT NULL,
  connector_id  INTEGER NOT NULL,
  kind          TEXT AS (CASE kind_code
      WHEN 0 THEN 'smtp' WHEN 1 THEN 'x500' WHEN 2 THEN 'sip' WHEN 3 THEN 'eum'
      ELSE kind_code END),
  folded        TEXT AS (coalesce(folded_form, value)),
  PRIMARY KEY (entry_id, position)
) WITHOUT ROWID;
INSERT INTO new_address
SELECT entry_id, position, code(kind, 'smtp', 'x500', 'sip', 'eum'), value, nullif(folded, value), is_primary,
       (SELECT c.id FROM connector c WHERE c.name = address.connector)
  FROM address ORDER BY entry_id, position;
DROP TABLE address;
ALTER TABLE new_address RENAME TO address;
CREATE INDEX address_by_value ON address (folded, entry_id);
CREATE TABLE new_phone (
  entry_id      INTEGER NOT NULL,
  position      INTEGER NOT NULL,
  type_code     NOT NULL,
  raw           TEXT NOT NULL,
  e164_digits,
  extension     TEXT,
  connector_id  INTEGER NOT NULL,
  kind_code     INTEGER NOT NULL,
  e164          TEXT AS ('+' || e164_digits),
  type          TEXT AS (CASE type_code
      WHEN 0 THEN 'business' WHEN 1 THEN 'mobile' WHEN 2 THEN 'home' WHEN 3 THEN 'businessFax'
      WHEN 4 THEN 'pager' WHEN 5 THEN 'ip' ELSE type_code END),
  kind          TEXT AS (CASE kind_code
      WHEN 0 THEN 'international' WHEN 1 THEN 'national' WHEN 2 THEN 'internal'
      WHEN 3 THEN 'unparsable' ELSE kind_code END),
  PRIMARY KEY (entry_id, position)
) WITHOUT ROWID;
INSERT INTO new_phone
SELECT entry_id, position,
       code(type, 'business', 'mobile', 'home', 'businessFax', 'pager', 'ip'), raw,
       iif(length(e164) <= 16, CAST(substr(e164, 2) AS INTEGER), substr(e164, 2)),
       extension, (SELECT c.id FROM connector c WHERE c.name = phone.connector),
       code(kind, 'international', 'national', 'internal', 'unparsable')
  FROM phone ORDER BY entry_id, position;
DROP TABLE phone;
ALTER TABLE new_phone RENAME TO phone;
CREATE INDEX phone_by_e164 ON phone (e164) WHERE e164 IS NOT NULL;
UPDATE last_live SET attributes = packed_attributes(attributes);
)sql";

}  // namespace

void compact_tables(SQLite::Database& database) {
  database.createFunction("packed_anchor", 1, true, nullptr, packed_anchor);
  database.createFunction("packed_attributes", 1, true, nullptr, packed_attributes);
  database.createFunction("code", -1, true, nullptr, code);
  database.createFunction("milliseconds", 1, true, nullptr, milliseconds);
  database.exec(kCompaction);
}

}  // namespace gald::index
