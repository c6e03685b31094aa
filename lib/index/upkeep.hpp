// What keeps the file of the index small and sound: done by the writer, between two runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <SQLiteCpp/SQLiteCpp.h>

#include "base/clock.hpp"
#include "index/query.hpp"

struct sqlite3;

namespace gald::index {

/// Keeps the write-ahead log from growing while much is written: each time it has grown by 48 MiB,
/// its content goes to the file and it begins anew. SQLite's own way begins it anew only when no
/// reader happens to read; with many of them that may never be, so this waits for those that began
/// before: up to two seconds, and after a vain wait not until the log has doubled. Readers wait for
/// nothing.
class LogLimit {
 public:
  /// `database` is the writer's connection and outlives it.
  explicit LogLimit(SQLite::Database& database);
  ~LogLimit();
  LogLimit(const LogLimit&) = delete;
  LogLimit& operator=(const LogLimit&) = delete;

 private:
  static int committed(void* self, sqlite3* database, const char* name, int pages);

  SQLite::Database& database_;
  int next_;  ///< pages in the log at which the next attempt is due
};

/// Of the writer's connection; the caller serialises. Throws SQLite::Exception.
class Upkeep {
 public:
  Upkeep(SQLite::Database& database, Statements& statements, const base::Clock& clock,
         std::filesystem::path file);

  /// Whether the last run did not end, or the last examination is a day old.
  bool examination_is_due();

  /// Looks through the structure of the whole file. Empty: it is sound, and that is noted; or it
  /// was told to stop.
  std::vector<std::string> examine(std::stop_token stop);

  /// Gives unused space back when there is much of it, in short transactions, and empties the
  /// write-ahead log. A reader that keeps the log from being emptied is noted and logged.
  void tidy(std::stop_token stop);

  /// Moves everything from the write-ahead log into the file. False when a reader is in the way.
  bool empty_log();

 private:
  void give_back_space(std::stop_token stop);
  void rewrite(std::stop_token stop);
  void note_holder(bool held);

  SQLite::Database& database_;
  Statements& statements_;
  const base::Clock& clock_;
  const std::filesystem::path file_;
};

/// The file as an operator sees it.
struct FileState {
  std::uintmax_t bytes = 0;
  std::uintmax_t unused_bytes = 0;  ///< of them
  std::uintmax_t log_bytes = 0;     ///< of the write-ahead log
  std::string log_held_since;       ///< ISO 8601; by readers, at each end of a run; empty: not
  std::int64_t log_holder = 0;      ///< a process that reads just now; 0: none, or not known
  std::string examined_at;          ///< ISO 8601; empty: never
};

/// REQUIRES: this process has no connection to the index, which would lose its locks. Throws
/// std::runtime_error.
FileState look_at_file(const std::filesystem::path& index);

}  // namespace gald::index
