// Attributes ↔ the bytes in which staging keeps them: one record of many, written and compared in
// every read, so that they are short and quick rather than legible.
#pragma once

#include <string>
#include <string_view>

#include "model/attribute.hpp"

namespace gald::index {

/// Equal attributes give equal bytes, in every version. Into `blob`, whose memory is used again.
void write_blob(const model::Attributes& attributes, std::string& blob);

std::string to_blob(const model::Attributes& attributes);

/// Attributes that this version does not know are skipped. Throws std::runtime_error for damaged
/// bytes.
model::Attributes attributes_from_blob(std::string_view blob);

}  // namespace gald::index
