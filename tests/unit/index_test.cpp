#include "index/index.hpp"

#include <fstream>
#include <set>

#include <SQLiteCpp/SQLiteCpp.h>

#include "index/codes.hpp"
#include "index/index_file.hpp"
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

const CollectionKey kUsers{"entra", model::ConnectorKind::entra, "users", "v1", false};
const CollectionKey kGroups{"entra", model::ConnectorKind::entra, "groups", "v1", false};
const CollectionKey kDirectory{"ad", model::ConnectorKind::active_directory, "directory", "v1",
                               false};
const CollectionKey kListing{"exchange", model::ConnectorKind::exchange_online, "mailcontacts",
                             "v1", true};

Change user(int number, const std::string& name) {
  Change change;
  change.anchor = anchor(number);
  change.kind = RecordKind::user;
  change.set[Attribute::display_name] = {name};
  return change;
}

Change group(int number, std::vector<std::string> members) {
  Change change;
  change.anchor = anchor(number);
  change.kind = RecordKind::group;
  change.set[Attribute::display_name] = {"group " + std::to_string(number)};
  change.members_added = std::move(members);
  return change;
}

Change removed(int number, Presence presence) {
  Change change;
  change.anchor = anchor(number);
  change.presence = presence;
  return change;
}

class IndexTest : public testing::Test {
 protected:
  IndexTest() { open(); }

  void open() {
    index_.reset();
    index_ = std::make_unique<Index>(file(), clock_);
  }

  std::filesystem::path file() const { return directory_.path() / "gald.db"; }

  model::StagedCounts apply(const CollectionKey& key, std::vector<Change> changes,
                            const std::string& cursor, bool last = true) {
    return index_->apply(key, changes, {}, model::Cursor{cursor, ""}, last);
  }

  model::PublishedCounts publish() {
    clock_.advance(std::chrono::seconds(1));
    return index_->publish(index_->begin_run(), {}, {});
  }

  std::set<std::string> names(ContactFilter filter = {}) const {
    std::set<std::string> found;
    Reader(file()).contacts(filter, [&](const model::Contact& contact) {
      found.insert(contact.entry.values.at(Attribute::display_name));
      return true;
    });
    return found;
  }

  std::set<std::string> members_of(const std::string& group_name) const {
    std::set<std::string> found;
    Reader(file()).contacts({}, [&](const model::Contact& contact) {
      for (const model::GroupReference& group : contact.groups)
        if (group.display_name == group_name)
          found.insert(contact.entry.values.at(Attribute::display_name));
      return true;
    });
    return found;
  }

  /// Every row of the tables that a quiet cycle must not touch.
  std::string dump() const {
    SQLite::Database database(file().string(), SQLite::OPEN_READONLY);
    std::string text;
    for (const char* table : {"record", "record_key", "record_member", "entry", "address", "phone",
                              "membership", "change", "quarantine"}) {
      SQLite::Statement query(database, std::string("SELECT * FROM ") + table + " ORDER BY 1, 2");
      while (query.executeStep()) {
        text += table;
        for (int i = 0; i < query.getColumnCount(); ++i)
          text += "|" + query.getColumn(i).getString();
        text += "\n";
      }
    }
    return text;
  }

  test::TemporaryDirectory directory_;
  base::ManualClock clock_{base::TimePoint(std::chrono::hours(24 * 365 * 50))};
  std::unique_ptr<Index> index_;
};

}  // namespace

TEST_F(IndexTest, ANewCollectionStartsWithAFullRound) {
  const Position position = index_->position(kUsers);
  EXPECT_TRUE(position.full);
  EXPECT_EQ(position.cursor.position, "");
  EXPECT_EQ(index_->never_complete({kUsers}), std::vector<std::string>{"entra/users"});
  apply(kUsers, {user(1, "Ann")}, "delta-1");
  EXPECT_TRUE(index_->never_complete({kUsers}).empty());
  EXPECT_FALSE(index_->position(kUsers).full);
  EXPECT_EQ(index_->position(kUsers).cursor.position, "delta-1");
}

TEST_F(IndexTest, AFirstImportGoesOnAtThePageWhereItStopped) {
  index_->position(kUsers);
  apply(kUsers, {user(1, "Ann")}, "next-2", false);
  open();
  EXPECT_EQ(index_->position(kUsers).cursor.position, "next-2");
  EXPECT_TRUE(index_->position(kUsers).full);
  apply(kUsers, {user(2, "Bob")}, "delta-1");
  publish();
  EXPECT_EQ(names(), (std::set<std::string>{"Ann", "Bob"}));
}

TEST_F(IndexTest, AChangeIsAPatch) {
  index_->position(kUsers);
  Change ann = user(1, "Ann");
  ann.set[Attribute::job_title] = {"Engineer"};
  ann.set[Attribute::department] = {"R&D"};
  apply(kUsers, {ann}, "1");
  publish();
  Change patch;
  patch.anchor = anchor(1);
  patch.set[Attribute::job_title] = {"Manager"};
  patch.cleared = {Attribute::department};
  EXPECT_EQ(apply(kUsers, {patch}, "2").updated, 1);
  EXPECT_EQ(publish().updated, 1);
  const model::Contact contact =
      Reader(file()).find(Reader(file()).changes_of_run(2, 1).at(0).entry_id).at(0);
  EXPECT_EQ(contact.entry.values.at(Attribute::display_name), "Ann");
  EXPECT_EQ(contact.entry.values.at(Attribute::job_title), "Manager");
  EXPECT_FALSE(contact.entry.values.contains(Attribute::department));
  const auto history = Reader(file()).changes_of_run(2, 10);
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0].change, (model::FieldChange{"department", "R&D", std::nullopt, "entra"}));
  EXPECT_EQ(history[1].change, (model::FieldChange{"jobTitle", "Engineer", "Manager", "entra"}));
  EXPECT_EQ(contact.change_number, history[1].number);
}

TEST_F(IndexTest, TheSamePageTwiceChangesNothing) {
  index_->position(kUsers);
  const std::vector<Change> page = {user(1, "Ann"), group(2, {anchor(1)})};
  apply(kUsers, page, "1");
  publish();
  const std::string before = dump();
  const model::StagedCounts again = apply(kUsers, page, "2");
  EXPECT_EQ(again.unchanged, 2);
  EXPECT_EQ(again.added + again.updated + again.removed, 0);
  EXPECT_EQ(publish().total(), 0);
  EXPECT_EQ(dump(), before);
}

TEST_F(IndexTest, ADeadCursorLeadsToMarkAndSweepAtTheEndOnly) {
  index_->position(kUsers);
  apply(kUsers, {user(1, "Ann"), user(2, "Bob"), user(3, "Cid")}, "1");
  publish();
  index_->restart(kUsers);
  EXPECT_EQ(index_->position(kUsers).cursor.position, "");
  apply(kUsers, {user(1, "Ann")}, "page-2", false);
  publish();
  EXPECT_EQ(names(), (std::set<std::string>{"Ann", "Bob", "Cid"}));
  open();  // the marks survive
  EXPECT_EQ(apply(kUsers, {user(3, "Cid")}, "2").removed, 1);
  EXPECT_EQ(publish().deleted, 1);
  EXPECT_EQ(names(), (std::set<std::string>{"Ann", "Cid"}));
  ContactFilter deleted;
  deleted.status = model::Status::deleted;
  EXPECT_EQ(names(deleted), std::set<std::string>{"Bob"});
}

TEST_F(IndexTest, AFullRoundOverUnchangedDataWritesNoRecord) {
  index_->position(kUsers);
  apply(kUsers, {user(1, "Ann"), group(2, {anchor(1)})}, "1");
  publish();
  const std::string before = dump();
  index_->restart(kUsers);
  apply(kUsers, {user(1, "Ann"), group(2, {anchor(1)})}, "2");
  EXPECT_EQ(publish().total(), 0);
  EXPECT_EQ(dump(), before);
}

TEST_F(IndexTest, WhatAFullRoundDoesNotSayIsGone) {
  index_->position(kUsers);
  Change ann = user(1, "Ann");
  ann.set[Attribute::job_title] = {"Engineer"};
  apply(kUsers, {ann, group(2, {anchor(1)})}, "1");
  publish();
  index_->restart(kUsers);
  // A large group comes in slices: the second must not undo the first.
  apply(kUsers, {user(1, "Ann"), user(3, "Cid"), group(2, {anchor(3)})}, "next", false);
  apply(kUsers, {group(2, {anchor(4)}), user(4, "Dee")}, "2");
  publish();
  EXPECT_EQ(members_of("group 2"), (std::set<std::string>{"Cid", "Dee"}));
  Reader(file()).contacts({}, [&](const model::Contact& contact) {
    EXPECT_FALSE(contact.entry.values.contains(Attribute::job_title));
    return true;
  });
}

TEST_F(IndexTest, AnotherFingerprintMeansAFullRound) {
  index_->position(kUsers);
  apply(kUsers, {user(1, "Ann")}, "1");
  CollectionKey changed = kUsers;
  changed.fingerprint = "v2";
  const Position position = index_->position(changed);
  EXPECT_TRUE(position.full);
  EXPECT_EQ(position.cursor.position, "");
}

TEST_F(IndexTest, AListingSweepsEveryTimeAndWritesNothingWhenNothingChanged) {
  const auto contact = [](int number) {
    Change change = user(number, "contact " + std::to_string(number));
    change.kind = RecordKind::contact;
    return change;
  };
  EXPECT_TRUE(index_->position(kListing).full);
  apply(kListing, {contact(1), contact(2)}, "");
  publish();
  const std::string before = dump();
  EXPECT_TRUE(index_->position(kListing).full);
  apply(kListing, {contact(1)}, "", false);
  apply(kListing, {contact(2)}, "");
  EXPECT_EQ(publish().total(), 0);
  EXPECT_EQ(dump(), before);
  index_->position(kListing);
  EXPECT_EQ(apply(kListing, {contact(2)}, "").removed, 1);
  // A listing that breaks off sweeps nothing.
  index_->position(kListing);
  EXPECT_EQ(apply(kListing, {}, "", false).removed, 0);
}

TEST_F(IndexTest, MembershipsFollowWhoeverArrivesLast) {
  index_->position(kGroups);
  apply(kGroups, {group(10, {anchor(1), anchor(2)})}, "1");
  publish();
  EXPECT_TRUE(members_of("group 10").empty());
  index_->position(kUsers);
  apply(kUsers, {user(1, "Ann"), user(2, "Bob")}, "1");
  publish();
  EXPECT_EQ(members_of("group 10"), (std::set<std::string>{"Ann", "Bob"}));
  Change change;
  change.anchor = anchor(10);
  change.members_removed = {anchor(2)};
  apply(kGroups, {change}, "2");
  EXPECT_EQ(publish().memberships, 1);
  EXPECT_EQ(members_of("group 10"), std::set<std::string>{"Ann"});
}

TEST_F(IndexTest, AMemberThatExchangeOnlyNamesIsTheEntraUser) {
  const CollectionKey groups{"exchange", model::ConnectorKind::exchange_online,
                             "distributiongroups", "v1", false};
  Change reference;
  reference.anchor = anchor(21);
  reference.kind = RecordKind::user;
  reference.part = true;
  reference.set[Attribute::external_directory_object_id] = {anchor(1)};
  reference.set[Attribute::reference] = {"true"};
  Change stranger = reference;
  stranger.anchor = anchor(22);
  stranger.set[Attribute::external_directory_object_id] = {anchor(2)};

  apply(groups, {group(20, {anchor(21), anchor(22)}), reference, stranger}, "c1");
  EXPECT_EQ(publish().created, 1);  // the group
  EXPECT_EQ(names(), std::set<std::string>());
  apply(kUsers, {user(1, "Jane")}, "c1");
  publish();
  EXPECT_EQ(names(), std::set<std::string>{"Jane"});
  EXPECT_EQ(members_of("group 20"), std::set<std::string>{"Jane"});
  EXPECT_EQ(publish().updated, 0);

  // A complete listing without her: the membership ends, she stays.
  index_->restart(groups);
  apply(groups, {group(20, {anchor(22)}), stranger}, "c2");
  publish();
  EXPECT_EQ(names(), std::set<std::string>{"Jane"});
  EXPECT_EQ(members_of("group 20"), std::set<std::string>());
}

TEST_F(IndexTest, ASoftDeletedMemberComesBackIntoItsGroups) {
  index_->position(kUsers);
  apply(kUsers, {user(1, "Ann"), group(10, {anchor(1)})}, "1");
  publish();
  apply(kUsers, {removed(1, Presence::soft_deleted)}, "2");
  publish();
  EXPECT_TRUE(members_of("group 10").empty());
  apply(kUsers, {user(1, "Ann")}, "3");
  EXPECT_EQ(publish().restored, 1);
  EXPECT_EQ(members_of("group 10"), std::set<std::string>{"Ann"});
}

TEST_F(IndexTest, ATombstoneInACompleteReadKeepsNothingOld) {
  index_->position(kDirectory);
  Change ann = user(1, "Ann");
  ann.set[Attribute::job_title] = {"Engineer"};
  apply(kDirectory, {ann}, "1");
  publish();
  index_->restart(kDirectory);
  apply(kDirectory, {removed(1, Presence::deleted)}, "2");
  publish();
  Change undeleted;  // says what came back with it, and nothing of what is lost
  undeleted.anchor = anchor(1);
  undeleted.set[Attribute::display_name] = {"Ann"};
  apply(kDirectory, {undeleted}, "3");
  EXPECT_EQ(publish().restored, 1);
  Reader(file()).contacts({}, [&](const model::Contact& contact) {
    EXPECT_FALSE(contact.entry.values.contains(Attribute::job_title));
    return true;
  });
}

TEST_F(IndexTest, AMemberDeletedForGoodDoesNot) {
  index_->position(kDirectory);
  apply(kDirectory, {user(1, "Ann"), group(10, {anchor(1)})}, "1");
  publish();
  apply(kDirectory, {removed(1, Presence::deleted)}, "2");
  publish();
  apply(kDirectory, {user(1, "Ann")}, "3");
  publish();
  EXPECT_EQ(names(), std::set<std::string>{"Ann"});
  EXPECT_TRUE(members_of("group 10").empty());
}

TEST_F(IndexTest, NamesBelowARenamedContainerFollow) {
  const auto container = [](int number, const std::string& rdn, int parent) {
    Change change;
    change.anchor = anchor(number);
    change.kind = RecordKind::container;
    change.set[Attribute::rdn] = {rdn};
    change.set[Attribute::distinguished_name] = {rdn};
    if (parent != 0)
      change.set[Attribute::parent] = {anchor(parent)};
    return change;
  };
  Change ann = user(4, "Ann");
  ann.set[Attribute::rdn] = {"CN=Ann"};
  ann.set[Attribute::parent] = {anchor(3)};
  index_->position(kDirectory);
  apply(kDirectory,
        {ann, container(3, "OU=Berlin", 2), container(2, "OU=Sales", 1),
         container(1, "DC=contoso,DC=test", 0)},
        "1");
  publish();
  const auto dn = [&] {
    std::string found;
    Reader(file()).contacts({}, [&](const model::Contact& contact) {
      found = contact.entry.values.at(Attribute::distinguished_name);
      return true;
    });
    return found;
  };
  EXPECT_EQ(dn(), "CN=Ann,OU=Berlin,OU=Sales,DC=contoso,DC=test");
  apply(kDirectory, {container(2, "OU=Sales\\, EMEA", 1)}, "2");
  EXPECT_EQ(publish().updated, 1);
  EXPECT_EQ(dn(), "CN=Ann,OU=Berlin,OU=Sales\\, EMEA,DC=contoso,DC=test");
}

TEST_F(IndexTest, ARejectedObjectIsNotSwept) {
  const auto contact = [](int number) {
    Change change = user(number, "contact " + std::to_string(number));
    change.kind = RecordKind::contact;
    return change;
  };
  index_->position(kListing);
  apply(kListing, {contact(1), contact(2)}, "");
  index_->position(kListing);
  EXPECT_EQ(
      index_
          ->apply(kListing, {contact(1)}, {{anchor(2), "Alias: not a text"}}, model::Cursor{}, true)
          .removed,
      0);
  EXPECT_EQ(Reader(file()).collections().at(0).quarantined, 1);
  index_->position(kListing);  // one without a readable anchor could be anybody
  EXPECT_EQ(
      index_->apply(kListing, {contact(1)}, {{"", "Guid: missing"}}, model::Cursor{}, true).removed,
      0);
  index_->position(kListing);
  EXPECT_EQ(apply(kListing, {contact(1)}, "").removed, 1);
  EXPECT_EQ(Reader(file()).collections().at(0).quarantined, 0);
}

TEST_F(IndexTest, WhoIsLeftUnderAKeyIsLookedAtAgain) {
  const auto contact = [](int number, bool synchronized) {
    Change change = user(number, "contact " + std::to_string(number));
    change.kind = RecordKind::contact;
    change.set[Attribute::proxy_addresses] = {"SMTP:desk@fabrikam.example"};
    if (synchronized)
      change.set[Attribute::sync_enabled] = {"true"};
    return change;
  };
  index_->position(kDirectory);
  apply(kDirectory, {contact(1, false), contact(2, false)}, "1");
  index_->position(kUsers);
  apply(kUsers, {contact(3, true)}, "1");
  publish();
  EXPECT_EQ(names().size(), 3u);
  apply(kDirectory, {removed(2, Presence::deleted)}, "2");
  publish();
  ContactFilter hybrid;
  hybrid.source = model::Source::hybrid;
  EXPECT_EQ(names(hybrid), std::set<std::string>{"contact 1"});
  EXPECT_EQ(names(), std::set<std::string>{"contact 1"});
}

TEST_F(IndexTest, AMemberOfANewGroupIsToldSo) {
  index_->position(kUsers);
  apply(kUsers, {user(1, "Ann")}, "1");
  publish();
  apply(kUsers, {group(10, {anchor(1)})}, "2");
  publish();
  const auto changes = Reader(file()).changes_of_run(2, 10);
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[1].change.field, "groups");
  EXPECT_EQ(changes[1].group_name, "group 10");
}

TEST_F(IndexTest, AManagerThatComesOrGoesIsTold) {
  Change ann = user(1, "Ann");
  ann.set[Attribute::manager] = {anchor(2)};
  index_->position(kDirectory);
  apply(kDirectory, {ann}, "1");
  publish();
  const auto manager_of_ann = [&] {
    std::string found;
    Reader(file()).contacts({}, [&](const model::Contact& contact) {
      if (contact.entry.values.at(Attribute::display_name) == "Ann")
        found = contact.manager_id;
      return true;
    });
    return found;
  };
  EXPECT_EQ(manager_of_ann(), "");
  apply(kDirectory, {user(2, "Bob")}, "2");
  publish();
  const std::string bob = manager_of_ann();
  EXPECT_FALSE(bob.empty());
  apply(kDirectory, {removed(2, Presence::deleted)}, "3");
  publish();
  EXPECT_EQ(manager_of_ann(), "");
  const auto told = Reader(file()).changes_of_run(3, 10);
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[1].change, (model::FieldChange{"manager", bob, std::nullopt, "ad"}));
  EXPECT_EQ(publish().total(), 0);
}

TEST_F(IndexTest, AContainerThatComesLateNamesWhatIsBelowIt) {
  Change ann = user(4, "Ann");
  ann.set[Attribute::rdn] = {"CN=Ann"};
  ann.set[Attribute::parent] = {anchor(3)};
  ann.set[Attribute::distinguished_name] = {"CN=Ann,OU=Old,DC=contoso,DC=test"};
  index_->position(kDirectory);
  apply(kDirectory, {ann}, "1");
  publish();
  Change unit;
  unit.anchor = anchor(3);
  unit.kind = RecordKind::container;
  unit.set[Attribute::distinguished_name] = {"OU=New,DC=contoso,DC=test"};
  apply(kDirectory, {unit}, "2");
  EXPECT_EQ(publish().updated, 1);
}

TEST_F(IndexTest, OneBadObjectIsQuarantinedAndLeavesWhenItIsWell) {
  index_->position(kUsers);
  index_->apply(kUsers, {user(1, "Ann")}, {{anchor(2), "mail: not valid UTF-8"}},
                model::Cursor{"1", ""}, true);
  EXPECT_EQ(Reader(file()).collections().at(0).quarantined, 1);
  apply(kUsers, {user(2, "Bob")}, "2");
  EXPECT_EQ(Reader(file()).collections().at(0).quarantined, 0);
}

TEST_F(IndexTest, AnIdOfAMergedContactLeadsToTheSurvivor) {
  index_->position(kUsers);
  Change there = user(1, "Ann");
  there.set[Attribute::sync_enabled] = {"true"};
  apply(kUsers, {there}, "1");
  index_->position(kDirectory);
  apply(kDirectory, {user(2, "Ann Onprem")}, "1");
  publish();
  const std::string cloud_id = [&] {
    std::string id;
    ContactFilter hybrid;
    hybrid.source = model::Source::hybrid;
    Reader(file()).contacts(hybrid, [&](const model::Contact& contact) {
      id = contact.entry.id;
      return true;
    });
    return id;
  }();
  Change linked;
  linked.anchor = anchor(1);
  linked.set[Attribute::immutable_id] = {"AAAAAAAAAECAAAAAAAAAAg=="};
  Change here;
  here.anchor = anchor(2);
  here.set[Attribute::consistency_guid] = {"AAAAAAAAAECAAAAAAAAAAg=="};
  apply(kUsers, {linked}, "2");
  apply(kDirectory, {here}, "2");
  publish();
  const auto found = Reader(file()).find(cloud_id);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NE(found[0].entry.id, cloud_id);
  EXPECT_EQ(found[0].records.size(), 2u);
}

TEST_F(IndexTest, StoppedInTheMiddleTheNextPublicationDoesTheRest) {
  std::vector<Change> changes;
  for (int i = 1; i <= 1200; ++i)
    changes.push_back(user(i, "user " + std::to_string(i)));
  index_->position(kUsers);
  apply(kUsers, changes, "1");
  std::stop_source stop;
  const auto first = index_->publish(
      index_->begin_run(), {.progress = [&](std::int64_t, std::int64_t) { stop.request_stop(); }},
      stop.get_token());
  EXPECT_LT(first.created, 1200);
  EXPECT_GT(first.created, 0);
  open();
  EXPECT_EQ(publish().created, 1200 - first.created);
  EXPECT_EQ(names().size(), 1200u);
}

TEST_F(IndexTest, ReadersSeeTheLastCommittedStateWhileAWriterWorks) {
  index_->position(kUsers);
  apply(kUsers, {user(1, "Ann")}, "1");
  publish();
  SQLite::Database writer(file().string(), SQLite::OPEN_READWRITE);
  SQLite::Transaction open_transaction(writer, SQLite::TransactionBehavior::IMMEDIATE);
  writer.exec("DELETE FROM entry");
  EXPECT_EQ(names(), std::set<std::string>{"Ann"});
}

TEST_F(IndexTest, ForeignAndNewerFilesAreRefusedWithTheirName) {
  const auto message = [&](const std::filesystem::path& path) {
    try {
      Index index(path, clock_);
    } catch (const std::runtime_error& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  const auto text = directory_.path() / "text.db";
  std::ofstream(text) << std::string(5000, 'x');
  EXPECT_NE(message(text).find("text.db: file is not a database"), std::string::npos);

  const auto foreign = directory_.path() / "foreign.db";
  SQLite::Database(foreign.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE)
      .exec("CREATE TABLE t (x)");
  EXPECT_NE(message(foreign).find("foreign.db: is no gald index"), std::string::npos);

  SQLite::Database(file().string(), SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 99");
  EXPECT_NE(message(file()).find("newer gald"), std::string::npos);
  EXPECT_NE(message("/nonexistent/gald.db").find("/nonexistent/gald.db: cannot be opened"),
            std::string::npos);
}

/// Keys are kept as hashes, so that records may be taken for neighbours that are none.
TEST_F(IndexTest, KeysThatLookAlikeJoinNobody) {
  const std::string one = "p23375402@fabrikam.example";
  const std::string other = "p26938925@fabrikam.example";
  ASSERT_EQ(key_hash("smtp:" + one), key_hash("smtp:" + other));
  const auto contact = [](int number, const std::string& name, std::vector<std::string> addresses) {
    Change change = user(number, name);
    change.kind = RecordKind::contact;
    change.set[Attribute::proxy_addresses] = std::move(addresses);
    return change;
  };
  Change bob = contact(2, "Bob", {"SMTP:" + other});
  bob.set[Attribute::sync_enabled] = {"true"};
  apply(kDirectory, {contact(1, "Ann", {"SMTP:" + one})}, "d1");
  apply(kUsers, {bob}, "c1");
  publish();
  EXPECT_EQ(names(), (std::set<std::string>{"Ann", "Bob"}));

  // whoever has the address itself is found, whichever of the two goes away
  apply(kDirectory, {contact(3, "Bob in AD", {"SMTP:" + other, "smtp:" + one})}, "d2");
  publish();
  EXPECT_EQ(names(), (std::set<std::string>{"Ann", "Bob in AD"}));
  apply(kDirectory, {contact(3, "Bob in AD", {"SMTP:" + other})}, "d3");
  publish();
  EXPECT_EQ(names(), (std::set<std::string>{"Ann", "Bob in AD"}));
  apply(kDirectory,
        {contact(3, "Bob in AD", {"SMTP:somebody@fabrikam.example"}),
         contact(1, "Ann", {"SMTP:" + other})},
        "d4");
  publish();
  EXPECT_EQ(names(), (std::set<std::string>{"Ann", "Bob in AD"}));
}

/// The columns by which consumers search are made from what is stored; still no query reads a
/// whole table.
TEST_F(IndexTest, WhatConsumersSearchByHasAnIndex) {
  apply(kUsers, {user(1, "Ann")}, "c1");
  publish();
  SQLite::Database database(file().string(), SQLite::OPEN_READONLY);
  const auto plan = [&](const std::string& sql) {
    std::string text;
    SQLite::Statement query(database, "EXPLAIN QUERY PLAN " + sql);
    while (query.executeStep())
      text += query.getColumn(3).getString() + "\n";
    return text;
  };
  for (const auto& [sql, step] : std::vector<std::pair<std::string, std::string>>{
           {"SELECT * FROM contacts WHERE id = 'x'", "(uuid=?)"},
           {"SELECT * FROM contact_addresses WHERE folded = 'x'", "address_by_value (folded=?)"},
           {"SELECT * FROM group_addresses WHERE folded = 'x'", "address_by_value (folded=?)"},
           {"SELECT * FROM contact_phones WHERE e164 = 'x'", "phone_by_e164 (e164=?)"},
           {"SELECT * FROM entry WHERE display_name = 'x' COLLATE NOCASE", "entry_in_order"},
           {"SELECT kind_code, source_code, status_code, count(*) FROM entry"
            " WHERE forward_to IS NULL GROUP BY 1, 2, 3",
            "COVERING INDEX entry_by_class"},
           {"SELECT count(*) FROM record WHERE collection_id = 1 AND presence_code = 0",
            "COVERING INDEX record_collection"},
           {"SELECT * FROM entry ORDER BY display_name COLLATE NOCASE, uuid",
            "SCAN entry USING INDEX entry_in_order"}}) {
    EXPECT_NE(plan(sql).find(step), std::string::npos) << sql << "\n" << plan(sql);
    EXPECT_EQ(plan(sql).find("SCAN e\n"), std::string::npos) << sql << "\n" << plan(sql);
  }
}

/// GUIDs are packed; a connector may have others.
TEST_F(IndexTest, AnAnchorMayBeAnyText) {
  for (const std::string& text :
       {std::string("staff-7"), std::string("EB2BF6C4-512D-447F-8AA0-CF2499F6980F"),
        std::string("sixteen bytes...")}) {
    Change ann = user(1, "Ann");
    ann.anchor = text;
    Change staff = group(2, {text});
    apply(kUsers, {ann}, "c " + text);
    apply(kGroups, {staff}, "g " + text);
  }
  publish();
  std::set<std::string> anchors;
  Reader(file()).contacts({}, [&](const model::Contact& contact) {
    for (const model::RecordLink& record : contact.records)
      if (record.anchor != anchor(2))
        anchors.insert(record.anchor);
    return true;
  });
  EXPECT_EQ(anchors, (std::set<std::string>{"EB2BF6C4-512D-447F-8AA0-CF2499F6980F",
                                            "sixteen bytes...", "staff-7"}));
  EXPECT_EQ(SQLite::Database(file().string(), SQLite::OPEN_READONLY)
                .execAndGet("SELECT count(*) FROM group_members")
                .getInt(),
            3);
}

TEST_F(IndexTest, EveryNumberIsFoundUnderItsE164Form) {
  SQLite::Database database(file().string(), SQLite::OPEN_READWRITE);
  Change ann = user(1, "Ann");
  ann.set[Attribute::business_phones] = {"+49 89 1234567", "+1 212 555 0100", "4711"};
  apply(kUsers, {ann}, "c1");
  publish();
  EXPECT_EQ(database
                .execAndGet("SELECT group_concat(coalesce(e164, 'none'), ' ') FROM"
                            " (SELECT e164 FROM contact_phones ORDER BY raw)")
                .getString(),
            "+12125550100 +49891234567 none");
  EXPECT_EQ(
      database.execAndGet("SELECT raw FROM contact_phones WHERE e164 = '+49891234567'").getString(),
      "+49 89 1234567");
}

/// Kinds, types and states are kept as numbers.
TEST_F(IndexTest, EveryWordComesBack) {
  SQLite::Database database(file().string(), SQLite::OPEN_READWRITE);
  database.exec("PRAGMA foreign_keys = OFF");
  const auto check = [&](const std::string& table, const std::string& column,
                         const std::string& required, const auto& words) {
    SCOPED_TRACE(table + "." + column);
    for (const std::string_view word : words) {
      database.exec("DELETE FROM " + table);
      database.exec("INSERT INTO " + table + " SELECT " + required + " FROM (SELECT " +
                    code_of("'" + std::string(word) + "'", words) + " AS code)");
      const std::string shown = column == "joined" ? "joined_by" : column;
      EXPECT_EQ(database.execAndGet("SELECT " + shown + " FROM " + table).getString(), word);
      EXPECT_EQ(database.execAndGet("SELECT " + word_of(column + "_code", words) + " FROM " + table)
                    .getString(),
                word);
    }
  };
  check("address", "kind", "1, 1, code, 'v', NULL, 0, 1", kAddressKinds);
  check("phone", "type", "1, 1, code, 'r', NULL, NULL, 1, 0, NULL", kPhoneTypes);
  check("phone", "kind", "1, 1, 0, 'r', NULL, NULL, 1, code, NULL", kPhoneKinds);
  const auto of_record = [](const std::string& kind, const std::string& presence,
                            const std::string& joined_by) {
    return "1, 1, 1, 'a', " + kind + ", " + presence + ", x'', NULL, 0, 0, NULL, " + joined_by +
           ", NULL, NULL, NULL, 0, 0";
  };
  check("record", "kind", of_record("code", "0", "0"), kRecordKinds);
  check("record", "presence", of_record("0", "code", "0"), kPresences);
  check("record", "joined", of_record("0", "0", "code"), kJoinKeys);
  database.exec(
      "INSERT INTO entry (uuid, kind_code, source_code, status_code, origins, created_run,"
      " created_at, changed_at, change_number) VALUES ('u', 0, 0, 0, 1, 1, 1, 1, 1)");
  const auto check_entry = [&](const std::string& column, const auto& words) {
    for (std::size_t code = 0; code < words.size(); ++code) {
      database.exec("UPDATE entry SET " + column + "_code = " + std::to_string(code));
      EXPECT_EQ(database.execAndGet("SELECT " + column + " FROM entry").getString(), words[code]);
    }
  };
  check_entry("kind", kEntryKinds);
  check_entry("source", kSources);
  check_entry("status", kStatuses);

  // a kind of addresses that nobody thought of
  database.exec("DELETE FROM address; INSERT INTO address SELECT 1, 1, " +
                code_of("'airmail'", kAddressKinds) + ", 'v', NULL, 0, 1");
  EXPECT_EQ(database.execAndGet("SELECT kind FROM address").getString(), "airmail");
}

TEST_F(IndexTest, OneWriterAtATime) {
  std::optional<WriterLock> first = WriterLock::try_acquire(file());
  ASSERT_TRUE(first);
  EXPECT_FALSE(WriterLock::try_acquire(file()));
  first.reset();
  EXPECT_TRUE(WriterLock::try_acquire(file()));
}

TEST_F(IndexTest, IsMadeThroughNoLink) {
  const test::TemporaryDirectory place;
  const std::filesystem::path other = place.path() / "other";
  const std::filesystem::path link = place.path() / "gald.db";
  std::filesystem::create_symlink(other, link);
  EXPECT_THROW(create_index_file(link), std::runtime_error);
  EXPECT_FALSE(std::filesystem::exists(other));
  std::ofstream(other) << "";
  std::filesystem::permissions(other, std::filesystem::perms::owner_all);
  create_index_file(link);
  EXPECT_EQ(std::filesystem::status(other).permissions(), std::filesystem::perms::owner_all);
}

TEST_F(IndexTest, TheLockIsNoLink) {
  const std::filesystem::path other = file().string() + ".other";
  std::filesystem::create_symlink(other, file().string() + ".lock");
  EXPECT_THROW(WriterLock::try_acquire(file()), std::runtime_error);
  EXPECT_FALSE(std::filesystem::exists(other));
}

}  // namespace gald::index
