// The feed and the history of the index file: where they begin and end, and what they cost.
#include "index/history.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "base/guid.hpp"
#include "base/log.hpp"
#include "index/backup.hpp"
#include "index/change_log.hpp"
#include "index/feed.hpp"
#include "index/index.hpp"
#include "index/query.hpp"
#include "reconcile/reconcile.hpp"
#include "support.hpp"

namespace gald::index {
namespace {

using model::Change;
using model::Presence;
using model::RecordKind;
using std::chrono::days;
using std::chrono::hours;
using test::anchor;
using test::Attribute;
using testing::HasSubstr;
using Standing = FeedAnswer::Standing;
using Texts = std::vector<std::string>;

const CollectionKey kUsers{"entra", model::ConnectorKind::entra, "users", "v1", false};
const CollectionKey kDirectory{"ad", model::ConnectorKind::active_directory, "directory", "v1",
                               false};

Change user(int number, const std::string& name) {
  Change change;
  change.anchor = anchor(number);
  change.kind = RecordKind::user;
  change.set[Attribute::display_name] = {name};
  return change;
}

Change gone(int number) {
  Change change;
  change.anchor = anchor(number);
  change.presence = Presence::deleted;
  return change;
}

std::string id_of(int number) {
  return reconcile::entry_id_for(anchor(number));
}

class HistoryTest : public testing::Test {
 protected:
  void apply(const CollectionKey& key, std::vector<Change> changes) {
    index_.position(key);
    index_.apply(key, std::move(changes), {}, model::Cursor{std::to_string(++cursor_), ""}, true);
  }

  /// Half an hour later. Returns the run.
  std::int64_t publish(std::optional<std::chrono::milliseconds> keep_history = std::nullopt) {
    clock_.advance(std::chrono::minutes(30));
    const std::int64_t run = index_.begin_run();
    index_.publish(run, {.keep_deleted = days(30), .keep_history = keep_history}, {});
    return run;
  }

  Texts ask(const std::string& sql) const {
    SQLite::Database database(file().string(), SQLite::OPEN_READONLY);
    SQLite::Statement query(database, sql);
    Texts texts;
    while (query.executeStep())
      texts.push_back(query.getColumn(0).getString());
    return texts;
  }

  /// Names in the order of the list.
  Texts names(const Moment& moment) const {
    Texts names;
    History(file()).contacts(moment, {}, [&](const model::Contact& contact) {
      names.push_back(contact.entry.values.at(Attribute::display_name));
      return true;
    });
    return names;
  }

  std::string error_of(const Moment& moment) const {
    try {
      names(moment);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "none";
  }

  Texts feed_after(const FeedPosition& position, int limit, FeedAnswer& answer) const {
    Texts texts;
    answer = Feed(file()).compacted(position, limit, [&](const FeedItem& item) {
      texts.push_back(std::string(to_string(item.action)) + " " + item.id);
    });
    return texts;
  }

  FeedPosition now() const {
    return Feed(file()).snapshot([](const FeedItem&) {}).next;
  }

  std::filesystem::path file() const { return directory_.path() / "gald.db"; }

  test::TemporaryDirectory directory_;
  base::ManualClock clock_{base::TimePoint(hours(24 * 365 * 50))};
  Index index_{file(), clock_};
  int cursor_ = 0;
};

TEST_F(HistoryTest, AMomentBelongsToWhatWasToldAtIt) {
  const base::TimePoint before = clock_.now();
  apply(kUsers, {user(1, "Ann"), user(2, "Bob")});
  const std::int64_t first = publish();
  const base::TimePoint at_first = clock_.now();
  apply(kUsers, {user(1, "Zoe")});
  const std::int64_t second = publish();
  const std::int64_t quiet = publish();

  EXPECT_EQ(names(before), Texts());
  EXPECT_EQ(names(at_first - std::chrono::milliseconds(1)), Texts());
  EXPECT_EQ(names(at_first), (Texts{"Ann", "Bob"}));
  EXPECT_EQ(names(AfterRun{first}), (Texts{"Ann", "Bob"}));
  EXPECT_EQ(names(AfterRun{second}), (Texts{"Bob", "Zoe"}));
  EXPECT_EQ(names(AfterRun{quiet}), (Texts{"Bob", "Zoe"}));
  EXPECT_THAT(error_of(AfterRun{99}), HasSubstr("run 99: there was no such run"));
}

TEST_F(HistoryTest, ForgetsFromItsBeginningAndSaysSo) {
  apply(kUsers, {user(1, "Ann")});
  const std::int64_t first = publish();
  const base::TimePoint at_first = clock_.now();
  const FeedPosition old = now();
  for (int day = 0; day < 10; ++day) {
    clock_.advance(days(1));
    apply(kUsers, {user(1, "Ann " + std::to_string(day))});
    publish();
  }
  FeedAnswer answer;
  EXPECT_EQ(feed_after(old, 10, answer), Texts{"put " + id_of(1)});

  publish(days(5));
  EXPECT_EQ(ask("SELECT count(*) FROM changes"), Texts{"5"});
  EXPECT_EQ(ask("SELECT oldest_position || ' ' || newest_position FROM feed"), Texts{"6 11"});
  EXPECT_EQ(feed_after(old, 10, answer), Texts());
  EXPECT_EQ(answer.standing, Standing::too_old);
  EXPECT_EQ(feed_after({old.feed, 6}, 10, answer), Texts{"put " + id_of(1)});

  const std::string oldest = ask("SELECT complete_since FROM feed").front();
  EXPECT_THAT(error_of(at_first),
              HasSubstr("the oldest moment that can be asked for is " + oldest));
  EXPECT_THAT(error_of(AfterRun{first}), HasSubstr("the first run that can be asked for is 6"));
  EXPECT_EQ(names(*base::parse_iso8601(oldest)), Texts{"Ann 4"});
  EXPECT_EQ(names(AfterRun{6}), Texts{"Ann 4"});
  EXPECT_EQ(names(AfterRun{7}), Texts{"Ann 5"});
  // whatever is left was told after it
  const auto contact = History(file()).find(*base::parse_iso8601(oldest), id_of(1)).at(0);
  EXPECT_EQ(contact.change_number, 0);
  EXPECT_EQ(contact.changed_at, "");
}

TEST_F(HistoryTest, ForgetsInStepsOfWhichEachIsWhole) {
  std::vector<Change> many;
  for (int i = 0; i < 5600; ++i)
    many.push_back(user(i, "Somebody"));
  apply(kUsers, many);
  publish();
  SQLite::Database database(file().string(), SQLite::OPEN_READWRITE);
  Statements statements(database);
  std::stop_source stop;
  const std::string later = base::to_iso8601(clock_.now() + days(1));
  // dies when the first step is done
  database.exec(
      "CREATE TEMP TRIGGER death BEFORE DELETE ON main.change WHEN OLD.number > 5000"
      " BEGIN SELECT RAISE(ABORT, 'dead'); END");
  EXPECT_THROW(trim_history(database, statements, later, stop.get_token()), SQLite::Exception);
  EXPECT_EQ(ask("SELECT count(*) FROM changes"), Texts{"600"});
  EXPECT_EQ(ask("SELECT oldest_position FROM feed"), Texts{"5000"});
  EXPECT_EQ(history_size(statements).changes, 600);
  database.exec("DROP TRIGGER death");
  EXPECT_EQ(trim_history(database, statements, later, stop.get_token()), 600);
  EXPECT_EQ(ask("SELECT oldest_position || ' ' || newest_position FROM feed"), Texts{"5600 5600"});
  EXPECT_EQ(history_size(statements).changes, 0);
}

TEST_F(HistoryTest, ItsSizeIsCountedAndAboutRight) {
  std::vector<Change> many;
  for (int i = 0; i < 4000; ++i)
    many.push_back(user(i, "Somebody called " + std::to_string(i)));
  apply(kUsers, many);
  publish();
  for (Change& change : many)
    change.set[Attribute::job_title] = {"Title of " + change.anchor};
  apply(kUsers, many);
  publish();
  apply(kUsers, {gone(1)});
  publish();
  clock_.advance(days(31));
  publish();  // purges it, with its three lines

  const HistoryState state = History(file()).state();
  EXPECT_EQ(std::to_string(state.changes), ask("SELECT count(*) FROM changes").front());
  const double real =
      std::stod(ask("SELECT sum(pgsize) FROM dbstat WHERE name IN ('change', 'change_by_entry',"
                    " 'change_by_run')")
                    .front());
  EXPECT_GT(static_cast<double>(state.bytes), 0.7 * real);
  EXPECT_LT(static_cast<double>(state.bytes), 1.3 * real);
}

TEST_F(HistoryTest, AClockThatWasWrongIsToldOf) {
  const base::TimePoint right = clock_.now();
  const auto publish_at = [&](base::TimePoint time) {
    clock_.advance(time - clock_.now());
    apply(kUsers, {user(1, "At " + base::to_iso8601(time))});
    base::log::start(base::log::Level::warning);
    testing::internal::CaptureStderr();
    publish();
    const std::string log = testing::internal::GetCapturedStderr();
    base::log::start(base::log::Level::error);
    return log;
  };
  const auto warns = HasSubstr("publish.ahead_of_clock");
  EXPECT_THAT(publish_at(right), testing::Not(warns));
  EXPECT_THAT(publish_at(right - std::chrono::minutes(4)), testing::Not(warns));
  const base::TimePoint wrong = right + days(2000);
  EXPECT_THAT(publish_at(wrong), testing::Not(warns)) << "nobody can tell";
  const std::string newest = History(file()).state().newest_at;
  EXPECT_GE(newest, base::to_iso8601(wrong));
  EXPECT_THAT(publish_at(right + days(1)), testing::AllOf(warns, HasSubstr("newest=" + newest)));
  EXPECT_EQ(History(file()).state().newest_at, newest) << "told with that time, too";
  EXPECT_THAT(publish_at(wrong + days(1)), testing::Not(warns));
}

TEST_F(HistoryTest, WhoWasMergedMayBeOnItsOwnAgain) {
  Change here = user(1, "Here");
  Change there = user(2, "There");
  apply(kDirectory, {here});
  apply(kUsers, {there});
  publish();
  const base::TimePoint two = clock_.now();
  there.set[Attribute::immutable_id] = {
      base::base64_encode(base::Guid::parse(anchor(1))->ad_bytes())};
  there.set[Attribute::sync_enabled] = {"true"};
  apply(kUsers, {there});
  publish();
  const base::TimePoint one = clock_.now();
  ASSERT_EQ(ask("SELECT id FROM merged_contacts"), Texts{id_of(2)});
  Change again = user(2, "There again");
  again.kind = RecordKind::contact;  // which is no part of a user
  again.cleared = {Attribute::immutable_id, Attribute::sync_enabled};
  apply(kUsers, {again});
  publish();

  EXPECT_EQ(ask("SELECT operation || ' ' || field || ' ' || old_value || ' ' || new_value"
                " FROM changes WHERE contact_id = '" +
                id_of(2) + "' AND operation = 'restored' AND field = 'id'"),
            Texts{"restored id " + id_of(1) + " " + id_of(2)});
  EXPECT_EQ(names(clock_.now()), (Texts{"Here", "There again"}));
  EXPECT_EQ(names(two), (Texts{"Here", "There"}));
  EXPECT_EQ(names(one), Texts{"Here"});
  EXPECT_EQ(History(file()).find(one, id_of(2)).at(0).entry.id, id_of(1));
  EXPECT_EQ(History(file()).find(two, id_of(2)).at(0).entry.id, id_of(2));
}

TEST_F(HistoryTest, AnotherIndexHasAnotherFeed) {
  apply(kUsers, {user(1, "Ann")});
  publish();
  const FeedPosition position = now();
  FeedAnswer answer;
  feed_after({position.feed, position.number + 1}, 10, answer);
  EXPECT_EQ(answer.standing, Standing::unknown);
  feed_after({"0123456789abcdef", position.number}, 10, answer);
  EXPECT_EQ(answer.standing, Standing::unknown);
  feed_after({"", position.number}, 10, answer);
  EXPECT_EQ(answer.standing, Standing::known) << "a number alone is taken at its word";

  const auto copy = directory_.path() / "copy.db";
  copy_index(file(), copy);
  EXPECT_NE(Feed(copy).snapshot([](const FeedItem&) {}).next.feed, position.feed);
  EXPECT_EQ(now(), position);
}

TEST_F(HistoryTest, OneChangeIsNotCut) {
  Change staff;
  staff.anchor = anchor(100);
  staff.kind = RecordKind::group;
  staff.set[Attribute::display_name] = {"Staff"};
  std::vector<Change> all;
  for (int i = 1; i <= 5; ++i) {
    all.push_back(user(i, "Somebody"));
    staff.members_added.push_back(anchor(i));
  }
  all.push_back(staff);
  apply(kUsers, all);
  publish();
  const FeedPosition before = now();
  staff.members_added.clear();
  staff.set[Attribute::display_name] = {"Crew"};
  apply(kUsers, {staff, user(1, "Another")});
  publish();

  FeedAnswer answer;
  Texts items = feed_after(before, 1, answer);
  while (answer.more) {
    const std::int64_t last = answer.next.number;
    for (const std::string& item : feed_after(answer.next, 1, answer))
      items.push_back(item);
    ASSERT_GT(answer.next.number, last);
  }
  EXPECT_THAT(items, testing::IsSupersetOf({"put " + id_of(100), "put " + id_of(1),
                                            "put " + id_of(2), "put " + id_of(5)}));
  EXPECT_EQ(answer.next, now());
}

TEST(FeedPositions, AreWrittenAndRead) {
  for (const char* text : {"0", "4711", "2f5c0a7d91e3b846.4711"})
    EXPECT_EQ(to_string(parse_feed_position(text).value()), text);
  for (const char* text : {"", "-1", "x", ".4", "a.", "a.b", "1 ", "99999999999999999999"})
    EXPECT_FALSE(parse_feed_position(text)) << text;
}

/// Every plan that reads `change` without an index over what is asked for.
TEST_F(HistoryTest, WhatAPublicationBringsBehindASnapshotIsInTheFeed) {
  std::vector<Change> all;
  for (int number = 1; number <= 700; ++number)
    all.push_back(user(number, "n" + std::to_string(number)));
  all.front().set[Attribute::manager] = {anchor(700)};
  Change group = user(701, "Everybody");
  group.kind = RecordKind::group;
  group.members_added = {anchor(1)};
  all.push_back(group);
  apply(kUsers, std::move(all));

  std::optional<FeedPosition> between;
  const std::int64_t run = index_.begin_run();
  index_.publish(
      run, {.progress = [&](std::int64_t, std::int64_t) { between = between ? between : now(); }},
      {});
  ASSERT_TRUE(between);
  ASSERT_LT(between->number, 700) << "there has to be something behind it";

  std::optional<model::Contact> first;
  Feed(file()).compacted(*between, 10'000, [&](const FeedItem& item) {
    if (item.id == id_of(1))
      first = item.contact;
  });
  ASSERT_TRUE(first) << "its group and its manager were published behind it";
  EXPECT_EQ(first->manager_id, id_of(700));
  ASSERT_EQ(first->groups.size(), 1U);
  EXPECT_EQ(first->groups.front().display_name, "Everybody");
}

TEST_F(HistoryTest, NoQueryScansTheHistory) {
  SQLite::Database database(file().string(), SQLite::OPEN_READONLY);
  const auto plan_of = [&](const std::string& sql) {
    SQLite::Statement query(database, "EXPLAIN QUERY PLAN " + sql);
    std::string plan;
    while (query.executeStep())
      plan += query.getColumn(3).getString() + "\n";
    return plan;
  };
  for (const std::string& sql :
       {kHistoryLines + "WHERE ch.number > ?1 ORDER BY ch.number LIMIT ?2",
        kHistoryLines + "WHERE e.uuid = ?1 ORDER BY ch.number DESC LIMIT ?2",
        kHistoryLines + "WHERE ch.run_id = ?1 ORDER BY ch.number LIMIT ?2",
        std::string("SELECT contact_id FROM changes WHERE number > 4711"),
        std::string("SELECT * FROM feed")}) {
    const std::string plan = plan_of(sql);
    EXPECT_THAT(plan, testing::Not(HasSubstr("SCAN ch\n"))) << sql << "\n" << plan;
    EXPECT_THAT(plan, HasSubstr("SEARCH ch")) << sql << "\n" << plan;
  }
}

}  // namespace
}  // namespace gald::index
