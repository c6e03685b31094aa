// Whether the index is what SQLite and gald wrote.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <SQLiteCpp/SQLiteCpp.h>

namespace gald::index {

/// What SQLite finds wrong with the structure of the file, its lookups included; empty: nothing.
/// Reads all of it. Throws SQLite::Exception.
std::vector<std::string> structural_problems(SQLite::Database& database);

/// That, and whether what is stored hangs together as gald promises: one sentence for each problem;
/// empty: the index is sound. Reads beside a writer. Throws std::runtime_error when it cannot be
/// opened.
std::vector<std::string> problems_of(const std::filesystem::path& index);

}  // namespace gald::index
