#include "sync/cycle.hpp"

#include <deque>
#include <functional>
#include <set>
#include <thread>

#include "index/reader.hpp"
#include "support.hpp"
#include "sync/expiry.hpp"
#include "sync/schedule.hpp"

namespace gald::sync {

using model::Change;
using test::anchor;
using test::Attribute;

namespace {

/// A source that says what it is told to say, round by round.
class ScriptedConnector final : public Connector {
 public:
  ScriptedConnector(std::string name, std::vector<std::string> collections)
      : name_(std::move(name)) {
    for (std::string& collection : collections)
      collections_.push_back({std::move(collection), false, "v1"});
  }

  const std::string& name() const override { return name_; }

  model::ConnectorKind kind() const override { return model::ConnectorKind::entra; }

  const std::vector<Collection>& collections() const override { return collections_; }

  std::unique_ptr<Round> begin(const Collection& collection, const model::Cursor& from) override {
    class ScriptedRound final : public Round {
     public:
      ScriptedRound(std::deque<Pull>& script, const std::string& throws)
          : script_(script), throws_(throws) {}

      Pull next(std::stop_token stop) override {
        if (stop.stop_requested())
          return Failed{{base::ErrorKind::stopped, "stopped", {}}};
        if (!throws_.empty())
          throw std::runtime_error(throws_);
        Pull pull = std::move(script_.front());
        script_.pop_front();
        return pull;
      }

     private:
      std::deque<Pull>& script_;
      const std::string& throws_;
    };

    begun.push_back(collection.name + "@" + from.position);
    return std::make_unique<ScriptedRound>(script, throws);
  }

  std::vector<Finding> check(std::stop_token) override { return {}; }

  void only_adds() { collections_.front().only_adds = true; }

  void complete_every(std::chrono::seconds pace) { collections_.front().complete_every = pace; }

  std::deque<Pull> script;
  std::string throws;
  std::vector<std::string> begun;

 private:
  std::string name_;
  std::vector<Collection> collections_;
};

Page page(std::vector<int> users, const std::string& cursor, bool last = true) {
  Page page;
  for (const int number : users) {
    Change change;
    change.anchor = anchor(number);
    change.kind = model::RecordKind::user;
    change.set[Attribute::display_name] = {"user " + std::to_string(number)};
    page.changes.push_back(std::move(change));
  }
  page.next = model::Cursor{cursor, ""};
  page.last = last;
  page.effort = {.requests = 1, .bytes = 100};
  return page;
}

class CycleTest : public testing::Test {
 protected:
  CycleTest() : index_(directory_.path() / "gald.db", clock_) {}

  ScriptedConnector& connector(const std::string& name) {
    auto made = std::make_unique<ScriptedConnector>(name, std::vector<std::string>{"users"});
    ScriptedConnector& reference = *made;
    connectors_.push_back(std::move(made));
    return reference;
  }

  model::RunReport cycle(std::stop_token stop = {}) {
    return run_cycle(connectors_, index_, clock_, options_, stop);
  }

  std::size_t contacts() const {
    std::size_t count = 0;
    index::Reader(directory_.path() / "gald.db").contacts({}, [&](const model::Contact&) {
      ++count;
      return true;
    });
    return count;
  }

  test::TemporaryDirectory directory_;
  base::SystemClock clock_;
  index::Index index_;
  std::vector<std::unique_ptr<Connector>> connectors_;
  CycleOptions options_;
};

}  // namespace

TEST_F(CycleTest, ReadsToTheEndOfTheRoundAndPublishes) {
  ScriptedConnector& entra = connector("entra");
  entra.script = {page({1, 2}, "next", false), page({3}, "delta")};
  const model::RunReport report = cycle();
  EXPECT_EQ(report.outcome, model::Outcome::complete);
  EXPECT_EQ(report.published.created, 3);
  ASSERT_EQ(report.collections.size(), 1u);
  EXPECT_EQ(report.collections[0].pages, 2);
  EXPECT_EQ(report.collections[0].requests, 2);
  EXPECT_EQ(report.collections[0].staged.added, 3);
  EXPECT_TRUE(report.collections[0].full);
  entra.script = {page({}, "delta2")};
  EXPECT_FALSE(cycle().collections[0].full);
  EXPECT_EQ(entra.begun, (std::vector<std::string>{"users@", "users@delta"}));
}

TEST_F(CycleTest, WhatIsConfiguredReachesTheIndex) {
  options_.policy.hidden_if_unknown = true;
  options_.keep_deleted = std::chrono::milliseconds(0);
  ScriptedConnector& entra = connector("entra");
  entra.script = {page({1, 2}, "a")};
  cycle();
  const index::Reader reader(directory_.path() / "gald.db");
  EXPECT_EQ(reader.overview().hidden, 2);

  Page farewell;
  farewell.changes.emplace_back().anchor = anchor(1);
  farewell.changes.back().presence = model::Presence::deleted;
  farewell.next = model::Cursor{"b", {}};
  farewell.last = true;
  entra.script = {farewell, page({}, "c")};
  cycle();
  std::this_thread::sleep_for(std::chrono::milliseconds(5));  // the deletion is past then
  cycle();
  std::size_t kept = 0;
  index::ContactFilter everybody;
  everybody.with_deleted = true;
  reader.contacts(everybody, [&](const model::Contact&) {
    ++kept;
    return true;
  });
  EXPECT_EQ(kept, 1u);
}

TEST_F(CycleTest, PublishesNothingBeforeEveryConnectorWasReadCompletely) {
  ScriptedConnector& ad = connector("ad");
  ScriptedConnector& entra = connector("entra");
  ad.script = {page({1}, "a")};
  entra.script = {page({2}, "b", false), Failed{{base::ErrorKind::network, "no answer", "wait"}}};
  const model::RunReport first = cycle();
  EXPECT_EQ(first.outcome, model::Outcome::partial);
  EXPECT_EQ(first.waiting_for, std::vector<std::string>{"entra/users"});
  EXPECT_EQ(contacts(), 0u);
  ad.script = {page({}, "a")};
  entra.script = {page({3}, "c")};
  EXPECT_EQ(cycle().published.created, 3);
  EXPECT_EQ(entra.begun.back(), "users@b");
}

TEST_F(CycleTest, WhatOnlyAddsIsNotWaitedForWhenItFails) {
  ScriptedConnector& entra = connector("entra");
  ScriptedConnector& exchange = connector("exchange");
  exchange.only_adds();
  entra.script = {page({1}, "a", false), Failed{{base::ErrorKind::network, "no answer", "wait"}}};
  exchange.script = {Failed{{base::ErrorKind::auth, "no role", "grant it"}}};
  EXPECT_EQ(cycle().waiting_for, std::vector<std::string>{"entra/users"});
  entra.script = {page({1, 2}, "a")};
  exchange.script = {Failed{{base::ErrorKind::auth, "no role", "grant it"}}};
  const model::RunReport report = cycle();
  EXPECT_EQ(report.outcome, model::Outcome::partial);
  EXPECT_TRUE(report.waiting_for.empty());
  EXPECT_EQ(report.published.created, 2);
}

TEST_F(CycleTest, AFailedConnectorHoldsNothingButItself) {
  ScriptedConnector& ad = connector("ad");
  ScriptedConnector& entra = connector("entra");
  ad.script = {page({1}, "a")};
  entra.script = {page({2}, "b")};
  cycle();
  ad.script = {page({3}, "a2")};
  entra.script = {Failed{{base::ErrorKind::network, "https://graph: connection refused", {}}}};
  const model::RunReport report = cycle();
  EXPECT_EQ(report.outcome, model::Outcome::partial);
  EXPECT_EQ(report.published.created, 1);
  EXPECT_EQ(report.published.deleted, 0);
  EXPECT_EQ(contacts(), 3u);
  for (const index::CollectionState& state :
       index::Reader(directory_.path() / "gald.db").collections()) {
    EXPECT_EQ(state.failing_since.empty(), state.connector == "ad");
    EXPECT_EQ(state.last_error, state.connector == "ad" ? "" : "https://graph: connection refused");
  }
}

TEST_F(CycleTest, ARefusedCursorIsReadAnewOnce) {
  ScriptedConnector& entra = connector("entra");
  entra.script = {page({1, 2}, "a")};
  cycle();
  entra.script = {CursorRefused{"410"}, page({2}, "b")};
  const model::RunReport report = cycle();
  EXPECT_EQ(report.outcome, model::Outcome::complete);
  EXPECT_TRUE(report.collections[0].full);
  EXPECT_EQ(report.published.deleted, 1);
  entra.script = {CursorRefused{"410"}, CursorRefused{"410"}};
  EXPECT_EQ(cycle().outcome, model::Outcome::failed);
  EXPECT_EQ(contacts(), 1u);
}

TEST_F(CycleTest, WaitsWhenThrottledAndGivesUpWithItsPatience) {
  ScriptedConnector& entra = connector("entra");
  entra.script = {Throttled{std::chrono::milliseconds(150), "429"}, page({1}, "a")};
  const model::RunReport report = cycle();
  EXPECT_EQ(report.outcome, model::Outcome::complete);
  EXPECT_GE(report.collections[0].waited.count(), 140);
  EXPECT_EQ(report.collections[0].throttled, 1);
  options_.patience = std::chrono::milliseconds(300);
  entra.script = {Throttled{std::chrono::seconds(30), "429"}};
  EXPECT_EQ(cycle().outcome, model::Outcome::failed);
}

TEST_F(CycleTest, WhatBoundsRepetitionsIsTime) {
  ScriptedConnector& entra = connector("entra");
  const base::ManualClock clock(clock_.now());
  const Throttled undated{std::nullopt, "503"};
  const auto cycle = [&] { return run_cycle(connectors_, index_, clock, options_, {}); };
  for (int i = 0; i < 4; ++i)
    entra.script.push_back(undated);
  entra.script.push_back(page({1}, "a"));
  const model::RunReport broken_off = cycle();
  EXPECT_EQ(broken_off.outcome, model::Outcome::complete);
  EXPECT_EQ(broken_off.collections[0].throttled, 0) << "nobody said until when";

  // Without a page in between the grace is over after a minute, in which there were few tries.
  entra.script.assign(100, undated);
  const base::TimePoint start = clock.now();
  const model::RunReport failed = cycle();
  EXPECT_EQ(failed.outcome, model::Outcome::failed);
  EXPECT_NE(failed.collections[0].error.find("times in a row: 503"), std::string::npos);
  EXPECT_GE(clock.now() - start, options_.grace);
  EXPECT_LT(clock.now() - start, options_.grace + std::chrono::seconds(1));
  EXPECT_LT(100 - entra.script.size(), 40u);

  // A source that says when is waited for, also hundreds of times.
  entra.script.assign(200, Throttled{std::chrono::seconds(2), "429"});
  entra.script.push_back(page({1}, "b"));
  EXPECT_EQ(cycle().outcome, model::Outcome::complete);
}

TEST_F(CycleTest, ACompleteReadIsDueWhenTheLastOneIsLongAgo) {
  ScriptedConnector& entra = connector("entra");
  entra.complete_every(std::chrono::hours(24));
  base::ManualClock clock(clock_.now());
  index::Index index(directory_.path() / "other.db", clock);
  const auto cycle = [&] { return run_cycle(connectors_, index, clock, options_, {}); };
  entra.script = {page({1, 2}, "a")};
  EXPECT_TRUE(cycle().collections[0].full);
  clock.advance(std::chrono::hours(23));
  entra.script = {page({3}, "b")};
  EXPECT_FALSE(cycle().collections[0].full);
  clock.advance(std::chrono::hours(2));
  entra.script = {page({1}, "c", false), Failed{{base::ErrorKind::network, "gone", {}}}};
  const model::RunReport broken = cycle();
  EXPECT_TRUE(broken.collections[0].full);
  EXPECT_EQ(broken.published.deleted, 0);
  entra.script = {page({3}, "d")};  // goes on where it broke off
  const model::RunReport report = cycle();
  EXPECT_EQ(entra.begun.back(), "users@c");
  EXPECT_EQ(report.published.deleted, 1);
  EXPECT_EQ(report.published.updated, 0);
  entra.script = {page({}, "e")};
  EXPECT_FALSE(cycle().collections[0].full);
}

TEST_F(CycleTest, AnObjectToldInPartsIsPatchedInAFullRoundToo) {
  ScriptedConnector& entra = connector("entra");
  entra.complete_every(std::chrono::seconds(0));
  const auto round = [](const char* title) {
    Page routing = page({1}, "", false);
    routing.next.reset();
    routing.changes[0].part = true;
    Page person = page({1}, "end");
    person.changes[0].part = true;
    person.changes[0].set = {{Attribute::job_title, {title}}};
    return std::deque<Pull>{routing, person};
  };
  entra.script = round("Engineer");
  cycle();
  entra.script = round("Engineer");
  const model::RunReport same = cycle();
  EXPECT_TRUE(same.collections[0].full);
  EXPECT_EQ(same.collections[0].staged.updated, 0);
  EXPECT_EQ(same.published.total(), 0);
  entra.script = round("Director");
  EXPECT_EQ(cycle().published.updated, 1);
}

TEST(Expiry, IsToldOnceForEachStep) {
  const base::TimePoint end{std::chrono::days(1000)};
  const auto before = [&](int days) {
    return end - std::chrono::days(days) + std::chrono::hours(1);
  };
  EXPECT_EQ(expiry_notice(end, std::nullopt, end - std::chrono::days(31)), std::nullopt);
  EXPECT_EQ(expiry_notice(end, std::nullopt, end - std::chrono::days(20)), 20);
  const std::vector<int> told = {30, 14, 3, 2, 1, 0, -1};
  std::vector<int> heard;
  for (auto now = end - std::chrono::days(40); now < end + std::chrono::days(1);
       now += std::chrono::minutes(30))
    if (const auto days = expiry_notice(end, now - std::chrono::minutes(30), now))
      heard.push_back(*days);
  EXPECT_EQ(heard, told);
  EXPECT_EQ(days_left(end, before(3)), 2);
}

TEST_F(CycleTest, StoppedWhileWaitingIsNobodysFailure) {
  ScriptedConnector& entra = connector("entra");
  entra.script = {page({1}, "a")};
  cycle();
  entra.script = {Throttled{std::chrono::minutes(5), "429"}};
  std::stop_source stop;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop.request_stop();
  });
  const model::RunReport report = cycle(stop.get_token());
  EXPECT_FALSE(report.collections[0].complete);
  EXPECT_EQ(report.collections[0].error, "");
  EXPECT_EQ(index::Reader(directory_.path() / "gald.db").collections()[0].failing_since, "");
}

TEST_F(CycleTest, AConnectorThatThrowsFailsAlone) {
  ScriptedConnector& ad = connector("ad");
  ScriptedConnector& entra = connector("entra");
  ad.script = {page({1}, "a")};
  entra.script = {page({2}, "b")};
  cycle();
  ad.script = {page({3}, "a2")};
  entra.throws = "out of luck";
  const model::RunReport report = cycle();
  EXPECT_EQ(report.outcome, model::Outcome::partial);
  EXPECT_EQ(report.published.created, 1);
  EXPECT_EQ(report.collections.at(1).error, "entra: out of luck");
}

TEST_F(CycleTest, StoppedBeforePublishingItIsNotComplete) {
  connector("entra").script = {page({1}, "a")};
  std::stop_source stop;
  options_.progress = [&](const Progress&) { stop.request_stop(); };
  EXPECT_EQ(cycle(stop.get_token()).outcome, model::Outcome::partial);
  EXPECT_EQ(contacts(), 0u);
}

TEST_F(CycleTest, ProgressCountsObjects) {
  ScriptedConnector& entra = connector("entra");
  entra.script = {page({1, 2}, "n", false), page({3}, "d")};
  std::vector<std::int64_t> read;
  options_.progress = [&](const Progress& progress) {
    if (progress.stage == Progress::Stage::reading)
      read.push_back(progress.objects);
  };
  cycle();
  EXPECT_EQ(read, (std::vector<std::int64_t>{2, 3}));
}

TEST_F(CycleTest, ProgressTellsWhatTheSourceExpects) {
  Page first = page({1, 2}, "n", false);
  first.expected = 40;
  Page anew = page({1, 2, 3}, "n", false);
  anew.expected = 4;
  connector("entra").script = {first, page({3}, "n", false), CursorRefused{"gone"}, anew,
                               page({4}, "d")};
  std::vector<std::optional<std::int64_t>> expected;
  options_.progress = [&](const Progress& progress) {
    if (progress.stage == Progress::Stage::reading)
      expected.push_back(progress.expected);
  };
  cycle();
  EXPECT_EQ(expected, (std::vector<std::optional<std::int64_t>>{40, 40, 7, 7}))
      << "three were read when it began anew, and four come";
}

TEST(Schedule, KeepsTheIntervalFromStartToStart) {
  const Schedule schedule{std::chrono::minutes(30), std::chrono::minutes(1)};
  const base::TimePoint start{std::chrono::hours(1)};
  EXPECT_EQ(schedule.next(start, start + std::chrono::minutes(2), 0.0),
            start + std::chrono::minutes(30));
  EXPECT_EQ(schedule.next(start, start + std::chrono::minutes(2), 0.5),
            start + std::chrono::minutes(30) + std::chrono::seconds(30));
}

TEST(Schedule, ALongCycleIsFollowedAtOnceAndMissedOnesAreNotMadeUpFor) {
  const Schedule schedule{std::chrono::minutes(30), std::chrono::minutes(0)};
  const base::TimePoint start{std::chrono::hours(1)};
  const base::TimePoint now = start + std::chrono::hours(5);
  EXPECT_EQ(schedule.next(start, now, 0.9), now);
}

TEST(Backoff, DoublesUpToItsLimitAndIsNeverNothing) {
  EXPECT_EQ(backoff(1, 0.0), std::chrono::milliseconds(200));
  EXPECT_LT(backoff(1, 0.999), std::chrono::seconds(2));
  EXPECT_GT(backoff(3, 0.999), std::chrono::seconds(7));
  EXPECT_LE(backoff(50, 0.999), std::chrono::minutes(2));
}

}  // namespace gald::sync
