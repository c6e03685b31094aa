// Why a contact is what it is, as JSON. Command line and REST both use it.
#pragma once

#include <string>

#include "index/explain_report.hpp"

namespace gald::exporting {

/// One object on one line.
std::string to_json(const index::ExplainReport& report);

}  // namespace gald::exporting
