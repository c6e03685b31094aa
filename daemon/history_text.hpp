// Lines of history, for people and for programs.
#pragma once

#include <string>

#include "model/entry.hpp"

namespace gald::daemon {

/// "jobTitle: Engineer → Director (ad)"; the operation where no field is named.
std::string describe_change(const model::HistoryLine& line);

/// The same behind the run and the name of the contact.
std::string describe_in_run(const model::HistoryLine& line);

/// The same behind the time and the run.
std::string describe_in_history(const model::HistoryLine& line);

}  // namespace gald::daemon
