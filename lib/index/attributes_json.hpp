// Attributes and maps ↔ JSON text, where a view shows it.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "model/attribute.hpp"

namespace gald::index {

/// Equal attributes give equal text.
std::string to_json(const model::Attributes& attributes);

/// Names that this version does not know are skipped. Throws std::runtime_error for damaged text.
model::Attributes attributes_from_json(std::string_view text);

std::string to_json(const std::map<std::string, std::string>& object);
std::map<std::string, std::string> object_from_json(std::string_view text);

}  // namespace gald::index
