#include "index/lookup.hpp"

#include <algorithm>
#include <chrono>

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

const CollectionKey kContacts{"entra", model::ConnectorKind::entra, "contacts", "v1", false};
const CollectionKey kUsers{"entra", model::ConnectorKind::entra, "users", "v1", false};
const CollectionKey kDirectory{"ad", model::ConnectorKind::active_directory, "directory", "v1",
                               false};

Change contact(int number, const std::string& name) {
  Change change;
  change.anchor = anchor(number);
  change.kind = RecordKind::contact;
  change.set[Attribute::display_name] = {name};
  change.set[Attribute::company_name] = {"Fabrikam"};
  return change;
}

Change with_phone(Change change, const std::string& number) {
  change.set[Attribute::business_phones] = {number};
  return change;
}

Change with_addresses(Change change, std::vector<std::string> addresses) {
  change.set[Attribute::proxy_addresses] = std::move(addresses);
  return change;
}

Change removed(int number) {
  Change change;
  change.anchor = anchor(number);
  change.presence = Presence::deleted;
  return change;
}

class LookupTest : public testing::Test {
 protected:
  std::filesystem::path file() const { return directory_.path() / "gald.db"; }

  void publish(const CollectionKey& key, std::vector<Change> changes) {
    index_.position(key);
    index_.apply(key, std::move(changes), {}, model::Cursor{std::to_string(++cursor_), ""}, true);
    clock_.advance(std::chrono::seconds(1));
    index_.publish(index_.begin_run(), {}, {});
  }

  std::vector<LookupHit> hits(const std::string& what, const LookupOptions& options = {}) const {
    return Reader(file()).lookup(what, options);
  }

  /// "Jane exact, Joe tail".
  std::string found(const std::string& what, const LookupOptions& options = {}) const {
    std::string text;
    for (const LookupHit& hit : hits(what, options)) {
      text += (text.empty() ? "" : ", ") + hit.display_name + " " + std::string(hit.match);
      if (hit.status == model::Status::deleted)
        text += " deleted";
    }
    return text;
  }

  test::TemporaryDirectory directory_;
  base::ManualClock clock_{base::TimePoint(std::chrono::hours(24 * 365 * 50))};
  Index index_{file(), clock_};
  int cursor_ = 0;
};

}  // namespace

TEST_F(LookupTest, FindsACallerInWhateverWayTheNumberIsWritten) {
  Change john = with_phone(contact(2, "John"), "030 23125-111");
  john.set[Attribute::country] = {"Germany"};
  publish(kContacts, {with_phone(contact(1, "Jane"), "+49 (0)30 23125-110"), john,
                      with_phone(contact(3, "Jim"), "(089) 4711-17"),
                      with_phone(contact(4, "Front desk"), "4711"),
                      with_phone(contact(5, "Joe"), "+1 425 555 0100 x12")});
  EXPECT_EQ(found("+493023125110"), "Jane exact");
  EXPECT_EQ(found("0049 30 23125 110"), "Jane exact");
  EXPECT_EQ(found("011 49 30 23125 111"), "John exact");
  EXPECT_EQ(found("030 23125-111"), "John national");
  EXPECT_EQ(found("030 23125-111", {.regions = {"DE"}}), "John exact");
  EXPECT_EQ(found("23125111"), "John tail");
  EXPECT_EQ(found("+49 89 471117"), "Jim national");
  EXPECT_EQ(found("4711"), "Front desk extension");
  EXPECT_EQ(found("x12"), "Joe extension");
  EXPECT_EQ(found("tel:+1-425-555-0100;ext=12"), "Joe exact");
  EXPECT_EQ(found("sip:+14255550100@pbx.contoso.test;user=phone"), "Joe switchboard");
  EXPECT_EQ(found("+49 30 23125 112"), "");
  EXPECT_EQ(found("+493023125"), "");
  const LookupHit hit = hits("+493023125110").at(0);
  EXPECT_EQ(hit.company_name, "Fabrikam");
  EXPECT_EQ(hit.kind, model::EntryKind::contact);
  EXPECT_EQ(hit.source, model::Source::cloud);
  EXPECT_EQ(hit.status, model::Status::active);
  EXPECT_EQ(hit.type, "business");
  EXPECT_EQ(hit.value, "+49 (0)30 23125-110");
  EXPECT_EQ(hit.e164, "+493023125110");
  EXPECT_EQ(Reader(file()).find(hit.id).size(), 1U);
}

TEST_F(LookupTest, TellsTheLongestMatchFirst) {
  publish(kContacts, {with_phone(contact(1, "Berlin"), "+49 30 23125-0"),
                      with_phone(contact(2, "First floor"), "+49 30 23125-11"),
                      with_phone(contact(3, "Elsewhere"), "+49 30 23126-0")});
  EXPECT_EQ(found("+49 30 23125 110"), "First floor switchboard, Berlin switchboard");
  publish(kContacts, {with_phone(contact(4, "Jane"), "+49 30 23125-110")});
  EXPECT_EQ(found("+49 30 23125 110"), "Jane exact");
  EXPECT_EQ(found("+49 30 23125 110", {.limit = 1}), "Jane exact");
}

TEST_F(LookupTest, OrdersThoseWhoShareANumber) {
  const std::string number = "+49 30 23125-0";
  Change disabled = with_phone(contact(2, "Adam"), number);
  disabled.kind = RecordKind::user;
  disabled.set[Attribute::account_enabled] = {"false"};
  Change user = with_phone(contact(3, "Zoe"), number);
  user.kind = RecordKind::user;
  publish(kUsers, {disabled, user});
  publish(kContacts, {with_phone(contact(1, "Carl"), number), with_phone(contact(4, "Bea"), number),
                      with_phone(contact(5, "Gone"), number)});
  publish(kDirectory, {with_phone(contact(6, "Dora"), number)});
  publish(kContacts, {removed(5)});
  EXPECT_EQ(found(number), "Zoe exact, Bea exact, Carl exact, Dora exact, Adam exact");
  EXPECT_EQ(found(number, {.prefer = {"on_premises"}}),
            "Dora exact, Zoe exact, Bea exact, Carl exact, Adam exact");
  EXPECT_EQ(found(number, {.prefer = {"hybrid", "entra"}}),
            "Zoe exact, Bea exact, Carl exact, Dora exact, Adam exact");
  EXPECT_EQ(found(number, {.prefer = {"ad", "cloud"}}),
            "Dora exact, Zoe exact, Bea exact, Carl exact, Adam exact");
  EXPECT_EQ(found(number, {.prefer = {"ad"}, .with_deleted = true, .limit = 3}),
            "Dora exact, Zoe exact, Bea exact");
  EXPECT_NE(found(number, {.with_deleted = true}).find("Adam exact, Gone exact deleted"),
            std::string::npos);
}

TEST_F(LookupTest, TellsOfDeletedContactsWhereNobodyElseIs) {
  publish(kContacts, {with_phone(contact(1, "Jane"), "+49 30 23125-110"),
                      with_addresses(contact(2, "Joe"), {"SMTP:joe@contoso.test"})});
  publish(kContacts, {removed(1), removed(2)});
  EXPECT_EQ(found("030 23125110"), "Jane national deleted");
  EXPECT_EQ(found("joe@contoso.test"), "Joe current deleted");
  publish(kContacts, {with_phone(contact(3, "Switchboard"), "+49 30 23125-0")});
  EXPECT_EQ(found("+49 30 23125110"), "Switchboard switchboard");
}

TEST_F(LookupTest, FindsAContactByAnyAddressThatItEverHad) {
  const auto jane = [](std::vector<std::string> addresses) {
    return with_addresses(contact(1, "Jane"), std::move(addresses));
  };
  publish(kContacts, {jane({"SMTP:jane@contoso.test", "smtp:JÖRG@Bücher.example",
                            "X500:/o=Contoso/cn=Jane", "sip:jane@sip.contoso.test"}),
                      with_addresses(contact(2, "Joe"), {"SMTP:joe@contoso.test"})});
  EXPECT_EQ(found("JANE@contoso.test"), "Jane current");
  EXPECT_EQ(found("smtp:jane@contoso.test"), "Jane current");
  EXPECT_EQ(found("jörg@xn--bcher-kva.example"), "Jane current");
  EXPECT_EQ(found("/O=CONTOSO/CN=jane"), "Jane current");
  EXPECT_EQ(found("x500:/o=contoso/cn=jane"), "Jane current");
  EXPECT_EQ(found("sip:jane@sip.contoso.test"), "Jane current");

  publish(kContacts, {jane({"SMTP:jane.doe@contoso.test", "smtp:jane@contoso.test"})});
  EXPECT_EQ(found("jane@contoso.test"), "Jane current") << "another primary address is no loss";
  EXPECT_EQ(found("jörg@bücher.example"), "Jane former");
  EXPECT_EQ(found("sip:jane@sip.contoso.test"), "Jane former");
  EXPECT_EQ(found("/o=Contoso/cn=Jane"), "Jane former");
  const LookupHit hit = hits("jörg@bücher.example").at(0);
  EXPECT_EQ(hit.value, "JÖRG@Bücher.example");
  EXPECT_EQ(hit.type, "smtp");
  EXPECT_EQ(hit.until, base::to_iso8601(clock_.now()));

  publish(kContacts, {jane({"SMTP:jane.doe@contoso.test", "sip:jane@sip.contoso.test"}),
                      with_addresses(contact(2, "Joe"), {"SMTP:jane@contoso.test"})});
  EXPECT_EQ(found("jane@contoso.test"), "Joe current") << "who has it now comes first";
  EXPECT_EQ(found("sip:jane@sip.contoso.test"), "Jane current") << "it came back";
  EXPECT_EQ(found("joe@contoso.test"), "Joe former");
  EXPECT_EQ(found("nobody@contoso.test"), "");
  SQLite::Database database(file().string(), SQLite::OPEN_READONLY);
  EXPECT_EQ(database
                .execAndGet("SELECT group_concat(value, ' ') FROM"
                            " (SELECT value FROM former_addresses ORDER BY value)")
                .getString(),
            "/o=Contoso/cn=Jane JÖRG@Bücher.example jane@contoso.test joe@contoso.test");
}

TEST_F(LookupTest, FormerAddressesGoWithTheirContact) {
  publish(kContacts, {with_addresses(contact(1, "Jane"), {"SMTP:jane@contoso.test"})});
  publish(kContacts, {with_addresses(contact(1, "Jane"), {"SMTP:doe@contoso.test"})});
  publish(kContacts, {removed(1)});
  EXPECT_EQ(found("jane@contoso.test"), "Jane former deleted");
  clock_.advance(std::chrono::hours(24 * 10));
  Publication how;
  how.keep_deleted = std::chrono::hours(24);
  index_.publish(index_.begin_run(), how, {});
  EXPECT_EQ(found("jane@contoso.test"), "");
  SQLite::Database database(file().string(), SQLite::OPEN_READONLY);
  EXPECT_EQ(database.execAndGet("SELECT count(*) FROM former_address").getInt(), 0);
}

TEST_F(LookupTest, AMergedContactsAddressLeadsToTheOther) {
  publish(kContacts, {with_addresses(contact(1, "Jane"), {"SMTP:jane@contoso.test"}),
                      with_addresses(contact(2, "Jane Doe"), {"SMTP:doe@contoso.test"})});
  const std::string survivor = hits("doe@contoso.test").at(0).id;
  SQLite::Database(file().string(), SQLite::OPEN_READWRITE)
      .exec("UPDATE entry SET status_code = 2, forward_to = '" + survivor +
            "' WHERE display_name = 'Jane'");
  EXPECT_EQ(found("jane@contoso.test"), "Jane Doe former");
}

TEST_F(LookupTest, WhatEverybodyHasIsAnsweredAtOnce) {
  std::vector<Change> people;
  for (int i = 0; i < 1500; ++i)
    people.push_back(with_addresses(with_phone(contact(i, "P" + std::to_string(i)), "+49 30 1"),
                                    {"smtp:all@contoso.test"}));
  for (Change& person : people)
    person.set[Attribute::business_phones] = {"+49 30 23125-0"};
  publish(kContacts, std::move(people));
  EXPECT_EQ(hits("+49 30 23125-0").size(), 20U);
  EXPECT_EQ(hits("all@contoso.test", {.limit = 1000}).size(), 200U);
}

TEST_F(LookupTest, ManyOtherNumbersWithTheSameEndAreNotInTheWay) {
  std::vector<Change> people;
  for (int i = 0; i < 800; ++i)
    people.push_back(with_phone(contact(i, "P" + std::to_string(i)),
                                "+1 " + std::to_string(200 + i) + " 555 0100"));
  publish(kContacts, std::move(people));
  EXPECT_EQ(found("(999) 555-0100"), "P799 national");
  EXPECT_EQ(hits("555-0100", {.limit = 1000}).size(), 200U);
}

TEST_F(LookupTest, UsesAnIndexForEveryQuestion) {
  SQLite::Database database(file().string(), SQLite::OPEN_READONLY);
  for (const auto& [condition, index] : std::vector<std::pair<std::string, std::string>>{
           {"phone p WHERE coalesce(CAST(substr(p.e164, 2) AS INTEGER), p.national) % 10000000 = 7",
            "phone_by_tail"},
           {"phone p WHERE p.e164 = '+49'", "phone_by_e164"},
           {"phone p WHERE p.extension = '12'", "phone_by_extension"},
           {"former_address WHERE entry_id = 7", "former_address_of"}}) {
    SQLite::Statement plan(database, "EXPLAIN QUERY PLAN SELECT * FROM " + condition);
    ASSERT_TRUE(plan.executeStep());
    EXPECT_NE(plan.getColumn(3).getString().find(index), std::string::npos)
        << plan.getColumn(3).getString();
  }
}

TEST_F(LookupTest, NothingIsFoundForNonsense) {
  publish(kContacts, {with_phone(contact(1, "Jane"), "call me"), contact(2, "Joe")});
  for (const std::string& text :
       {std::string(), std::string("@"), std::string("'; DROP TABLE entry; --"), std::string("%"),
        std::string(1 << 20, '7'), std::string("\xff\xfe@\xff"), std::string("smtp:"),
        std::string("tel:"), std::string("sip:@"), std::string("+"), std::string("a\0b", 3)})
    EXPECT_EQ(found(text, {.regions = {"DE"}}), "") << text.substr(0, 20);
}

}  // namespace gald::index
