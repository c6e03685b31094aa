// A connection that only reads, as every reader of the index has one.
#pragma once

#include <filesystem>
#include <stdexcept>

#include <SQLiteCpp/SQLiteCpp.h>

#include "index/query.hpp"

namespace gald::index {

/// Throws like Reader(), but SQLite's errors as they are.
struct Reading {
  explicit Reading(const std::filesystem::path& path);

  const std::filesystem::path file;
  SQLite::Database database;
  Statements statements;
};

/// SQLite's own words rarely name the file.
template <typename Work>
auto explained(const std::filesystem::path& file, Work work) {
  try {
    return work();
  } catch (const SQLite::Exception& error) {
    throw std::runtime_error(file.string() + ": " + error.what());
  }
}

}  // namespace gald::index
