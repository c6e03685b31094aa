// A line in the log for every change of state, whatever the level of the log: who, from where,
// what, and what came of it.
#pragma once

#include <string_view>

namespace gald::api {

struct Call;

/// `what` and `outcome` in a few words ("approve plan 7", "done"): never a secret, nothing that was
/// not checked.
void audit(const Call& call, std::string_view what, std::string_view outcome);

/// The same for whoever is at the command line.
void audit(std::string_view who, std::string_view from, std::string_view what,
           std::string_view outcome);

}  // namespace gald::api
