// Why a contact is what it is, read from the index.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "index/reader.hpp"
#include "reconcile/explain.hpp"

namespace gald::index {

struct ExplainReport {
  reconcile::Explanation explanation;
  std::vector<ConflictLine> conflicts;
  std::string merged_id;  ///< the id that was asked for, if it has become another contact's
};

/// Of an entry that was found by `asked`. An account is expired if it ended before `now`.
ExplainReport explain_report(const Reader& reader, const model::Entry& entry,
                             std::string_view asked, base::TimePoint now);

}  // namespace gald::index
