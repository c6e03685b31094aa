// A connection that only reads, as every reader of the index has one.
#pragma once

#include <filesystem>
#include <stop_token>

#include <SQLiteCpp/SQLiteCpp.h>

#include "index/query.hpp"

namespace gald::index {

/// Throws like Reader(), but SQLite's errors as they are.
struct Reading {
  /// Told to stop, whatever is asked ends soon with an exception.
  explicit Reading(const std::filesystem::path& path, std::stop_token stop = {});

  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  const std::filesystem::path file;
  const std::stop_token told_to_stop;
  SQLite::Database database;
  Statements statements;
};

/// SQLite's words with the file, which they rarely name: Unreadable, but for errors of gald's own.
[[noreturn]] void explain(const std::filesystem::path& file, const SQLite::Exception& error);

template <typename Work>
auto explained(const std::filesystem::path& file, Work work) {
  try {
    return work();
  } catch (const SQLite::Exception& error) {
    explain(file, error);
  }
}

}  // namespace gald::index
