// How a publication keeps the conflicts up to date.
#include <SQLiteCpp/SQLiteCpp.h>

#include "index/index.hpp"
#include "index/reader.hpp"
#include "support.hpp"

namespace gald::index {

using model::Change;
using model::Presence;
using model::RecordKind;
using test::anchor;
using test::Attribute;

namespace {

const CollectionKey kDirectory{"ad", model::ConnectorKind::active_directory, "directory", "v1",
                               false};
const CollectionKey kContacts{"entra", model::ConnectorKind::entra, "contacts", "v1", false};
const CollectionKey kUsers{"entra", model::ConnectorKind::entra, "users", "v1", false};

Change object(int number, RecordKind kind, const std::string& address) {
  Change change;
  change.anchor = anchor(number);
  change.kind = kind;
  change.set[Attribute::display_name] = {"Object " + std::to_string(number)};
  change.set[Attribute::proxy_addresses] = {"SMTP:" + address};
  return change;
}

class ConflictStore : public testing::Test {
 protected:
  void apply(const CollectionKey& key, Change change) {
    index_.apply(key, {std::move(change)}, {}, model::Cursor{"c", ""}, true);
  }

  void publish() {
    clock_.advance(std::chrono::seconds(1));
    index_.publish(index_.begin_run(), {}, {});
  }

  std::vector<ConflictLine> conflicts(const std::string& kind = {}) const {
    std::vector<ConflictLine> found;
    Reader(file()).conflicts({kind, {}}, [&](const ConflictLine& line) {
      found.push_back(line);
      return true;
    });
    return found;
  }

  std::filesystem::path file() const { return directory_.path() / "gald.db"; }

  test::TemporaryDirectory directory_;
  base::ManualClock clock_{base::TimePoint(std::chrono::hours(24 * 365 * 50))};
  Index index_{file(), clock_};
};

}  // namespace

TEST_F(ConflictStore, APairIsFoundWhicheverSideCameFirstAndGoesWithItsReason) {
  apply(kUsers, object(1, RecordKind::user, "jane@contoso.com"));
  publish();
  EXPECT_TRUE(conflicts().empty());
  apply(kContacts, object(2, RecordKind::contact, "jane@contoso.com"));
  publish();
  const auto found = conflicts("person-and-contact");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].contact.display_name, "Object 2");
  EXPECT_EQ(found[0].other.display_name, "Object 1");
  EXPECT_NE(found[0].remedy.find("another address"), std::string::npos);
  EXPECT_EQ(Reader(file()).overview().conflicts,
            (std::vector<std::pair<std::string, std::int64_t>>{{"person-and-contact", 1}}));

  apply(kUsers, object(1, RecordKind::user, "doe@contoso.com"));
  publish();
  EXPECT_TRUE(conflicts().empty());
  apply(kUsers, object(1, RecordKind::user, "jane@contoso.com"));
  publish();
  EXPECT_EQ(conflicts().size(), 1u);
  Change gone;
  gone.anchor = anchor(2);
  gone.presence = Presence::deleted;
  apply(kContacts, gone);
  publish();
  EXPECT_TRUE(conflicts().empty());
}

TEST_F(ConflictStore, AConflictKeepsTheTimeWhenItWasFirstSeen) {
  apply(kContacts, object(1, RecordKind::contact, "jane@contoso.com"));
  apply(kDirectory, object(2, RecordKind::contact, "jane@contoso.com"));
  publish();
  ASSERT_EQ(conflicts("collision").size(), 1u);
  const std::string since = conflicts()[0].since;

  Change edited = object(1, RecordKind::contact, "jane@contoso.com");
  edited.set[Attribute::job_title] = {"Director"};
  apply(kContacts, edited);
  publish();
  ASSERT_EQ(conflicts("collision").size(), 1u);
  EXPECT_EQ(conflicts()[0].since, since);
}

TEST_F(ConflictStore, ACollisionEndsWhenTheContactIsSynchronized) {
  apply(kContacts, object(1, RecordKind::contact, "jane@contoso.com"));
  apply(kDirectory, object(2, RecordKind::contact, "jane@contoso.com"));
  publish();
  ASSERT_EQ(conflicts().size(), 1u);
  Change synchronized = object(1, RecordKind::contact, "jane@contoso.com");
  synchronized.set[Attribute::sync_enabled] = {"true"};
  apply(kContacts, synchronized);
  publish();
  EXPECT_TRUE(conflicts().empty());
}

TEST_F(ConflictStore, ThatAnAdObjectIsNotSeenIsNewsOnlyWhereADirectoryIsRead) {
  Change synchronized = object(1, RecordKind::contact, "jane@contoso.com");
  synchronized.set[Attribute::sync_enabled] = {"true"};
  apply(kContacts, synchronized);
  publish();
  EXPECT_TRUE(conflicts().empty());
  apply(kDirectory, object(2, RecordKind::contact, "john@contoso.com"));
  publish();
  ASSERT_EQ(conflicts().size(), 1u);
  EXPECT_EQ(conflicts()[0].kind, "ad-not-seen");
  EXPECT_TRUE(conflicts()[0].other.id.empty());
}

TEST_F(ConflictStore, ASkippedDuplicateIsToldUntilItIsPublished) {
  const auto publish_skipping = [&] {
    clock_.advance(std::chrono::seconds(1));
    Publication how;
    how.policy.duplicates = reconcile::Duplicates::skip;
    index_.publish(index_.begin_run(), how, {});
  };
  apply(kContacts, object(1, RecordKind::contact, "jane@contoso.com"));
  publish_skipping();
  apply(kDirectory, object(2, RecordKind::contact, "jane@contoso.com"));
  publish_skipping();
  ASSERT_EQ(conflicts().size(), 1u);
  EXPECT_EQ(conflicts()[0].kind, "skipped");
  EXPECT_EQ(conflicts()[0].contact.display_name, "Object 1");
  EXPECT_EQ(
      conflicts()[0].evidence,
      "ad/" + anchor(2) + " has the same address, or name and phone number, and is not published");
  apply(kDirectory, object(2, RecordKind::contact, "john@contoso.com"));
  publish_skipping();
  EXPECT_TRUE(conflicts().empty());
  EXPECT_EQ(Reader(file()).find("john@contoso.com").size(), 1u);
}

// --- one bad object ------------------------------------------------------------------------------

class OneBadObject : public ConflictStore {
 protected:
  std::vector<std::string> published() const {
    std::vector<std::string> names;
    Reader(file()).contacts({}, [&](const model::Contact& contact) {
      names.push_back(contact.entry.values.at(Attribute::display_name));
      return true;
    });
    return names;
  }

  /// "anchor: reason".
  std::vector<std::string> quarantined() const {
    std::vector<std::string> found;
    SQLite::Database database(file().string(), SQLite::OPEN_READONLY);
    SQLite::Statement query(database, "SELECT anchor, reason FROM quarantined ORDER BY anchor");
    while (query.executeStep())
      found.push_back(query.getColumn(0).getString() + ": " + query.getColumn(1).getString());
    return found;
  }
};

TEST_F(OneBadObject, AMegabyteOfTextIsQuarantinedAndAllOthersArePublished) {
  Change huge = object(2, RecordKind::contact, "two@contoso.com");
  huge.set[Attribute::notes] = {std::string(1024 * 1024, 'x')};
  const auto counts = index_.apply(kContacts,
                                   {object(1, RecordKind::contact, "one@contoso.com"), huge,
                                    object(3, RecordKind::contact, "three@contoso.com")},
                                   {}, model::Cursor{"c", ""}, true);
  EXPECT_EQ(counts.added, 2);
  EXPECT_EQ(counts.rejected, 1);
  publish();
  EXPECT_EQ(published(), (std::vector<std::string>{"Object 1", "Object 3"}));
  EXPECT_EQ(quarantined(),
            std::vector<std::string>{anchor(2) + ": notes: a value of 1048576 bytes; at most "
                                                 "65536 are taken"});

  huge.set[Attribute::notes] = {"short"};
  apply(kContacts, huge);
  publish();
  EXPECT_EQ(published(), (std::vector<std::string>{"Object 1", "Object 2", "Object 3"}));
  EXPECT_TRUE(quarantined().empty());
}

TEST_F(OneBadObject, ManyLongValuesAreTooMuchTogetherAndAPictureIsNot) {
  Change many = object(1, RecordKind::contact, "one@contoso.com");
  many.set[Attribute::other_mails] = model::Values();
  for (int i = 0; i < 20; ++i)
    many.set[Attribute::other_mails].push_back(std::string(60'000, 'x'));
  apply(kContacts, many);
  Change picture = object(2, RecordKind::contact, "two@contoso.com");
  picture.set[Attribute::photo] = {std::string(130'000, 'A')};
  apply(kContacts, picture);
  publish();
  EXPECT_EQ(published(), std::vector<std::string>{"Object 2"});
  ASSERT_EQ(quarantined().size(), 1u);
  EXPECT_NE(quarantined()[0].find("all values together have 12000"), std::string::npos)
      << quarantined()[0];
}

TEST_F(OneBadObject, WhatWasPublishedStaysWhenItBecomesUnreadable) {
  apply(kContacts, object(1, RecordKind::contact, "one@contoso.com"));
  publish();
  index_.restart(kContacts);
  Change huge = object(1, RecordKind::contact, "one@contoso.com");
  huge.set[Attribute::job_title] = {std::string(70'000, 'x')};
  apply(kContacts, huge);
  publish();
  EXPECT_EQ(published(), std::vector<std::string>{"Object 1"});
  EXPECT_EQ(quarantined().size(), 1u);
}

TEST_F(OneBadObject, ContradictingAnchorsKeepNobodyFromBeingPublished) {
  Change first = object(1, RecordKind::user, "one@contoso.com");
  first.set[Attribute::immutable_id] = {"q83vASNFZ4mrze8BI0VniQ=="};
  Change second = object(2, RecordKind::user, "two@contoso.com");
  second.set[Attribute::immutable_id] = {"q83vASNFZ4mrze8BI0VniQ=="};
  apply(kUsers, first);
  apply(kUsers, second);
  apply(kUsers, object(3, RecordKind::user, "three@contoso.com"));
  publish();
  EXPECT_EQ(published(), (std::vector<std::string>{"Object 1", "Object 2", "Object 3"}));
  const auto found = conflicts("duplicate-anchor");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].evidence, "source anchor q83vASNFZ4mrze8BI0VniQ== is claimed by entra/" +
                                   anchor(1) + " and by entra/" + anchor(2));

  EXPECT_EQ(quarantined(), (std::vector<std::string>{anchor(1) + ": " + found[0].evidence,
                                                     anchor(2) + ": " + found[0].evidence}))
      << "what they claim is in quarantine";
  const auto states = Reader(file()).collections();
  EXPECT_EQ(std::count_if(states.begin(), states.end(),
                          [](const auto& state) { return state.quarantined == 2; }),
            1);

  second.set[Attribute::immutable_id] = {"AAAvASNFZ4mrze8BI0VniQ=="};
  apply(kUsers, second);
  publish();
  EXPECT_TRUE(quarantined().empty());
}

}  // namespace gald::index
