#include "sync/rate_budget.hpp"

#include <gtest/gtest.h>

namespace gald::sync {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace)

namespace {

constexpr base::TimePoint kStart{std::chrono::hours(1)};

/// Sends for `time` as fast as the budget allows, `took` per request; returns how many.
int sent_in(RateBudget& budget, double units, std::chrono::milliseconds time,
            std::chrono::milliseconds took) {
  int sent = 0;
  for (base::TimePoint now = kStart; now < kStart + time;) {
    if (const auto wait = budget.admit(units, now)) {
      now += *wait;
      continue;
    }
    ++sent;
    now += took;
  }
  return sent;
}

}  // namespace

TEST(RateBudget, AllowsABucketAndThenItsRefill) {
  RateBudget budget({.units = 100, .window = 10s});
  EXPECT_NEAR(sent_in(budget, 1, 60s, 1ms), 100 + 600, 5);
  RateBudget batches({.units = 100, .window = 10s});
  EXPECT_NEAR(sent_in(batches, 20, 60s, 1ms), 5 + 30, 1);
}

TEST(RateBudget, ARequestLargerThanTheBucketIsNotHeldForEver) {
  RateBudget budget({.units = 10, .window = 10s});
  EXPECT_FALSE(budget.admit(50, kStart));
  EXPECT_EQ(budget.admit(50, kStart), 10s);
}

TEST(RateBudget, SettlesAtTheLimitOfTheServiceWithoutBeingRefused) {
  // The service has another, unknown limit: a bucket of 80 that refills in ten seconds.
  RateBudget budget;
  double used = 0;
  base::TimePoint now = kStart;
  base::TimePoint before = kStart;
  int sent = 0;
  while (now < kStart + 120s) {
    if (const auto wait = budget.admit(1, now)) {
      now += *wait;
      continue;
    }
    now += 20ms;
    used = std::max(0.0, used - 8.0 * std::chrono::duration<double>(now - before).count()) + 1;
    before = now;
    ++sent;
    ASSERT_LE(used, 80) << "refused after " << sent;
    budget.answered(used >= 64 ? std::optional(used / 80) : std::nullopt);
  }
  EXPECT_GT(sent, 120 * 8);  // the whole refill is used, and most of the bucket
  EXPECT_LE(sent, 120 * 8 + 80);
}

TEST(RateBudget, ARefusalPausesEverybodyForAsLongAsItSays) {
  RateBudget budget;
  EXPECT_FALSE(budget.pause(kStart));
  EXPECT_EQ(budget.refused(2128ms, kStart, 0.5), 2128ms);
  EXPECT_EQ(budget.admit(1, kStart + 1s), 1128ms);
  EXPECT_EQ(budget.pause(kStart + 2127ms), 1ms);
  EXPECT_FALSE(budget.admit(1, kStart + 2128ms));
  // A shorter one that comes late does not shorten a longer one.
  budget.answered(std::nullopt);
  budget.refused(30s, kStart, 0.5);
  budget.answered(std::nullopt);
  EXPECT_EQ(budget.refused(1s, kStart, 0.5), 30s);
}

TEST(RateBudget, WithoutADateOrWithOneThatIsNotTrueThePausesGrow) {
  RateBudget undated;
  base::TimePoint now = kStart;
  std::chrono::milliseconds last{0};
  for (int i = 0; i < 5; ++i) {
    const auto pause = undated.refused(std::nullopt, now, 0.99);
    EXPECT_GT(pause, last);
    last = pause;
    now += pause;
  }
  RateBudget constant;  // "Retry-After: 1", whatever happens
  now = kStart;
  EXPECT_EQ(constant.refused(1s, now, 0.99), 1s);
  for (int i = 0; i < 5; ++i)
    now += constant.refused(1s, now, 0.99);
  EXPECT_GT(now - kStart, 30s);
  constant.answered(std::nullopt);
  EXPECT_EQ(constant.refused(1s, now, 0.99), 1s);
}

}  // namespace gald::sync
