#include "index/backup.hpp"

#include <stdexcept>
#include <string>

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>
#include <unistd.h>

#include "index/index_file.hpp"
#include "index/integrity.hpp"
#include "index/schema.hpp"

namespace gald::index {

namespace {

namespace fs = std::filesystem;

/// 16 MiB: how much is copied after it was told to stop.
constexpr int kPagesAtOnce = 4096;

/// Throws SQLite::Exception. Pages of one picture, as they are: copying row by row (VACUUM INTO)
/// takes many times as long, for which the log would grow; and a copy that lets go of the picture
/// between its steps begins anew with each commit of a cycle.
bool copy_pages(SQLite::Database& source, SQLite::Database& target, std::stop_token stop) {
  SQLite::Transaction picture(source);
  source.execAndGet("SELECT count(*) FROM sqlite_schema");
  SQLite::Backup copy(target, source);
  while (!stop.stop_requested())
    if (copy.executeStep(kPagesAtOnce) == SQLITE_DONE)
      return true;
  return false;
}

/// Should the copy take the place of the original, its numbers go on where the original's went,
/// too: positions in the one mean nothing in the other.
void give_own_feed(SQLite::Database& copy) {
  if (copy.tableExists("history"))  // an older file gets one when it is upgraded
    copy.exec("UPDATE history SET feed_id = lower(hex(randomblob(8)))");
}

SQLite::Database open_source(const fs::path& index) {
  if (!fs::exists(index))
    throw std::runtime_error(index.string() +
                             ": there is no index yet; `gald sync` makes it on its first run");
  return {index.string(), SQLite::OPEN_READONLY, 10'000};
}

[[noreturn]] void give_up(const fs::path& from, const fs::path& to,
                          const SQLite::Exception& error) {
  throw std::runtime_error(from.string() + ": cannot be copied to " + to.string() + ": " +
                           error.what());
}

/// Removed at the end, unless it was renamed by then.
class TemporaryFile {
 public:
  explicit TemporaryFile(fs::path path) : path_(std::move(path)) { remove(); }

  ~TemporaryFile() { remove(); }

  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const fs::path& path() const { return path_; }

 private:
  void remove() const {
    std::error_code ignored;
    for (const char* suffix : {"", "-wal", "-shm", "-journal"})
      fs::remove(with_suffix(path_, suffix), ignored);
  }

  fs::path path_;
};

/// The file that a link leads to. One that leads nowhere is not followed: whoever owns its folder
/// could have root make files anywhere.
fs::path behind_links(const fs::path& to) {
  std::error_code error;
  if (!fs::is_symlink(to, error))
    return to;
  fs::path file = fs::canonical(to, error);
  if (error)
    throw std::runtime_error(to.string() + ": is a link that leads to no file; name the file");
  return file;
}

void refuse_to_replace(const fs::path& index, const fs::path& to) {
  std::error_code ignored;
  if (to.has_parent_path() && !fs::is_directory(to.parent_path(), ignored))
    throw std::runtime_error(to.string() + ": there is no folder " + to.parent_path().string());
  if (fs::is_directory(to, ignored))
    throw std::runtime_error(to.string() + ": is a folder; name the file to write, such as " +
                             (to / "gald.db").string());
  if (!fs::exists(to, ignored))
    return;
  if (!fs::is_regular_file(to, ignored))
    throw std::runtime_error(to.string() + ": is no regular file; name another one");
  if (fs::equivalent(index, to, ignored))
    throw std::runtime_error(to.string() + ": is the index itself; name another file");
  if (!looks_like_an_index(to))
    throw std::runtime_error(
        to.string() + ": is there already and no gald index; remove it or name another file");
  // its log would be taken for that of the backup
  if (const fs::path log = with_suffix(to, "-wal"); fs::exists(log, ignored))
    throw std::runtime_error(log.string() + ": " + to.string() +
                             " is in use as an index, or was; name another file, or remove it with"
                             " its -wal and -shm");
}

[[noreturn]] void refuse_damaged(const fs::path& index, const std::string& problem) {
  throw std::runtime_error(index.string() + ": is damaged, no backup was made: " + problem +
                           "; see `gald check`");
}

/// Throws when it is not sound.
Backup inspect(const fs::path& file, SQLite::Database& database) {
  const auto problems = structural_problems(database);
  if (!problems.empty())
    refuse_damaged(file, problems.front());
  if (database.execAndGet("PRAGMA application_id").getInt() != kApplicationId)
    throw std::runtime_error(file.string() + ": is no gald index");
  return {0, database
                 .execAndGet("SELECT coalesce(max(seq), 0) FROM sqlite_sequence"
                             " WHERE name = 'change'")
                 .getInt64()};
}

}  // namespace

bool copy_index(const fs::path& from, const fs::path& to, std::stop_token stop) {
  try {
    create_index_file(to);
    SQLite::Database source = open_source(from);
    SQLite::Database target(to.string(), SQLite::OPEN_READWRITE);
    if (!copy_pages(source, target, std::move(stop)))
      return false;
    give_own_feed(target);
    return true;
  } catch (const SQLite::Exception& error) {
    give_up(from, to, error);
  }
}

std::optional<Backup> back_up(const fs::path& index, const fs::path& to, std::stop_token stop) {
  SQLite::Database source = open_source(index);
  const fs::path place = behind_links(to);
  refuse_to_replace(index, place);
  const TemporaryFile made(place.string() + ".partial-" + std::to_string(::getpid()));
  Backup backup;
  try {
    create_index_file(made.path());
    SQLite::Database target(made.path().string(), SQLite::OPEN_READWRITE);
    if (!copy_pages(source, target, std::move(stop)))
      return std::nullopt;
    backup = inspect(index, target);
    give_own_feed(target);
    target.exec("PRAGMA journal_mode = DELETE");  // a write-ahead log would be a second file
  } catch (const SQLite::Exception& error) {
    if (means_damage(error))
      refuse_damaged(index, error.what());
    give_up(index, place, error);
  }
  backup.bytes = fs::file_size(made.path());
  flush_to_disk(made.path());
  fs::rename(made.path(), place);
  flush_to_disk(place);
  return backup;
}

}  // namespace gald::index
