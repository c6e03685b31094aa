#include "reconcile/guard.hpp"

#include <gtest/gtest.h>

namespace gald::reconcile {

using model::PlanReason;
using model::RecordKind;

namespace {

struct Case {
  const char* what;
  LossCounts counts;
  GuardLimits limits;
  bool held;
  const char* text;
};

}  // namespace

TEST(Guard, Table) {
  const GuardLimits usual;
  const Case cases[] = {
      {"nothing vanishes", {0, 0, 5000}, usual, false, ""},
      {"nothing more vanishes after a bad day", {0, 900, 5000}, usual, false, ""},
      {"one of many", {1, 0, 5000}, usual, false, ""},
      {"as many as the count allows", {500, 0, 100'000}, usual, false, ""},
      {"one more than the count allows",
       {501, 0, 100'000},
       usual,
       true,
       "501 of 100,000 contacts of connector ad would vanish; the guard allows 500 and 10 %"},
      {"as many as the share allows", {20, 0, 200}, usual, false, ""},
      {"one more than the share allows",
       {21, 0, 200},
       usual,
       true,
       "21 of 200 contacts of connector ad would vanish; the guard allows 500 and 10 %"},
      {"a handful of a small directory", {5, 0, 12}, usual, false, ""},
      {"more than a handful of a small directory",
       {6, 0, 12},
       usual,
       true,
       "6 of 12 contacts of connector ad would vanish; the guard allows 500 and 10 %"},
      {"the only few there are", {3, 0, 3}, usual, false, ""},
      {"a source that is emptied",
       {6, 0, 6},
       {1'000'000, 100},
       true,
       "connector ad: all 6 contacts would vanish"},
      {"a source that is emptied in portions",
       {2, 10, 2},
       {1'000'000, 100},
       true,
       "connector ad: all 12 contacts would vanish (10 of them already did within 24 hours)"},
      {"portions that are too many together",
       {200, 400, 99'600},
       usual,
       true,
       "600 of 100,000 contacts of connector ad would vanish (400 of them already did within 24 "
       "hours); the guard allows 500 and 10 %"},
      {"portions that are few together", {100, 400, 99'600}, usual, false, ""},
      {"wider limits", {600, 0, 1000}, {1000, 60}, false, ""},
      {"nothing beyond a handful is allowed",
       {6, 0, 100'000},
       {0, 0},
       true,
       "6 of 100,000 contacts of connector ad would vanish; the guard allows 0 and 0 %"},
  };
  for (const Case& one : cases) {
    const Verdict verdict = guard("ad", RecordKind::contact, one.counts, one.limits);
    EXPECT_EQ(verdict.held, one.held) << one.what;
    EXPECT_EQ(verdict.text, one.text) << one.what;
  }
}

TEST(Guard, AnEmptiedSourceIsItsOwnReason) {
  EXPECT_EQ(guard("ad", RecordKind::user, {600, 0, 600}, {}).reason, PlanReason::emptied);
  EXPECT_EQ(guard("ad", RecordKind::user, {599, 0, 600}, {}).reason, PlanReason::too_many);
}

}  // namespace gald::reconcile
