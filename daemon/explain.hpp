// What `gald explain` says, as a function of what was read.
#pragma once

#include <string>
#include <vector>

#include "index/reader.hpp"
#include "reconcile/explain.hpp"

namespace gald::daemon {

struct ExplainReport {
  reconcile::Explanation explanation;
  std::vector<index::ConflictLine> conflicts;
  std::string merged_id;  ///< the id that was asked for, if it has become another contact's
};

std::string describe(const ExplainReport& report);

/// One JSON object on one line.
std::string to_json(const ExplainReport& report);

}  // namespace gald::daemon
