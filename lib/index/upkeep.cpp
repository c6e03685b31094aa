#include "index/upkeep.hpp"

#include <chrono>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include "base/log.hpp"
#include "index/index_file.hpp"
#include "index/integrity.hpp"
#include "index/schema.hpp"

namespace gald::index {

namespace {

namespace fs = std::filesystem;

constexpr std::chrono::hours kExaminedEvery{24};

/// Readers that only ask something are gone after this.
constexpr int kPatienceMs = 1000;

/// Twice what a read takes where twenty at full speed share two processors: those that began before
/// the content is in the file must end, and then those that began before it was all there.
constexpr int kPatienceOnTheWayMs = 2000;

constexpr int kUsualPatienceMs = 10'000;

/// Beyond this the log is worth a warning; the limit that it is cut to when it is written anew.
constexpr std::uintmax_t kLargeLog = 64 << 20;

/// Less is used up again soon enough.
constexpr std::int64_t kWorthGivingBack = 16 << 20;
constexpr int kUnusedShare = 4;  ///< of the file: a fourth

/// 48 MiB, below the limit: what is written often before goes to the file once, and a first import
/// waits for the disk a dozenth as often as by default.
constexpr int kPagesOfLog = 12'000;

/// 4 MiB in one transaction.
constexpr int kPagesAtOnce = 1024;

constexpr const char* kExamined = "examined";
constexpr const char* kLogHeld = "log-held";

std::uintmax_t size_of(const fs::path& file) {
  std::error_code missing;
  const std::uintmax_t size = fs::file_size(file, missing);
  return missing ? 0 : size;
}

std::int64_t pragma(SQLite::Database& database, const char* name) {
  return database.execAndGet(std::string("PRAGMA ") + name).getInt64();
}

std::string noted(Statements& statements, const char* what) {
  Query query(statements, "SELECT at FROM upkeep WHERE what = ?1");
  query.bind(std::string_view(what));
  return query.next() ? query.text(0) : std::string();
}

}  // namespace

LogLimit::LogLimit(SQLite::Database& database) : database_(database), next_(kPagesOfLog) {
  sqlite3_wal_hook(database_.getHandle(), committed, this);
}

LogLimit::~LogLimit() {
  sqlite3_wal_hook(database_.getHandle(), nullptr, nullptr);
}

int LogLimit::committed(void* self, sqlite3* database, const char* name, int pages) {
  auto& limit = *static_cast<LogLimit*>(self);
  if (pages < kPagesOfLog)
    limit.next_ = kPagesOfLog;
  if (pages < limit.next_)
    return SQLITE_OK;
  // For a reader that stays, the next wait comes when the log is twice as long. What fails
  // otherwise, a full disk, is told by the next write.
  limit.next_ = 2 * pages;
  sqlite3_busy_timeout(database, kPatienceOnTheWayMs);
  sqlite3_wal_checkpoint_v2(database, name, SQLITE_CHECKPOINT_RESTART, nullptr, nullptr);
  sqlite3_busy_timeout(database, kUsualPatienceMs);
  return SQLITE_OK;
}

Upkeep::Upkeep(SQLite::Database& database, Statements& statements, const base::Clock& clock,
               fs::path file)
    : database_(database), statements_(statements), clock_(clock), file_(std::move(file)) {}

bool Upkeep::examination_is_due() {
  {
    Query last(statements_, "SELECT ended_at IS NULL FROM run ORDER BY id DESC LIMIT 1");
    if (last.next() && last.integer(0) != 0)
      return true;
  }
  const auto examined = base::parse_iso8601(noted(statements_, kExamined));
  return !examined || clock_.now() - *examined >= kExaminedEvery;
}

std::vector<std::string> Upkeep::examine(std::stop_token stop) {
  std::vector<std::string> problems;
  if (stop.stop_requested())
    return problems;
  try {
    const std::stop_callback interrupt(stop, [&] { sqlite3_interrupt(database_.getHandle()); });
    problems = structural_problems(database_);
  } catch (const SQLite::Exception& error) {
    if (error.getErrorCode() != SQLITE_INTERRUPT)
      throw;
  }
  if (stop.stop_requested())
    return {};
  if (!problems.empty()) {  // or what the disk did not give just then: another look, from the start
    SQLite::Database fresh(file_.string(), SQLite::OPEN_READONLY, kUsualPatienceMs);
    problems = structural_problems(fresh);
  }
  if (problems.empty())
    Query(statements_, "INSERT OR REPLACE INTO upkeep (what, at) VALUES (?1, ?2)")
        .bind(std::string_view(kExamined), base::to_iso8601(clock_.now()))
        .run();
  return problems;
}

void Upkeep::tidy(std::stop_token stop) {
  give_back_space(std::move(stop));
  note_holder(!empty_log());
}

bool Upkeep::empty_log() {
  database_.setBusyTimeout(kPatienceMs);
  const int code = sqlite3_wal_checkpoint_v2(database_.getHandle(), "main",
                                             SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  database_.setBusyTimeout(kUsualPatienceMs);
  if (code != SQLITE_OK && code != SQLITE_BUSY)
    throw SQLite::Exception(database_.getHandle(), code);
  return code == SQLITE_OK;
}

void Upkeep::give_back_space(std::stop_token stop) {
  const std::int64_t page = pragma(database_, "page_size");
  const std::int64_t unused = pragma(database_, "freelist_count");
  if (unused * page < kWorthGivingBack || unused * kUnusedShare < pragma(database_, "page_count"))
    return;
  if (pragma(database_, "auto_vacuum") == 0)
    rewrite(std::move(stop));  // an older file, which from now on can do it bit by bit
  else
    while (!stop.stop_requested() && pragma(database_, "freelist_count") != 0)
      database_.exec("PRAGMA incremental_vacuum(" + std::to_string(kPagesAtOnce) + ")");
  if (const std::int64_t given = unused - pragma(database_, "freelist_count"); given > 0)
    base::log::info("index.compacted", "unused space is given back", {{"bytes", given * page}});
}

/// As if nothing had been done when it is told to stop: the next cycle does it.
void Upkeep::rewrite(std::stop_token stop) {
  if (stop.stop_requested())
    return;
  const std::stop_callback interrupt(stop, [&] { sqlite3_interrupt(database_.getHandle()); });
  try {
    database_.exec("VACUUM");
  } catch (const SQLite::Exception& error) {
    if (error.getErrorCode() != SQLITE_INTERRUPT)
      throw;
  }
}

void Upkeep::note_holder(bool held) {
  const std::string since = noted(statements_, kLogHeld);
  if (!held) {
    if (since.empty())
      return;
    Query(statements_, "DELETE FROM upkeep WHERE what = ?1").bind(std::string_view(kLogHeld)).run();
    empty_log();
    return;
  }
  const std::uintmax_t bytes = size_of(with_suffix(file_, "-wal"));
  if (since.empty())
    Query(statements_, "INSERT INTO upkeep (what, at) VALUES (?1, ?2)")
        .bind(std::string_view(kLogHeld), base::to_iso8601(clock_.now()))
        .run();
  if (!since.empty() || bytes > kLargeLog)
    base::log::warning("index.log_held",
                       "a reader keeps its transaction open: the write-ahead log only grows",
                       {{"bytes", bytes}, {"since", since}});
}

namespace {

/// Who holds a reader's lock on the write-ahead log ("WAL-Index Locking" of the SQLite file
/// format).
std::int64_t holder_of_log(const fs::path& index) {
  const int descriptor = ::open(with_suffix(index, "-shm").c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return 0;

  struct flock lock {};

  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = 123;
  lock.l_len = 5;
  const bool held = ::fcntl(descriptor, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  ::close(descriptor);
  return held && lock.l_pid > 0 ? lock.l_pid : 0;
}

}  // namespace

FileState look_at_file(const fs::path& index) {
  FileState state;
  state.log_holder = holder_of_log(index);
  state.bytes = size_of(index);
  state.log_bytes = size_of(with_suffix(index, "-wal"));
  try {
    SQLite::Database database(index.string(), SQLite::OPEN_READONLY, kUsualPatienceMs);
    require_schema(database, index.string());
    Statements statements(database);
    state.unused_bytes = static_cast<std::uintmax_t>(pragma(database, "freelist_count") *
                                                     pragma(database, "page_size"));
    state.log_held_since = noted(statements, kLogHeld);
    state.examined_at = noted(statements, kExamined);
  } catch (const SQLite::Exception& error) {
    throw std::runtime_error(describe(index, error, 0));
  }
  return state;
}

}  // namespace gald::index
