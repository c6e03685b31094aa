// The one JSON form of a contact: command line, REST, feed and JSON Lines all use it.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/entry.hpp"

namespace gald::exporting {

/// One object on one line, UTF-8, keys as documented in docs/contact-object.md. Absent values are
/// null or empty lists, never missing keys.
std::string to_json(const model::Contact& contact);

/// The same without what the history does not tell: no records and no origins. Of a contact of the
/// past, and of the change feed.
std::string told_json(const model::Contact& contact);

/// All keys of the object, in their order.
const std::vector<std::string_view>& contact_keys();

/// Some of them.
using ContactKeys = std::set<std::string, std::less<>>;

/// to_json() and told_json() with these keys only.
std::string to_json(const model::Contact& contact, const ContactKeys& keys);
std::string told_json(const model::Contact& contact, const ContactKeys& keys);

}  // namespace gald::exporting
