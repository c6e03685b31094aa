// Care of the file: backups, integrity, space, the write-ahead log, a disk that is full.
#include <atomic>
#include <csignal>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <thread>

#include <SQLiteCpp/SQLiteCpp.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "index/backup.hpp"
#include "index/index.hpp"
#include "index/integrity.hpp"
#include "index/reader.hpp"
#include "index/upkeep.hpp"
#include "support.hpp"

namespace gald::index {

using model::Change;
using test::anchor;
using test::Attribute;
namespace fs = std::filesystem;

namespace {

const CollectionKey kContacts{"entra", model::ConnectorKind::entra, "contacts", "v1", false};

Change contact(int number, const std::string& title) {
  const std::string text = std::to_string(number);
  Change change;
  change.anchor = anchor(number);
  change.kind = model::RecordKind::contact;
  change.set = {{Attribute::display_name, {"Person " + text}},
                {Attribute::job_title, {title}},
                {Attribute::mail, {"p" + text + "@contoso.test"}},
                {Attribute::proxy_addresses,
                 {"SMTP:p" + text + "@contoso.test", "smtp:person." + text + "@contoso.test"}},
                {Attribute::business_phones, {"+49 30 23125 " + text}}};
  return change;
}

class CareTest : public testing::Test {
 protected:
  fs::path file() const { return place_.path() / "gald.db"; }

  fs::path copy() const { return place_.path() / "copy.db"; }

  void open() { index_ = std::make_unique<Index>(file(), clock_); }

  /// A cycle in which so many contacts are told, page by page.
  void cycle(int contacts, const std::string& title = "Engineer") {
    open();
    const std::int64_t run = index_->begin_run();
    index_->position(kContacts);
    constexpr int kPage = 100;
    for (int from = 0; from < contacts; from += kPage) {
      std::vector<Change> page;
      for (int number = from; number < std::min(from + kPage, contacts); ++number)
        page.push_back(contact(number, title));
      index_->apply(kContacts, page, {}, model::Cursor{title + std::to_string(from), ""},
                    from + kPage >= contacts);
    }
    index_->publish(run, {}, {});
    model::RunReport report;
    report.id = run;
    index_->end_run(report);
    index_->tidy({});
  }

  static std::string one(const fs::path& file, const std::string& sql) {
    return SQLite::Database(file.string(), SQLite::OPEN_READONLY).execAndGet(sql).getString();
  }

  void execute(const std::string& sql) {
    SQLite::Database(file().string(), SQLite::OPEN_READWRITE, 1000).exec(sql);
  }

  /// What is published, without the times.
  static std::string published(const fs::path& file) {
    return one(file,
               "SELECT (SELECT group_concat(id || display_name || job_title, '\n')"
               "         FROM (SELECT * FROM contacts ORDER BY id)) || '\n' ||"
               " (SELECT group_concat(contact_id || value, '\n')"
               "   FROM (SELECT * FROM contact_addresses ORDER BY contact_id, value)) || '\n' ||"
               " (SELECT group_concat(contact_id || e164, '\n')"
               "   FROM (SELECT * FROM contact_phones ORDER BY contact_id, e164))");
  }

  std::uintmax_t log_size() const { return fs::file_size(file().string() + "-wal"); }

  static std::string message_of(const std::function<void()>& work) {
    try {
      work();
    } catch (const std::exception& error) {
      return error.what();
    }
    return "nothing was thrown";
  }

  test::TemporaryDirectory place_;
  base::ManualClock clock_{base::parse_iso8601("2026-11-21T05:30:00Z").value()};
  std::unique_ptr<Index> index_;
};

mode_t mode_of(const fs::path& file) {
  struct stat state {};

  EXPECT_EQ(::stat(file.c_str(), &state), 0) << file;
  return state.st_mode & 0777U;
}

}  // namespace

// --- backups -------------------------------------------------------------------------------------

TEST_F(CareTest, ABackupIsOneFileWithEverythingThatIsCommitted) {
  cycle(300);
  SQLite::Database writer(file().string(), SQLite::OPEN_READWRITE);
  SQLite::Transaction half(writer, SQLite::TransactionBehavior::IMMEDIATE);
  writer.exec("DELETE FROM phone");
  const auto made = back_up(file(), copy(), {});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->bytes, fs::file_size(copy()));
  EXPECT_EQ(made->last_change, 300);
  EXPECT_EQ(mode_of(copy()), 0640U);
  EXPECT_EQ(published(copy()), published(file()));
  EXPECT_EQ(problems_of(copy()), std::vector<std::string>{});
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(place_.path()))
    names.insert(entry.path().filename());
  EXPECT_EQ(names, (std::set<std::string>{"copy.db", "gald.db", "gald.db-shm", "gald.db-wal"}));
}

TEST_F(CareTest, ABackupThatWasPutBackGoesOnFromItsOwnCursor) {
  cycle(100);
  ASSERT_TRUE(back_up(file(), copy(), {}));
  cycle(200, "Manager");
  index_.reset();
  for (const char* suffix : {"", "-wal", "-shm"})
    fs::remove(file().string() + suffix);
  fs::copy_file(copy(), file());
  open();
  EXPECT_EQ(index_->position(kContacts).cursor.position, "Engineer0");
  cycle(200, "Manager");
  EXPECT_EQ(one(file(), "SELECT count(*) FROM contacts WHERE job_title = 'Manager'"), "200");
}

TEST_F(CareTest, OnlyABackupIsReplaced) {
  cycle(10);
  ASSERT_TRUE(back_up(file(), copy(), {}));
  cycle(20);
  ASSERT_TRUE(back_up(file(), copy(), {}));
  EXPECT_EQ(one(copy(), "SELECT count(*) FROM contacts"), "20");

  const fs::path letter = place_.path() / "letter.txt";
  std::ofstream(letter) << "Dear Jane";
  EXPECT_NE(message_of([&] { back_up(file(), letter, {}); }).find("letter.txt: is there already"),
            std::string::npos);
  EXPECT_NE(message_of([&] { back_up(file(), place_.path(), {}); }).find("is a folder"),
            std::string::npos);
  EXPECT_NE(message_of([&] { back_up(file(), file(), {}); }).find("is the index itself"),
            std::string::npos);
  std::ofstream(copy().string() + "-wal") << "of somebody who has it open";
  EXPECT_NE(message_of([&] { back_up(file(), copy(), {}); }).find("copy.db-wal: "),
            std::string::npos);
  const fs::path nowhere = place_.path() / "missing" / "copy.db";
  EXPECT_NE(message_of([&] { back_up(file(), nowhere, {}); }).find("missing/copy.db"),
            std::string::npos);
}

TEST_F(CareTest, ALinkStaysAndTheBackupBehindItIsReplaced) {
  cycle(10);
  const fs::path folder = place_.path() / "kept";
  fs::create_directory(folder);
  fs::create_symlink("kept/gald.db", copy());
  EXPECT_NE(message_of([&] { back_up(file(), copy(), {}); }).find("copy.db: is a link that leads"),
            std::string::npos);
  EXPECT_TRUE(fs::is_empty(folder));
  ASSERT_TRUE(back_up(file(), folder / "gald.db", {}));
  cycle(20);
  ASSERT_TRUE(back_up(file(), copy(), {}));
  EXPECT_TRUE(fs::is_symlink(copy()));
  EXPECT_EQ(one(folder / "gald.db", "SELECT count(*) FROM contacts"), "20");
  std::ofstream(folder / "gald.db-wal") << "of somebody who has it open";
  EXPECT_NE(message_of([&] { back_up(file(), copy(), {}); }).find("kept/gald.db-wal: "),
            std::string::npos);
}

TEST_F(CareTest, APipeIsNoPlaceForABackup) {
  cycle(10);
  ASSERT_EQ(::mkfifo(copy().c_str(), 0600), 0);
  EXPECT_NE(message_of([&] { back_up(file(), copy(), {}); }).find("copy.db: is no regular file"),
            std::string::npos);
  EXPECT_TRUE(fs::is_fifo(copy()));
}

TEST_F(CareTest, ADamagedIndexDoesNotReplaceABackup) {
  cycle(300);
  ASSERT_TRUE(back_up(file(), copy(), {}));
  const std::string before = published(copy());
  index_.reset();
  std::fstream(file(), std::ios::in | std::ios::out | std::ios::binary)
      .seekp(20 * 4096)
      .write(std::string(4096, '\xff').data(), 4096);
  const std::string said = message_of([&] { back_up(file(), copy(), {}); });
  EXPECT_NE(said.find("gald.db: is damaged, no backup was made"), std::string::npos) << said;
  EXPECT_EQ(published(copy()), before);
  EXPECT_FALSE(problems_of(file()).empty());
}

TEST_F(CareTest, ABackupCanBeStopped) {
  cycle(10);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(back_up(file(), copy(), stop.get_token()));
  EXPECT_FALSE(fs::exists(copy()));
}

// --- integrity -----------------------------------------------------------------------------------

TEST_F(CareTest, WhatDoesNotHangTogetherIsTold) {
  cycle(50);
  EXPECT_EQ(problems_of(file()), std::vector<std::string>{});
  const std::string one_entry = "(SELECT min(id) FROM entry)";
  for (const auto& [sql, told] : std::vector<std::pair<std::string, std::string>>{
           {"UPDATE record SET entry_id = 4711 WHERE entry_id = " + one_entry,
            "records belong to a contact"},
           {"UPDATE record SET entry_id = NULL WHERE entry_id = " + one_entry,
            "no record stands behind"},
           {"UPDATE entry SET forward_to = 'x' WHERE id = " + one_entry, "lead to one"},
           {"UPDATE address SET entry_id = 4711 WHERE entry_id = " + one_entry, "addresses"},
           {"INSERT INTO former_address VALUES ('x', 4711, 'smtp', 'x', '')", "former addresses"},
           {"UPDATE phone SET entry_id = 4711 WHERE entry_id = " + one_entry, "phones"},
           {"INSERT INTO membership VALUES (1, 4711)", "memberships"},
           {"UPDATE entry SET change_number = 999 WHERE id = " + one_entry, "change number"}}) {
    ASSERT_TRUE(back_up(file(), copy(), {}));
    execute(sql);
    const auto problems = problems_of(file());
    ASSERT_FALSE(problems.empty()) << sql;
    EXPECT_NE(problems.front().find(told), std::string::npos) << sql << ": " << problems.front();
    index_.reset();
    for (const char* suffix : {"", "-wal", "-shm"})
      fs::remove(file().string() + suffix);
    fs::rename(copy(), file());
  }
}

TEST_F(CareTest, TheFileIsExaminedAfterAnUncleanEndAndOnceADay) {
  const auto examined_at = [&] { return look_at_file(file()).examined_at; };
  cycle(10);
  EXPECT_EQ(examined_at(), "");
  index_->examine_if_due({});
  EXPECT_EQ(examined_at(), "2026-11-21T05:30:00.000Z");
  clock_.advance(std::chrono::hours(23));
  index_->examine_if_due({});
  EXPECT_EQ(examined_at(), "2026-11-21T05:30:00.000Z");
  clock_.advance(std::chrono::hours(1));
  index_->examine_if_due({});
  EXPECT_EQ(examined_at(), "2026-11-22T05:30:00.000Z");
  index_->begin_run();  // and killed
  clock_.advance(std::chrono::hours(1));
  index_->examine_if_due({});
  EXPECT_EQ(examined_at(), "2026-11-22T06:30:00.000Z");
  clock_.advance(std::chrono::hours(25));
  std::stop_source stop;
  stop.request_stop();
  index_->examine_if_due(stop.get_token());
  EXPECT_EQ(examined_at(), "2026-11-22T06:30:00.000Z") << "told to stop, the next one does it";
}

TEST_F(CareTest, DamageHasAnErrorOfItsOwn) {
  cycle(300);
  index_.reset();
  {
    std::fstream pages(file(), std::ios::in | std::ios::out | std::ios::binary);
    for (int page = 3; page < 40; ++page)
      pages.seekp(page * 4096).write(std::string(4096, '\xff').data(), 4096);
  }
  EXPECT_THROW(
      {
        open();
        EXPECT_FALSE(index_->damaged());
        clock_.advance(std::chrono::hours(25));
        index_->examine_if_due({});
      },
      DamagedIndex);
  index_.reset();
  fs::resize_file(file(), 100);
  EXPECT_THROW(open(), DamagedIndex) << "no SQLite file any more, but its log is there";
  std::ofstream(file().string() + "-wal") << std::string(5000, 'x');
  fs::resize_file(file(), 0);
  EXPECT_THROW(open(), DamagedIndex);
}

// --- space and the write-ahead log ---------------------------------------------------------------

TEST_F(CareTest, AfterACycleTheLogIsEmpty) {
  cycle(500);
  EXPECT_EQ(log_size(), 0U);
  EXPECT_EQ(mode_of(file()), 0640U);
  EXPECT_EQ(mode_of(file().string() + "-wal"), 0640U);
  EXPECT_EQ(mode_of(file().string() + "-shm"), 0640U);
}

TEST_F(CareTest, AReaderThatStaysIsNotedAndTheLogShrinksBehindIt) {
  cycle(100);
  {
    SQLite::Database reader(file().string(), SQLite::OPEN_READONLY);
    SQLite::Transaction long_one(reader);
    reader.execAndGet("SELECT count(*) FROM contacts");
    cycle(100, "Manager");
    EXPECT_EQ(reader.execAndGet("SELECT max(job_title) FROM contacts").getString(), "Engineer");
    const std::uintmax_t grown = log_size();
    EXPECT_GT(grown, 0U);
    clock_.advance(std::chrono::minutes(30));
    cycle(100, "Director");
    EXPECT_GT(log_size(), grown);
    EXPECT_EQ(look_at_file(file()).log_bytes, log_size());
    EXPECT_EQ(look_at_file(file()).log_held_since, "2026-11-21T05:30:00.000Z");
  }
  cycle(100, "President");
  EXPECT_EQ(log_size(), 0U);
  EXPECT_EQ(look_at_file(file()).log_held_since, "");
}

TEST_F(CareTest, TheLogStaysSmallThoughSomebodyAlwaysReads) {
  const auto open_other = [&](int flags) {
    return SQLite::Database(copy().string(), flags | SQLite::OPEN_NOMUTEX, 10'000);
  };
  SQLite::Database writer = open_other(SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  writer.exec("PRAGMA journal_mode = WAL; CREATE TABLE ballast (x);");
  const LogLimit limit(writer);
  std::atomic<bool> over = false;
  std::atomic<int> reading = 0;
  std::uintmax_t largest = 0;
  {
    // each lets go only when the other has begun
    std::vector<std::jthread> readers;
    for (int i = 0; i < 2; ++i)
      readers.emplace_back([&] {
        SQLite::Database database = open_other(SQLite::OPEN_READONLY);
        while (!over) {
          SQLite::Transaction snapshot(database);
          database.execAndGet("SELECT count(*) FROM sqlite_schema");
          ++reading;
          for (int wait = 0; reading < 2 && wait < 500 && !over; ++wait)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
          std::this_thread::sleep_for(std::chrono::milliseconds(400));
          --reading;
        }
      });
    for (int i = 0; i < 100; ++i) {  // 200 MiB
      writer.exec("INSERT INTO ballast VALUES (randomblob(2097152)); DELETE FROM ballast;");
      largest = std::max(largest, fs::file_size(copy().string() + "-wal"));
    }
    over = true;
  }
  EXPECT_GT(largest, 32U << 20);
  EXPECT_LT(largest, 128U << 20);
}

TEST_F(CareTest, UnusedSpaceIsGivenBack) {
  cycle(10);
  const std::uintmax_t small = fs::file_size(file());
  execute("CREATE TABLE ballast (x)");
  execute(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
      " INSERT INTO ballast SELECT randomblob(4000) FROM n");
  cycle(10);
  const std::uintmax_t large = fs::file_size(file());
  ASSERT_GT(large, small + (32 << 20));
  execute("DROP TABLE ballast");
  EXPECT_GT(look_at_file(file()).unused_bytes, 32U << 20);
  cycle(10);
  EXPECT_LT(fs::file_size(file()), small + (1 << 20));
  EXPECT_EQ(look_at_file(file()).unused_bytes, 0U);
}

TEST_F(CareTest, AnOlderFileGivesUnusedSpaceBackToo) {
  cycle(10);
  index_.reset();
  execute("PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM;");
  execute("CREATE TABLE ballast (x)");
  execute(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
      " INSERT INTO ballast SELECT randomblob(4000) FROM n");
  execute("DROP TABLE ballast");
  ASSERT_EQ(one(file(), "PRAGMA auto_vacuum"), "0");
  cycle(10);
  EXPECT_LT(fs::file_size(file()), 2U << 20);
  EXPECT_EQ(one(file(), "PRAGMA auto_vacuum"), "2");
  EXPECT_EQ(problems_of(file()), std::vector<std::string>{});
}

// --- a disk that is full -------------------------------------------------------------------------

namespace {

/// Files of this process cannot grow beyond `bytes`: writing fails, as on a full disk.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }

  ~SmallDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }

  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

 private:
  rlimit before_{};
};

}  // namespace

TEST_F(CareTest, WhereverTheDiskIsFullNothingIsHalfDoneAndTheNextCycleGoesOn) {
  cycle(100);
  const std::string before = published(file());
  index_.reset();
  const fs::path start = place_.path() / "start.db";
  ASSERT_TRUE(back_up(file(), start, {}));
  cycle(150, "Manager");
  const std::string after = published(file());
  const std::uintmax_t full = fs::file_size(file());
  std::mt19937 random(4711);
  int failed = 0;
  for (int attempt = 0; attempt < 30; ++attempt) {
    index_.reset();
    for (const char* suffix : {"", "-wal", "-shm"})
      fs::remove(file().string() + suffix);
    fs::copy_file(start, file());
    open();  // the file itself may be as large as it is; the log is what cannot grow
    index_.reset();
    const rlim_t room = 32 * 1024 + random() % full;
    std::string error;
    {
      const SmallDisk disk(room);
      error = message_of([&] { cycle(150, "Manager"); });
    }
    if (error != "nothing was thrown") {
      ++failed;
      EXPECT_NE(error.find("gald.db: disk I/O error"), std::string::npos) << error;
      EXPECT_EQ(error.find('\n'), std::string::npos) << error;
    }
    index_.reset();
    EXPECT_EQ(problems_of(file()), std::vector<std::string>{}) << room;
    EXPECT_EQ(one(file(),
                  "SELECT count(*) FROM contacts c WHERE 2 <> (SELECT count(*) FROM"
                  " contact_addresses a WHERE a.contact_id = c.id) OR 1 <> (SELECT count(*) FROM"
                  " contact_phones p WHERE p.contact_id = c.id)"),
              "0")
        << room;
    cycle(150, "Manager");
    EXPECT_EQ(published(file()), after) << room;
  }
  EXPECT_GT(failed, 5);
  EXPECT_LT(failed, 30) << "some had room enough";
}

TEST_F(CareTest, AFirstImportThatRanOutOfSpaceIsFinishedLater) {
  cycle(150);
  const std::string complete = published(file());
  const std::uintmax_t full = fs::file_size(file());
  for (int part = 1; part < 12; ++part) {
    index_.reset();
    for (const char* suffix : {"", "-wal", "-shm"})
      fs::remove(file().string() + suffix);
    {
      const SmallDisk disk(full * static_cast<std::uintmax_t>(part) / 6);
      message_of([&] { cycle(150); });
    }
    index_.reset();
    cycle(150);
    EXPECT_EQ(published(file()), complete) << part;
    EXPECT_EQ(problems_of(file()), std::vector<std::string>{}) << part;
  }
}

}  // namespace gald::index
