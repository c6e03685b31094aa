// The addresses that an entry once had: mail that was sent to them still means it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "index/query.hpp"
#include "model/entry.hpp"

namespace gald::index {

/// Keeps what `changes` took away from the addresses of the entry, which is as it is now, and
/// forgets what came back. They stay until the entry is purged.
void note_former_addresses(Statements& statements, std::int64_t row, const model::Entry& entry,
                           const std::vector<model::FieldChange>& changes, base::TimePoint at);

}  // namespace gald::index
