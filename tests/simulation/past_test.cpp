// The feed leads a consumer to exactly the index, and the history back to exactly what it was,
// whatever happens to writer and consumer on the way.
#include <algorithm>
#include <random>

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include "file_index.hpp"
#include "index/index.hpp"
#include "picture.hpp"
#include "story.hpp"
#include "town.hpp"

namespace gald::simulation {
namespace {

using std::chrono::days;
using std::chrono::hours;

constexpr unsigned kStories = 120;
constexpr unsigned kShares = 4;  // so that ctest runs them side by side
constexpr int kCycles = 200;
constexpr int kMoments = 50;
constexpr int kCrowd = 620;  // more than a transaction publishes

void expect_followed(const Follower& follower, const Picture& now) {
  std::map<std::string, std::string> expected;
  for (const model::Contact& contact : now.entries)
    expected[contact.entry.id] = text_of(contact);
  EXPECT_EQ(follower.copy(), expected);
  EXPECT_EQ(follower.forwards(), now.forwards);
}

void expect_same(const index::History& history, const Picture& then) {
  const Picture past = picture_of_the_past(history, then);
  EXPECT_EQ(past.texts(), then.texts());
  EXPECT_EQ(past.found, then.found);
  ASSERT_EQ(past.filtered.size(), then.filtered.size());
  for (std::size_t i = 0; i < then.filtered.size(); ++i)
    EXPECT_EQ(past.filtered[i].second, then.filtered[i].second) << "filter " << i;
}

// --- what sources tell of identity
// ----------------------------------------------------------------

class StoriesOfThePast : public testing::TestWithParam<unsigned> {};

TEST_P(StoriesOfThePast, AreToldAsTheyWere) {
  for (unsigned seed = GetParam(); seed < kStories; seed += kShares) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    FileIndex index;
    Follower follower(index.file());
    std::vector<Picture> pictures;
    for (const std::vector<Said>& step : random_story(seed)) {
      index.tell(step);
      index.publish();
      pictures.push_back(picture_of(index.file(), index.now(), random));
      follower.follow(1 + static_cast<int>(random() % 4));
      expect_followed(follower, pictures.back());
    }
    const index::History history(index.file());
    for (const Picture& picture : pictures)
      expect_same(history, picture);
    ASSERT_FALSE(HasFailure());
  }
}

INSTANTIATE_TEST_SUITE_P(Shares, StoriesOfThePast, testing::Range(0u, kShares));

// --- the life of a town
// ---------------------------------------------------------------------------

class TownTest : public testing::Test {
 protected:
  void tell(const Told& told) {
    for (const auto& [connector, changes] : told) {
      const index::CollectionKey key{
          connector, connector == "ad" ? ConnectorKind::active_directory : ConnectorKind::entra,
          "objects", "v1"};
      index_->position(key);
      index_->apply(key, changes, {}, model::Cursor{std::to_string(++cursors_), ""}, true);
    }
  }

  void publish() {
    clock_.advance(hours(6));
    index_->publish(index_->begin_run(),
                    {.policy = policy_, .keep_deleted = days(8), .keep_history = keep_history_},
                    {});
  }

  /// In the middle of what it writes, within so many changes, the writer is gone.
  void publish_and_die(unsigned changes) {
    const std::string dies =
        random_() % 4 == 0
            ? "AFTER DELETE ON change"
            : "AFTER INSERT ON change WHEN NEW.number > " +
                  std::to_string(number() + static_cast<std::int64_t>(random_() % changes));
    execute("CREATE TRIGGER death " + dies + " BEGIN SELECT RAISE(ABORT, 'dead'); END");
    try {
      publish();
    } catch (const std::runtime_error&) {
      ++deaths_;
    }
    index_.reset();
    execute("DROP TRIGGER death");
    index_ = std::make_unique<index::Index>(file(), clock_);
  }

  std::int64_t number() const {
    SQLite::Database database(file().string());
    return database.execAndGet("SELECT newest_position FROM feed").getInt64();
  }

  std::int64_t count(const std::string& what) const {
    SQLite::Database database(file().string());
    return database.execAndGet("SELECT count(*) FROM " + what).getInt64();
  }

  void execute(const std::string& sql) const {
    SQLite::Database(file().string(), SQLite::OPEN_READWRITE).exec(sql);
  }

  void change_policy() {
    using Labels = std::map<std::string, std::vector<std::string>>;
    static const Labels kLabels[] = {
        {}, {{"VIP", {"Group 1"}}}, {{"VIP", {"Group 1", "Group 2"}}, {"Board", {"Group 1"}}}};
    policy_.labels = kLabels[random_() % 3];
    policy_.connectors["ad"].region = random_() % 2 == 0 ? "DE" : "AT";
    policy_.hidden_if_unknown = random_() % 2 == 0 ? std::nullopt : std::optional(true);
  }

  Picture picture() { return picture_of(file(), clock_.now(), random_); }

  /// Who was purged after the picture was taken is not in the past any more.
  Picture without_purged(Picture picture) const {
    SQLite::Database database(file().string());
    SQLite::Statement purged(
        database, "SELECT contact_id FROM changes WHERE operation = 'purged' AND number > ?");
    purged.bind(1, picture.newest);
    while (purged.executeStep())
      picture.forget(purged.getColumn(0).getString());
    return picture;
  }

  std::filesystem::path file() const { return directory_.path() / "gald.db"; }

  test::TemporaryDirectory directory_;
  std::mt19937 random_{6};
  base::ManualClock clock_{base::TimePoint(hours(24 * 365 * 50))};
  std::unique_ptr<index::Index> index_ = std::make_unique<index::Index>(file(), clock_);
  reconcile::Policy policy_;
  std::optional<std::chrono::milliseconds> keep_history_;
  int cursors_ = 0;
  int deaths_ = 0;
};

TEST_F(TownTest, IsFollowedAndRememberedExactly) {
  Town town(7, 40, kCrowd);
  Follower follower(file());
  std::vector<Picture> pictures;
  tell(town.begin());
  publish_and_die(kCrowd);
  for (int cycle = 0; cycle < kCycles; ++cycle) {
    tell(town.live(1 + static_cast<int>(random_() % 12)));
    const bool all_move = cycle % 25 == 24;
    if (all_move)
      tell(town.move_the_crowd());
    if (cycle % 10 == 9)
      change_policy();
    const bool dies = all_move || random_() % 3 == 0;
    if (dies) {
      publish_and_die(all_move ? kCrowd : 12);
      follower.follow(1 + static_cast<int>(random_() % 20), static_cast<int>(random_() % 30));
    } else {
      publish();
    }
    if (dies || all_move || cycle % 6 == 0)
      pictures.push_back(picture());
    if (random_() % 2 == 0)
      follower.follow(1 + static_cast<int>(random_() % 50), static_cast<int>(random_() % 40));
    if (random_() % 4 == 0) {
      follower.follow(100);
      expect_followed(follower, picture());
    }
    ASSERT_FALSE(HasFailure()) << "cycle " << cycle;
  }
  publish();
  follower.follow(7);
  expect_followed(follower, picture());
  EXPECT_EQ(follower.snapshots(), 1) << "nothing was forgotten, so that it never had to begin anew";

  EXPECT_GT(deaths_, 20);
  for (const char* operation : {"created", "updated", "deleted", "restored", "merged", "purged"})
    EXPECT_GT(count("changes WHERE operation = '" + std::string(operation) + "'"), 0) << operation;
  for (const char* field : {"phones", "addresses", "groups", "manager", "memberLabels", "source",
                            "hidden", "extensionAttribute15"})
    EXPECT_GT(count("changes WHERE field = '" + std::string(field) + "'"), 0) << field;

  ASSERT_GE(static_cast<int>(pictures.size()), kMoments);
  std::shuffle(pictures.begin(), pictures.end(), random_);
  pictures.resize(kMoments);
  const index::History history(file());
  for (const Picture& then : pictures)
    expect_same(history, without_purged(then));
}

TEST_F(TownTest, ForgetsWhatIsOldAndSaysSo) {
  Town town(8, 30, 0);
  tell(town.begin());
  publish();
  Follower late(file());
  late.follow(100);
  std::vector<Picture> pictures;
  for (int cycle = 0; cycle < 60; ++cycle) {
    tell(town.live(8));
    publish();
    pictures.push_back(picture());
    keep_history_ = days(5);
  }
  std::string since;
  {
    SQLite::Database database(file().string());
    since = database.execAndGet("SELECT complete_since FROM feed").getString();
  }
  const index::History history(file());
  int remembered = 0;
  for (Picture& then : pictures) {
    then = without_purged(then);
    if (base::to_iso8601(then.at) < since) {
      EXPECT_THROW(history.contacts(then.at, {}, [](const auto&) { return true; }),
                   std::runtime_error);
      continue;
    }
    ++remembered;
    // when they last changed before that is forgotten, too
    for (model::Contact& contact : then.entries)
      if (contact.changed_at <= since) {
        const auto was = history.find(then.at, contact.entry.id).at(0);
        if (was.change_number == 0) {
          contact.change_number = 0;
          contact.changed_at.clear();
        }
      }
    then.filtered.clear();
    then.found.clear();
    expect_same(history, then);
  }
  EXPECT_GT(remembered, 15);
  EXPECT_LT(remembered, 30);

  late.follow(100);
  EXPECT_EQ(late.snapshots(), 2) << "it was too late and had to read everything";
  expect_followed(late, picture());
}

}  // namespace
}  // namespace gald::simulation
