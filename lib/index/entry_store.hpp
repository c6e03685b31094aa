// Entries as rows: how a model::Entry is written to and read from the published tables.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "index/query.hpp"
#include "model/entry.hpp"

namespace gald::index {

struct StoredEntry {
  std::int64_t row = 0;
  model::Entry entry;
};

/// The published attributes that have a column of their own.
std::span<const std::pair<model::Attribute, std::string_view>> attribute_columns();

/// The columns that read_entry() expects, in its order, of a table called `e`.
std::string entry_columns();

/// The entry of the current row; addresses and phones are read by their own queries.
model::Entry read_entry(Query& row, int first_column);

void read_lists(Statements& statements, std::int64_t row, model::Entry& entry);

std::optional<StoredEntry> load_entry(Statements& statements, std::int64_t row);

/// Inserts the entry or replaces it, lists included. Returns its row. `run`, `at` and `number` say
/// which change did it.
std::int64_t save_entry(Statements& statements, const model::Entry& entry, std::int64_t run,
                        base::TimePoint at, std::int64_t number);

}  // namespace gald::index
