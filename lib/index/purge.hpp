// The end of deleted entries.
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>

#include <SQLiteCpp/SQLiteCpp.h>

#include "base/clock.hpp"
#include "index/query.hpp"

namespace gald::index {

/// Takes away what was deleted longer ago than `keep`, and the ids that led to it: values,
/// addresses, numbers, history, and its records, unless the source still has them; those belong to
/// nobody from then on. One change says that the id was purged. Bounded transactions, each of which
/// leaves a consistent picture; what is left when it stops early is done next time. An entry with a
/// record that waits to be published waits with it.
///
/// Returns how many entries are gone.
std::int64_t purge(SQLite::Database& database, Statements& statements, const base::Clock& clock,
                   std::chrono::milliseconds keep, std::int64_t run, std::stop_token stop);

}  // namespace gald::index
