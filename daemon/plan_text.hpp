// Plans, for people and for programs.
#pragma once

#include <string>
#include <vector>

#include "model/plan.hpp"

namespace gald::daemon {

/// "7  612 of 5,000 contacts ...: 612 deleted, 0 updated, 0 created"
std::string describe(const model::HeldPlan& plan);

/// Of the open ones among `plans`, with the command to look at each; empty when there is none.
std::string describe_open(const std::vector<model::HeldPlan>& plans);

std::string describe(const model::HeldChange& change);

}  // namespace gald::daemon
