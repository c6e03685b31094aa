// The mapping of a connector's attributes, as configured. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "model/attribute.hpp"
#include "reconcile/policy.hpp"

namespace gald::reconcile {

/// The attributes as they shall be merged. All rules look at what the source said, so that two
/// attributes can change places; their order does not matter.
model::Attributes map_fields(const model::Attributes& said, std::span<const FieldRule> rules);

std::string transformed(std::string_view text, Transform transform);

/// Values that a mapping may set: what is published, and nothing that a decision depends on.
bool may_be_mapped(model::Attribute target);

/// Values that a mapping may take: texts that people wrote or read.
bool may_be_taken(model::Attribute source);

}  // namespace gald::reconcile
