// Files of older versions.
#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include "index/index.hpp"
#include "index/reader.hpp"
#include "schema_5.hpp"
#include "support.hpp"

namespace gald::index {

using model::Change;
using model::Presence;
using model::RecordKind;
using test::anchor;
using test::Attribute;

namespace {

const CollectionKey kUsers{"entra", model::ConnectorKind::entra, "users", "v1", false};
const CollectionKey kDirectory{"ad", model::ConnectorKind::active_directory, "directory", "v1",
                               false};

/// Takes away what schema 5 added.
constexpr const char* kToSchema4 =
    "DROP TABLE conflict; DROP TABLE conflict_kind;"
    "DROP TABLE plan; DROP TABLE last_live; DROP TABLE loss; DROP TABLE active_policy;"
    "DROP TABLE label_group; DROP INDEX entry_deleted; DROP INDEX entry_forwards;"
    "DROP INDEX record_plan;"
    "ALTER TABLE record DROP COLUMN released;"
    "ALTER TABLE record DROP COLUMN held_presence;"
    "ALTER TABLE record DROP COLUMN plan_id;"
    "ALTER TABLE collection DROP COLUMN scope;"
    "ALTER TABLE collection DROP COLUMN rescoped;"
    "ALTER TABLE entry DROP COLUMN search_name;"
    "ALTER TABLE phone DROP COLUMN kind;"
    "PRAGMA user_version = 4;";

constexpr const char* kToSchema1 =
    "ALTER TABLE connector DROP COLUMN credential;"
    "ALTER TABLE connector DROP COLUMN credential_ends_at;"
    "ALTER TABLE collection DROP COLUMN full_at;"
    "ALTER TABLE run_collection DROP COLUMN units;"
    "ALTER TABLE run_collection DROP COLUMN objects;"
    "DROP INDEX record_expires;"
    "ALTER TABLE collection DROP COLUMN scoped;"
    "ALTER TABLE record DROP COLUMN expires_at;"
    "PRAGMA user_version = 1;";

constexpr const char* kConnectors =
    "INSERT INTO connector (id, name, kind) VALUES (1, 'entra', 'entra'),"
    " (2, 'ad', 'active-directory');"
    "INSERT INTO collection (id, connector_id, name, fingerprint, position, full_round,"
    " completed_at, full_at) VALUES"
    " (1, 1, 'users', 'v1', 'c1', 0, '2026-11-21T05:30:00.000Z', '2026-11-21T05:30:00.000Z'),"
    " (2, 2, 'directory', 'v1', 'd1', 0, '2026-11-21T05:30:00.000Z', '2026-11-21T05:30:00.000Z');"
    "INSERT INTO run (id, started_at, ended_at, outcome) VALUES"
    " (1, '2026-11-21T05:30:00.000Z', '2026-11-21T05:31:00.000Z', 'complete');";

class UpgradeTest : public testing::Test {
 protected:
  std::filesystem::path file() const { return directory_.path() / "gald.db"; }

  std::string ask(const std::string& sql) const {
    SQLite::Database database(file().string(), SQLite::OPEN_READONLY);
    return database.execAndGet(sql).getString();
  }

  model::PublishedCounts publish(Index& index) {
    clock_.advance(std::chrono::seconds(1));
    return index.publish(index.begin_run(), {}, {});
  }

  static Change of(int number, RecordKind kind, model::Attributes attributes) {
    Change change;
    change.anchor = anchor(number);
    change.kind = kind;
    change.set = std::move(attributes);
    return change;
  }

  test::TemporaryDirectory directory_;
  base::ManualClock clock_{*base::parse_iso8601("2026-11-28T05:30:00.000Z")};
};

}  // namespace

TEST_F(UpgradeTest, TheFirstSchemaIsUpgradedInPlace) {
  test::make_schema_5(file(),
                      std::string(kToSchema4) + kToSchema1 +
                          "INSERT INTO connector (id, name, kind) VALUES (1, 'entra', 'entra');"
                          "INSERT INTO collection (connector_id, name, fingerprint, completed_at)"
                          " VALUES (1, 'users', 'f', '2026-11-21T05:30:00.000Z');");
  try {
    const Reader reader(file());
    ADD_FAILURE() << "an older file was read";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("older gald"), std::string::npos) << error.what();
  }
  { const Index index(file(), clock_); }
  EXPECT_EQ(Reader(file()).collections().at(0).last_success, "2026-11-21T05:30:00.000Z");
  EXPECT_EQ(ask("SELECT full_at FROM collection"), "2026-11-21T05:30:00.000Z");
  EXPECT_EQ(ask("SELECT count(units) FROM run_collections"), "0");
}

/// Addresses beyond ASCII compare in another way than before schema 5, and phones have forms.
TEST_F(UpgradeTest, WhatIsPublishedGetsItsForms) {
  const std::string id = "a3a1b9c0-0000-5000-8000-000000000001";
  test::make_schema_5(
      file(),
      std::string(kToSchema4) + kConnectors +
          "INSERT INTO record (id, connector_id, collection_id, anchor, kind, presence, attributes,"
          " touched, published_live, entry_id) VALUES (1, 1, 1, '" +
          anchor(1) +
          "', 'contact', 'live', '{\"businessPhones\":[\"089 1234567\",\"4711\"],"
          "\"countryOrRegion\":\"Germany\",\"displayName\":\"Jörg Müller\",\"proxyAddresses\":"
          "[\"SMTP:JÖRG@Bücher.example\",\"smtp:joerg@contoso.test\",\"X500:/o=C/cn=JÖRG\"]}',"
          " 0, 1, 1);"
          "INSERT INTO record_key VALUES ('smtp:jÖrg@bücher.example', 1),"
          " ('smtp:joerg@contoso.test', 1), ('x500:/o=c/cn=jÖrg', 1);"
          "INSERT INTO entry (id, uuid, kind, source, status, display_name, country_or_region,"
          " origins, created_run, created_at, changed_at, change_number) VALUES (1, '" +
          id +
          "', 'contact', 'cloud', 'active', 'Jörg Müller', 'Germany',"
          " '{\"countryOrRegion\":\"entra\",\"displayName\":\"entra\"}', 1,"
          " '2026-11-21T05:30:00.001Z', '2026-11-21T05:30:59.999Z', 1);"
          "INSERT INTO address VALUES"
          " (1, 0, 'smtp', 'JÖRG@Bücher.example', 'jÖrg@bücher.example', 1, 'entra'),"
          " (1, 1, 'smtp', 'joerg@contoso.test', 'joerg@contoso.test', 0, 'entra'),"
          " (1, 2, 'x500', '/o=C/cn=JÖRG', '/o=c/cn=jÖrg', 0, 'entra');"
          "INSERT INTO phone (entry_id, position, type, raw, connector) VALUES"
          " (1, 0, 'business', '089 1234567', 'entra'), (1, 1, 'business', '4711', 'entra');");
  Index index(file(), clock_);
  index.position(kUsers);
  EXPECT_EQ(publish(index).updated, 1);
  EXPECT_EQ(ask("SELECT search_name FROM contacts"), "jorg muller joerg mueller");
  EXPECT_EQ(ask("SELECT created_at FROM contacts"), "2026-11-21T05:30:00.001Z");
  EXPECT_EQ(ask("SELECT group_concat(folded, ' ') FROM (SELECT folded FROM contact_addresses"
                " ORDER BY folded)"),
            "/o=c/cn=jörg joerg@contoso.test jörg@xn--bcher-kva.example");
  EXPECT_EQ(ask("SELECT group_concat(kind || ':' || coalesce(e164, extension), ' ')"
                " FROM contact_phones"),
            "international:+49891234567 internal:4711");

  // an address is found in its new form
  index.apply(kUsers,
              {of(2, RecordKind::contact,
                  {{Attribute::display_name, {"Somebody Else"}},
                   {Attribute::proxy_addresses, {"SMTP:jörg@xn--bcher-kva.example"}}})},
              {}, model::Cursor{"c2", ""}, true);
  EXPECT_EQ(publish(index).created, 1);
  EXPECT_NE(ask("SELECT group_concat(evidence) FROM conflicts").find("jörg@xn--bcher-kva.example"),
            std::string::npos)
      << ask("SELECT group_concat(kind || ': ' || evidence) FROM conflicts");
}

namespace {

/// A person in both directories, a group with her, a contact that is gone, and one that a plan
/// holds.
std::string a_company() {
  const auto record = [](int id, int source, const std::string& kind, const std::string& presence,
                         const std::string& attributes, int entry, const std::string& joined_by) {
    return "INSERT INTO record (id, connector_id, collection_id, anchor, kind, presence,"
           " attributes, touched, published_live, entry_id, joined_by) VALUES (" +
           std::to_string(id) + ", " + std::to_string(source) + ", " + std::to_string(source) +
           ", '" + anchor(id) + "', '" + kind + "', '" + presence + "', '" + attributes + "', 0, " +
           (presence == "live" ? "1" : "0") + ", " + std::to_string(entry) + ", '" + joined_by +
           "');";
  };
  const auto entry = [](int id, const std::string& kind, const std::string& source,
                        const std::string& status, const std::string& name,
                        const std::string& more_columns, const std::string& more_values) {
    return "INSERT INTO entry (id, uuid, kind, source, status, display_name, created_run,"
           " created_at, changed_at, change_number, search_name, origins" +
           more_columns + ") VALUES (" + std::to_string(id) +
           ", 'a3a1b9c0-0000-5000-8000-00000000000" + std::to_string(id) + "', '" + kind + "', '" +
           source + "', '" + status + "', '" + name +
           "', 1, '2026-11-21T05:30:00.001Z', '2026-11-21T05:30:59.999Z', " + std::to_string(id) +
           ", lower('" + name + "')" + more_values + ");";
  };
  return kConnectors +
         record(1, 2, "user", "live",
                R"({"displayName":"Ann Adams","mail":"Ann@contoso.test",)"
                R"("msDsConsistencyGuid":"AQIDBAUGBwgJCgsMDQ4PEA==",)"
                R"("proxyAddresses":["SMTP:Ann@contoso.test","smtp:aa@contoso.test"]})",
                1, "") +
         record(2, 1, "user", "live",
                R"({"displayName":"Ann Adams","onPremisesImmutableId":"AQIDBAUGBwgJCgsMDQ4PEA==",)"
                R"("onPremisesSyncEnabled":"true"})",
                1, "immutable-id") +
         record(3, 1, "group", "live", R"({"displayName":"Staff"})", 2, "") +
         record(4, 1, "contact", "absent", "{}", 3, "") +
         record(5, 1, "contact", "live", R"({"displayName":"Zoe"})", 4, "") +
         "UPDATE record SET presence = 'absent', attributes = '{}', plan_id = 1,"
         " held_presence = 'absent' WHERE id = 5;"
         "INSERT INTO last_live VALUES (5, 'contact', '{\"displayName\":\"Zoe\"}');"
         "INSERT INTO plan (number, created_at, run_id, reason, connector, subject, text, policy,"
         " state) VALUES (1, '2026-11-21T05:30:00.000Z', 1, 'too-many', 'entra', 'contact', 'many',"
         " '', 'open');"
         "INSERT INTO record_member VALUES (3, '" +
         anchor(2) + "'); INSERT INTO membership VALUES (2, 1);" +
         entry(1, "user", "hybrid", "active", "Ann Adams", ", mail",
               R"(, '{"displayName":"ad","mail":"ad","status":"ad"}', 'Ann@contoso.test')") +
         entry(2, "group", "cloud", "active", "Staff", "", R"(, '{"displayName":"entra"}')") +
         entry(3, "contact", "cloud", "deleted", "Old", "", R"(, '{"displayName":"entra"}')") +
         entry(4, "contact", "cloud", "active", "Zoe", "", R"(, '{"displayName":"entra"}')") +
         "INSERT INTO address VALUES (1, 0, 'smtp', 'Ann@contoso.test', 'ann@contoso.test', 1,"
         " 'ad'), (1, 1, 'smtp', 'aa@contoso.test', 'aa@contoso.test', 0, 'ad');"
         "INSERT INTO change (run_id, at, entry_id, operation, field, new_value, connector)"
         " SELECT 1, created_at, id, 'created', 'status', status, 'entra' FROM entry;";
}

}  // namespace

TEST_F(UpgradeTest, Schema5KeepsWhatItHas) {
  test::make_schema_5(file(), a_company());
  Index index(file(), clock_);
  EXPECT_EQ(ask("SELECT group_concat(id || '|' || display_name || '|' || created_at || '|' ||"
                " changed_at, ' ') FROM (SELECT * FROM contacts ORDER BY display_name)"),
            "a3a1b9c0-0000-5000-8000-000000000001|Ann Adams|2026-11-21T05:30:00.001Z|"
            "2026-11-21T05:30:59.999Z a3a1b9c0-0000-5000-8000-000000000003|Old|"
            "2026-11-21T05:30:00.001Z|2026-11-21T05:30:59.999Z "
            "a3a1b9c0-0000-5000-8000-000000000004|Zoe|2026-11-21T05:30:00.001Z|"
            "2026-11-21T05:30:59.999Z");
  EXPECT_EQ(ask("SELECT group_concat(value || '|' || folded || '|' || kind || '|' || connector,"
                " ' ') FROM (SELECT * FROM contact_addresses ORDER BY value)"),
            "Ann@contoso.test|ann@contoso.test|smtp|ad aa@contoso.test|aa@contoso.test|smtp|ad");
  EXPECT_EQ(ask("SELECT group_concat(anchor || '|' || presence || '|' || joined_by, ' ') FROM"
                " (SELECT * FROM contact_records WHERE contact_id LIKE '%1' ORDER BY connector)"),
            anchor(1) + "|live| " + anchor(2) + "|live|immutable-id");
  const std::vector<model::Contact> ann = Reader(file()).find("ANN@contoso.test");
  ASSERT_EQ(ann.size(), 1u);
  EXPECT_EQ(ann[0].entry.origins.at("displayName"), "ad");
  EXPECT_EQ(ann[0].changed_at, "2026-11-21T05:30:59.999Z");
  ASSERT_EQ(ann[0].groups.size(), 1u);

  // what the source says again is known: the anchors, the keys and the attributes
  const model::StagedCounts counts = index.apply(
      kDirectory,
      {of(1, RecordKind::user,
          {{Attribute::display_name, {"Ann Adams"}},
           {Attribute::mail, {"Ann@contoso.test"}},
           {Attribute::consistency_guid, {"AQIDBAUGBwgJCgsMDQ4PEA=="}},
           {Attribute::proxy_addresses, {"SMTP:Ann@contoso.test", "smtp:aa@contoso.test"}}})},
      {}, model::Cursor{"d2", ""}, true);
  EXPECT_EQ(counts.unchanged, 1);
  EXPECT_EQ(publish(index).total(), 0);
}

/// Entries have their times as numbers, which the views show as text.
TEST_F(UpgradeTest, TimesAreShownToTheMillisecond) {
  test::make_schema_5(file(), a_company());
  { const Index index(file(), clock_); }
  SQLite::Database database(file().string(), SQLite::OPEN_READWRITE);
  SQLite::Statement set(database, "UPDATE entry SET changed_at = ?1 WHERE id = 1");
  SQLite::Statement get(database, "SELECT changed_at FROM contacts WHERE id LIKE '%1'");
  std::int64_t time = 0;
  for (int i = 0; i < 5000; ++i) {
    time += i < 2000 ? 1 : 1'234'567'891;
    set.bind(1, time);
    set.exec();
    set.reset();
    get.executeStep();
    ASSERT_EQ(get.getColumn(0).getString(),
              base::to_iso8601(base::TimePoint(std::chrono::milliseconds(time))));
    get.reset();
  }
}

/// What a plan holds is kept as it was, and can be let go.
TEST_F(UpgradeTest, HeldPlansSurvive) {
  test::make_schema_5(file(), a_company());
  Index index(file(), clock_);
  const std::vector<model::StagedRecord> records =
      Reader(file()).records(Reader(file()).find("Zoe").at(0).entry, clock_.now());
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].presence, Presence::live);
  EXPECT_EQ(first_value(records[0].attributes, Attribute::display_name), "Zoe");
}

/// A table that is written twice, in the schema and in an upgrade, must not come to be two tables.
TEST_F(UpgradeTest, AnUpgradedFileIsShapedLikeANewOne) {
  const auto shape = [&] {
    return ask(
        "SELECT group_concat(line, char(10)) FROM ("
        " SELECT 'table ' || m.name || ':' || (SELECT group_concat(x.name, ' ') FROM"
        "   (SELECT name FROM pragma_table_xinfo(m.name) ORDER BY name) x) AS line"
        "  FROM sqlite_schema m WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'"
        " UNION ALL SELECT 'index ' || m.tbl_name || '.' || m.name || ':' || (SELECT"
        "   group_concat(coalesce(x.name, '()'), ' ') FROM pragma_index_xinfo(m.name) x"
        "   WHERE x.key = 1) || CASE WHEN m.sql LIKE '% WHERE %' THEN substr(m.sql,"
        "   instr(m.sql, ' WHERE ')) ELSE '' END"
        "  FROM sqlite_schema m WHERE m.type = 'index' AND m.sql IS NOT NULL"
        " UNION ALL SELECT 'view ' || m.sql FROM sqlite_schema m WHERE m.type = 'view'"
        " ORDER BY 1)");
  };
  { const Index index(file(), clock_); }
  const std::string fresh = shape();
  ASSERT_NE(fresh.find("index phone.phone_by_tail:()"), std::string::npos) << fresh;
  for (const std::string& older : {std::string(), std::string(kToSchema4) + kToSchema1}) {
    for (const char* suffix : {"", "-wal", "-shm"})
      std::filesystem::remove(file().string() + suffix);
    test::make_schema_5(file(), older);
    { const Index index(file(), clock_); }
    EXPECT_EQ(shape(), fresh);
  }
}

}  // namespace gald::index
