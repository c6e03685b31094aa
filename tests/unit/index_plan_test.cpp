// Plans: what the guard and a change of scope hold back, and what becomes of it.
#include "plan_world.hpp"

namespace gald::index {

using namespace plan_world;  // NOLINT(google-build-using-namespace): this file is about it

// --- the guard -----------------------------------------------------------------------------------

TEST_F(PlanTest, WhatIsWithinTheGuardGoesAtOnce) {
  apply(people(1, 60));
  EXPECT_EQ(publish().created, 60) << "nothing is held in a first publication";
  apply(departures(1, 6));
  EXPECT_EQ(publish().deleted, 6);
  EXPECT_TRUE(plans().empty());
}

TEST_F(PlanTest, BeyondTheGuardDeletesAreHeldAndTheRestGoesOn) {
  apply(people(1, 60));
  publish();
  std::vector<Change> changes = departures(1, 7);
  changes.push_back(person(61));
  changes.push_back(person(60));
  changes.back().set[Attribute::display_name] = {"renamed"};
  apply(std::move(changes));
  const auto counts = publish();
  EXPECT_EQ(counts.deleted, 0);
  EXPECT_EQ(counts.created, 1);
  EXPECT_EQ(counts.updated, 1);
  const HeldPlan held = open();
  EXPECT_EQ(held.reason, PlanReason::too_many);
  EXPECT_EQ(held.connector, "ad");
  EXPECT_EQ(held.subject, "user");
  EXPECT_EQ(held.records, 7);
  EXPECT_EQ(held.deleted, 7);
  EXPECT_EQ(held.updated, 0);
  EXPECT_EQ(held.text, "7 of 60 users of connector ad would vanish; the guard allows 500 and 10 %");
  EXPECT_EQ(shown(held.number).size(), 7U);
  EXPECT_EQ(shown(held.number).at("n3"), "deleted");
  EXPECT_EQ(Reader(file()).find("n3@x.test").at(0).records.at(0).held_by, held.number);
  EXPECT_EQ(Reader(file()).find("n30@x.test").at(0).records.at(0).held_by, 0);

  EXPECT_EQ(publish().total(), 0) << "a quiet cycle";
  EXPECT_EQ(open().number, held.number);
}

TEST_F(PlanTest, ManyDisabledAccountsAreALossWhereTheyAreRemoved) {
  const auto accounts = [](int first, int last, const char* enabled) {
    std::vector<Change> all = people(first, last);
    for (Change& change : all)
      change.set[Attribute::account_enabled] = {enabled};
    return all;
  };
  const auto statuses = [&](model::Status status) {
    std::int64_t found = 0;
    ContactFilter filter;
    filter.status = status;
    Reader(file()).contacts(filter, [&](const model::Contact&) { return ++found > 0; });
    return found;
  };
  policy_.disabled_account = reconcile::DisabledAccount::remove;
  apply(people(1, 60));
  publish();
  apply(accounts(1, 5, "false"));
  publish();
  EXPECT_TRUE(plans().empty());
  EXPECT_EQ(statuses(model::Status::deleted), 5) << "a few always go";
  EXPECT_EQ(publish().total(), 0);

  clock_.advance(std::chrono::hours(48));
  apply(accounts(6, 30, "false"));
  publish();
  const HeldPlan held = open();
  EXPECT_EQ(held.records, 25);
  EXPECT_EQ(held.deleted, 25);
  EXPECT_EQ(statuses(model::Status::active), 55) << "they are as they were";

  apply(accounts(6, 20, "true"));
  publish();
  EXPECT_EQ(open().deleted, 10) << "who is enabled again is not held";
  EXPECT_EQ(approve(open().number).outcome, Decision::Outcome::done);
  EXPECT_EQ(statuses(model::Status::deleted), 15);
  EXPECT_EQ(publish().total(), 0);

  apply(accounts(21, 30, "true"));
  publish();
  EXPECT_EQ(statuses(model::Status::deleted), 5) << "and may come back";
}

TEST_F(PlanTest, ManyDisabledAccountsAreNoLossWhereTheyAreMarked) {
  apply(people(1, 60));
  publish();
  std::vector<Change> all = people(1, 60);
  for (Change& change : all)
    change.set[Attribute::account_enabled] = {"false"};
  apply(std::move(all));
  EXPECT_EQ(publish().updated, 60);
  EXPECT_TRUE(plans().empty());
  apply(departures(1, 7));
  EXPECT_EQ(publish().deleted, 0);
  EXPECT_EQ(open().deleted, 7);
}

TEST_F(PlanTest, AnApprovalAppliesExactlyThePlanAndOnlyOnce) {
  apply(people(1, 60));
  publish();
  apply(departures(1, 7));
  publish();
  const std::int64_t number = open().number;
  const Decision decision = approve(number);
  EXPECT_EQ(decision.outcome, Decision::Outcome::done);
  EXPECT_EQ(decision.published.deleted, 7);
  EXPECT_EQ(decision.published.total(), 7);
  EXPECT_EQ(count("deleted"), 7);
  EXPECT_EQ(plan(number)->state, PlanState::approved);

  const Decision again = approve(number);
  EXPECT_EQ(again.outcome, Decision::Outcome::already);
  EXPECT_EQ(again.published.total(), 0);
  EXPECT_EQ(publish().total(), 0);
  EXPECT_TRUE(plans().empty());
  EXPECT_EQ(approve(99).outcome, Decision::Outcome::unknown);
}

TEST_F(PlanTest, APlanDropsWhenItsSourceRecovers) {
  apply(people(1, 60));
  publish();
  read_all(people(1, 40));
  EXPECT_EQ(publish().deleted, 0);
  const std::int64_t number = open().number;
  read_all(people(1, 60));
  EXPECT_EQ(publish().total(), 0) << "nobody ever saw that they were away";
  ASSERT_EQ(plans().size(), 1U);
  EXPECT_EQ(plans().front().number, number);
  EXPECT_EQ(plans().front().state, PlanState::dropped);
  EXPECT_EQ(approve(number).outcome, Decision::Outcome::closed);
  apply(departures(1, 6));
  EXPECT_EQ(publish().deleted, 6) << "they are like all others again";
}

TEST_F(PlanTest, APlanWithOtherRecordsHasAnotherNumber) {
  apply(people(1, 60));
  publish();
  apply(departures(1, 8));
  publish();
  const std::int64_t first = open().number;
  apply({person(1), gone(20), gone(21)});
  publish();
  const HeldPlan second = open();
  EXPECT_NE(second.number, first);
  EXPECT_EQ(second.records, 9);
  EXPECT_EQ(second.text,
            "9 of 60 users of connector ad would vanish; the guard allows 500 and 10 %");
  EXPECT_EQ(plan(first)->state, PlanState::superseded);
  EXPECT_EQ(plan(first)->superseded_by, second.number);
  const Decision late = approve(first);
  EXPECT_EQ(late.outcome, Decision::Outcome::closed);
  EXPECT_EQ(late.plan.superseded_by, second.number);
  EXPECT_EQ(count("deleted"), 0);
}

TEST_F(PlanTest, WhatIsLeftWithinTheGuardIsApplied) {
  apply(people(1, 60));
  publish();
  apply(departures(1, 8));
  publish();
  const std::int64_t number = open().number;
  apply({person(1), person(2), person(3)});
  EXPECT_EQ(publish().deleted, 5);
  ASSERT_EQ(plans().size(), 1U);
  EXPECT_EQ(plan(number)->state, PlanState::applied);
  EXPECT_EQ(count("deleted"), 5);
}

TEST_F(PlanTest, ARecordIsLostInMoreWaysThanOne) {
  apply(people(1, 60));
  publish();
  std::vector<Change> critical = people(1, 10);
  for (Change& change : critical)
    change.set[Attribute::critical_object] = {"true"};
  apply(critical);
  EXPECT_EQ(publish().deleted, 0);
  const std::int64_t number = open().number;
  for (Change& change : critical)
    change.set[Attribute::critical_object] = {};
  apply(critical);
  EXPECT_EQ(publish().total(), 0);
  EXPECT_EQ(plan(number)->state, PlanState::dropped);

  std::vector<Change> deleted_softly = departures(1, 10);
  for (Change& change : deleted_softly)
    change.presence = Presence::soft_deleted;
  apply(deleted_softly);
  publish();
  const std::int64_t second = open().number;
  EXPECT_NE(second, number);
  apply(departures(1, 10));  // and now for good: something else was said
  EXPECT_EQ(publish().deleted, 0);
  EXPECT_EQ(open().records, 10);
  EXPECT_EQ(approve(open().number).published.deleted, 10);
}

TEST_F(PlanTest, ATrickleCountsTogetherForADay) {
  apply(people(1, 100));
  publish();
  apply(departures(1, 6));
  EXPECT_EQ(publish().deleted, 6);
  apply(departures(7, 10));
  EXPECT_EQ(publish().deleted, 4);
  apply(departures(11, 11));
  EXPECT_EQ(publish().deleted, 0);
  EXPECT_EQ(open().text,
            "11 of 100 users of connector ad would vanish (10 of them already did within 24 hours);"
            " the guard allows 500 and 10 %");
  clock_.advance(std::chrono::hours(24));
  apply(departures(12, 12));
  EXPECT_EQ(publish().deleted, 2) << "the day is over";
}

TEST_F(PlanTest, ASourceThatIsEmptiedIsHeldWhateverTheLimits) {
  guard_ = reconcile::GuardLimits{1'000'000, 100};
  apply(people(1, 8));
  publish();
  apply(departures(1, 8));
  EXPECT_EQ(publish().deleted, 0);
  EXPECT_EQ(open().reason, PlanReason::emptied);
}

TEST_F(PlanTest, ARejectedPlanKeepsItsContactsUntilTheSourceSpeaks) {
  apply(people(1, 60));
  publish();
  apply(departures(1, 8));
  publish();
  const std::int64_t number = open().number;
  EXPECT_EQ(index_->reject(number, index_->begin_run()).outcome, Decision::Outcome::done);
  EXPECT_EQ(index_->reject(number, index_->begin_run()).outcome, Decision::Outcome::already);
  EXPECT_EQ(publish().total(), 0);
  EXPECT_TRUE(plans().empty()) << "nothing to be warned of";
  apply(departures(11, 16));
  EXPECT_EQ(publish().deleted, 6) << "what is rejected does not count";

  Change back = person(1);
  back.set[Attribute::display_name] = {"back"};
  apply({back});
  EXPECT_EQ(publish().updated, 1);
  EXPECT_EQ(contacts().at("back"), "on_premises");
  EXPECT_EQ(contacts().at("n2"), "on_premises");

  EXPECT_EQ(approve(number).outcome, Decision::Outcome::moved) << "it would do something else now";
  const std::int64_t successor = plan(number)->superseded_by;
  EXPECT_EQ(plan(successor)->state, PlanState::rejected);
  EXPECT_EQ(approve(successor).published.deleted, 7) << "people change their minds";
}

TEST_F(PlanTest, WhatFollowsFromAHeldRecordIsHeldWithIt) {
  std::vector<Change> cloud;
  for (int i = 1; i <= 10; ++i)
    cloud.push_back(synced(i));
  apply(people(1, 20));
  apply(cloud, kCloud);
  publish();
  EXPECT_EQ(count("hybrid"), 10);
  apply(departures(1, 20));
  EXPECT_EQ(publish().total(), 0);
  const HeldPlan first = open();
  EXPECT_EQ(first.deleted, 10);
  EXPECT_EQ(first.updated, 10) << "the cloud still has them";
  EXPECT_EQ(count("hybrid"), 10);
  EXPECT_EQ(shown(first.number).at("n20"), "deleted");

  // the cloud goes on: a value, and the loss of one of the twins
  Change renamed = synced(1);
  renamed.set[Attribute::job_title] = {"Baker"};
  apply({renamed, gone(1002)}, kCloud);
  EXPECT_EQ(publish().updated, 2);
  EXPECT_EQ(count("hybrid"), 9) << "of n2 the directory's side is left, as it was";
  EXPECT_EQ(contacts().at("n2"), "on_premises");
  const HeldPlan second = open();
  EXPECT_NE(second.number, first.number) << "it would delete one more";
  EXPECT_EQ(second.deleted, 11);
  EXPECT_EQ(second.updated, 9);
  EXPECT_EQ(approve(second.number).published.deleted, 11);
  EXPECT_EQ(count("deleted"), 11);
}

TEST_F(PlanTest, ANewTwinMeetsAHeldRecord) {
  apply(people(1, 20));
  publish();
  apply(departures(1, 20));
  publish();
  apply({synced(3)}, kCloud);
  publish();
  EXPECT_EQ(contacts().at("n3"), "hybrid");
  EXPECT_EQ(contacts().size(), 20U);
}

TEST_F(PlanTest, MembershipsOfAHeldRecordStay) {
  Change group;
  group.anchor = anchor(500);
  group.kind = RecordKind::group;
  group.set[Attribute::display_name] = {"team"};
  for (int i = 1; i <= 20; ++i)
    group.members_added.push_back(anchor(i));
  std::vector<Change> all = people(1, 20);
  all.push_back(group);
  apply(all);
  EXPECT_EQ(publish().memberships, 20);
  apply(departures(1, 20));
  EXPECT_EQ(publish().total(), 0);
  EXPECT_EQ(Reader(file()).overview().memberships, 20);

  apply({person(1)});  // back, and without its links, as after a restore from a tombstone
  publish();
  EXPECT_EQ(Reader(file()).overview().memberships, 19);
  approve(open().number);
  publish();
  EXPECT_EQ(Reader(file()).overview().memberships, 0);
}

TEST_F(PlanTest, AKillAtAnyPointLosesNoPlanAndNoDecision) {
  apply(people(1, 60));
  publish();
  apply(departures(1, 8));
  std::stop_source stopped;
  stopped.request_stop();
  publish(stopped.get_token());  // judged, and nothing more
  reopen();
  EXPECT_EQ(publish().deleted, 0);
  const HeldPlan held = open();
  EXPECT_EQ(held.deleted, 8);

  approve(held.number, stopped.get_token());  // decided, and nothing published
  EXPECT_EQ(count("deleted"), 0);
  reopen();
  EXPECT_EQ(publish().deleted, 8) << "the next cycle does it, without judging it again";
  EXPECT_EQ(count("deleted"), 8);
  EXPECT_EQ(publish().total(), 0);

  apply(departures(9, 14));
  publish(stopped.get_token());  // allowed, and nothing published
  reopen();
  EXPECT_EQ(publish().deleted, 0) << "eight approved ones do not count, but six are too many now";
}

// --- scope ---------------------------------------------------------------------------------------

TEST_F(PlanTest, AChangeOfScopeIsAPlanHoweverFew) {
  apply(people(1, 60));
  publish();
  const CollectionKey narrower = directory("less");
  EXPECT_TRUE(index_->position(narrower).full) << "everything is read under the new scope";
  std::vector<Change> seen = people(2, 60);
  seen.push_back(person(61));
  apply(seen, narrower);
  EXPECT_EQ(publish().total(), 0);
  const HeldPlan held = open();
  EXPECT_EQ(held.reason, PlanReason::scope);
  EXPECT_EQ(
      held.text,
      "the scope of ad/directory was changed; records that leave it: 1, that come into it: 1");
  EXPECT_EQ(held.deleted, 1);
  EXPECT_EQ(held.created, 1);

  apply({gone(2), person(62)}, narrower);
  const auto counts = publish();
  EXPECT_EQ(counts.deleted, 1) << "what happens after the first complete round, happens";
  EXPECT_EQ(counts.created, 1);
  EXPECT_EQ(open().number, held.number);
}

TEST_F(PlanTest, WhatComesIntoScopeMayStillChange) {
  apply(people(1, 10));
  publish();
  const CollectionKey wider = directory("more");
  apply(people(1, 12), wider);
  publish();
  const HeldPlan first = open();
  EXPECT_EQ(first.created, 2);
  Change renamed = person(12);
  renamed.set[Attribute::mail] = {"other@x.test"};
  apply({renamed}, wider);
  EXPECT_EQ(publish().total(), 0);
  const HeldPlan second = open();
  EXPECT_EQ(second.created, 2);
  EXPECT_EQ(approve(second.number).published.created, 2);
}

TEST_F(PlanTest, HalfADirectoryThatFallsOutOfScopeIsHeldAndComesBack) {
  apply(people(1, 60));
  publish();
  const CollectionKey narrower = directory("less");
  EXPECT_EQ(apply(people(1, 20), narrower).held, 0) << "the plan protects, not the read";
  EXPECT_EQ(publish().total(), 0);
  const HeldPlan held = open();
  EXPECT_EQ(held.records, 40);
  EXPECT_EQ(held.deleted, 40);

  apply(people(1, 60), directory());
  EXPECT_EQ(publish().total(), 0);
  EXPECT_EQ(plan(held.number)->state, PlanState::dropped);

  apply(people(1, 20), narrower);
  publish();
  EXPECT_EQ(approve(open().number).published.deleted, 40);
  EXPECT_EQ(count("on_premises"), 20);
  EXPECT_EQ(publish().total(), 0);
}

TEST_F(PlanTest, AChangeOfScopeThatMovesNobodyIsNoPlan) {
  apply(people(1, 20));
  publish();
  apply(people(1, 20), directory("the same in other words"));
  publish();
  EXPECT_TRUE(plans().empty());
}

TEST_F(PlanTest, ABrokenRoundUnderTheNewScopeStillCounts) {
  apply(people(1, 20));
  publish();
  const CollectionKey narrower = directory("less");
  index_->position(narrower);
  index_->apply(narrower, people(1, 5), {}, model::Cursor{"half", ""}, false);
  EXPECT_EQ(publish().total(), 0);
  reopen();
  index_->position(narrower);
  index_->apply(narrower, people(6, 18), {}, model::Cursor{"end", ""}, true);
  EXPECT_EQ(publish().deleted, 0);
  EXPECT_EQ(open().records, 2);
}

}  // namespace gald::index
