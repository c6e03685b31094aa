// The one JSON form of a contact: command line, REST, feed and JSON Lines all use it.
#pragma once

#include <string>

#include "model/entry.hpp"

namespace gald::exporting {

/// One object on one line, UTF-8, keys as documented in docs/contact-object.md. Absent values are
/// null or empty lists, never missing keys.
std::string to_json(const model::Contact& contact);

/// The same without what the history does not tell: no records and no origins. Of a contact of the
/// past, and of the change feed.
std::string told_json(const model::Contact& contact);

}  // namespace gald::exporting
