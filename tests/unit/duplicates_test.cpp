#include "reconcile/duplicates.hpp"

#include <algorithm>
#include <map>

#include "base/encoding.hpp"
#include "base/guid.hpp"
#include "reconcile/explain.hpp"
#include "reconcile/reconcile.hpp"
#include "reconcile_world.hpp"
#include "support.hpp"

namespace gald::reconcile {

using model::Attribute;
using model::ConnectorKind;
using model::Entry;
using model::Presence;
using model::RecordKind;
using model::StagedRecord;
using test::anchor;

namespace {

class World : public test::ReconcileWorld {
 public:
  explicit World(Duplicates duplicates) { policy_.duplicates = duplicates; }

  StagedRecord& ad(int number, RecordKind kind = RecordKind::contact) {
    return ReconcileWorld::ad(number, kind);
  }

  StagedRecord& entra(int number, RecordKind kind = RecordKind::contact) {
    return ReconcileWorld::entra(number, kind);
  }

  StagedRecord& exchange(int number, RecordKind kind = RecordKind::contact) {
    return ReconcileWorld::exchange(number, kind);
  }

  void choose(Duplicates duplicates) { policy_.duplicates = duplicates; }

  Plan publish() { return ReconcileWorld::publish(policy_); }

  std::size_t live() const {
    return static_cast<std::size_t>(std::count_if(
        entries().begin(), entries().end(),
        [](const auto& entry) { return entry.second.status != model::Status::deleted; }));
  }

  Explanation explanation(int number) const {
    return explain(entry_of(number), records_beside(number), policy_);
  }

 private:
  Policy policy_;
};

void say(StagedRecord& record, const std::string& name, const std::string& address) {
  record.attributes[Attribute::display_name] = {name};
  record.attributes[Attribute::proxy_addresses] = {"SMTP:" + address};
}

std::string immutable_id_of(int number) {
  return base::base64_encode(base::Guid::parse(anchor(number))->ad_bytes());
}

const std::string& name_of(const Entry& entry) {
  return entry.values.at(Attribute::display_name);
}

/// A published cloud contact, and then one in AD with the same address.
World with_newcomer(Duplicates policy) {
  World world(policy);
  say(world.entra(1), "Old", "jane@contoso.com");
  world.publish();
  say(world.ad(2), "New", "jane@contoso.com");
  world.publish();
  return world;
}

}  // namespace

TEST(Duplicates, AreTwoContactsUnlessSomethingElseIsWanted) {
  EXPECT_EQ(with_newcomer(Duplicates::report).live(), 2u);
}

TEST(Duplicates, ANewOneIsSkippedUntilTheOldOneIsGone) {
  World world = with_newcomer(Duplicates::skip);
  EXPECT_EQ(world.live(), 1u);
  EXPECT_EQ(name_of(world.entry_of(1)), "Old");
  EXPECT_EQ(world.record(2).entry_id, "");
  world.entra(1).presence = Presence::deleted;
  world.publish();
  EXPECT_EQ(name_of(world.entry_of(2)), "New");
  EXPECT_EQ(world.entry_of(2).id, entry_id_for(anchor(2)));
}

TEST(Duplicates, ANewOneIsMergedAndTheOldValuesWin) {
  const World world = with_newcomer(Duplicates::merge);
  EXPECT_EQ(world.live(), 1u);
  EXPECT_EQ(world.entry_of(2).id, entry_id_for(anchor(1)));
  EXPECT_EQ(name_of(world.entry_of(2)), "Old");
  EXPECT_EQ(world.entry_of(2).source, model::Source::hybrid);
  EXPECT_EQ(world.record(2).joined_by, "duplicate");
  EXPECT_EQ(world.record(1).joined_by, "");
}

TEST(Duplicates, ANewOneIsMergedAndItsValuesWin) {
  const World world = with_newcomer(Duplicates::replace);
  EXPECT_EQ(world.live(), 1u);
  EXPECT_EQ(world.entry_of(2).id, entry_id_for(anchor(1)));
  EXPECT_EQ(name_of(world.entry_of(2)), "New");
  EXPECT_EQ(world.record(2).joined_by, "replacement");
}

TEST(Duplicates, WhatWasMergedStaysMergedAndQuiet) {
  for (const Duplicates policy : {Duplicates::merge, Duplicates::replace}) {
    World world = with_newcomer(policy);
    const Entry before = world.entry_of(1);
    world.choose(Duplicates::report);
    for (const PlannedEntry& planned : world.publish())
      EXPECT_EQ(planned.operation, Operation::none);
    say(world.ad(2), "New", "other@contoso.com");
    world.publish();
    EXPECT_EQ(world.live(), 1u);
    EXPECT_EQ(world.entry_of(2).id, before.id);
    EXPECT_EQ(name_of(world.entry_of(2)), name_of(before));
  }
}

TEST(Duplicates, WhenOneSideVanishesTheOtherCarriesOn) {
  World world = with_newcomer(Duplicates::merge);
  const std::string id = world.entry_of(1).id;
  world.entra(1).presence = Presence::deleted;
  world.publish();
  EXPECT_EQ(world.live(), 1u);
  EXPECT_EQ(world.entry_of(2).id, id);
  EXPECT_EQ(name_of(world.entry_of(2)), "New");
  world.entra(1).presence = Presence::live;
  world.publish();
  EXPECT_EQ(world.live(), 1u);
  EXPECT_EQ(world.entry_of(2).id, id);
}

TEST(Duplicates, NameAndPhoneAreEnough) {
  World world(Duplicates::merge);
  say(world.entra(1), "Jane Doe", "jane@contoso.com");
  world.entra(1).attributes[Attribute::mobile_phone] = {"+49 171 5550100"};
  world.publish();
  say(world.exchange(2), "jane doe", "doe@fabrikam.com");
  world.exchange(2).attributes[Attribute::business_phones] = {"0171/5550100"};
  world.publish();
  EXPECT_EQ(world.live(), 1u);
}

TEST(Duplicates, WhoMeetsSeveralIsLeftAlone) {
  World world(Duplicates::report);
  say(world.ad(1), "One", "jane@contoso.com");
  say(world.ad(2), "Two", "jane@contoso.com");
  world.publish();
  world.choose(Duplicates::merge);
  say(world.entra(3), "Three", "jane@contoso.com");
  world.publish();
  EXPECT_EQ(world.live(), 3u);
}

TEST(Duplicates, APersonNeverJoinsAContact) {
  for (const Duplicates policy : {Duplicates::skip, Duplicates::merge, Duplicates::replace}) {
    World world(policy);
    say(world.entra(1), "Jane Doe", "jane@contoso.com");
    world.publish();
    say(world.entra(2, RecordKind::user), "Jane Doe", "jane@contoso.com");
    world.entra(2, RecordKind::user).attributes[Attribute::user_type] = {"Guest"};
    world.publish();
    EXPECT_EQ(world.live(), 2u);
  }
}

TEST(Duplicates, OfTwoNewOnesTheStrongerSourceCountsAsTheOldOne) {
  World world(Duplicates::merge);
  say(world.entra(1), "Cloud", "jane@contoso.com");
  say(world.ad(2), "Directory", "jane@contoso.com");
  world.publish();
  EXPECT_EQ(world.live(), 1u);
  EXPECT_EQ(world.entry_of(1).id, entry_id_for(anchor(2)));
  EXPECT_EQ(name_of(world.entry_of(1)), "Directory");
}

TEST(Duplicates, TheExplanationAgreesWithThePublication) {
  for (const Duplicates policy : {Duplicates::merge, Duplicates::replace}) {
    const World world = with_newcomer(policy);
    const Explanation told = world.explanation(1);
    ASSERT_EQ(told.records.size(), 2u);
    EXPECT_EQ(told.values.front().value, name_of(world.entry_of(1)));
    const auto joined = std::find_if(told.records.begin(), told.records.end(),
                                     [](const auto& r) { return r.connector == "ad"; });
    EXPECT_EQ(joined->joined.text,
              "It and the contact in entra have the same jane@contoso.com, and the configuration "
              "puts such contacts together (policy.duplicates).");
  }
}

// --- contradicting anchors -----------------------------------------------------------------------

TEST(Contradiction, ASecondClaimOfASourceAnchorTearsNothingApart) {
  World world(Duplicates::report);
  say(world.ad(1, RecordKind::user), "John Roe", "john@contoso.com");
  say(world.entra(2, RecordKind::user), "John Roe", "john@contoso.com");
  world.entra(2, RecordKind::user).attributes[Attribute::immutable_id] = {immutable_id_of(1)};
  world.publish();
  say(world.entra(3, RecordKind::user), "Somebody", "somebody@contoso.com");
  world.entra(3, RecordKind::user).attributes[Attribute::immutable_id] = {immutable_id_of(1)};
  world.publish();
  EXPECT_EQ(world.live(), 2u);
  EXPECT_EQ(world.record(1).entry_id, world.record(2).entry_id);
  EXPECT_NE(world.record(3).entry_id, world.record(1).entry_id);
  world.entra(2, RecordKind::user).presence = Presence::deleted;
  world.publish();
  EXPECT_EQ(world.record(3).entry_id, world.record(1).entry_id);
}

TEST(Contradiction, TwoClaimsAtOnceJoinNobody) {
  World world(Duplicates::report);
  world.ad(1, RecordKind::user);
  for (const int number : {2, 3})
    world.entra(number, RecordKind::user).attributes[Attribute::immutable_id] = {
        immutable_id_of(1)};
  world.publish();
  EXPECT_EQ(world.live(), 3u);
}

TEST(Contradiction, ASecondClaimOfAnEntraObjectTearsNothingApart) {
  World world(Duplicates::report);
  say(world.entra(1), "Jane Doe", "jane@contoso.com");
  say(world.exchange(2), "Jane Doe", "jane@contoso.com");
  world.exchange(2).attributes[Attribute::external_directory_object_id] = {anchor(1)};
  world.publish();
  say(world.exchange(3), "Somebody", "somebody@contoso.com");
  world.exchange(3).attributes[Attribute::external_directory_object_id] = {anchor(1)};
  world.publish();
  EXPECT_EQ(world.live(), 2u);
  EXPECT_EQ(world.record(1).entry_id, world.record(2).entry_id);
  EXPECT_NE(world.record(3).entry_id, world.record(1).entry_id);
}

}  // namespace gald::reconcile
