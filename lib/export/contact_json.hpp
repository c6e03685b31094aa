// The one JSON form of a contact: command line, REST, feed and JSON Lines all use it.
#pragma once

#include <string>

#include "model/entry.hpp"

namespace gald::exporting {

/// One object on one line, UTF-8, keys as documented in docs/contact-object.md. Absent values are
/// null or empty lists, never missing keys.
std::string to_json(const model::Contact& contact);

}  // namespace gald::exporting
