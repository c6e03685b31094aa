// Attributes ↔ the JSON text in which staging keeps them.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "model/attribute.hpp"

namespace gald::index {

/// Equal attributes give equal text.
std::string to_json(const model::Attributes& attributes);

/// The same into `text`, whose memory is used again.
void write_json(const model::Attributes& attributes, std::string& text);

/// Names that this version does not know are skipped. Throws std::runtime_error for damaged text.
model::Attributes attributes_from_json(std::string_view text);

std::string to_json(const std::map<std::string, std::string>& object);
std::map<std::string, std::string> object_from_json(std::string_view text);

}  // namespace gald::index
