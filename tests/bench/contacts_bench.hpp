// What it costs to ask an index of many contacts.
#pragma once

#include <filesystem>
#include <vector>

#include "measure.hpp"

namespace gald::bench {

/// Makes an index of so many people (people.hpp) in the directory and asks it as consumers do:
/// how long the slowest of a hundred questions takes, also while changes are published beside it,
/// and the ratio of that to a statement that somebody would write by hand.
std::vector<Row> measure_contacts(const std::filesystem::path& directory, int contacts);

}  // namespace gald::bench
