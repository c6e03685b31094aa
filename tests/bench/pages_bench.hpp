// What a page of the list of contacts costs, wherever it is, and how long it takes to count them.
#pragma once

#include <filesystem>
#include <vector>

#include "measure.hpp"

namespace gald::bench {

/// Asks the index of so many people for pages as REST does, to the JSON of each contact: how long
/// the slowest of a hundred takes, and the ratio of that to the statement that somebody would write
/// by hand. The limit is what a view of a million contacts may take.
std::vector<Row> measure_pages(const std::filesystem::path& file, int contacts);

}  // namespace gald::bench
