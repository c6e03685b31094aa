// What a power cut leaves: of every file what it held when it was last flushed.
#include <fstream>
#include <map>

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include "plan_world.hpp"

namespace gald::index {

using namespace plan_world;  // NOLINT(google-build-using-namespace): this file is about it
namespace fs = std::filesystem;

namespace {

/// The disk under everything that SQLite opens while it lives. One at a time.
class Disk {
 public:
  Disk() : usual_(sqlite3_vfs_find(nullptr)), watched_(*usual_) {
    state() = {};
    state().usual = usual_;
    watched_.pNext = nullptr;
    watched_.zName = "power-cut";
    watched_.xOpen = open_file;
    sqlite3_vfs_register(&watched_, 1);
  }

  ~Disk() {
    sqlite3_vfs_unregister(&watched_);
    sqlite3_vfs_register(usual_, 1);
  }

  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  /// How often a write-ahead log was flushed.
  static int flushes() { return state().flushes; }

  /// The files of the index as they would be found, under another name.
  static void write_what_is_left(const fs::path& index, const fs::path& to) {
    for (const std::string suffix : {"", "-wal"})
      std::ofstream(to.string() + suffix, std::ios::binary)
          << state().flushed[index.string() + suffix];
  }

 private:
  struct File {
    std::string path;
    const sqlite3_io_methods* methods = nullptr;  ///< the usual ones
    sqlite3_io_methods watched = {};
  };

  struct State {
    sqlite3_vfs* usual = nullptr;
    std::map<sqlite3_file*, File> files;
    std::map<std::string, std::string> flushed;  ///< what each file held then, by path
    int flushes = 0;
  };

  static State& state() {
    static State state;
    return state;
  }

  static int open_file(sqlite3_vfs* self, const char* name, sqlite3_file* file, int flags,
                       int* given) {
    const int code = state().usual->xOpen(self, name, file, flags, given);
    if (code != SQLITE_OK || name == nullptr)
      return code;
    File& opened = state().files[file];
    opened = {name, file->pMethods, *file->pMethods};
    opened.watched.xSync = flush;
    file->pMethods = &opened.watched;
    return code;
  }

  static int flush(sqlite3_file* file, int flags) {
    const File& flushed = state().files.at(file);
    const int code = flushed.methods->xSync(file, flags);
    sqlite3_int64 size = 0;
    flushed.methods->xFileSize(file, &size);
    std::string content(static_cast<std::size_t>(size), '\0');
    flushed.methods->xRead(file, content.data(), static_cast<int>(size), 0);
    state().flushes += flushed.path.ends_with("-wal") ? 1 : 0;
    state().flushed[flushed.path] = std::move(content);
    return code;
  }

  sqlite3_vfs* usual_;
  sqlite3_vfs watched_;
};

class PowerCutTest : public Disk, public PlanTest {
 protected:
  /// Up to where a consumer of the feed gets.
  static std::string newest(const fs::path& index) {
    return SQLite::Database(index.string(), SQLite::OPEN_READWRITE)
        .execAndGet(
            "SELECT feed_id || '.' || (SELECT coalesce(max(number), 0) FROM changes) FROM history")
        .getString();
  }

  std::string newest_after_power_cut() {
    const fs::path left = place_.path() / ("left-" + std::to_string(++cuts_));
    write_what_is_left(file(), left);
    return newest(left);
  }

  /// As publish(); what is seen of it is on the disk at any time.
  void publish_watched(const std::function<void()>& in_between = {}) {
    clock_.advance(std::chrono::minutes(30));
    run_ = index_->begin_run();
    index_->publish(run_,
                    {.policy = policy_,
                     .progress =
                         [&](std::int64_t, std::int64_t) {
                           EXPECT_EQ(newest_after_power_cut(), newest(file()));
                           if (in_between)
                             in_between();
                         },
                     .guard = guard_,
                     .keep_deleted = std::chrono::days(30)},
                    {});
    EXPECT_EQ(newest_after_power_cut(), newest(file()));
  }

  int cuts_ = 0;
};

}  // namespace

TEST_F(PowerCutTest, WhatConsumersOfTheFeedSawIsNotLost) {
  apply(people(1, 1200));
  publish_watched();
  EXPECT_GT(cuts_, 3) << "between the transactions of a publication, too";
  EXPECT_TRUE(newest(file()).ends_with(".1200")) << newest(file());

  policy_.labels = {{"VIP", {"Board"}}};
  apply({person(7)});
  publish_watched();
  Change board = person(1201);
  board.kind = RecordKind::group;
  board.set = {{Attribute::display_name, {"Board"}}};
  board.members_added = {anchor(7)};
  apply({board});
  publish_watched();
  EXPECT_EQ(Reader(file()).find("n7").at(0).labels, std::vector<std::string>{"VIP"});

  apply(departures(1, 400));
  publish_watched();
  ASSERT_EQ(approve(open().number).published.deleted, 400);
  EXPECT_EQ(newest_after_power_cut(), newest(file()));

  clock_.advance(std::chrono::days(60));
  const std::string before = newest(file());
  publish_watched();
  EXPECT_NE(newest(file()), before) << "the deleted ones are purged";
}

TEST_F(PowerCutTest, PagesThatWouldBeReadAgainWaitForNoDisk) {
  const auto flushes_of_reading = [&](int first) {
    const int before = flushes();
    for (int page = 0; page < 5; ++page)
      apply(people(first + page * 10, first + page * 10 + 9));
    return flushes() - before;
  };
  EXPECT_EQ(flushes_of_reading(1), 0);
  publish_watched();
  EXPECT_EQ(flushes_of_reading(51), 0);
  EXPECT_THROW(publish_watched([] { throw std::runtime_error("stopped"); }), std::runtime_error);
  EXPECT_EQ(flushes_of_reading(101), 0) << "after a publication that ended early, too";
}

TEST_F(PowerCutTest, ADecisionIsNotLost) {
  apply(people(1, 60));
  publish();
  apply(departures(1, 30));
  publish();
  index_->reject(open().number, index_->begin_run());
  const fs::path left = place_.path() / "left";
  write_what_is_left(file(), left);
  EXPECT_EQ(SQLite::Database(left.string(), SQLite::OPEN_READWRITE)
                .execAndGet("SELECT state FROM plan")
                .getString(),
            "rejected");
}

TEST_F(PowerCutTest, AQuietCycleWaitsForNoDisk) {
  apply(people(1, 10));
  publish();
  const int before = flushes();
  apply({});
  publish();
  EXPECT_EQ(flushes(), before);
}

}  // namespace gald::index
