// The policy ↔ the JSON text in which the index keeps the one that is in force.
#pragma once

#include <string>
#include <string_view>

#include "reconcile/policy.hpp"

namespace gald::index {

/// Equal policies give equal text, and different ones different text. What has its default value
/// is left out, so that a member that a later version adds changes no text.
std::string to_json(const reconcile::Policy& policy);

/// Names that this version does not know are skipped. Throws std::runtime_error for damaged text.
reconcile::Policy policy_from_json(std::string_view text);

}  // namespace gald::index
