// How much room the index takes.
#pragma once

#include <filesystem>
#include <vector>

#include "measure.hpp"

namespace gald::bench {

/// Makes an index of that many people, each with a record in Entra and, if `hybrid`, one in AD.
void fill_index(const std::filesystem::path& file, int people, bool hybrid);

/// index.size: bytes in the file per contact with one record, without the history, to the 1,400
/// that it may be. index.size_hybrid: likewise with a record on either side,
/// which is about a third more.
std::vector<Row> measure_size(const std::filesystem::path& directory);

}  // namespace gald::bench
