#include "moment.hpp"

#include <cstdlib>
#include <ctime>
#include <string>

#include <gtest/gtest.h>

namespace gald::daemon {
namespace {

/// In Berlin, which has a summer time.
class Moments : public testing::Test {
 protected:
  Moments() {
    ::setenv("TZ", "Europe/Berlin", 1);
    ::tzset();
  }

  ~Moments() override {
    ::unsetenv("TZ");
    ::tzset();
  }

  std::string parsed(const std::string& text) const {
    const auto moment = parse_moment(text, now_);
    return moment ? base::to_iso8601(*moment) : "none";
  }

  const base::TimePoint now_ = *base::parse_iso8601("2026-11-28T23:30:00.000Z");  // the 29th there
};

TEST_F(Moments, WithoutAZoneAreLocal) {
  EXPECT_EQ(parsed("2026-11-01"), "2026-10-31T23:00:00.000Z");
  EXPECT_EQ(parsed("2026-07-01 10:00"), "2026-07-01T08:00:00.000Z");
  EXPECT_EQ(parsed("2026-11-01T10:00:30"), "2026-11-01T09:00:30.000Z");
  EXPECT_EQ(parsed(" 2026-11-01 10:00:30.250 "), "2026-11-01T09:00:30.250Z");
  EXPECT_EQ(parsed("1969-12-31 23:59"), "1969-12-31T22:59:00.000Z");
}

TEST_F(Moments, WithAZoneAreThere) {
  EXPECT_EQ(parsed("2026-11-01T10:00:00Z"), "2026-11-01T10:00:00.000Z");
  EXPECT_EQ(parsed("2026-11-01T10:00:00.417Z"), "2026-11-01T10:00:00.417Z");
  EXPECT_EQ(parsed("2026-11-01 10:00:00z"), "2026-11-01T10:00:00.000Z");
  EXPECT_EQ(parsed("2026-11-01T10:00+05:30"), "2026-11-01T04:30:00.000Z");
  EXPECT_EQ(parsed("2026-11-01 10:00 -0330"), "2026-11-01T13:30:00.000Z");
}

TEST_F(Moments, AreNamedFromToday) {
  EXPECT_EQ(parsed("today"), "2026-11-28T23:00:00.000Z");
  EXPECT_EQ(parsed("Yesterday"), "2026-11-27T23:00:00.000Z");
  EXPECT_EQ(parsed("yesterday 10:00"), "2026-11-28T09:00:00.000Z");
  EXPECT_EQ(parsed("now"), "2026-11-28T23:30:00.000Z");
}

TEST_F(Moments, AreNothingElse) {
  for (const char* text : {"",
                           "x",
                           "2026",
                           "2026-11",
                           "2026-11-31",
                           "2026-02-29",
                           "2026-13-01",
                           "26-11-01",
                           "2026-11-01x",
                           "2026-11-01 24:00",
                           "2026-11-01 10",
                           "2026-11-01 10:60",
                           "2026-11-01 10:00:60",
                           "2026-11-01 10:00:00.1",
                           "2026-11-01 10:00 CET",
                           "2026-11-01 10:00+25:00",
                           "2026-11-01 10:00+01",
                           "2026-11-01 -1:00",
                           "tomorrow",
                           "yesterday10:00",
                           "now 10:00",
                           "2026-11-01T10:00:00Z and more"})
    EXPECT_EQ(parsed(text), "none") << text;
}

}  // namespace
}  // namespace gald::daemon
