// What a first import costs while twenty consumers read the index, and what they see of it.
#pragma once

#include <filesystem>
#include <vector>

#include "measure.hpp"

namespace gald::bench {

/// A first import of so many contacts into a new file: the process that measure_readers() starts.
void import_contacts(const std::filesystem::path& file, int contacts);

/// Imports alone, beside twenty readers of another index, and with twenty of its own, in turn;
/// `self` is this program. Twenty busy processes make everything on a small machine dearer, as they
/// share its caches: what our readers cost is the difference between the last two. The files are
/// made in `directory`. Throws std::runtime_error when a reader sees an error or half a contact.
std::vector<Row> measure_readers(const std::filesystem::path& self,
                                 const std::filesystem::path& directory, int contacts);

}  // namespace gald::bench
