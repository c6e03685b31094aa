// Labels: names for the members of certain groups.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <SQLiteCpp/SQLiteCpp.h>

#include "base/clock.hpp"
#include "index/query.hpp"

namespace gald::index {

/// The rows of the published groups that have this display name or address.
std::set<std::int64_t> groups_named(Statements& statements, const std::string& name);

/// Keeps which published groups give which label; whoever is a direct member then bears it. Writes
/// when something is different, in one transaction, and tells it of the group as a change of its
/// `memberLabels`. A label none of whose groups is there is logged.
void settle_labels(SQLite::Database& database, Statements& statements,
                   const std::map<std::string, std::vector<std::string>>& labels, std::int64_t run,
                   base::TimePoint now);

}  // namespace gald::index
