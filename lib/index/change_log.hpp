// The published changes as rows: lines of the history, what it keeps, and what it takes.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <SQLiteCpp/SQLiteCpp.h>

#include "base/clock.hpp"
#include "index/query.hpp"
#include "model/entry.hpp"
#include "model/past.hpp"

namespace gald::index {

/// Selects the columns that read_line() expects, from `change ch` and the entry `e` of each; what
/// was purged has a line and no entry. A WHERE may follow.
extern const std::string kHistoryLines;

model::HistoryLine read_line(Query& query);

/// What taking a change back needs beside its texts, as text.
std::string former_text(model::Status status);
std::string former_text(const std::vector<model::Phone>& phones);

/// The changes of an entry behind `number`, the newest first.
std::vector<model::PastChange> changes_behind(Statements& statements, std::int64_t entry,
                                              std::int64_t number);

/// From where on the history is complete.
struct HistoryBounds {
  std::string feed_id;
  std::int64_t kept_after = 0;  ///< every change with a greater number is there
  std::string at;               ///< of that change; empty: nothing was ever forgotten
  std::int64_t run = 0;
  std::int64_t newest = 0;
};

HistoryBounds history_bounds(Statements& statements);

/// When something is told after all that was told before: now, and no earlier than that, even if
/// the clock was put back.
base::TimePoint next_moment(Statements& statements, base::TimePoint now);

/// The number of the last change that was told no later than `at`, ISO 8601; 0: there is none.
std::int64_t last_number_at(Statements& statements, std::string_view at);

/// Forgets what was told before `at`, ISO 8601, the oldest first. Bounded transactions; what is
/// left when it stops early is done next time. Returns how many changes were forgotten.
std::int64_t trim_history(SQLite::Database& database, Statements& statements, std::string_view at,
                          std::stop_token stop);

struct HistorySize {
  std::int64_t changes = 0;
  std::int64_t bytes = 0;  ///< estimated from the length of some of them
  std::string oldest_at;   ///< ISO 8601; empty: there are none
  std::string newest_at;
};

HistorySize history_size(Statements& statements);

}  // namespace gald::index
