// What gald did, and what somebody has to look at, as JSON: runs, plans, conflicts. Command line
// and REST both use it.
#pragma once

#include <string>
#include <vector>

#include "index/reader.hpp"
#include "model/plan.hpp"
#include "model/run.hpp"

namespace gald::exporting {

/// One object on one line.
std::string to_json(const model::RunReport& report);
std::string to_json(const model::HeldPlan& plan);
std::string to_json(const model::HeldChange& change);
std::string to_json(const index::ConflictLine& line);

/// As the index remembers a run: without what only its own report has.
std::string to_json(const index::RunSummary& run,
                    const std::vector<model::CollectionReport>& collections);

}  // namespace gald::exporting
