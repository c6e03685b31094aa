// Upgrades of files of an older version: what lookups need, and a kill in the middle.
#include <chrono>
#include <csignal>
#include <thread>

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "index/index.hpp"
#include "index/lookup.hpp"
#include "index/reader.hpp"
#include "index/schema.hpp"
#include "schema_5.hpp"
#include "support.hpp"

namespace gald::index {

namespace {

constexpr int kContacts = 5000;

/// Each with a current and a former address, and with a number that says its country and one that
/// does not.
std::string many_contacts() {
  const std::string numbers =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
      " WHERE i < " +
      std::to_string(kContacts) + ") ";
  return "INSERT INTO connector (id, name, kind) VALUES (1, 'entra', 'entra');"
         "INSERT INTO collection (id, connector_id, name, fingerprint) VALUES (1, 1, 'users', "
         "'v1');"
         "INSERT INTO run (id, started_at) VALUES (1, '2026-11-21T05:30:00.000Z');"
         "INSERT INTO record (id, connector_id, collection_id, anchor, kind, presence, attributes,"
         " touched, published_live, entry_id) " +
         numbers +
         "SELECT i, 1, 1, printf('00000000-0000-4000-8000-%012d', i), 'contact', 'live',"
         " json_object('displayName', 'Person ' || i), 0, 1, i FROM n;"
         "INSERT INTO entry (id, uuid, kind, source, status, display_name, origins, created_run,"
         " created_at, changed_at, change_number) " +
         numbers +
         "SELECT i, printf('a3a1b9c0-0000-5000-8000-%012d', i), 'contact', 'cloud', 'active',"
         " 'Person ' || i, '{}', 1, '2026-11-21T05:30:00.001Z', '2026-11-21T05:30:59.999Z', i"
         " FROM n;"
         "INSERT INTO address (entry_id, position, kind, value, folded, is_primary, connector) " +
         numbers +
         "SELECT i, 0, 'smtp', 'P' || i || '@contoso.test', 'p' || i || '@contoso.test', 1, 'entra'"
         " FROM n;"
         "INSERT INTO phone (entry_id, position, type, raw, e164, connector, kind) " +
         numbers +
         "SELECT i, 0, 'business', printf('+49 89 %07d', i), printf('+4989%07d', i), 'entra',"
         " 'international' FROM n;"
         "INSERT INTO phone (entry_id, position, type, raw, connector, kind) " +
         numbers +
         "SELECT i, 1, 'home', printf('(040) %07d', i), 'entra', 'national' FROM n;"
         "INSERT INTO change (run_id, at, entry_id, operation, field, old_value, new_value,"
         " connector) " +
         numbers +
         "SELECT 1, '2026-11-20T05:30:00.000Z', i, 'updated', 'addresses',"
         " 'SMTP:Old' || i || '@Bücher.example', NULL, 'entra' FROM n"
         " UNION ALL SELECT 1, '2026-11-20T05:30:00.000Z', i, 'updated', 'addresses',"
         " 'smtp:P' || i || '@contoso.test', NULL, 'entra' FROM n;";
}

class UpgradeCrashTest : public testing::Test {
 protected:
  UpgradeCrashTest() {
    test::make_schema_5(old_, many_contacts());
    SQLite::Database(old_.string(), SQLite::OPEN_READWRITE).exec("PRAGMA journal_mode = WAL");
  }

  /// A fresh file of the old version.
  std::filesystem::path fresh() {
    const std::filesystem::path file =
        directory_.path() / ("fresh-" + std::to_string(++copies_) + ".db");
    std::filesystem::copy_file(old_, file);
    return file;
  }

  static std::string ask(const std::filesystem::path& file, const std::string& sql) {
    SQLite::Database database(file.string(), SQLite::OPEN_READWRITE);
    return database.execAndGet(sql).getString();
  }

  static std::string found(const std::filesystem::path& file, const std::string& what) {
    std::string text;
    for (const LookupHit& hit : Reader(file).lookup(what, {}))
      text += hit.display_name + " " + std::string(hit.match) + ";";
    return text;
  }

  void expect_upgraded(const std::filesystem::path& file) {
    { const Index index(file, clock_); }
    EXPECT_EQ(ask(file, "PRAGMA user_version"), std::to_string(kSchemaVersion));
    EXPECT_EQ(ask(file, "SELECT count(*) FROM contacts"), std::to_string(kContacts));
    EXPECT_EQ(ask(file, "PRAGMA integrity_check"), "ok");
    EXPECT_EQ(found(file, "+49 89 0004711"), "Person 4711 exact;");
    EXPECT_EQ(found(file, "+49 40 0004712"), "Person 4712 national;");
    EXPECT_EQ(found(file, "old4711@xn--bcher-kva.example"), "Person 4711 former;");
    EXPECT_EQ(found(file, "p4711@contoso.test"), "Person 4711 current;");
    EXPECT_EQ(ask(file, "SELECT count(*) FROM former_addresses"), std::to_string(kContacts));
  }

  test::TemporaryDirectory directory_;
  const std::filesystem::path old_ = directory_.path() / "old.db";
  base::SystemClock clock_;
  int copies_ = 0;
};

}  // namespace

TEST_F(UpgradeCrashTest, AnUpgradedIndexKnowsWhoCallsAndWhoHadAnAddress) {
  expect_upgraded(fresh());
}

TEST_F(UpgradeCrashTest, AKillLeavesTheOldFileOrTheNewOne) {
  using Clock = std::chrono::steady_clock;
  const auto upgrade = [&](const std::filesystem::path& file,
                           std::optional<Clock::duration> kill_after) {
    const Clock::time_point began = Clock::now();
    const pid_t child = fork();
    if (child == 0) {
      try {
        const Index index(file, clock_);
      } catch (...) {
        _exit(1);
      }
      _exit(0);
    }
    if (kill_after) {
      std::this_thread::sleep_for(*kill_after);
      kill(child, SIGKILL);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return std::pair(Clock::now() - began, WIFSIGNALED(status));
  };
  const Clock::duration whole = upgrade(fresh(), {}).first;
  constexpr int kKills = 12;
  int killed = 0;
  for (int i = 0; i < kKills; ++i) {
    const std::filesystem::path file = fresh();
    killed += upgrade(file, whole * i / kKills).second ? 1 : 0;
    const std::string version = ask(file, "PRAGMA user_version");
    EXPECT_TRUE(version == "5" || version == std::to_string(kSchemaVersion)) << version;
    EXPECT_EQ(ask(file, "PRAGMA integrity_check"), "ok");
    EXPECT_EQ(ask(file, "SELECT count(*) FROM entry"), std::to_string(kContacts));
    EXPECT_EQ(ask(file, "SELECT count(*) FROM sqlite_schema WHERE name = 'former_address'"),
              version == "5" ? "0" : "1");
    expect_upgraded(file);
  }
  EXPECT_GE(killed, kKills / 3);
}

}  // namespace gald::index
