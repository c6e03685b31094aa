// The conflicts of published entries as rows.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "index/query.hpp"
#include "reconcile/conflict.hpp"

namespace gald::index {

/// More entries with one address than this are not looked at (reconcile::find_conflicts).
inline constexpr int kMostSharers = 20;

/// Writes what each kind of conflict means, where that is not what is written already.
void describe_conflicts(Statements& statements);

/// Published entries, not deleted, that have the SMTP address too; none when they are too many.
std::vector<std::int64_t> sharers(Statements& statements, std::int64_t entry,
                                  const std::string& folded_address);

/// Makes `conflicts` all that the entry is part of. A conflict that was there stays as it is, with
/// the time when it was first seen. `rows` leads from an entry's id to its row.
void save_conflicts(Statements& statements, std::int64_t entry,
                    const std::vector<const reconcile::Conflict*>& conflicts,
                    const std::map<std::string, std::int64_t>& rows, const std::string& at);

}  // namespace gald::index
