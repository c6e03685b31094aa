#include "reconcile/conflict.hpp"

#include <algorithm>

#include "base/encoding.hpp"
#include "base/guid.hpp"
#include "reconcile/join.hpp"
#include "reconcile/reconcile.hpp"
#include "support.hpp"

namespace gald::reconcile {

using model::Attribute;
using model::ConnectorKind;
using model::Presence;
using model::RecordKind;
using model::StagedRecord;
using test::anchor;

namespace {

StagedRecord record(ConnectorKind connector, int number, RecordKind kind, const std::string& name,
                    const std::string& address) {
  StagedRecord record;
  record.id = number;
  record.connector = connector == ConnectorKind::active_directory ? "ad"
                     : connector == ConnectorKind::entra          ? "entra"
                                                                  : "exchange";
  record.connector_kind = connector;
  record.anchor = anchor(number);
  record.kind = kind;
  record.attributes[Attribute::display_name] = {name};
  if (!address.empty())
    record.attributes[Attribute::proxy_addresses] = {"SMTP:" + address};
  record.touched = true;
  return record;
}

StagedRecord ad(int number, RecordKind kind, const std::string& address) {
  return record(ConnectorKind::active_directory, number, kind, "Jane Doe", address);
}

StagedRecord entra(int number, RecordKind kind, const std::string& address) {
  return record(ConnectorKind::entra, number, kind, "Jane Doe", address);
}

StagedRecord synchronized(StagedRecord cloud, const std::string& flag = "true") {
  cloud.attributes[Attribute::sync_enabled] = {flag};
  return cloud;
}

std::string immutable_id_of(int number) {
  return base::base64_encode(base::Guid::parse(anchor(number))->ad_bytes());
}

/// The conflicts after reconciling the records, whatever their order.
std::vector<Conflict> conflicts_of(std::vector<StagedRecord> records) {
  const auto find = [](const std::vector<StagedRecord>& all) {
    const Plan plan = reconcile(all, {});
    std::vector<Party> parties;
    for (const PlannedEntry& planned : plan) {
      Party party{&planned.entry, {}, false};
      for (const PlannedLink& link : planned.records)
        for (const StagedRecord& one : all)
          if (one.id == link.record) {
            if (is_live(one) && !is_reference(one))
              party.live.push_back(&one);
            party.lost_ad |= !is_live(one) && one.connector_kind == ConnectorKind::active_directory;
          }
      parties.push_back(std::move(party));
    }
    std::vector<Conflict> found = find_conflicts(parties);
    std::reverse(parties.begin(), parties.end());
    EXPECT_EQ(find_conflicts(parties), found);
    return found;
  };
  const std::vector<Conflict> found = find(records);
  std::reverse(records.begin(), records.end());
  EXPECT_EQ(find(records), found);
  return found;
}

std::string id(int number) {
  return entry_id_for(anchor(number));
}

}  // namespace

TEST(Conflicts, NothingToReportOfAPairThatIsJoined) {
  EXPECT_TRUE(conflicts_of({ad(1, RecordKind::contact, "jane@contoso.com"),
                            synchronized(entra(2, RecordKind::contact, "jane@contoso.com"))})
                  .empty());
}

TEST(Conflicts, OneAddressOnBothSidesThatIsNotSynchronizedIsACollision) {
  const auto found = conflicts_of({ad(1, RecordKind::contact, "jane@contoso.com"),
                                   entra(2, RecordKind::contact, "JANE@contoso.com")});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0],
            (Conflict{ConflictKind::collision, id(2), id(1),
                      "jane@contoso.com: a contact in entra and a contact in ad; the cloud does "
                      "not call its object synchronized"}));
}

TEST(Conflicts, ACollisionOfUsersIsTold) {
  const auto found = conflicts_of({ad(1, RecordKind::user, "jane@contoso.com"),
                                   entra(2, RecordKind::user, "jane@contoso.com")});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].kind, ConflictKind::collision);
}

TEST(Conflicts, TwoCandidatesForOneContactAreAmbiguous) {
  StagedRecord other = ad(3, RecordKind::contact, "jane@contoso.com");
  other.attributes[Attribute::display_name] = {"J. Doe"};
  const auto found =
      conflicts_of({ad(1, RecordKind::contact, "jane@contoso.com"), other,
                    synchronized(entra(2, RecordKind::contact, "jane@contoso.com"))});
  ASSERT_EQ(found.size(), 4u);
  EXPECT_EQ(found[0].kind, ConflictKind::ambiguous_key);
  EXPECT_EQ(found[1].kind, ConflictKind::ambiguous_key);
  EXPECT_EQ(found[0].contact_id, id(2));
  EXPECT_EQ((std::set{found[0].other_id, found[1].other_id}), (std::set{id(1), id(3)}));
  EXPECT_EQ(found[2].kind, ConflictKind::duplicate);
  EXPECT_EQ(found[3].kind, ConflictKind::ad_not_seen);
}

TEST(Conflicts, AGuestAndAContactWithOneAddressAreAPair) {
  StagedRecord guest = entra(1, RecordKind::user, "jane@fabrikam.com");
  guest.attributes[Attribute::user_type] = {"Guest"};
  const auto found = conflicts_of({guest, entra(2, RecordKind::contact, "jane@fabrikam.com")});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0], (Conflict{ConflictKind::person_and_contact, id(2), id(1),
                                "jane@fabrikam.com: a contact in entra and a guest in entra"}));
}

TEST(Conflicts, TheSameNameAndAddressTwiceInOneSourceIsADuplicate) {
  const auto found = conflicts_of({ad(1, RecordKind::contact, "jane@contoso.com"),
                                   ad(2, RecordKind::contact, "jane@contoso.com")});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].kind, ConflictKind::duplicate);
  EXPECT_EQ(found[0].evidence,
            "jane@contoso.com: a contact in ad and a contact in ad, with the same name twice in "
            "one source");
}

TEST(Conflicts, TheSameNameAndPhoneIsADuplicateToo) {
  StagedRecord here = ad(1, RecordKind::contact, "jane@contoso.com");
  here.attributes[Attribute::business_phones] = {"+49 (89) 1234-567"};
  StagedRecord there = entra(2, RecordKind::contact, "jane@fabrikam.com");
  there.attributes[Attribute::mobile_phone] = {"0049 89 1234567"};
  const auto found = conflicts_of({here, there});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].kind, ConflictKind::duplicate);
  EXPECT_EQ(found[0].evidence, "the same name and phone number in ad and in entra");

  there.attributes[Attribute::display_name] = {"John Doe"};
  EXPECT_TRUE(conflicts_of({here, there}).empty());
}

TEST(Conflicts, TwoAdObjectsWithOneSourceAnchorContradictEachOther) {
  StagedRecord one = ad(1, RecordKind::user, "one@contoso.com");
  StagedRecord two = ad(2, RecordKind::user, "two@contoso.com");
  one.attributes[Attribute::consistency_guid] = {immutable_id_of(2)};
  const auto found = conflicts_of({one, two});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].kind, ConflictKind::duplicate_anchor);
  EXPECT_EQ(found[0].evidence, "source anchor " + immutable_id_of(2) + " is claimed by ad/" +
                                   anchor(1) + " and by ad/" + anchor(2));
}

TEST(Conflicts, ASynchronizedContactWithoutItsAdObjectIsTold) {
  const auto found =
      conflicts_of({synchronized(entra(1, RecordKind::contact, "jane@contoso.com"))});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0], (Conflict{ConflictKind::ad_not_seen,
                                id(1),
                                {},
                                "entra calls it synchronized, and no object in Active Directory "
                                "was joined to it"}));
}

TEST(Conflicts, AMoveOfTheAuthorityToTheCloudIsTold) {
  StagedRecord cloud = synchronized(entra(2, RecordKind::user, "jane@contoso.com"), "false");
  cloud.attributes[Attribute::immutable_id] = {immutable_id_of(1)};
  const auto found = conflicts_of({ad(1, RecordKind::user, "jane@contoso.com"), cloud});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].kind, ConflictKind::moved_to_cloud);
  EXPECT_EQ(found[0].contact_id, id(1));
}

TEST(Conflicts, AQuarantinedAddressIsToldWithItsValue) {
  StagedRecord cloud = entra(1, RecordKind::contact, "jane@contoso.com");
  cloud.attributes[Attribute::provisioning_errors] = {"proxyAddresses=SMTP:j@contoso.com"};
  const auto found = conflicts_of({cloud});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].kind, ConflictKind::quarantined_address);
  EXPECT_EQ(found[0].evidence,
            "entra withholds proxyAddresses SMTP:j@contoso.com, which another object of the "
            "tenant has");
}

TEST(Conflicts, WhatVeryManyShareIsNoConflict) {
  std::vector<StagedRecord> records;
  for (int number = 1; number <= 21; ++number)
    records.push_back(ad(number, RecordKind::contact, "everybody@contoso.com"));
  EXPECT_TRUE(conflicts_of(records).empty());
  records.pop_back();
  EXPECT_EQ(conflicts_of(records).size(), 20u * 19u / 2u);
}

TEST(Conflicts, EveryKindHasANameAndARemedy) {
  for (const ConflictKind kind : conflict_kinds()) {
    EXPECT_EQ(conflict_kind_named(to_string(kind)), kind);
    EXPECT_GT(remedy(kind).size(), 40u) << to_string(kind);
  }
  EXPECT_FALSE(conflict_kind_named("nothing"));
}

}  // namespace gald::reconcile
