// What staging concludes by itself: scope, the end of accounts, and complete reads that cannot be
// believed.
#include <set>

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include "index/index.hpp"
#include "index/key_buffer.hpp"
#include "index/reader.hpp"
#include "support.hpp"

namespace gald::index {

using model::Change;
using model::Presence;
using model::RecordKind;
using test::anchor;
using test::Attribute;

namespace {

CollectionKey directory(std::vector<RecordKind> left_out = {}) {
  CollectionKey key{"ad", model::ConnectorKind::active_directory, "directory", "v1", false};
  key.plausible_share = 0.5;
  key.kinds_left_out = std::move(left_out);
  return key;
}

const CollectionKey kCloud{"entra", model::ConnectorKind::entra, "contacts", "v1", false};

Change container(int number, int parent, const char* rule = "") {
  Change change;
  change.anchor = anchor(number);
  change.kind = RecordKind::container;
  const std::string name = "OU=u" + std::to_string(number);
  change.set[Attribute::rdn] = {name};
  change.set[Attribute::distinguished_name] = {name};
  if (parent != 0)
    change.set[Attribute::parent] = {anchor(parent)};
  if (*rule != '\0')
    change.set[Attribute::scope] = {rule};
  else
    change.cleared = {Attribute::scope};
  return change;
}

Change object(int number, int parent, RecordKind kind = RecordKind::contact) {
  Change change;
  change.anchor = anchor(number);
  change.kind = kind;
  const std::string name = "n" + std::to_string(number);
  change.set[Attribute::display_name] = {name};
  change.set[Attribute::mail] = {name + "@x.test"};
  change.set[Attribute::rdn] = {"CN=" + name};
  change.set[Attribute::parent] = {anchor(parent)};
  return change;
}

class ScopeTest : public testing::Test {
 protected:
  ScopeTest() : index_(file(), clock_) {}

  std::filesystem::path file() const { return place_.path() / "gald.db"; }

  model::StagedCounts apply(std::vector<Change> changes, const CollectionKey& key = directory()) {
    index_.position(key);
    return index_.apply(key, changes, {}, model::Cursor{"c" + std::to_string(++cursor_), ""}, true);
  }

  model::PublishedCounts publish() {
    clock_.advance(std::chrono::seconds(1));
    return index_.publish(index_.begin_run(), {}, {});
  }

  /// Names of the contacts that are not deleted.
  std::set<std::string> names() const {
    std::set<std::string> found;
    Reader(file()).contacts({}, [&](const model::Contact& contact) {
      if (contact.entry.status != model::Status::deleted)
        found.insert(contact.entry.values.at(Attribute::display_name));
      return true;
    });
    return found;
  }

  std::string presence(int number) const {
    std::string found = "none";
    ContactFilter everything;
    everything.with_deleted = true;
    Reader(file()).contacts(everything, [&](const model::Contact& contact) {
      for (const model::RecordLink& record : contact.records)
        if (record.anchor == anchor(number))
          found = to_string(record.presence);
      return true;
    });
    return found;
  }

  std::string status(const std::string& name) const {
    std::string found = "none";
    Reader(file()).contacts({}, [&](const model::Contact& contact) {
      if (contact.entry.values.at(Attribute::display_name) == name)
        found = to_string(contact.entry.status);
      return true;
    });
    return found;
  }

  using Names = std::set<std::string>;

  test::TemporaryDirectory place_;
  base::ManualClock clock_{base::TimePoint(std::chrono::hours(24 * 365 * 50))};
  Index index_;
  int cursor_ = 0;
};

}  // namespace

TEST_F(ScopeTest, TheNearestRuleAboveDecides) {
  // children before parents, as Samba sends them
  apply({object(10, 1), object(11, 2), object(12, 3), object(13, 4), object(14, 5), container(5, 4),
         container(4, 2, "in"), container(3, 1, "out"), container(2, 1, "out"), container(1, 0)});
  publish();
  EXPECT_EQ(names(), (Names{"n10", "n13", "n14"}));
}

TEST_F(ScopeTest, AMoveOutOfTheScopeIsNoDeletion) {
  apply({container(1, 0, "out"), container(2, 1, "in"), container(3, 1), object(10, 2)});
  publish();
  EXPECT_EQ(names(), Names{"n10"});

  Change move;
  move.anchor = anchor(10);
  move.set[Attribute::parent] = {anchor(3)};
  apply({move});
  publish();
  EXPECT_EQ(names(), Names{});
  EXPECT_EQ(presence(10), "out_of_scope");

  move.set[Attribute::parent] = {anchor(2)};
  apply({move});
  const auto counts = publish();
  EXPECT_EQ(counts.restored, 1) << "the same contact, with what was known of it";
  EXPECT_EQ(names(), Names{"n10"});
  EXPECT_EQ(presence(10), "live");
}

TEST_F(ScopeTest, AnOuTakesAlongWhatIsBelowIt) {
  apply({container(1, 0), container(2, 1, "out"), container(3, 1), container(4, 3), object(10, 4),
         object(11, 4), object(12, 1)});
  publish();
  EXPECT_EQ(names(), (Names{"n10", "n11", "n12"}));
  apply({container(3, 2)});
  publish();
  EXPECT_EQ(names(), Names{"n12"});
  apply({container(3, 1)});
  EXPECT_EQ(publish().restored, 2);
}

TEST_F(ScopeTest, AnObjectMayBeLeftOutByItself) {
  Change left_out = object(10, 1);
  left_out.set[Attribute::scope] = {"out"};
  apply({container(1, 0), left_out, object(11, 1)});
  publish();
  EXPECT_EQ(names(), Names{"n11"});
  Change taken;
  taken.anchor = anchor(10);
  taken.cleared = {Attribute::scope};
  apply({taken});
  publish();
  EXPECT_EQ(names(), (Names{"n10", "n11"}));
}

TEST_F(ScopeTest, ACloudRecordKeepsTheContactAlive) {
  Change cloud = object(20, 0);
  cloud.set = {{Attribute::display_name, {"cloud"}},
               {Attribute::mail, {"n10@x.test"}},
               {Attribute::sync_enabled, {"true"}}};
  apply({container(1, 0), container(2, 1, "out"), object(10, 1)});
  apply({cloud}, kCloud);
  publish();
  EXPECT_EQ(names(), Names{"n10"}) << "one contact of both";
  Change move;
  move.anchor = anchor(10);
  move.set[Attribute::parent] = {anchor(2)};
  apply({move});
  const auto counts = publish();
  EXPECT_EQ(counts.deleted, 0);
  EXPECT_EQ(names(), Names{"cloud"});
}

TEST_F(ScopeTest, ACompleteReadOverWhatIsOutOfScopeChangesNothing) {
  const std::vector<Change> all = {container(1, 0, "out"), container(2, 1, "in"), object(10, 1),
                                   object(11, 2)};
  apply(all);
  publish();
  index_.restart(directory());
  const auto counts = apply(all);
  EXPECT_EQ(counts.unchanged, 4);
  EXPECT_EQ(counts.updated + counts.added + counts.removed, 0);
  EXPECT_EQ(publish().total(), 0);
}

TEST_F(ScopeTest, WhatIsOutOfScopeCanStillVanish) {
  apply({container(1, 0, "out"), object(10, 1)});
  publish();
  index_.restart(directory());
  EXPECT_EQ(apply({container(1, 0, "out")}).removed, 1);
}

TEST_F(ScopeTest, KindsThatAreNoLongerReadAreOutOfScope) {
  apply({container(1, 0), object(10, 1), object(11, 1, RecordKind::user)});
  publish();
  index_.restart(directory());
  const CollectionKey narrower = directory({RecordKind::user});
  EXPECT_EQ(apply({container(1, 0), object(10, 1)}, narrower).removed, 1);
  publish();
  EXPECT_EQ(names(), Names{"n10"});
  EXPECT_EQ(presence(11), "out_of_scope");

  index_.restart(narrower);
  EXPECT_EQ(apply({container(1, 0), object(10, 1)}, narrower).removed, 0) << "said once";
  index_.restart(directory());
  apply({container(1, 0), object(10, 1), object(11, 1, RecordKind::user)});
  EXPECT_EQ(publish().restored, 1);
}

TEST_F(ScopeTest, AnAccountEndsByItself) {
  const base::TimePoint end = clock_.now() + std::chrono::hours(10);
  Change expiring = object(10, 1, RecordKind::user);
  expiring.set[Attribute::account_expires] = {base::to_iso8601(end)};
  apply({container(1, 0), expiring});
  publish();
  EXPECT_EQ(status("n10"), "active");
  clock_.advance(std::chrono::hours(9));
  EXPECT_EQ(publish().total(), 0);
  clock_.advance(std::chrono::hours(1));
  EXPECT_EQ(publish().updated, 1) << "the directory sent nothing";
  EXPECT_EQ(status("n10"), "disabled");
  EXPECT_EQ(publish().total(), 0) << "once";

  Change extended;
  extended.anchor = anchor(10);
  extended.set[Attribute::account_expires] = {
      base::to_iso8601(clock_.now() + std::chrono::hours(1))};
  apply({extended});
  publish();
  EXPECT_EQ(status("n10"), "active");
  extended.set.clear();
  extended.cleared = {Attribute::account_expires};
  apply({extended});
  clock_.advance(std::chrono::hours(2));
  publish();
  EXPECT_EQ(status("n10"), "active");
}

TEST_F(ScopeTest, ACompleteReadThatSeesFarLessIsNotBelieved) {
  std::vector<Change> all = {container(1, 0)};
  for (int i = 0; i < 39; ++i)
    all.push_back(object(100 + i, 1));
  apply(all);
  publish();
  const auto first = [&all](std::ptrdiff_t count) {
    return std::vector<Change>(all.begin(), all.begin() + count);
  };

  index_.restart(directory());
  const auto counts = apply(first(19));
  EXPECT_EQ(counts.held, 21);
  EXPECT_EQ(counts.known, 40);
  EXPECT_EQ(counts.removed, 0);
  EXPECT_EQ(publish().total(), 0);
  const Position again = index_.position(directory());
  EXPECT_TRUE(again.full);
  EXPECT_EQ(again.cursor.position, "") << "from the beginning";

  EXPECT_EQ(apply(first(20)).held, 0);
  EXPECT_EQ(publish().deleted, 20);
}

TEST_F(ScopeTest, AHandfulMayAlwaysGo) {
  std::vector<Change> all = {container(1, 0)};
  for (int i = 0; i < 10; ++i)
    all.push_back(object(100 + i, 1));
  apply(all);
  publish();
  index_.restart(directory());
  EXPECT_EQ(apply({container(1, 0)}).held, 0);
  EXPECT_EQ(publish().deleted, 10);
}

/// What a cycle after the first looks into, and the keys by which records meet.
class ImportTest : public ScopeTest {
 protected:
  static std::string keys_and_indexes(const std::filesystem::path& index_file) {
    SQLite::Database database(index_file.string(), SQLite::OPEN_READONLY);
    std::string text;
    SQLite::Statement keys(database,
                           "SELECT k.key || ' ' || r.anchor FROM record_key k"
                           " JOIN record r ON r.id = k.record_id ORDER BY 1");
    while (keys.executeStep())
      text += keys.getColumn(0).getString() + "\n";
    SQLite::Statement indexes(database,
                              "SELECT name FROM sqlite_schema WHERE type = 'index'"
                              " AND tbl_name = 'record' ORDER BY 1");
    while (indexes.executeStep())
      text += indexes.getColumn(0).getString() + "\n";
    return text;
  }

  static std::vector<Change> everybody() {
    std::vector<Change> all = {container(1, 0)};
    for (int i = 0; i < 30; ++i)
      all.push_back(object(100 + i, 1));
    return all;
  }

  /// How an index looks that got everybody in one page.
  std::string truth() {
    apply(everybody());
    publish();
    return keys_and_indexes(file());
  }
};

TEST_F(ImportTest, WhatIsPutOffIsThereInTheEnd) {
  const std::string all = truth();
  for (const char* name :
       {"record_anchor", "record_touched", "record_parent", "record_collection", "record_expires"})
    EXPECT_NE(all.find(name), std::string::npos) << name;
  EXPECT_NE(all.find(std::to_string(key_hash("smtp:n129@x.test"))), std::string::npos);
}

TEST_F(ImportTest, OneThatWasCutOffIsFinishedByTheNextProcess) {
  const std::string expected = truth();
  test::TemporaryDirectory place;
  const auto cut_off = place.path() / "gald.db";
  const std::vector<Change> all = everybody();
  {
    Index index(cut_off, clock_);
    index.position(directory());
    index.apply(directory(), {all.begin(), all.begin() + 20}, {}, model::Cursor{"half", ""}, false);
  }
  Index index(cut_off, clock_);
  EXPECT_EQ(index.position(directory()).cursor.position, "half");
  index.apply(directory(), {all.begin() + 15, all.end()}, {}, model::Cursor{"all", ""}, true);
  index.publish(index.begin_run(), {}, {});
  EXPECT_EQ(keys_and_indexes(cut_off), expected);
}

TEST_F(ImportTest, TheLastWordOfAnObjectCounts) {
  std::vector<Change> all = everybody();
  Change first = object(100, 1);
  first.set[Attribute::mail] = {"old@x.test"};
  first.set[Attribute::job_title] = {"x"};
  all.insert(all.begin(), first);
  index_.position(directory());
  EXPECT_EQ(index_.apply(directory(), all, {}, model::Cursor{"c", ""}, true).added, 31);
  publish();
  const std::string found = keys_and_indexes(file());
  EXPECT_EQ(found.find(std::to_string(key_hash("smtp:old@x.test"))), std::string::npos)
      << "a key that nobody has any more";
  EXPECT_NE(found.find(std::to_string(key_hash("smtp:n100@x.test"))), std::string::npos);
  EXPECT_EQ(names().size(), 30u);
}

TEST_F(ScopeTest, AWholeChangeReplacesInADeltaRoundToo) {
  Change change = object(10, 1);
  change.set[Attribute::job_title] = {"x"};
  apply({container(1, 0), change});
  Change whole = object(10, 1);
  whole.whole = true;
  EXPECT_EQ(apply({whole}).updated, 1);
  publish();
  Reader(file()).contacts({}, [&](const model::Contact& contact) {
    EXPECT_FALSE(contact.entry.values.contains(Attribute::job_title));
    return true;
  });
}

TEST_F(ScopeTest, GroupsInACircle) {
  const auto group = [](int number, int member) {
    Change change = object(number, 1, RecordKind::group);
    change.members_added = {anchor(member)};
    change.members_complete = true;
    return change;
  };
  apply({container(1, 0), group(10, 11), group(11, 12), group(12, 10), group(13, 13)});
  EXPECT_EQ(publish().memberships, 4) << "direct memberships, however they are nested";
  EXPECT_EQ(publish().total(), 0);
}

}  // namespace gald::index
