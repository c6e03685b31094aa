// The report of a run, for people and for programs.
#pragma once

#include <string>

#include "model/run.hpp"

namespace gald::daemon {

/// Several lines, with a line end behind the last.
std::string describe(const model::RunReport& report);

/// The STATUS= line of a service manager: "complete: 3 created, 1 updated, 0 deleted".
std::string summarize(const model::RunReport& report);

int exit_code_of(const model::RunReport& report);

}  // namespace gald::daemon
