// What is told of the difference between two states of an entry.
#pragma once

#include <vector>

#include "model/entry.hpp"

namespace gald::reconcile {

/// One change for each value that differs; nothing when all that consumers see of it is the same,
/// whichever record it comes from. The connector is the one that the new value comes from, or that
/// the old one came from where there is no new one. Managers and memberships are between entries:
/// the publisher tells them.
std::vector<model::FieldChange> differences(const model::Entry& before, const model::Entry& now);

}  // namespace gald::reconcile
