#include "index/schema.hpp"

#include <iterator>
#include <stdexcept>
#include <vector>

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include "index/compaction.hpp"
#include "index/unreadable.hpp"
#include "model/forms.hpp"
#include "model/phone_match.hpp"

namespace gald::index {

namespace {

// Times are ISO 8601 in UTC with milliseconds, so that text order is time order; those of entries
// are milliseconds since 1970, which are shorter, and text in the views.
constexpr const char* kTables = R"sql(
-- Sources ---------------------------------------------------------------------------------------
CREATE TABLE connector (
  id                  INTEGER PRIMARY KEY,
  name                TEXT NOT NULL UNIQUE,
  kind                TEXT NOT NULL,
  credential          TEXT NOT NULL DEFAULT '', -- what it signs in with, when that ends by itself
  credential_ends_at  TEXT
);
CREATE TABLE collection (
  id            INTEGER PRIMARY KEY,
  connector_id  INTEGER NOT NULL REFERENCES connector,
  name          TEXT NOT NULL,
  fingerprint   TEXT NOT NULL,
  position      BLOB NOT NULL DEFAULT '',   -- the cursor, opaque
  answered_by   TEXT NOT NULL DEFAULT '',
  full_round    INTEGER NOT NULL DEFAULT 1, -- the round under way sees everything
  marking       INTEGER NOT NULL DEFAULT 0, -- ... and there were records before it: mark what it sees
  completed_at  TEXT,                       -- end of the last complete round
  full_at       TEXT,                       -- end of the last complete full round
  scoped        INTEGER NOT NULL DEFAULT 0, -- something was said about what is in scope
  scope         TEXT,                       -- what the configuration leaves to read; NULL: not known
  rescoped      INTEGER NOT NULL DEFAULT 0, -- ... and that it was changed is not published yet
  UNIQUE (connector_id, name)
);

-- Staging: records as the sources last said them --------------------------------------------------
CREATE TABLE record (
  id             INTEGER PRIMARY KEY,
  connector_id   INTEGER NOT NULL REFERENCES connector,
  collection_id  INTEGER NOT NULL REFERENCES collection,
  anchor_key     BLOB NOT NULL,             -- the bytes of a GUID, or other text
  kind_code      INTEGER NOT NULL,          -- codes.hpp
  presence_code  INTEGER NOT NULL,
  attributes     BLOB NOT NULL,             -- see attributes_blob.cpp
  parent         BLOB,                      -- anchor_key of the container above
  touched        INTEGER NOT NULL,          -- changed since the last publication
  published_live INTEGER NOT NULL DEFAULT 0, -- whether it was live at the last publication
  entry_id       INTEGER REFERENCES entry,
  joined_code    NOT NULL,                  -- or the word itself, see codes.hpp
  expires_at     TEXT,                      -- when its account ends; NULL: never or published so
  plan_id        INTEGER,                   -- the plan that holds it back; NULL: none
  held_presence  TEXT,                      -- what was said of it when that began
  released       INTEGER NOT NULL DEFAULT 0, -- its loss was judged and may be published
  flags          INTEGER NOT NULL DEFAULT 0, -- of its attributes, see liveness.hpp
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
CREATE INDEX record_entry ON record (entry_id) WHERE entry_id IS NOT NULL;
CREATE TABLE record_key (
  key        INTEGER NOT NULL,              -- key_hash()
  record_id  INTEGER NOT NULL,
  PRIMARY KEY (key, record_id)
) WITHOUT ROWID;
CREATE TABLE record_member (
  group_id  INTEGER NOT NULL,               -- record of the group
  member    BLOB NOT NULL,                  -- anchor_key in the same connector, known or not
  PRIMARY KEY (group_id, member)
) WITHOUT ROWID;
CREATE INDEX record_member_of ON record_member (member, group_id);
CREATE TABLE touched_member (
  group_id  INTEGER NOT NULL,
  member    BLOB NOT NULL,
  PRIMARY KEY (group_id, member)
) WITHOUT ROWID;
CREATE TABLE seen_record (                  -- marks of a full round under way
  collection_id  INTEGER NOT NULL,
  record_id      INTEGER NOT NULL,
  PRIMARY KEY (collection_id, record_id)
) WITHOUT ROWID;
CREATE TABLE seen_member (
  collection_id  INTEGER NOT NULL,
  group_id       INTEGER NOT NULL,
  member         BLOB NOT NULL,
  PRIMARY KEY (collection_id, group_id, member)
) WITHOUT ROWID;
CREATE TABLE quarantine (
  collection_id  INTEGER NOT NULL,
  anchor         TEXT NOT NULL,
  reason         TEXT NOT NULL,
  at             TEXT NOT NULL,
  PRIMARY KEY (collection_id, anchor)
) WITHOUT ROWID;

-- Published --------------------------------------------------------------------------------------
CREATE TABLE entry (
  id                   INTEGER PRIMARY KEY,
  uuid                 TEXT NOT NULL UNIQUE,
  kind_code            INTEGER NOT NULL,    -- codes.hpp
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
  manager              TEXT,                -- "connector/anchor" of the manager's record
  manager_entry        INTEGER,             -- that record's entry, while the record is live
  mail                 TEXT,
  mail_nickname        TEXT,
  user_principal_name  TEXT,
  street               TEXT,
  city                 TEXT,
  state                TEXT,
  postal_code          TEXT,
  country_or_region    TEXT,
  hidden               INTEGER,             -- 1, 0; NULL: nobody says
  group_type           TEXT,
  distinguished_name   TEXT,
  custom_attributes    TEXT NOT NULL DEFAULT '{}',
  origins              INTEGER NOT NULL,    -- of origin_set
  search_name          TEXT NOT NULL DEFAULT '', -- the words of its names, folded
  forward_to           TEXT,                -- uuid of the entry this one turned out to be
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
CREATE TABLE origin_set (                   -- whose value each field has; there are few such sets
  id    INTEGER PRIMARY KEY,
  json  TEXT NOT NULL UNIQUE
);
CREATE INDEX entry_by_class ON entry        -- forward_to, as it would be looked for in the row
  (kind_code, source_code, status_code, hidden, forward_to) WHERE forward_to IS NULL;
CREATE INDEX entry_by_manager ON entry (manager) WHERE manager IS NOT NULL;
CREATE INDEX entry_deleted ON entry (changed_at) WHERE status = 'deleted' AND forward_to IS NULL;
CREATE INDEX entry_forwards ON entry (forward_to) WHERE forward_to IS NOT NULL;
CREATE TABLE address (
  entry_id      INTEGER NOT NULL,
  position      INTEGER NOT NULL,
  kind_code     NOT NULL,                   -- or the word itself, see codes.hpp
  value         TEXT NOT NULL,
  folded_form   TEXT,                       -- NULL: as the value
  is_primary    INTEGER NOT NULL,
  connector_id  INTEGER NOT NULL,
  kind          TEXT AS (CASE kind_code
      WHEN 0 THEN 'smtp' WHEN 1 THEN 'x500' WHEN 2 THEN 'sip' WHEN 3 THEN 'eum'
      ELSE kind_code END),
  folded        TEXT AS (coalesce(folded_form, value)),
  PRIMARY KEY (entry_id, position)
) WITHOUT ROWID;
CREATE INDEX address_by_value ON address (folded, entry_id);
CREATE TABLE former_address (               -- what the entry had before, and has no longer
  folded    TEXT NOT NULL,
  entry_id  INTEGER NOT NULL,
  kind      TEXT NOT NULL,
  value     TEXT NOT NULL,
  until     TEXT NOT NULL,
  PRIMARY KEY (folded, entry_id, kind)
) WITHOUT ROWID;
CREATE INDEX former_address_of ON former_address (entry_id);
CREATE TABLE phone (
  entry_id      INTEGER NOT NULL,
  position      INTEGER NOT NULL,
  type_code     NOT NULL,                   -- or the word itself, see codes.hpp
  raw           TEXT NOT NULL,
  e164_digits,                              -- a number, up to fifteen digits; NULL: none
  extension     TEXT,
  connector_id  INTEGER NOT NULL,
  kind_code     INTEGER NOT NULL,
  national      INTEGER,                    -- digits of a number whose country nobody knows
  e164          TEXT AS ('+' || e164_digits),
  type          TEXT AS (CASE type_code
      WHEN 0 THEN 'business' WHEN 1 THEN 'mobile' WHEN 2 THEN 'home' WHEN 3 THEN 'businessFax'
      WHEN 4 THEN 'pager' WHEN 5 THEN 'ip' ELSE type_code END),
  kind          TEXT AS (CASE kind_code
      WHEN 0 THEN 'international' WHEN 1 THEN 'national' WHEN 2 THEN 'internal'
      WHEN 3 THEN 'unparsable' ELSE kind_code END),
  PRIMARY KEY (entry_id, position)
) WITHOUT ROWID;
CREATE INDEX phone_by_e164 ON phone (e164) WHERE e164 IS NOT NULL;
CREATE INDEX phone_by_tail ON phone
  (coalesce(CAST(substr(e164, 2) AS INTEGER), national) % 10000000);
CREATE INDEX phone_by_extension ON phone (extension) WHERE extension IS NOT NULL;
CREATE TABLE membership (
  group_id   INTEGER NOT NULL,
  member_id  INTEGER NOT NULL,
  PRIMARY KEY (group_id, member_id)
) WITHOUT ROWID;
CREATE INDEX membership_of ON membership (member_id, group_id);
CREATE TABLE label_group (                  -- direct members of the group bear the label
  label     TEXT NOT NULL,
  group_id  INTEGER NOT NULL,
  PRIMARY KEY (label, group_id)
) WITHOUT ROWID;
CREATE INDEX label_of_group ON label_group (group_id);
CREATE TABLE change (
  number     INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id     INTEGER NOT NULL,
  at         TEXT NOT NULL,
  entry_id   INTEGER NOT NULL,               -- 0: purged; its id is old_value, new_value its kind
  operation  TEXT NOT NULL,
  field      TEXT NOT NULL,
  old_value  TEXT,
  new_value  TEXT,
  connector  TEXT NOT NULL,
  former     TEXT                            -- what taking it back needs beside old_value
);
CREATE INDEX change_by_entry ON change (entry_id, number);
CREATE INDEX change_by_run ON change (run_id, number);
CREATE TABLE history (                       -- one row
  feed_id     TEXT NOT NULL,                 -- of this file: numbers of another mean nothing here
  kept_after  INTEGER NOT NULL,              -- every change with a greater number is there
  at          TEXT,                          -- of that number, and its run; NULL: nothing is missing
  run_id      INTEGER,
  gone        INTEGER NOT NULL               -- numbers that have no row any more
);
INSERT INTO history VALUES (lower(hex(randomblob(8))), 0, NULL, NULL, 0);

-- Plans: what is held back until somebody decides ------------------------------------------------
CREATE TABLE plan (
  number         INTEGER PRIMARY KEY AUTOINCREMENT,
  created_at     TEXT NOT NULL,
  run_id         INTEGER NOT NULL,
  reason         TEXT NOT NULL,
  connector      TEXT NOT NULL,
  subject        TEXT NOT NULL,             -- a kind of records, or a collection
  text           TEXT NOT NULL,
  policy         TEXT NOT NULL,             -- the one it would bring into force, as JSON
  records        INTEGER NOT NULL DEFAULT 0,
  created        INTEGER NOT NULL DEFAULT 0,
  updated        INTEGER NOT NULL DEFAULT 0,
  deleted        INTEGER NOT NULL DEFAULT 0,
  digest         TEXT NOT NULL DEFAULT '',  -- of what it would do; '': to be found out
  stale          INTEGER NOT NULL DEFAULT 0, -- an entry was published that it touches
  state          TEXT NOT NULL,
  superseded_by  INTEGER,
  decided_at     TEXT,
  decided_run    INTEGER
);
CREATE INDEX plan_undecided ON plan (state) WHERE state IN ('open', 'rejected');
CREATE INDEX plan_decided ON plan (decided_run) WHERE decided_run IS NOT NULL;
CREATE TABLE last_live (                    -- records as they were before a loss not yet published
  record_id   INTEGER PRIMARY KEY,
  kind        TEXT NOT NULL,
  attributes  BLOB NOT NULL
);
CREATE TABLE loss (                         -- what vanished lately, and was published
  connector_id  INTEGER NOT NULL,
  kind          TEXT NOT NULL,
  at            TEXT NOT NULL,
  records       INTEGER NOT NULL
);
CREATE TABLE active_policy (policy TEXT NOT NULL);

-- What operators have to look at -----------------------------------------------------------------
CREATE TABLE conflict (
  entry_id  INTEGER NOT NULL,
  kind      TEXT NOT NULL,
  other_id  INTEGER NOT NULL,               -- another entry; 0: none
  evidence  TEXT NOT NULL,
  since     TEXT NOT NULL,
  PRIMARY KEY (entry_id, kind, other_id, evidence)
) WITHOUT ROWID;
CREATE INDEX conflict_other ON conflict (other_id) WHERE other_id <> 0;
CREATE TABLE conflict_kind (kind TEXT PRIMARY KEY, remedy TEXT NOT NULL) WITHOUT ROWID;

-- Runs -------------------------------------------------------------------------------------------
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

-- Search: words by the row of their entry (search_index.hpp) ---------------------------------------
CREATE VIRTUAL TABLE name_search USING fts5 (
  words, content = '', detail = none, columnsize = 0, prefix = '1 2 3 4 5 6',
  tokenize = "unicode61 remove_diacritics 2 categories 'L* N* Co M*'");
CREATE VIRTUAL TABLE word_search USING fts5 (
  words, content = '', detail = none, columnsize = 0, prefix = '1 2 3 4 5 6',
  tokenize = "unicode61 remove_diacritics 2 categories 'L* N* Co M*'");
CREATE TABLE search_word (                  -- every word of three or more letters
  number   INTEGER PRIMARY KEY,             -- grows, so that readers load only what is new
  word     TEXT NOT NULL UNIQUE,
  entries  INTEGER NOT NULL                 -- with it in a name when the search was made; 0: none
);
CREATE TABLE search_state (                 -- one row
  rules       INTEGER NOT NULL,             -- by which the words were made; 0: there are none
  built_to    INTEGER NOT NULL,             -- rows of entries up to this one are in the search
  generation  INTEGER NOT NULL              -- how often it was made anew
);
INSERT INTO search_state (rules, built_to, generation) VALUES (0, 0, 0);

-- The file itself --------------------------------------------------------------------------------
CREATE TABLE upkeep (what TEXT PRIMARY KEY, at TEXT NOT NULL) WITHOUT ROWID;
)sql";

constexpr const char* kViews = R"sql(
CREATE VIEW contract AS SELECT 2 AS version;

CREATE VIEW contacts AS
SELECT e.uuid AS id, e.kind, e.source, e.status,
       e.display_name, e.given_name, e.surname, e.initials, e.company_name, e.department,
       e.job_title, e.office_location, e.employee_id, e.description, e.notes, e.web_page,
       m.uuid AS manager,
       e.mail, e.mail_nickname, e.user_principal_name,
       e.street, e.city, e.state, e.postal_code, e.country_or_region,
       e.hidden, e.distinguished_name AS on_premises_distinguished_name, e.custom_attributes,
       strftime('%Y-%m-%dT%H:%M:%fZ', e.created_at / 1000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', e.changed_at / 1000.0, 'unixepoch') AS changed_at,
       e.change_number, e.search_name
  FROM entry e
  LEFT JOIN entry m ON m.id = e.manager_entry
 WHERE e.kind <> 'group' AND e.forward_to IS NULL;

CREATE VIEW contact_addresses AS
SELECT e.uuid AS contact_id, a.kind, a.value, a.folded, a.is_primary,
       (SELECT c.name FROM connector c WHERE c.id = a.connector_id) AS connector,
       e.source, e.status, e.change_number
  FROM address a JOIN entry e ON e.id = a.entry_id
 WHERE e.kind <> 'group' AND e.forward_to IS NULL;

CREATE VIEW former_addresses AS
SELECT e.uuid AS contact_id, a.kind, a.value, a.folded, a.until, e.source, e.status
  FROM former_address a JOIN entry e ON e.id = a.entry_id
 WHERE e.kind <> 'group' AND e.forward_to IS NULL;

CREATE VIEW contact_phones AS
SELECT e.uuid AS contact_id, p.type, p.raw, p.e164, p.extension,
       (SELECT c.name FROM connector c WHERE c.id = p.connector_id) AS connector,
       e.source, e.status, e.change_number, p.kind
  FROM phone p JOIN entry e ON e.id = p.entry_id
 WHERE e.kind <> 'group' AND e.forward_to IS NULL;

CREATE VIEW groups AS
SELECT e.uuid AS id, e.source, e.status, e.display_name, e.description, e.mail, e.mail_nickname,
       e.group_type, e.hidden,
       e.distinguished_name AS on_premises_distinguished_name,
       strftime('%Y-%m-%dT%H:%M:%fZ', e.created_at / 1000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', e.changed_at / 1000.0, 'unixepoch') AS changed_at,
       e.change_number
  FROM entry e
 WHERE e.kind = 'group' AND e.forward_to IS NULL;

CREATE VIEW group_addresses AS
SELECT e.uuid AS group_id, a.kind, a.value, a.folded, a.is_primary,
       (SELECT c.name FROM connector c WHERE c.id = a.connector_id) AS connector,
       e.source, e.status, e.change_number
  FROM address a JOIN entry e ON e.id = a.entry_id
 WHERE e.kind = 'group' AND e.forward_to IS NULL;

CREATE VIEW group_members AS
SELECT g.uuid AS group_id, g.display_name AS group_name,
       m.uuid AS member_id, m.kind AS member_kind, m.display_name AS member_name
  FROM membership ms
  JOIN entry g ON g.id = ms.group_id
  JOIN entry m ON m.id = ms.member_id;

CREATE VIEW contact_labels AS
SELECT DISTINCT m.uuid AS contact_id, lg.label, m.source, m.status
  FROM label_group lg
  JOIN membership ms ON ms.group_id = lg.group_id
  JOIN entry m ON m.id = ms.member_id
 WHERE m.kind <> 'group';

-- The column that is named like the index is what MATCH takes; it has no value of its own.
CREATE VIEW contact_search AS
SELECT e.uuid AS contact_id, e.kind, e.source, e.status, e.display_name, f.word_search AS words
  FROM word_search f CROSS JOIN entry e ON e.id = f.rowid
 WHERE e.kind <> 'group' AND e.forward_to IS NULL;

CREATE VIEW contact_records AS
SELECT e.uuid AS contact_id, c.name AS connector, c.kind AS connector_type, r.anchor,
       r.presence, r.joined_by
  FROM record r
  JOIN connector c ON c.id = r.connector_id
  JOIN entry e ON e.id = r.entry_id;

CREATE VIEW merged_contacts AS
SELECT e.uuid AS id, e.forward_to,
       strftime('%Y-%m-%dT%H:%M:%fZ', e.changed_at / 1000.0, 'unixepoch') AS changed_at,
       e.change_number
  FROM entry e WHERE e.forward_to IS NOT NULL;

CREATE VIEW changes AS
SELECT ch.number, ch.run_id, ch.at, e.uuid AS contact_id, e.kind, ch.operation, ch.field,
       ch.old_value, ch.new_value, ch.connector
  FROM change ch JOIN entry e ON e.id = ch.entry_id
UNION ALL
SELECT ch.number, ch.run_id, ch.at, ch.old_value, ch.new_value, ch.operation, ch.field,
       ch.old_value, NULL, ch.connector
  FROM change ch WHERE ch.entry_id = 0;

CREATE VIEW feed AS
SELECT h.feed_id, h.kept_after AS oldest_position,
       max(h.kept_after, coalesce((SELECT max(ch.number) FROM change ch), 0)) AS newest_position,
       h.at AS complete_since
  FROM history h;

-- What all counts start from is read from an index alone, and once.
CREATE VIEW overview AS
WITH class AS (
  SELECT CASE kind_code
           WHEN 0 THEN 'contact' WHEN 1 THEN 'user' WHEN 2 THEN 'guest' ELSE 'group' END AS kind,
         CASE source_code
           WHEN 0 THEN 'cloud' WHEN 1 THEN 'on_premises' ELSE 'hybrid' END AS source,
         CASE status_code
           WHEN 0 THEN 'active' WHEN 1 THEN 'disabled' ELSE 'deleted' END AS status, hidden, n
    FROM (SELECT kind_code, source_code, status_code, hidden, count(*) AS n FROM entry
           WHERE forward_to IS NULL GROUP BY kind_code, source_code, status_code, hidden))
SELECT 'total' AS topic, 'contacts' AS name, NULL AS id, coalesce(sum(n), 0) AS count FROM class
 WHERE kind <> 'group' AND status <> 'deleted'
UNION ALL
SELECT 'total', 'groups', NULL, coalesce(sum(n), 0) FROM class
 WHERE kind = 'group' AND status <> 'deleted'
UNION ALL
SELECT 'total', 'memberships', NULL, count(*) FROM membership
UNION ALL
SELECT 'source', source, NULL, sum(n) FROM class
 WHERE kind <> 'group' AND status <> 'deleted' GROUP BY source
UNION ALL
SELECT 'status', status, NULL, sum(n) FROM class WHERE kind <> 'group' GROUP BY status
UNION ALL
SELECT 'kind', kind, NULL, sum(n) FROM class WHERE status <> 'deleted' GROUP BY kind
UNION ALL
SELECT 'hidden', CASE hidden WHEN 1 THEN 'hidden' WHEN 0 THEN 'visible' ELSE 'unknown' END, NULL,
       sum(n)
  FROM class WHERE kind <> 'group' AND status <> 'deleted' GROUP BY hidden
UNION ALL
SELECT 'conflict', kind, NULL, count(*) FROM conflicts GROUP BY kind
UNION ALL
SELECT 'label', label, NULL, count(*) FROM contact_labels WHERE status <> 'deleted' GROUP BY label
UNION ALL
SELECT 'group', g.display_name, g.uuid,
       (SELECT count(*) FROM membership ms WHERE ms.group_id = g.id)
  FROM entry g WHERE g.kind_code = 3 AND g.status_code <> 2 AND g.forward_to IS NULL;

CREATE VIEW runs AS
SELECT id, started_at, ended_at, outcome, error, created, updated, deleted, restored, memberships
  FROM run;

CREATE VIEW run_collections AS
SELECT run_id, connector, collection, complete, full_round, error, pages, requests, bytes,
       waited_ms, took_ms, added, updated, removed, unchanged, rejected, units, objects
  FROM run_collection;

CREATE VIEW quarantined AS
SELECT c.name AS connector, l.name AS collection, q.anchor, q.reason, q.at
  FROM quarantine q
  JOIN collection l ON l.id = q.collection_id
  JOIN connector c ON c.id = l.connector_id
UNION ALL
-- Objects that claim what another one of their kind claims: published, each by itself, but what they
-- claim is not believed.
SELECT c.name, l.name, r.anchor, x.evidence, x.since
  FROM conflict x
  JOIN record r ON r.entry_id IN (x.entry_id, x.other_id)
  JOIN collection l ON l.id = r.collection_id
  JOIN connector c ON c.id = r.connector_id
 WHERE x.kind = 'duplicate-anchor' AND r.presence = 'live'
   AND instr(x.evidence || ' ', ' by ' || c.name || '/' || r.anchor || ' ') > 0;

-- Where no directory is read, it is no news that its objects are not seen.
CREATE VIEW conflicts AS
SELECT x.kind, e.uuid AS contact_id, o.uuid AS other_id, x.evidence, x.since, k.remedy
  FROM conflict x
  JOIN conflict_kind k ON k.kind = x.kind
  JOIN entry e ON e.id = x.entry_id
  LEFT JOIN entry o ON o.id = x.other_id AND x.other_id <> 0
 WHERE x.kind <> 'ad-not-seen'
    OR EXISTS (SELECT 1 FROM connector c WHERE c.kind = 'active-directory');
)sql";

/// What leads from schema 1 to 2, and so on. The views are made anew after each upgrade.
constexpr const char* kUpgrades[] = {
    "ALTER TABLE connector ADD COLUMN credential TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE connector ADD COLUMN credential_ends_at TEXT;"
    "ALTER TABLE collection ADD COLUMN full_at TEXT;"
    "UPDATE collection SET full_at = completed_at;"
    "ALTER TABLE run_collection ADD COLUMN units REAL NOT NULL DEFAULT 0;"
    "ALTER TABLE run_collection ADD COLUMN objects INTEGER NOT NULL DEFAULT 0;"
    "INSERT OR IGNORE INTO record_key SELECT 'object:' || r.anchor, r.id FROM record r"
    " JOIN connector c ON c.id = r.connector_id WHERE c.kind = 'entra'"
    " AND r.kind IN ('user', 'group') AND r.presence = 'live';",
    "ALTER TABLE record ADD COLUMN expires_at TEXT;"
    "CREATE INDEX record_expires ON record (expires_at) WHERE expires_at IS NOT NULL;"
    "CREATE TABLE pending_key (key TEXT NOT NULL, record_id INTEGER NOT NULL);",
    "ALTER TABLE collection ADD COLUMN scoped INTEGER NOT NULL DEFAULT 0;"
    "UPDATE collection SET scoped = 1 WHERE connector_id IN"
    " (SELECT id FROM connector WHERE kind = 'active-directory');"
    "DROP TABLE pending_key;",
    "ALTER TABLE collection ADD COLUMN scope TEXT;"
    "ALTER TABLE collection ADD COLUMN rescoped INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE record ADD COLUMN plan_id INTEGER;"
    "ALTER TABLE record ADD COLUMN held_presence TEXT;"
    "ALTER TABLE record ADD COLUMN released INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE plan (number INTEGER PRIMARY KEY AUTOINCREMENT, created_at TEXT NOT NULL,"
    " run_id INTEGER NOT NULL, reason TEXT NOT NULL, connector TEXT NOT NULL,"
    " subject TEXT NOT NULL, text TEXT NOT NULL, policy TEXT NOT NULL,"
    " records INTEGER NOT NULL DEFAULT 0, created INTEGER NOT NULL DEFAULT 0,"
    " updated INTEGER NOT NULL DEFAULT 0, deleted INTEGER NOT NULL DEFAULT 0,"
    " digest TEXT NOT NULL DEFAULT '', stale INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL,"
    " superseded_by INTEGER, decided_at TEXT, decided_run INTEGER);"
    "CREATE INDEX plan_undecided ON plan (state) WHERE state IN ('open', 'rejected');"
    "CREATE INDEX plan_decided ON plan (decided_run) WHERE decided_run IS NOT NULL;"
    "CREATE TABLE last_live (record_id INTEGER PRIMARY KEY, kind TEXT NOT NULL,"
    " attributes TEXT NOT NULL);"
    "CREATE TABLE loss (connector_id INTEGER NOT NULL, kind TEXT NOT NULL, at TEXT NOT NULL,"
    " records INTEGER NOT NULL);"
    "CREATE TABLE active_policy (policy TEXT NOT NULL);"
    // every contact is looked at once for conflicts
    "CREATE TABLE conflict (entry_id INTEGER NOT NULL, kind TEXT NOT NULL,"
    " other_id INTEGER NOT NULL, evidence TEXT NOT NULL, since TEXT NOT NULL,"
    " PRIMARY KEY (entry_id, kind, other_id, evidence)) WITHOUT ROWID;"
    "CREATE INDEX conflict_other ON conflict (other_id) WHERE other_id <> 0;"
    "CREATE TABLE conflict_kind (kind TEXT PRIMARY KEY, remedy TEXT NOT NULL) WITHOUT ROWID;"
    "UPDATE record SET touched = 1 WHERE touched = 0 AND entry_id IS NOT NULL;"
    "CREATE INDEX entry_deleted ON entry (changed_at)"
    " WHERE status = 'deleted' AND forward_to IS NULL;"
    "CREATE INDEX entry_forwards ON entry (forward_to) WHERE forward_to IS NOT NULL;"
    "CREATE TABLE label_group (label TEXT NOT NULL, group_id INTEGER NOT NULL,"
    " PRIMARY KEY (label, group_id)) WITHOUT ROWID;"
    "CREATE INDEX label_of_group ON label_group (group_id);"
    // Phones and names have forms now, which publication makes. Addresses beyond ASCII compare in
    // another way, and records meet on keys that they had not: as after an import that was cut off,
    // all keys are made anew when it is opened (Staging::finish_import).
    "ALTER TABLE entry ADD COLUMN search_name TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE phone ADD COLUMN kind TEXT NOT NULL DEFAULT 'unparsable';"
    "UPDATE address SET folded = fold_address(value) WHERE folded GLOB '*[^ -~]*';"
    "DROP INDEX IF EXISTS record_anchor;",
    // what the index as a product needs
    ""
    // search, which the next publication makes
    "CREATE VIRTUAL TABLE name_search USING fts5 (words, content = '', detail = none,"
    " columnsize = 0, prefix = '1 2 3 4 5 6',"
    " tokenize = \"unicode61 remove_diacritics 2 categories 'L* N* Co M*'\");"
    "CREATE VIRTUAL TABLE word_search USING fts5 (words, content = '', detail = none,"
    " columnsize = 0, prefix = '1 2 3 4 5 6',"
    " tokenize = \"unicode61 remove_diacritics 2 categories 'L* N* Co M*'\");"
    "CREATE TABLE search_word (number INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE,"
    " entries INTEGER NOT NULL);"
    "CREATE TABLE search_state (rules INTEGER NOT NULL, built_to INTEGER NOT NULL,"
    " generation INTEGER NOT NULL);"
    "INSERT INTO search_state (rules, built_to, generation) VALUES (0, 0, 0);"
    // who calls, and who had this address: numbers by their ends, and addresses of before
    "CREATE TABLE former_address (folded TEXT NOT NULL, entry_id INTEGER NOT NULL,"
    " kind TEXT NOT NULL, value TEXT NOT NULL, until TEXT NOT NULL,"
    " PRIMARY KEY (folded, entry_id, kind)) WITHOUT ROWID;"
    "INSERT OR REPLACE INTO former_address (folded, entry_id, kind, value, until)"
    " SELECT fold_address(value), entry_id, kind, value, at FROM (SELECT entry_id, at, number,"
    "  lower(substr(old_value, 1, instr(old_value, ':') - 1)) AS kind,"
    "  substr(old_value, instr(old_value, ':') + 1) AS value FROM change"
    "  WHERE field = 'addresses' AND old_value IS NOT NULL AND entry_id <> 0) gone"
    " WHERE NOT EXISTS (SELECT 1 FROM address a WHERE a.entry_id = gone.entry_id"
    "  AND a.kind = gone.kind AND a.folded = fold_address(gone.value)) ORDER BY number;"
    "CREATE INDEX former_address_of ON former_address (entry_id);"
    "ALTER TABLE phone ADD COLUMN national INTEGER;"
    "UPDATE phone SET national = national_digits(raw) WHERE kind = 'national';"
    "CREATE INDEX phone_by_tail ON phone"
    " (coalesce(CAST(substr(e164, 2) AS INTEGER), national) % 10000000);"
    "CREATE INDEX phone_by_extension ON phone (extension) WHERE extension IS NOT NULL;"
    // the history: what was told before cannot be taken back exactly
    "ALTER TABLE change ADD COLUMN former TEXT;"
    "CREATE TABLE history (feed_id TEXT NOT NULL, kept_after INTEGER NOT NULL, at TEXT,"
    " run_id INTEGER, gone INTEGER NOT NULL);"
    "INSERT INTO history SELECT lower(hex(randomblob(8))), coalesce(max(number), 0), max(at),"
    " max(run_id), coalesce(max(number), 0) - count(*) FROM change;"
    // when the file was looked through, and since when a reader holds its log
    "CREATE TABLE upkeep (what TEXT PRIMARY KEY, at TEXT NOT NULL) WITHOUT ROWID;",
};
static_assert(std::size(kUpgrades) == kSchemaVersion - 1);

/// A function of a text in SQL.
template <std::string (*kFunction)(std::string_view)>
void apply_to_text(sqlite3_context* context, int, sqlite3_value** arguments) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(arguments[0]));
  const std::string result = kFunction(text == nullptr ? "" : text);
  sqlite3_result_text(context, result.data(), static_cast<int>(result.size()), SQLITE_TRANSIENT);
}

int pragma(SQLite::Database& database, const char* name) {
  return database.execAndGet(std::string("PRAGMA ") + name).getInt();
}

bool is_empty(SQLite::Database& database) {
  return database.execAndGet("SELECT count(*) FROM sqlite_schema").getInt() == 0;
}

void drop_views(SQLite::Database& database) {
  std::vector<std::string> names;
  {
    SQLite::Statement views(database, "SELECT name FROM sqlite_schema WHERE type = 'view'");
    while (views.executeStep())
      names.push_back(views.getColumn(0).getString());
  }
  for (const std::string& name : names)
    database.exec("DROP VIEW \"" + name + "\"");
}

void upgrade(SQLite::Database& database, int version) {
  if (version == kSchemaVersion) {
    make_list_indexes(database);  // there were other ones at first
    return;
  }
  database.createFunction("fold_address", 1, true, nullptr, apply_to_text<model::fold_address>);
  database.createFunction("national_digits", 1, true, nullptr,
                          apply_to_text<model::national_digits>);
  drop_views(database);  // a table is not renamed while one shows it
  for (; version < kSchemaVersion; ++version) {
    if (version == 5)
      compact_tables(database);
    database.exec(kUpgrades[version - 1]);
  }
  make_record_indexes(database);
  make_list_indexes(database);
  database.exec(kViews);
  database.exec("PRAGMA user_version = " + std::to_string(kSchemaVersion));
}

/// Of an index; throws for what is none, or is a newer one.
int version_of(SQLite::Database& database, const std::string& file) {
  if (pragma(database, "application_id") != kApplicationId)
    throw Unreadable(file + ": is no gald index; remove it or set index.path to another file");
  const int version = pragma(database, "user_version");
  if (version > kSchemaVersion)
    throw Unreadable(file + ": was written by a newer gald (schema " + std::to_string(version) +
                     ", this one knows " + std::to_string(kSchemaVersion) + "); upgrade gald");
  return version;
}

}  // namespace

void make_anchor_index(SQLite::Database& database) {
  database.exec(
      "CREATE UNIQUE INDEX IF NOT EXISTS record_anchor ON record (connector_id, anchor_key)");
}

void make_record_indexes(SQLite::Database& database) {
  database.exec(
      "CREATE INDEX IF NOT EXISTS record_touched ON record (id) WHERE touched = 1;"
      "CREATE INDEX IF NOT EXISTS record_parent ON record (connector_id, parent)"
      " WHERE parent IS NOT NULL;"
      "CREATE INDEX IF NOT EXISTS record_collection ON record (collection_id, presence_code);"
      "CREATE INDEX IF NOT EXISTS record_expires ON record (expires_at)"
      " WHERE expires_at IS NOT NULL;"
      "CREATE INDEX IF NOT EXISTS record_plan ON record (plan_id, id) WHERE plan_id IS NOT NULL");
}

void make_list_indexes(SQLite::Database& database) {
  // With all that filters look at, so that a page that is far down reads no rows. The id makes the
  // order one of namesakes, too; the class of a contact may change.
  database.exec(
      "DROP INDEX IF EXISTS entry_by_name;"
      "CREATE INDEX IF NOT EXISTS entry_in_order ON entry (display_name COLLATE NOCASE, id,"
      " kind_code, source_code, status_code, hidden, forward_to);"
      "CREATE INDEX IF NOT EXISTS entry_by_change ON entry (change_number, id, kind_code, "
      "source_code,"
      " status_code, hidden, forward_to)");
}

void drop_record_indexes(SQLite::Database& database) {
  for (const char* name :
       {"record_anchor", "record_touched", "record_parent", "record_collection", "record_expires"})
    database.exec(std::string("DROP INDEX IF EXISTS ") + name);
}

void require_schema(SQLite::Database& database, const std::string& file) {
  if (version_of(database, file) < kSchemaVersion)
    throw Unreadable(file +
                     ": was written by an older gald; the next cycle (gald run, or"
                     " gald sync) upgrades it");
}

void prepare_schema(SQLite::Database& database, const std::string& file) {
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  if (!is_empty(database)) {
    upgrade(database, version_of(database, file));
    transaction.commit();
    return;
  }
  database.exec(kTables);
  make_anchor_index(database);
  make_record_indexes(database);
  make_list_indexes(database);
  database.exec(kViews);
  database.exec("PRAGMA application_id = " + std::to_string(kApplicationId));
  database.exec("PRAGMA user_version = " + std::to_string(kSchemaVersion));
  transaction.commit();
}

}  // namespace gald::index
