#include "reconcile/reconcile.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "base/encoding.hpp"
#include "base/guid.hpp"
#include "reconcile_world.hpp"
#include "support.hpp"

namespace gald::reconcile {

using model::Attribute;
using model::ConnectorKind;
using model::Entry;
using model::EntryKind;
using model::Presence;
using model::RecordKind;
using model::Source;
using model::StagedRecord;
using model::Status;
using test::anchor;

namespace {

class World : public test::ReconcileWorld {
 public:
  StagedRecord& ad(int number, RecordKind kind = RecordKind::user) {
    return ReconcileWorld::ad(number, kind);
  }

  StagedRecord& entra(int number, RecordKind kind = RecordKind::user) {
    return ReconcileWorld::entra(number, kind);
  }

  StagedRecord& exchange(int number, RecordKind kind = RecordKind::contact) {
    return ReconcileWorld::exchange(number, kind);
  }

  const Entry& entry_of(const StagedRecord& record) const { return entries().at(record.entry_id); }

  std::size_t size() const { return entries().size(); }
};

std::string immutable_id_of(const StagedRecord& record) {
  return base::base64_encode(base::Guid::parse(record.anchor)->ad_bytes());
}

void synchronize(StagedRecord& cloud, const StagedRecord& ad) {
  cloud.attributes[Attribute::sync_enabled] = {"true"};
  cloud.attributes[Attribute::immutable_id] = {immutable_id_of(ad)};
}

void mail(StagedRecord& record, const std::string& address) {
  record.attributes[Attribute::mail] = {address};
  record.attributes[Attribute::proxy_addresses] = {"SMTP:" + address};
}

const model::FieldChange* change_of(const Plan& plan, const std::string& field) {
  for (const PlannedEntry& planned : plan)
    for (const model::FieldChange& change : planned.changes)
      if (change.field == field)
        return &change;
  return nullptr;
}

}  // namespace

TEST(Join, UsersMeetByTheirSourceAnchor) {
  World world;
  StagedRecord& here = world.ad(1);
  StagedRecord& there = world.entra(2);
  synchronize(there, here);
  world.publish();
  EXPECT_EQ(world.size(), 1u);
  EXPECT_EQ(world.entry_of(here).source, Source::hybrid);
  EXPECT_EQ(world.entry_of(here).kind, EntryKind::user);
  EXPECT_EQ(here.entry_id, entry_id_for(here.anchor));
  EXPECT_EQ(there.joined_by, "source-anchor");
}

TEST(Join, ConsistencyGuidGoesBeforeObjectGuid) {
  World world;
  StagedRecord& here = world.ad(1);
  here.attributes[Attribute::consistency_guid] = {"AAAAAAAAAAAAAAAAAAAAAQ=="};
  StagedRecord& by_object_guid = world.entra(2);
  synchronize(by_object_guid, here);
  StagedRecord& by_consistency_guid = world.entra(3);
  by_consistency_guid.attributes[Attribute::immutable_id] = {"AAAAAAAAAAAAAAAAAAAAAQ=="};
  by_consistency_guid.attributes[Attribute::sync_enabled] = {"true"};
  world.publish();
  EXPECT_EQ(by_consistency_guid.entry_id, here.entry_id);
  EXPECT_NE(by_object_guid.entry_id, here.entry_id);
}

TEST(Join, EqualMailAloneJoinsNobody) {
  World world;
  mail(world.ad(1), "jane@contoso.test");
  mail(world.entra(2), "jane@contoso.test");
  mail(world.ad(3, RecordKind::contact), "jane@contoso.test");
  mail(world.entra(4, RecordKind::contact), "jane@contoso.test");
  world.publish();
  EXPECT_EQ(world.size(), 4u);
}

TEST(Join, SynchronizedContactsMeetByTheirAddresses) {
  World world;
  StagedRecord& here = world.ad(1, RecordKind::contact);
  mail(here, "Jane@fabrikam.example");
  StagedRecord& there = world.entra(2, RecordKind::contact);
  mail(there, "jane@FABRIKAM.example");
  there.attributes[Attribute::sync_enabled] = {"true"};
  StagedRecord& exchange = world.exchange(3);
  exchange.attributes[Attribute::external_directory_object_id] = {there.anchor};
  exchange.attributes[Attribute::hidden] = {"true"};
  world.publish();
  ASSERT_EQ(world.size(), 1u);
  const Entry& entry = world.entry_of(here);
  EXPECT_EQ(entry.source, Source::hybrid);
  EXPECT_EQ(entry.values.at(Attribute::hidden), "true");
  EXPECT_EQ(entry.addresses.size(), 1u);
  EXPECT_EQ(there.joined_by, "proxy-addresses");
  EXPECT_EQ(exchange.joined_by, "external-directory-object-id");
}

TEST(Join, TheStrongestKeyDecides) {
  World world;
  StagedRecord& by_mail = world.ad(1, RecordKind::contact);
  mail(by_mail, "shared@fabrikam.example");
  StagedRecord& by_name = world.ad(2, RecordKind::contact);
  by_name.attributes[Attribute::proxy_addresses] = {"X500:/o=ExchangeLabs/cn=42"};
  StagedRecord& there = world.entra(3, RecordKind::contact);
  mail(there, "shared@fabrikam.example");
  there.attributes[Attribute::sync_enabled] = {"true"};
  StagedRecord& exchange = world.exchange(4);
  exchange.attributes[Attribute::external_directory_object_id] = {there.anchor};
  exchange.attributes[Attribute::legacy_exchange_dn] = {"/O=ExchangeLabs/CN=42"};
  world.publish();
  EXPECT_EQ(there.entry_id, by_name.entry_id);
  EXPECT_NE(there.entry_id, by_mail.entry_id);
}

TEST(Join, AnAddressThatTwoShareJoinsNobodyUnlessTheNameTells) {
  World world;
  StagedRecord& first = world.ad(1, RecordKind::contact);
  StagedRecord& second = world.ad(2, RecordKind::contact);
  StagedRecord& there = world.entra(3, RecordKind::contact);
  for (StagedRecord* record : {&first, &second, &there})
    mail(*record, "desk@fabrikam.example");
  there.attributes[Attribute::sync_enabled] = {"true"};
  world.publish();
  EXPECT_EQ(world.size(), 3u);
  EXPECT_EQ(world.entry_of(there).source, Source::hybrid);  // its AD side is not known

  for (StagedRecord* record : {&second, &there}) {
    record->attributes[Attribute::mail_nickname] = {"desk2"};
    record->attributes[Attribute::display_name] = {"Desk Two"};
    record->touched = true;
  }
  world.publish();
  EXPECT_EQ(there.entry_id, second.entry_id);
  EXPECT_EQ(world.size(), 2u);
}

TEST(Join, GroupsMeetByTheirSid) {
  World world;
  StagedRecord& here = world.ad(1, RecordKind::group);
  here.attributes[Attribute::security_identifier] = {"S-1-5-21-1-2-3-1104"};
  StagedRecord& there = world.entra(2, RecordKind::group);
  there.attributes[Attribute::security_identifier] = {"S-1-5-21-1-2-3-1104"};
  world.publish();
  EXPECT_EQ(here.entry_id, there.entry_id);
  EXPECT_EQ(world.entry_of(here).kind, EntryKind::group);
}

TEST(Classify, SynchronizedWithoutItsAdSideIsHybrid) {
  World world;
  StagedRecord& there = world.entra(1);
  there.attributes[Attribute::sync_enabled] = {"true"};
  there.attributes[Attribute::immutable_id] = {"AAAAAAAAAAAAAAAAAAAAAQ=="};
  world.publish();
  EXPECT_EQ(world.entry_of(there).source, Source::hybrid);
}

TEST(Classify, MasteredInTheCloudKeepsItsLinkAndTheCloudsValuesWin) {
  World world;
  StagedRecord& here = world.ad(1, RecordKind::contact);
  mail(here, "jane@fabrikam.example");
  here.attributes[Attribute::job_title] = {"Old"};
  StagedRecord& there = world.entra(2, RecordKind::contact);
  mail(there, "jane@fabrikam.example");
  there.attributes[Attribute::sync_enabled] = {"true"};
  there.attributes[Attribute::job_title] = {"Old"};
  world.publish();
  world.entra(2).attributes[Attribute::sync_enabled] = {"false"};
  there.attributes[Attribute::job_title] = {"New"};
  const Plan plan = world.publish();
  EXPECT_EQ(world.size(), 1u);
  EXPECT_EQ(world.entry_of(here).source, Source::hybrid);
  EXPECT_EQ(world.entry_of(here).values.at(Attribute::job_title), "New");
  ASSERT_NE(change_of(plan, "jobTitle"), nullptr);
  EXPECT_EQ(change_of(plan, "jobTitle")->connector, "entra");
}

TEST(Status, OneDisabledSideDisables) {
  World world;
  StagedRecord& here = world.ad(1);
  here.attributes[Attribute::account_enabled] = {"true"};
  StagedRecord& there = world.entra(2);
  synchronize(there, here);
  there.attributes[Attribute::account_enabled] = {"true"};
  world.publish();
  EXPECT_EQ(world.entry_of(here).status, Status::active);

  world.entra(2).attributes[Attribute::account_enabled] = {"false"};
  const Plan disabled = world.publish();
  EXPECT_EQ(world.entry_of(here).status, Status::disabled);
  ASSERT_NE(change_of(disabled, "status"), nullptr);
  EXPECT_EQ(*change_of(disabled, "status"),
            (model::FieldChange{"status", "active", "disabled", "entra"}));

  world.entra(2).attributes[Attribute::account_enabled] = {"true"};
  const Plan enabled = world.publish();
  EXPECT_EQ(world.entry_of(here).status, Status::active);
  EXPECT_EQ(change_of(enabled, "status")->connector, "entra");
}

TEST(Status, AContactWithoutTheSignalIsActive) {
  World world;
  StagedRecord& there = world.entra(1, RecordKind::contact);
  world.publish();
  EXPECT_EQ(world.entry_of(there).status, Status::active);
}

TEST(Status, AHybridContactThatLosesItsCloudSideIsOnPremises) {
  World world;
  StagedRecord& here = world.ad(1);
  StagedRecord& there = world.entra(2);
  synchronize(there, here);
  world.publish();
  world.entra(2).presence = Presence::soft_deleted;
  const Plan plan = world.publish();
  EXPECT_EQ(world.entry_of(here).source, Source::on_premises);
  EXPECT_EQ(world.entry_of(here).status, Status::active);
  EXPECT_EQ(*change_of(plan, "source"),
            (model::FieldChange{"source", "hybrid", "on_premises", "entra"}));
  world.entra(2).presence = Presence::live;
  world.publish();
  EXPECT_EQ(world.size(), 1u);
  EXPECT_EQ(world.entry_of(there).source, Source::hybrid);
}

TEST(Status, AHybridContactThatLosesItsAdSideWaitsForTheCloud) {
  World world;
  StagedRecord& here = world.ad(1);
  StagedRecord& there = world.entra(2);
  synchronize(there, here);
  world.publish();
  world.ad(1).presence = Presence::deleted;
  world.publish();
  EXPECT_EQ(world.entry_of(there).source, Source::hybrid);
  world.entra(2).presence = Presence::soft_deleted;
  const Plan plan = world.publish();
  EXPECT_EQ(world.entry_of(there).status, Status::deleted);
  ASSERT_EQ(plan.size(), 1u);
  EXPECT_EQ(plan.front().operation, Operation::remove);
}

TEST(Status, RevivedByAnchorItIsTheSameContact) {
  World world;
  StagedRecord& here = world.ad(1);
  here.attributes[Attribute::display_name] = {"Jane"};
  world.publish();
  const std::string id = here.entry_id;
  world.ad(1).presence = Presence::deleted;
  world.publish();
  EXPECT_EQ(world.entry_of(here).status, Status::deleted);
  EXPECT_EQ(world.entry_of(here).values.at(Attribute::display_name), "Jane");
  world.ad(1).presence = Presence::live;
  const Plan plan = world.publish();
  EXPECT_EQ(plan.front().operation, Operation::restore);
  EXPECT_EQ(here.entry_id, id);
}

TEST(Identity, APersonCreatedAnewIsANewContact) {
  World world;
  StagedRecord& here = world.ad(1, RecordKind::contact);
  mail(here, "jane@fabrikam.example");
  StagedRecord& there = world.entra(2, RecordKind::contact);
  mail(there, "jane@fabrikam.example");
  there.attributes[Attribute::sync_enabled] = {"true"};
  world.publish();
  world.ad(1).presence = Presence::deleted;
  StagedRecord& again = world.ad(3, RecordKind::contact);
  mail(again, "jane@fabrikam.example");
  world.publish();
  EXPECT_NE(again.entry_id, there.entry_id);
  EXPECT_EQ(world.entry_of(again).source, Source::on_premises);
}

TEST(Identity, ACloudContactKeepsItsIdWhenItsAdSideAppears) {
  World world;
  StagedRecord& there = world.entra(2);
  there.attributes[Attribute::sync_enabled] = {"true"};
  world.publish();
  const std::string id = there.entry_id;
  StagedRecord& here = world.ad(1);
  synchronize(world.entra(2), here);
  world.publish();
  EXPECT_EQ(here.entry_id, id);
  EXPECT_EQ(world.size(), 1u);
}

TEST(Identity, WhenTwoTurnOutToBeOneOneIdLeadsToTheOther) {
  World world;
  StagedRecord& here = world.ad(1);
  StagedRecord& there = world.entra(2);
  there.attributes[Attribute::sync_enabled] = {"true"};
  world.publish();
  const std::string cloud_id = there.entry_id;
  synchronize(world.entra(2), here);
  const Plan plan = world.publish();
  EXPECT_EQ(there.entry_id, entry_id_for(here.anchor));
  const auto merged = std::find_if(plan.begin(), plan.end(), [](const PlannedEntry& planned) {
    return planned.operation == Operation::merge;
  });
  ASSERT_NE(merged, plan.end());
  EXPECT_EQ(merged->entry.id, cloud_id);
  EXPECT_EQ(merged->forward_to, here.entry_id);
}

TEST(Identity, WhenThreeTurnOutToBeOneBothIdsLeadToTheSurvivor) {
  World world;
  StagedRecord& here = world.ad(1, RecordKind::contact);
  StagedRecord& there = world.entra(2, RecordKind::contact);
  there.attributes[Attribute::sync_enabled] = {"true"};
  StagedRecord& exchange = world.exchange(3);
  world.publish();
  EXPECT_EQ(world.size(), 3u);
  mail(world.ad(1, RecordKind::contact), "jane@fabrikam.example");
  mail(world.entra(2, RecordKind::contact), "jane@fabrikam.example");
  world.exchange(3).attributes[Attribute::external_directory_object_id] = {there.anchor};
  for (const PlannedEntry& planned : world.publish())
    if (planned.operation == Operation::merge) {
      EXPECT_EQ(planned.forward_to, entry_id_for(here.anchor));
    }
  EXPECT_EQ(exchange.entry_id, here.entry_id);
}

TEST(Join, AStrongerKeyOfAnotherTakesThePartner) {
  World world;
  StagedRecord& here = world.ad(1, RecordKind::contact);
  mail(here, "jane@fabrikam.example");
  here.attributes[Attribute::legacy_exchange_dn] = {"/o=Contoso/cn=jane"};
  StagedRecord& first = world.entra(2, RecordKind::contact);
  mail(first, "jane@fabrikam.example");
  first.attributes[Attribute::sync_enabled] = {"true"};
  world.publish();
  EXPECT_EQ(first.entry_id, here.entry_id);
  StagedRecord& second = world.entra(3, RecordKind::contact);
  second.attributes[Attribute::sync_enabled] = {"true"};
  second.attributes[Attribute::proxy_addresses] = {"X500:/o=Contoso/cn=jane"};
  world.publish();
  EXPECT_EQ(second.entry_id, here.entry_id);
  EXPECT_NE(first.entry_id, here.entry_id);
  EXPECT_EQ(world.size(), 2u);
}

TEST(Identity, WhenOneTurnsOutToBeTwoBothHaveAnId) {
  World world;
  StagedRecord& here = world.ad(1);
  StagedRecord& there = world.entra(2);
  synchronize(there, here);
  world.publish();
  StagedRecord& other = world.ad(3);
  synchronize(world.entra(2), other);
  world.publish();
  EXPECT_EQ(here.entry_id, entry_id_for(here.anchor));
  EXPECT_EQ(world.entry_of(here).source, Source::on_premises);
  EXPECT_EQ(there.entry_id, other.entry_id);
  EXPECT_NE(there.entry_id, here.entry_id);
}

TEST(Merge, GuestPrincipalsAreNoAddresses) {
  World world;
  StagedRecord& guest = world.entra(1);
  guest.attributes[Attribute::user_type] = {"Guest"};
  guest.attributes[Attribute::user_principal_name] = {"jane_fabrikam.example#EXT#@contoso.test"};
  guest.attributes[Attribute::other_mails] = {"jane@fabrikam.example"};
  world.publish();
  const Entry& entry = world.entry_of(guest);
  EXPECT_EQ(entry.kind, EntryKind::guest);
  EXPECT_FALSE(entry.values.contains(Attribute::user_principal_name));
  ASSERT_EQ(entry.addresses.size(), 1u);
  EXPECT_EQ(entry.addresses.front(),
            (model::Address{"smtp", "jane@fabrikam.example", true, "entra"}));
}

TEST(Merge, TheDirectorysOwnObjectsAreNotPublished) {
  World world;
  world.ad(1).attributes[Attribute::critical_object] = {"true"};
  world.ad(2, RecordKind::container);
  world.publish();
  EXPECT_EQ(world.size(), 0u);
}

TEST(Merge, AGroupWithoutDisplayNameIsCalledByItsRdn) {
  World world;
  StagedRecord& group = world.ad(1, RecordKind::group);
  group.attributes[Attribute::rdn] = {"CN=Sales\\, EMEA"};
  world.publish();
  EXPECT_EQ(world.entry_of(group).values.at(Attribute::display_name), "Sales, EMEA");
}

// --- what Exchange adds --------------------------------------------------------------------------

TEST(Exchange, AGroupMeetsItsEntraGroup) {
  World world;
  StagedRecord& ad = world.ad(1, RecordKind::group);
  ad.attributes[Attribute::security_identifier] = {"S-1-5-21-1-2-3-1001"};
  StagedRecord& entra = world.entra(2, RecordKind::group);
  entra.attributes[Attribute::security_identifier] = {"S-1-5-21-1-2-3-1001"};
  entra.attributes[Attribute::display_name] = {"Sales"};
  entra.attributes[Attribute::group_type] = {"security"};
  StagedRecord& exchange = world.exchange(3, RecordKind::group);
  exchange.attributes[Attribute::external_directory_object_id] = {anchor(2)};
  exchange.attributes[Attribute::display_name] = {"Sales, of old"};
  exchange.attributes[Attribute::hidden] = {"true"};
  StagedRecord& dynamic = world.exchange(4, RecordKind::group);
  dynamic.attributes[Attribute::display_name] = {"Everybody"};
  world.publish();
  EXPECT_EQ(world.size(), 2u);
  EXPECT_EQ(exchange.entry_id, ad.entry_id);
  EXPECT_EQ(exchange.joined_by, "external-directory-object-id");
  const Entry& entry = world.entry_of(ad);
  EXPECT_EQ(entry.values.at(Attribute::display_name), "Sales");
  EXPECT_EQ(entry.values.at(Attribute::group_type), "security");
  EXPECT_EQ(entry.values.at(Attribute::hidden), "true");
  EXPECT_EQ(world.entry_of(dynamic).kind, EntryKind::group);

  // The link between AD and Entra breaks: Exchange goes with Entra, whatever was decided before.
  entra.attributes[Attribute::security_identifier] = {"S-1-5-21-1-2-3-1002"};
  world.publish();
  EXPECT_NE(entra.entry_id, ad.entry_id);
  EXPECT_EQ(exchange.entry_id, entra.entry_id);
}

TEST(Exchange, AGroupWhoseEntraGroupIsGoneStaysWithItsAdGroup) {
  World world;
  StagedRecord& ad = world.ad(1, RecordKind::group);
  ad.attributes[Attribute::security_identifier] = {"S-1-5-21-1-2-3-1001"};
  StagedRecord& entra = world.entra(2, RecordKind::group);
  entra.attributes[Attribute::security_identifier] = {"S-1-5-21-1-2-3-1001"};
  StagedRecord& exchange = world.exchange(3, RecordKind::group);
  exchange.attributes[Attribute::external_directory_object_id] = {anchor(2)};
  world.publish();
  entra.presence = Presence::deleted;
  world.publish();
  EXPECT_EQ(world.size(), 1u);
  EXPECT_EQ(exchange.entry_id, ad.entry_id);
}

TEST(Exchange, AReferenceJoinsAndSaysNothing) {
  World world;
  StagedRecord& ad = world.ad(1);
  StagedRecord& entra = world.entra(2);
  synchronize(entra, ad);
  StagedRecord& cloud = world.entra(3);
  cloud.attributes[Attribute::display_name] = {"Jane"};
  world.publish();
  const Entry hybrid_before = world.entry_of(ad);
  const Entry cloud_before = world.entry_of(cloud);

  StagedRecord& first = world.exchange(4, RecordKind::user);
  first.attributes[Attribute::reference] = {"true"};
  first.attributes[Attribute::external_directory_object_id] = {anchor(2)};
  first.attributes[Attribute::mail] = {"said@by.none"};
  StagedRecord& second = world.exchange(5, RecordKind::user);
  second.attributes[Attribute::reference] = {"true"};
  second.attributes[Attribute::external_directory_object_id] = {anchor(3)};
  for (const PlannedEntry& planned : world.publish())
    EXPECT_EQ(planned.operation, Operation::none);
  EXPECT_EQ(first.entry_id, ad.entry_id);
  EXPECT_EQ(second.entry_id, cloud.entry_id);
  EXPECT_EQ(world.entry_of(ad), hybrid_before);
  EXPECT_EQ(world.entry_of(cloud), cloud_before);

  // Without its Entra object it is nobody: no cloud side of the one, no life of the other.
  entra.presence = Presence::deleted;
  cloud.presence = Presence::deleted;
  world.publish();
  EXPECT_EQ(world.entry_of(ad).source, Source::on_premises);
  EXPECT_EQ(world.entry_of(cloud).status, Status::deleted);
  cloud.presence = Presence::live;
  world.publish();
  EXPECT_EQ(world.entry_of(cloud).status, Status::active);
  EXPECT_EQ(second.entry_id, cloud.entry_id);
}

TEST(Exchange, AReferenceAloneIsNobody) {
  World world;
  StagedRecord& reference = world.exchange(4, RecordKind::user);
  reference.attributes[Attribute::reference] = {"true"};
  reference.attributes[Attribute::external_directory_object_id] = {anchor(2)};
  EXPECT_TRUE(world.publish().empty());
  EXPECT_EQ(world.size(), 0u);
}

TEST(Exchange, AMailboxSaysWhatItsAccountIsFor) {
  World world;
  StagedRecord& shared = world.entra(2);
  shared.attributes[Attribute::display_name] = {"Info"};
  shared.attributes[Attribute::account_enabled] = {"false"};
  StagedRecord& person = world.entra(3);
  person.attributes[Attribute::account_enabled] = {"false"};
  StagedRecord& room = world.entra(4);
  room.attributes[Attribute::account_enabled] = {"false"};
  room.attributes[Attribute::hidden] = {"false"};
  world.publish();
  const std::string id = shared.entry_id;
  EXPECT_EQ(world.entry_of(shared).status, Status::disabled);

  const auto mailbox = [&](int number, const StagedRecord& account, const char* type) -> auto& {
    StagedRecord& made = world.exchange(number, RecordKind::user);
    made.attributes[Attribute::external_directory_object_id] = {account.anchor};
    made.attributes[Attribute::recipient_type] = {type};
    return made;
  };
  StagedRecord& info = mailbox(5, shared, "SharedMailbox");
  mailbox(6, room, "RoomMailbox").attributes[Attribute::hidden] = {"true"};
  world.publish();
  EXPECT_EQ(world.size(), 3u);
  EXPECT_EQ(info.entry_id, id);
  EXPECT_EQ(info.joined_by, "external-directory-object-id");
  EXPECT_EQ(world.entry_of(shared).status, Status::active);
  EXPECT_EQ(world.entry_of(shared).kind, EntryKind::user);
  EXPECT_EQ(world.entry_of(shared).source, Source::cloud);
  EXPECT_EQ(world.entry_of(shared).values.at(Attribute::display_name), "Info");
  EXPECT_EQ(world.entry_of(person).status, Status::disabled);
  EXPECT_EQ(world.entry_of(room).status, Status::active);
  EXPECT_EQ(world.entry_of(room).values.at(Attribute::hidden), "true");

  // Given to a person it leaves the listing, and the account is judged by itself again.
  info.presence = Presence::absent;
  info.attributes.clear();
  info.touched = true;
  world.publish();
  EXPECT_EQ(world.entry_of(shared).id, id);
  EXPECT_EQ(world.entry_of(shared).status, Status::disabled);
}

TEST(Exchange, AMailboxWithoutItsAccountIsNobody) {
  World world;
  StagedRecord& mailbox = world.exchange(4, RecordKind::user);
  mailbox.attributes[Attribute::external_directory_object_id] = {anchor(2)};
  mailbox.attributes[Attribute::recipient_type] = {"SharedMailbox"};
  EXPECT_TRUE(world.publish().empty());

  StagedRecord& account = world.entra(2);
  StagedRecord& ad = world.ad(1);
  synchronize(account, ad);
  world.publish();
  EXPECT_EQ(world.size(), 1u);
  EXPECT_EQ(mailbox.entry_id, ad.entry_id);
  EXPECT_EQ(world.entry_of(ad).id, entry_id_for(anchor(1)));  // a rebuilt index has the same

  // Exchange lags behind: the account is gone and with it the contact's cloud side.
  account.presence = Presence::deleted;
  account.touched = true;
  world.publish();
  EXPECT_EQ(world.entry_of(ad).source, Source::on_premises);
  ad.presence = Presence::deleted;
  ad.touched = true;
  world.publish();
  EXPECT_EQ(world.size(), 1u);
  EXPECT_EQ(world.entry_of(ad).status, Status::deleted);
}

TEST(Exchange, APersonsValuesFillWhatBetterSourcesLack) {
  World world;
  StagedRecord& entra = world.entra(2, RecordKind::contact);
  entra.attributes[Attribute::job_title] = {"from Entra"};
  entra.attributes[Attribute::business_phones] = {"+49 30 1"};
  StagedRecord& exchange = world.exchange(3);
  exchange.attributes[Attribute::external_directory_object_id] = {anchor(2)};
  exchange.attributes[Attribute::job_title] = {"from Exchange"};
  exchange.attributes[Attribute::notes] = {"notes"};
  exchange.attributes[Attribute::manager_name] = {"Jane"};
  exchange.attributes[Attribute::business_phones] = {"+49 30 1 "};
  exchange.attributes[Attribute::other_business_phones] = {"+49 30 2"};
  exchange.attributes[Attribute::home_phone] = {"+49 30 3"};
  world.publish();
  EXPECT_EQ(world.size(), 1u);
  const auto phones = [&] {
    std::set<std::string> found;
    for (const model::Phone& phone : world.entry_of(exchange).phones)
      found.insert(phone.connector + " " + phone.type + " " + phone.raw);
    return found;
  };
  const Entry cloud = world.entry_of(exchange);
  EXPECT_EQ(cloud.values.at(Attribute::job_title), "from Entra");
  EXPECT_EQ(cloud.values.at(Attribute::notes), "notes");
  EXPECT_FALSE(cloud.values.contains(Attribute::manager));
  EXPECT_EQ(phones(),
            (std::set<std::string>{"entra business +49 30 1", "exchange business +49 30 2",
                                   "exchange home +49 30 3"}));

  // Synchronized: what AD says comes first, and of one type of number AD says all.
  entra.attributes[Attribute::sync_enabled] = {"true"};
  mail(entra, "jane@fabrikam.test");
  StagedRecord& ad = world.ad(1, RecordKind::contact);
  mail(ad, "jane@fabrikam.test");
  ad.attributes[Attribute::job_title] = {"from AD"};
  ad.attributes[Attribute::business_phones] = {"+49 30 9"};
  world.publish();
  ASSERT_EQ(ad.entry_id, exchange.entry_id);
  EXPECT_EQ(world.entry_of(ad).values.at(Attribute::job_title), "from AD");
  EXPECT_EQ(phones(), (std::set<std::string>{"ad business +49 30 9", "exchange home +49 30 3"}));
}

TEST(Reconcile, ASecondTimeChangesNothing) {
  World world;
  StagedRecord& here = world.ad(1);
  mail(here, "jane@contoso.test");
  here.attributes[Attribute::mobile_phone] = {"+49 171 1234567"};
  synchronize(world.entra(2), here);
  world.publish();
  world.ad(1);
  world.entra(2);
  for (const PlannedEntry& planned : world.publish()) {
    EXPECT_EQ(planned.operation, Operation::none);
    EXPECT_TRUE(planned.changes.empty());
  }
}

TEST(Reconcile, TheOrderOfRecordsDoesNotMatter) {
  std::vector<StagedRecord> records;
  World world;
  for (int i = 1; i <= 12; ++i) {
    StagedRecord& record =
        i % 2 == 0 ? world.ad(i, RecordKind::contact) : world.entra(i, RecordKind::contact);
    mail(record, "a" + std::to_string(i / 3) + "@fabrikam.example");
    if (i % 2 != 0)
      record.attributes[Attribute::sync_enabled] = {"true"};
    records.push_back(record);
  }
  const auto ids = [](const Plan& plan) {
    std::map<std::int64_t, std::string> by_record;
    for (const PlannedEntry& planned : plan)
      for (const PlannedLink& link : planned.records)
        by_record[link.record] = planned.entry.id;
    return by_record;
  };
  const auto expected = ids(reconcile(records, {}));
  std::mt19937 shuffle(7);
  for (int round = 0; round < 20; ++round) {
    std::shuffle(records.begin(), records.end(), shuffle);
    EXPECT_EQ(ids(reconcile(records, {})), expected);
  }
}

}  // namespace gald::reconcile
