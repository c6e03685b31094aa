// Random histories of a few people in two forests and a tenant, told as the sources would.
#pragma once

#include <string>
#include <vector>

#include "said.hpp"

namespace gald::simulation {

/// What is read before each publication. Whoever is read late tells it in a later step.
using Story = std::vector<std::vector<Said>>;

/// The same seed gives the same story. Everything that may happen to a person happens: made on
/// either side or on both, deleted, restored, made anew, moved to the other forest, renamed,
/// synchronized or not, mastered elsewhere, with keys lost, changed, shared and written back.
Story random_story(unsigned seed);

/// One line for each thing said.
std::string text(const Story& story);

}  // namespace gald::simulation
