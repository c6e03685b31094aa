#include "sync/live_status.hpp"

#include <gtest/gtest.h>

namespace gald::sync {

namespace {

using std::chrono::seconds;

class LiveStatusTest : public testing::Test {
 protected:
  void reads(const std::string& collection, std::int64_t objects, bool full = true,
             bool done = false) {
    status_.moved({Progress::Stage::reading, "entra", collection, objects, full, done});
  }

  void reads_of(std::int64_t expected, std::int64_t objects) {
    status_.moved({Progress::Stage::reading, "entra", "users", objects, true, false, expected});
  }

  void publishes(std::int64_t done, std::int64_t all) {
    status_.moved({Progress::Stage::publishing, {}, {}, done, true, done >= all, all});
  }

  std::optional<std::int64_t> left(std::optional<std::int64_t> expected_of_all = std::nullopt) {
    LiveStatus::Snapshot snapshot = status_.snapshot();
    for (LiveStatus::Step& step : snapshot.steps)
      if (expected_of_all)
        step.expected = expected_of_all;
    const auto found = time_left(snapshot, clock_.now());
    return found ? std::optional<std::int64_t>(found->count()) : std::nullopt;
  }

  base::ManualClock clock_{base::TimePoint(std::chrono::hours(24 * 365 * 50))};
  LiveStatus status_{clock_};
};

}  // namespace

TEST_F(LiveStatusTest, FollowsACycle) {
  EXPECT_EQ(status_.snapshot().activity, Activity::idle);
  const base::TimePoint begun = clock_.now();
  status_.cycle_blocked();
  EXPECT_EQ(status_.snapshot().activity, Activity::waiting);
  clock_.advance(seconds(10));
  status_.cycle_begun();
  EXPECT_EQ(status_.snapshot().activity, Activity::reading);
  EXPECT_EQ(status_.snapshot().since, begun + seconds(10));
  reads("users", 100);
  reads("contacts", 5);
  reads("users", 250, true, true);
  const LiveStatus::Snapshot reading = status_.snapshot();
  ASSERT_EQ(reading.steps.size(), 2U);
  EXPECT_EQ(reading.steps[0].collection, "users");
  EXPECT_EQ(reading.steps[0].objects, 250);
  EXPECT_TRUE(reading.steps[0].done);
  EXPECT_EQ(reading.steps[1].objects, 5);
  clock_.advance(seconds(10));
  publishes(100, 400);
  const LiveStatus::Snapshot publishing = status_.snapshot();
  EXPECT_EQ(publishing.activity, Activity::publishing);
  EXPECT_EQ(publishing.since, begun + seconds(20)) << "the pace of another activity says nothing";
  ASSERT_EQ(publishing.steps.size(), 1U);
  EXPECT_EQ(publishing.steps[0].expected, 400);
  status_.cycle_over();
  status_.next_cycle(begun + seconds(1800));
  EXPECT_EQ(status_.snapshot().activity, Activity::idle);
  EXPECT_TRUE(status_.snapshot().steps.empty());
  EXPECT_EQ(status_.snapshot().next_cycle, begun + seconds(1800));
  status_.cycle_begun();
  EXPECT_EQ(status_.snapshot().next_cycle, std::nullopt);
}

TEST_F(LiveStatusTest, EstimatesByThePaceSoFar) {
  status_.cycle_begun();
  reads("users", 100);
  EXPECT_EQ(left(1000), std::nullopt) << "the first moment says nothing";
  clock_.advance(seconds(10));
  EXPECT_EQ(left(1000), 90);
  EXPECT_EQ(left(), std::nullopt) << "nobody knows how many there are";
  EXPECT_EQ(left(50), 0) << "more than there were the last time";
}

TEST_F(LiveStatusTest, ASourceTellsHowMuchThereIs) {
  status_.cycle_begun();
  clock_.advance(seconds(10));
  reads_of(1000, 100);
  EXPECT_EQ(left(), 90);
  reads("groups", 3);
  EXPECT_EQ(left(), std::nullopt) << "the other one may be the longer";
  reads("groups", 4, true, true);
  EXPECT_EQ(left(), 90);
}

TEST_F(LiveStatusTest, TheSlowestCollectionCounts) {
  status_.cycle_begun();
  clock_.advance(seconds(10));
  reads("users", 500);
  reads("contacts", 100);
  reads("groups", 1, false);        // a few changes
  reads("devices", 7, true, true);  // read already
  EXPECT_EQ(left(1000), 90);
  reads("contacts", 1000, true, true);
  EXPECT_EQ(left(1000), 10);
}

TEST_F(LiveStatusTest, EstimatesAPublication) {
  status_.cycle_begun();
  clock_.advance(seconds(100));
  publishes(0, 4000);
  EXPECT_EQ(left(), std::nullopt);
  clock_.advance(seconds(10));
  publishes(1000, 4000);
  EXPECT_EQ(left(), 30);
}

}  // namespace gald::sync
