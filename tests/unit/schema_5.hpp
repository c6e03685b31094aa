// An index as schema 5 had it: what the upgrade has to start from.
#pragma once

#include <filesystem>
#include <string>

#include <SQLiteCpp/SQLiteCpp.h>

namespace gald::test {

inline constexpr const char* kSchema5 = R"sql(
CREATE TABLE connector (
  id                  INTEGER PRIMARY KEY,
  name                TEXT NOT NULL UNIQUE,
  kind                TEXT NOT NULL,
  credential          TEXT NOT NULL DEFAULT '',
  credential_ends_at  TEXT
);
CREATE TABLE collection (
  id            INTEGER PRIMARY KEY,
  connector_id  INTEGER NOT NULL REFERENCES connector,
  name          TEXT NOT NULL,
  fingerprint   TEXT NOT NULL,
  position      BLOB NOT NULL DEFAULT '',
  answered_by   TEXT NOT NULL DEFAULT '',
  full_round    INTEGER NOT NULL DEFAULT 1,
  marking       INTEGER NOT NULL DEFAULT 0,
  completed_at  TEXT,
  full_at       TEXT,
  scoped        INTEGER NOT NULL DEFAULT 0,
  scope         TEXT,
  rescoped      INTEGER NOT NULL DEFAULT 0,
  UNIQUE (connector_id, name)
);
CREATE TABLE record (
  id             INTEGER PRIMARY KEY,
  connector_id   INTEGER NOT NULL REFERENCES connector,
  collection_id  INTEGER NOT NULL REFERENCES collection,
  anchor         TEXT NOT NULL,
  kind           TEXT NOT NULL,
  presence       TEXT NOT NULL,
  attributes     TEXT NOT NULL,
  parent         TEXT,
  touched        INTEGER NOT NULL,
  published_live INTEGER NOT NULL DEFAULT 0,
  entry_id       INTEGER REFERENCES entry,
  joined_by      TEXT NOT NULL DEFAULT '',
  expires_at     TEXT,
  plan_id        INTEGER,
  held_presence  TEXT,
  released       INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX record_entry ON record (entry_id) WHERE entry_id IS NOT NULL;
CREATE TABLE record_key (
  key        TEXT NOT NULL,
  record_id  INTEGER NOT NULL,
  PRIMARY KEY (key, record_id)
) WITHOUT ROWID;
CREATE TABLE record_member (
  group_id  INTEGER NOT NULL,
  member    TEXT NOT NULL,
  PRIMARY KEY (group_id, member)
) WITHOUT ROWID;
CREATE INDEX record_member_of ON record_member (member, group_id);
CREATE TABLE touched_member (
  group_id  INTEGER NOT NULL,
  member    TEXT NOT NULL,
  PRIMARY KEY (group_id, member)
) WITHOUT ROWID;
CREATE TABLE seen_record (
  collection_id  INTEGER NOT NULL,
  record_id      INTEGER NOT NULL,
  PRIMARY KEY (collection_id, record_id)
) WITHOUT ROWID;
CREATE TABLE seen_member (
  collection_id  INTEGER NOT NULL,
  group_id       INTEGER NOT NULL,
  member         TEXT NOT NULL,
  PRIMARY KEY (collection_id, group_id, member)
) WITHOUT ROWID;
CREATE TABLE quarantine (
  collection_id  INTEGER NOT NULL,
  anchor         TEXT NOT NULL,
  reason         TEXT NOT NULL,
  at             TEXT NOT NULL,
  PRIMARY KEY (collection_id, anchor)
) WITHOUT ROWID;
CREATE TABLE entry (
  id                   INTEGER PRIMARY KEY,
  uuid                 TEXT NOT NULL UNIQUE,
  kind                 TEXT NOT NULL,
  source               TEXT NOT NULL,
  status               TEXT NOT NULL,
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
  origins              TEXT NOT NULL DEFAULT '{}',
  search_name          TEXT NOT NULL DEFAULT '',
  forward_to           TEXT,
  created_run          INTEGER NOT NULL,
  created_at           TEXT NOT NULL,
  changed_at           TEXT NOT NULL,
  change_number        INTEGER NOT NULL
);
CREATE INDEX entry_by_class ON entry (kind, source, status) WHERE forward_to IS NULL;
CREATE INDEX entry_by_manager ON entry (manager) WHERE manager IS NOT NULL;
CREATE INDEX entry_by_name ON entry (display_name COLLATE NOCASE, uuid);
CREATE INDEX entry_deleted ON entry (changed_at) WHERE status = 'deleted' AND forward_to IS NULL;
CREATE INDEX entry_forwards ON entry (forward_to) WHERE forward_to IS NOT NULL;
CREATE TABLE address (
  entry_id    INTEGER NOT NULL,
  position    INTEGER NOT NULL,
  kind        TEXT NOT NULL,
  value       TEXT NOT NULL,
  folded      TEXT NOT NULL,
  is_primary  INTEGER NOT NULL,
  connector   TEXT NOT NULL,
  PRIMARY KEY (entry_id, position)
) WITHOUT ROWID;
CREATE INDEX address_by_value ON address (folded, entry_id);
CREATE TABLE phone (
  entry_id   INTEGER NOT NULL,
  position   INTEGER NOT NULL,
  type       TEXT NOT NULL,
  raw        TEXT NOT NULL,
  e164       TEXT,
  extension  TEXT,
  connector  TEXT NOT NULL,
  kind       TEXT NOT NULL DEFAULT 'unparsable',
  PRIMARY KEY (entry_id, position)
) WITHOUT ROWID;
CREATE INDEX phone_by_e164 ON phone (e164) WHERE e164 IS NOT NULL;
CREATE TABLE membership (
  group_id   INTEGER NOT NULL,
  member_id  INTEGER NOT NULL,
  PRIMARY KEY (group_id, member_id)
) WITHOUT ROWID;
CREATE INDEX membership_of ON membership (member_id, group_id);
CREATE TABLE label_group (
  label     TEXT NOT NULL,
  group_id  INTEGER NOT NULL,
  PRIMARY KEY (label, group_id)
) WITHOUT ROWID;
CREATE INDEX label_of_group ON label_group (group_id);
CREATE TABLE change (
  number     INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id     INTEGER NOT NULL,
  at         TEXT NOT NULL,
  entry_id   INTEGER NOT NULL,
  operation  TEXT NOT NULL,
  field      TEXT NOT NULL,
  old_value  TEXT,
  new_value  TEXT,
  connector  TEXT NOT NULL
);
CREATE INDEX change_by_entry ON change (entry_id, number);
CREATE INDEX change_by_run ON change (run_id, number);
CREATE TABLE plan (
  number         INTEGER PRIMARY KEY AUTOINCREMENT,
  created_at     TEXT NOT NULL,
  run_id         INTEGER NOT NULL,
  reason         TEXT NOT NULL,
  connector      TEXT NOT NULL,
  subject        TEXT NOT NULL,
  text           TEXT NOT NULL,
  policy         TEXT NOT NULL,
  records        INTEGER NOT NULL DEFAULT 0,
  created        INTEGER NOT NULL DEFAULT 0,
  updated        INTEGER NOT NULL DEFAULT 0,
  deleted        INTEGER NOT NULL DEFAULT 0,
  digest         TEXT NOT NULL DEFAULT '',
  stale          INTEGER NOT NULL DEFAULT 0,
  state          TEXT NOT NULL,
  superseded_by  INTEGER,
  decided_at     TEXT,
  decided_run    INTEGER
);
CREATE INDEX plan_undecided ON plan (state) WHERE state IN ('open', 'rejected');
CREATE INDEX plan_decided ON plan (decided_run) WHERE decided_run IS NOT NULL;
CREATE TABLE last_live (
  record_id   INTEGER PRIMARY KEY,
  kind        TEXT NOT NULL,
  attributes  TEXT NOT NULL
);
CREATE TABLE loss (
  connector_id  INTEGER NOT NULL,
  kind          TEXT NOT NULL,
  at            TEXT NOT NULL,
  records       INTEGER NOT NULL
);
CREATE TABLE active_policy (policy TEXT NOT NULL);
CREATE TABLE conflict (
  entry_id  INTEGER NOT NULL,
  kind      TEXT NOT NULL,
  other_id  INTEGER NOT NULL,
  evidence  TEXT NOT NULL,
  since     TEXT NOT NULL,
  PRIMARY KEY (entry_id, kind, other_id, evidence)
) WITHOUT ROWID;
CREATE INDEX conflict_other ON conflict (other_id) WHERE other_id <> 0;
CREATE TABLE conflict_kind (kind TEXT PRIMARY KEY, remedy TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE run (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  started_at   TEXT NOT NULL,
  ended_at     TEXT,
  outcome      TEXT,
  error        TEXT NOT NULL DEFAULT '',
  created      INTEGER NOT NULL DEFAULT 0,
  updated      INTEGER NOT NULL DEFAULT 0,
  deleted      INTEGER NOT NULL DEFAULT 0,
  restored     INTEGER NOT NULL DEFAULT 0,
  memberships  INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE run_collection (
  run_id      INTEGER NOT NULL,
  connector   TEXT NOT NULL,
  collection  TEXT NOT NULL,
  complete    INTEGER NOT NULL,
  full_round  INTEGER NOT NULL,
  error       TEXT NOT NULL,
  pages       INTEGER NOT NULL,
  requests    INTEGER NOT NULL,
  units       REAL NOT NULL DEFAULT 0,
  objects     INTEGER NOT NULL DEFAULT 0,
  bytes       INTEGER NOT NULL,
  waited_ms   INTEGER NOT NULL,
  took_ms     INTEGER NOT NULL,
  added       INTEGER NOT NULL,
  updated     INTEGER NOT NULL,
  removed     INTEGER NOT NULL,
  unchanged   INTEGER NOT NULL,
  rejected    INTEGER NOT NULL,
  PRIMARY KEY (run_id, connector, collection)
) WITHOUT ROWID;
CREATE INDEX run_collection_of ON run_collection (connector, collection, run_id);
CREATE INDEX record_plan ON record (plan_id, id) WHERE plan_id IS NOT NULL;
CREATE UNIQUE INDEX record_anchor ON record (connector_id, anchor);
CREATE INDEX record_touched ON record (id) WHERE touched = 1;
CREATE INDEX record_parent ON record (connector_id, parent) WHERE parent IS NOT NULL;
CREATE INDEX record_collection ON record (collection_id, presence);
CREATE INDEX record_expires ON record (expires_at) WHERE expires_at IS NOT NULL;
PRAGMA application_id = 1734437988;
PRAGMA user_version = 5;
)sql";

/// Makes the file, with these rows in it.
inline void make_schema_5(const std::filesystem::path& file, const std::string& rows) {
  SQLite::Database database(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  database.exec(kSchema5);
  database.exec(rows);
}

}  // namespace gald::test
