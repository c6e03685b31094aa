// What becomes of deleted contacts in the end, of contacts that the policy removes, and labels.
#include <algorithm>
#include <set>

#include <SQLiteCpp/SQLiteCpp.h>

#include "index/index.hpp"
#include "index/reader.hpp"
#include "reconcile/reconcile.hpp"
#include "support.hpp"

namespace gald::index {

using model::Change;
using model::Presence;
using model::RecordKind;
using test::anchor;
using test::Attribute;

namespace {

using std::chrono::days;
using Texts = std::vector<std::string>;

const CollectionKey kCloud{"entra", model::ConnectorKind::entra, "all", "v1", false};
const CollectionKey kDirectory{"ad", model::ConnectorKind::active_directory, "directory", "v1",
                               false};

Change object(int number, RecordKind kind, const std::string& name) {
  Change change;
  change.anchor = anchor(number);
  change.kind = kind;
  change.set[Attribute::display_name] = {name};
  return change;
}

Change user(int number, const std::string& name) {
  return object(number, RecordKind::user, name);
}

Change group(int number, const std::string& name, std::vector<std::string> members) {
  Change change = object(number, RecordKind::group, name);
  change.members_added = std::move(members);
  return change;
}

Change gone(int number, Presence presence = Presence::deleted) {
  Change change;
  change.anchor = anchor(number);
  change.presence = presence;
  return change;
}

std::string id_of(int number) {
  return reconcile::entry_id_for(anchor(number));
}

class RetentionTest : public testing::Test {
 protected:
  void apply(const CollectionKey& key, std::vector<Change> changes) {
    index_.position(key);
    index_.apply(key, std::move(changes), {}, model::Cursor{std::to_string(++cursor_), ""}, true);
  }

  model::PublishedCounts publish() {
    clock_.advance(std::chrono::seconds(1));
    return index_.publish(index_.begin_run(), {.policy = policy_, .keep_deleted = days(90)}, {});
  }

  /// The first column of what a statement finds, as a consumer would ask.
  Texts ask(const std::string& sql) const {
    SQLite::Database database(file().string(), SQLite::OPEN_READONLY);
    SQLite::Statement query(database, sql);
    Texts texts;
    while (query.executeStep())
      texts.push_back(query.getColumn(0).getString());
    return texts;
  }

  std::string count(const std::string& table) const {
    return ask("SELECT count(*) FROM " + table).front();
  }

  std::vector<model::Contact> find(int number) const { return Reader(file()).find(id_of(number)); }

  std::filesystem::path file() const { return directory_.path() / "gald.db"; }

  test::TemporaryDirectory directory_;
  base::ManualClock clock_{base::TimePoint(std::chrono::hours(24 * 365 * 50))};
  Index index_{file(), clock_};
  reconcile::Policy policy_;
  int cursor_ = 0;
};

}  // namespace

TEST_F(RetentionTest, NothingOfADeletedContactStaysButItsId) {
  Change ann = user(1, "Ann");
  ann.set[Attribute::proxy_addresses] = {"SMTP:ann@contoso.test"};
  ann.set[Attribute::business_phones] = {"+49 89 1"};
  apply(kCloud, {ann, user(2, "Bob"), group(3, "Staff", {anchor(1), anchor(2)})});
  publish();
  apply(kCloud, {gone(1)});
  publish();
  const Texts before = ask("SELECT max(number) FROM changes");

  clock_.advance(days(89));
  publish();
  ASSERT_EQ(find(1).size(), 1u) << "not yet";
  clock_.advance(days(2));
  publish();

  EXPECT_TRUE(find(1).empty());
  for (const char* table : {"address", "phone"})
    EXPECT_EQ(count(table), "0") << table;
  EXPECT_EQ(count("record"), "2");
  EXPECT_EQ(count("contacts"), "1");
  EXPECT_EQ(ask("SELECT operation FROM changes WHERE contact_id = '" + id_of(1) + "'"),
            (Texts{"purged"}));
  EXPECT_EQ(ask("SELECT kind || ' ' || field || ' ' || coalesce(new_value, 'NULL') FROM changes"
                " WHERE operation = 'purged'"),
            (Texts{"user id NULL"}));
  EXPECT_EQ(ask("SELECT number > " + before.front() + " FROM changes WHERE operation = 'purged'"),
            (Texts{"1"}));
  SQLite::Database database(file().string(), SQLite::OPEN_READONLY);
  SQLite::Statement everything(database, "SELECT attributes FROM record");
  while (everything.executeStep())
    EXPECT_EQ(everything.getColumn(0).getString().find("Ann"), std::string::npos);
}

TEST_F(RetentionTest, WhoComesBackIsANewContactUnderTheSameId) {
  apply(kCloud, {user(1, "Ann")});
  publish();
  apply(kCloud, {gone(1, Presence::soft_deleted)});
  publish();
  clock_.advance(days(91));
  publish();
  ASSERT_TRUE(find(1).empty());

  apply(kCloud, {user(1, "Ann Again")});
  const model::PublishedCounts counts = publish();
  EXPECT_EQ(counts.created, 1);
  EXPECT_EQ(counts.restored, 0);
  ASSERT_EQ(find(1).size(), 1u);
  EXPECT_EQ(find(1).front().entry.values.at(Attribute::display_name), "Ann Again");
  EXPECT_EQ(
      ask("SELECT operation FROM changes WHERE contact_id = '" + id_of(1) + "' ORDER BY number"),
      (Texts{"purged", "created"}));
  EXPECT_EQ(count("contacts"), "1");
}

TEST_F(RetentionTest, WithoutALimitNothingIsPurged) {
  apply(kCloud, {user(1, "Ann")});
  publish();
  apply(kCloud, {gone(1)});
  publish();
  clock_.advance(days(5000));
  index_.publish(index_.begin_run(), {}, {});
  EXPECT_EQ(find(1).size(), 1u);
}

TEST_F(RetentionTest, IdsThatLedToAPurgedContactGoWithIt) {
  // the cloud's contact is published before its AD side is known to be the same
  Change here = object(1, RecordKind::contact, "Ann");
  here.set[Attribute::mail] = {"ann@fabrikam.example"};
  Change there = object(2, RecordKind::contact, "Ann");
  there.set[Attribute::mail] = {"ann@fabrikam.example"};
  apply(kDirectory, {here});
  apply(kCloud, {there});
  publish();
  Change synchronized;
  synchronized.anchor = anchor(2);
  synchronized.set[Attribute::sync_enabled] = {"true"};
  apply(kCloud, {synchronized});
  publish();
  EXPECT_EQ(ask("SELECT id || '>' || forward_to FROM merged_contacts"),
            (Texts{id_of(2) + ">" + id_of(1)}));
  clock_.advance(days(91));
  publish();
  EXPECT_EQ(count("merged_contacts"), "1") << "the contact it leads to is alive";

  apply(kDirectory, {gone(1)});
  apply(kCloud, {gone(2)});
  publish();
  clock_.advance(days(91));
  publish();
  EXPECT_EQ(count("merged_contacts"), "0");
  EXPECT_EQ(count("entry"), "0");
  Texts purged = ask("SELECT contact_id FROM changes WHERE operation = 'purged'");
  std::sort(purged.begin(), purged.end());
  Texts expected = {id_of(1), id_of(2)};
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(purged, expected);
  EXPECT_EQ(count("changes"), "2");
}

TEST_F(RetentionTest, ManyArePurgedInBatches) {
  std::vector<Change> people;
  std::vector<Change> farewells;
  for (int i = 1; i <= 450; ++i) {
    people.push_back(user(i, "User " + std::to_string(i)));
    farewells.push_back(gone(i));
  }
  farewells.pop_back();
  apply(kCloud, people);
  publish();
  apply(kCloud, farewells);
  publish();
  clock_.advance(days(91));
  publish();
  EXPECT_EQ(count("entry"), "1");
  EXPECT_EQ(count("record"), "1");
  EXPECT_EQ(ask("SELECT count(*) FROM changes WHERE operation = 'purged'"), Texts{"449"});
}

TEST_F(RetentionTest, AContactThatThePolicyRemovesLeavesItsGroupsAndItsReports) {
  Change boss = user(1, "Boss");
  boss.set[Attribute::account_enabled] = {"true"};
  Change report = user(2, "Report");
  report.set[Attribute::manager] = {anchor(1)};
  apply(kCloud, {boss, report, group(3, "Board", {anchor(1)})});
  publish();
  ASSERT_EQ(find(2).front().manager_id, id_of(1));

  policy_.disabled_account = reconcile::DisabledAccount::remove;
  boss.set[Attribute::account_enabled] = {"false"};
  apply(kCloud, {boss});
  EXPECT_EQ(publish().deleted, 1);
  EXPECT_EQ(find(1).front().entry.status, model::Status::deleted);
  EXPECT_TRUE(find(1).front().groups.empty());
  EXPECT_EQ(find(2).front().manager_id, "");
  EXPECT_EQ(count("group_members"), "0");

  boss.set[Attribute::account_enabled] = {"true"};
  apply(kCloud, {boss});
  EXPECT_EQ(publish().restored, 1);
  EXPECT_EQ(find(1).front().entry.status, model::Status::active);
  EXPECT_EQ(find(1).front().groups.size(), 1u);
  EXPECT_EQ(find(2).front().manager_id, id_of(1));
}

TEST_F(RetentionTest, WhatTheSourceStillHasIsKnownAfterItsPurge) {
  policy_.disabled_account = reconcile::DisabledAccount::remove;
  Change ann = user(1, "Ann");
  ann.set[Attribute::account_enabled] = {"true"};
  ann.set[Attribute::job_title] = {"Chief"};
  apply(kCloud, {ann});
  publish();
  Change patch;
  patch.anchor = anchor(1);
  patch.set[Attribute::account_enabled] = {"false"};
  apply(kCloud, {patch});
  publish();
  clock_.advance(days(91));
  publish();
  EXPECT_TRUE(find(1).empty());
  EXPECT_EQ(count("record"), "1");

  patch.set[Attribute::account_enabled] = {"true"};
  apply(kCloud, {patch});
  EXPECT_EQ(publish().created, 1);
  ASSERT_EQ(find(1).size(), 1u);
  EXPECT_EQ(find(1).front().entry.values.at(Attribute::job_title), "Chief");
}

// --- labels --------------------------------------------------------------------------------------

TEST_F(RetentionTest, DirectMembersOfTheGroupsBearTheLabel) {
  Change vip = group(10, "VIP customers", {anchor(1), anchor(11)});
  Change board = group(11, "Board", {anchor(2)});
  board.set[Attribute::proxy_addresses] = {"SMTP:Board@contoso.test"};
  apply(kCloud, {user(1, "Ann"), user(2, "Bob"), user(3, "Eve"), vip, board});
  policy_.labels = {{"VIP", {"vip CUSTOMERS", "board@CONTOSO.test"}}, {"Board", {"Board"}}};
  publish();
  EXPECT_EQ(find(1).front().labels, Texts{"VIP"});
  EXPECT_EQ(find(2).front().labels, (Texts{"Board", "VIP"}));
  EXPECT_EQ(find(3).front().labels, Texts());
  EXPECT_EQ(ask("SELECT label || ' ' || contact_id FROM contact_labels ORDER BY 1"),
            (Texts{"Board " + id_of(2), "VIP " + id_of(1), "VIP " + id_of(2)}));

  Change joined;
  joined.anchor = anchor(10);
  joined.members_added = {anchor(3)};
  joined.members_removed = {anchor(1)};
  apply(kCloud, {joined});
  publish();
  EXPECT_EQ(find(1).front().labels, Texts());
  EXPECT_EQ(find(3).front().labels, Texts{"VIP"});

  policy_.labels = {{"Customers", {"VIP customers"}}, {"Nobody", {"no such group"}}};
  publish();
  EXPECT_EQ(find(3).front().labels, Texts{"Customers"});
  EXPECT_EQ(find(2).front().labels, Texts());

  apply(kCloud, {gone(10)});
  publish();
  EXPECT_EQ(count("contact_labels"), "0");
}

TEST_F(RetentionTest, LabelsThatAreAsTheyWereAreNotWritten) {
  apply(kCloud, {user(1, "Ann"), group(10, "VIP", {anchor(1)})});
  policy_.labels = {{"VIP", {"VIP"}}};
  publish();
  SQLite::Database watcher(file().string(), SQLite::OPEN_READONLY);
  const int seen = watcher.execAndGet("PRAGMA data_version").getInt();
  index_.publish(1, {.policy = policy_, .keep_deleted = days(90)}, {});
  EXPECT_EQ(watcher.execAndGet("PRAGMA data_version").getInt(), seen);
}

}  // namespace gald::index
