#include <chrono>
#include <map>
#include <string>

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include "index/index.hpp"
#include "index/reader.hpp"
#include "support.hpp"

namespace gald::index {

using model::Change;
using model::RecordKind;
using test::anchor;
using test::Attribute;

namespace {

const CollectionKey kUsers{"entra", model::ConnectorKind::entra, "users", "v1", false};
const CollectionKey kDirectory{"ad", model::ConnectorKind::active_directory, "directory", "v1",
                               false};

Change object(int number, RecordKind kind, const std::string& name) {
  Change change;
  change.anchor = anchor(number);
  change.kind = kind;
  change.set[Attribute::display_name] = {name};
  return change;
}

class OverviewTest : public testing::Test {
 protected:
  OverviewTest() {
    Change hidden = object(1, RecordKind::contact, "Hidden");
    hidden.set[Attribute::hidden] = {"true"};
    hidden.set[Attribute::proxy_addresses] = {"SMTP:shared@contoso.test"};
    Change visible = object(2, RecordKind::user, "Visible");
    visible.set[Attribute::hidden] = {"false"};
    visible.set[Attribute::proxy_addresses] = {"SMTP:shared@contoso.test"};
    Change disabled = object(3, RecordKind::user, "Disabled");
    disabled.set[Attribute::account_enabled] = {"false"};
    Change gone = object(4, RecordKind::contact, "Gone");
    gone.set[Attribute::hidden] = {"true"};
    Change everybody = object(5, RecordKind::group, "Everybody");
    everybody.members_added = {anchor(1), anchor(2), anchor(3), anchor(6)};
    everybody.set[Attribute::hidden] = {"true"};
    Change nobody = object(6, RecordKind::group, "Nobody");
    Change lost = object(7, RecordKind::group, "Lost");
    publish(kUsers, {hidden, visible, disabled, gone, everybody, nobody, lost});
    publish(kDirectory, {object(8, RecordKind::contact, "On premises")});
    Change removed;
    removed.presence = model::Presence::deleted;
    removed.anchor = anchor(4);
    Change removed_group = removed;
    removed_group.anchor = anchor(7);
    publish(kUsers, {removed, removed_group});
  }

  void publish(const CollectionKey& key, std::vector<Change> changes) {
    index_.position(key);
    index_.apply(key, std::move(changes), {}, model::Cursor{std::to_string(++cursor_), ""}, true);
    clock_.advance(std::chrono::seconds(1));
    Publication how;
    how.policy.labels = {{"VIP", {"Everybody"}}};
    index_.publish(index_.begin_run(), how, {});
  }

  std::filesystem::path file() const { return directory_.path() / "gald.db"; }

  test::TemporaryDirectory directory_;
  base::ManualClock clock_{base::TimePoint(std::chrono::hours(24 * 365 * 50))};
  Index index_{file(), clock_};
  int cursor_ = 0;
};

}  // namespace

TEST_F(OverviewTest, CountsEverythingOnce) {
  SQLite::Database database(file().string(), SQLite::OPEN_READONLY);
  SQLite::Statement query(database, "SELECT topic || ' ' || name, count FROM overview");
  std::map<std::string, int> counts;
  while (query.executeStep())
    EXPECT_TRUE(counts.emplace(query.getColumn(0).getString(), query.getColumn(1).getInt()).second)
        << query.getColumn(0).getString();
  const std::map<std::string, int> expected = {
      {"total contacts", 4},  {"total groups", 2},       {"total memberships", 4},
      {"source cloud", 3},    {"source on_premises", 1}, {"status active", 3},
      {"status disabled", 1}, {"status deleted", 1},     {"kind contact", 2},
      {"kind user", 2},       {"kind group", 2},         {"hidden hidden", 1},
      {"hidden visible", 1},  {"hidden unknown", 2},     {"conflict person-and-contact", 1},
      {"label VIP", 3},       {"group Everybody", 4},    {"group Nobody", 0}};
  EXPECT_EQ(counts, expected);
}

TEST_F(OverviewTest, IsWhatTheReaderTells) {
  const Reader reader(file());
  const Overview overview = reader.overview();
  EXPECT_EQ(overview.hidden, 1);
  EXPECT_EQ(overview.memberships, 4);
  std::int64_t all = 0;
  for (const Overview::Line& line : overview.lines)
    all += line.count;
  EXPECT_EQ(all, 8);
  const std::vector<GroupSize> groups = reader.group_sizes();
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].display_name, "Everybody");
  EXPECT_EQ(groups[0].members, 4);
  EXPECT_EQ(reader.find(groups[1].id).at(0).entry.values.at(Attribute::display_name), "Nobody");
}

TEST_F(OverviewTest, ReadsIndexesOnly) {
  // a table scan would take seconds where a million contacts are
  SQLite::Database database(file().string(), SQLite::OPEN_READONLY);
  SQLite::Statement plan(database, "EXPLAIN QUERY PLAN SELECT * FROM overview");
  bool covered = false;
  while (plan.executeStep()) {
    const std::string step = plan.getColumn(3).getString();
    covered = covered || step.find("COVERING INDEX entry_by_class") != std::string::npos;
    for (const char* table : {"entry", "e", "g", "m", "membership", "ms"})
      EXPECT_FALSE(step.starts_with(std::string("SCAN ") + table) &&
                   step.find("COVERING INDEX") == std::string::npos)
          << step;
  }
  EXPECT_TRUE(covered);
}

}  // namespace gald::index
