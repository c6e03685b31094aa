// What `gald explain` says, as a function of what was read.
#pragma once

#include <string>

#include "index/explain_report.hpp"

namespace gald::daemon {

std::string describe(const index::ExplainReport& report);

}  // namespace gald::daemon
