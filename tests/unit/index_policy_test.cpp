// When another policy comes into force, and how the index keeps the one that is. What a policy does
// to a contact is tested with merge().
#include <SQLiteCpp/SQLiteCpp.h>

#include "index/policy_json.hpp"
#include "plan_world.hpp"

namespace gald::index {

using namespace plan_world;  // NOLINT(google-build-using-namespace): this file is about it

class PolicyPlanTest : public PlanTest {
 protected:
  /// Makes the policy differ in what it does to every user.
  void turn_precedence() { policy_.precedence = {"entra", "ad"}; }

  void SetUp() override {
    apply(people(1, 10));
    std::vector<Change> cloud;
    for (int i = 1; i <= 10; ++i)
      cloud.push_back(synced(i));
    apply(cloud, kCloud);
    publish();
  }
};

TEST_F(PolicyPlanTest, APolicyThatChangesNothingIsTakenSilently) {
  policy_.labels["nobody"] = {"no group"};
  EXPECT_EQ(publish().total(), 0);
  EXPECT_TRUE(plans().empty());
  SQLite::Database database(file().string(), SQLite::OPEN_READONLY);
  EXPECT_EQ(database.execAndGet("SELECT policy FROM active_policy").getString(), to_json(policy_));
}

TEST_F(PolicyPlanTest, AnotherPolicyIsAPlanAndAppliesWhenApproved) {
  turn_precedence();
  apply({person(11)});
  EXPECT_EQ(publish().created, 1) << "published as before";
  const HeldPlan held = open();
  EXPECT_EQ(held.reason, PlanReason::policy);
  EXPECT_EQ(held.updated, 10);
  EXPECT_EQ(held.created + held.deleted, 0);
  EXPECT_EQ(shown(held.number).at("cloud n1"), "updated");
  EXPECT_EQ(contacts().count("n1"), 1U);

  EXPECT_EQ(publish().total(), 0);
  EXPECT_EQ(open().number, held.number) << "made once, not in every cycle";
  reopen();
  const Decision decision = approve(held.number);
  EXPECT_EQ(decision.outcome, Decision::Outcome::done);
  EXPECT_EQ(decision.published.updated, 10);
  EXPECT_EQ(contacts().count("cloud n1"), 1U);
  EXPECT_EQ(publish().total(), 0);
  EXPECT_TRUE(plans().empty());
}

TEST_F(PolicyPlanTest, ARegionGivesPublishedNumbersTheirForm) {
  Change someone = person(12);
  someone.set[Attribute::business_phones] = {"089 1234567"};
  apply({someone});
  publish();
  const auto e164 = [this] {
    SQLite::Database database(file().string(), SQLite::OPEN_READONLY);
    return database.execAndGet("SELECT coalesce(max(e164), '') FROM contact_phones").getString();
  };
  EXPECT_EQ(e164(), "");
  policy_.connectors["ad"].region = "DE";
  publish();
  const HeldPlan held = open();
  EXPECT_EQ(held.reason, PlanReason::policy);
  EXPECT_EQ(held.updated, 1);
  EXPECT_EQ(e164(), "");
  EXPECT_EQ(approve(held.number).published.updated, 1);
  EXPECT_EQ(e164(), "+49891234567");
}

TEST_F(PolicyPlanTest, AnApprovalOfAPolicySeesThatTheWorldHasMoved) {
  turn_precedence();
  publish();
  const std::int64_t first = open().number;
  apply({person(12)});
  apply({synced(12)}, kCloud);
  publish();
  EXPECT_EQ(approve(first).outcome, Decision::Outcome::moved);
  EXPECT_EQ(contacts().count("n1"), 1U);
  const HeldPlan second = *plan(plan(first)->superseded_by);
  EXPECT_EQ(second.updated, 11);
  EXPECT_EQ(approve(second.number).published.updated, 11);
}

TEST_F(PolicyPlanTest, AnUnrelatedChangeDoesNotMoveIt) {
  turn_precedence();
  publish();
  apply({person(12)});
  publish();
  EXPECT_EQ(approve(open().number).outcome, Decision::Outcome::done);
}

TEST_F(PolicyPlanTest, RevertingTheConfigurationDropsThePlan) {
  turn_precedence();
  publish();
  const std::int64_t number = open().number;
  policy_ = {};
  publish();
  EXPECT_EQ(plan(number)->state, PlanState::dropped);
  EXPECT_EQ(contacts().count("n1"), 1U);
}

TEST_F(PolicyPlanTest, ARejectedPolicyIsNotProposedAgain) {
  turn_precedence();
  publish();
  index_->reject(open().number, index_->begin_run());
  publish();
  EXPECT_TRUE(plans().empty());
  EXPECT_EQ(contacts().count("n1"), 1U);
}

TEST_F(PolicyPlanTest, AnApprovalThatIsInterruptedIsFinishedByTheNextCycle) {
  turn_precedence();
  publish();
  std::stop_source stopped;
  stopped.request_stop();
  approve(open().number, stopped.get_token());
  EXPECT_EQ(contacts().count("n1"), 1U);
  reopen();
  EXPECT_EQ(publish().updated, 10);
  EXPECT_TRUE(plans().empty());
}

TEST_F(PolicyPlanTest, WithoutAGuardItAppliesAtOnce) {
  guard_.reset();
  turn_precedence();
  EXPECT_EQ(publish().updated, 10);
}

TEST(PolicyJson, EveryMemberGoesThereAndBack) {
  using reconcile::Transform;
  reconcile::Policy policy;
  EXPECT_EQ(to_json(policy), "{}");
  policy.precedence = {"exchange", "ad"};
  policy.precedence_of[Attribute::job_title] = {"entra"};
  policy.connectors["ad"].region = "DE";
  policy.connectors["ad"].mapping = {
      {Attribute::department,
       Attribute::office_location,
       std::nullopt,
       {Transform::trim, Transform::upper}},
      {Attribute::company_name, std::nullopt, "Contoso \"GmbH\"", {Transform::collapse_spaces}},
      {Attribute::notes, std::nullopt, std::nullopt, {}}};
  policy.duplicates = reconcile::Duplicates::replace;
  policy.disabled_account = reconcile::DisabledAccount::remove;
  policy.hidden_if_unknown = false;
  policy.labels["board"] = {"Board", "board@x.test"};
  EXPECT_EQ(policy_from_json(to_json(policy)), policy);
  EXPECT_THROW(policy_from_json("[1"), std::runtime_error);
  EXPECT_THROW(policy_from_json(R"({"duplicates":"sometimes"})"), std::runtime_error);
}

}  // namespace gald::index
