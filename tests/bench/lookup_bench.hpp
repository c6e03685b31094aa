// What it costs to find out who calls, or whose address it is.
#pragma once

#include <filesystem>
#include <vector>

#include "index/index.hpp"
#include "measure.hpp"

namespace gald::bench {

/// Asks the index of so many people, as Reader::lookup() does for a telephone system: how long the
/// slowest of a hundred questions takes, also while changes are published beside it, and the ratio
/// of that to the statement that somebody would write by hand. Throws when somebody is not found.
std::vector<Row> measure_lookups(const std::filesystem::path& file, index::Index& index,
                                 int contacts);

}  // namespace gald::bench
