// What several formats want to know of a contact. For the .cpp files of this room.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/entry.hpp"

namespace gald::exporting {

/// "" when it is absent.
const std::string& value(const model::Contact& contact, model::Attribute attribute);

/// The addresses of its mailbox, the one to write to first: what the sources call "mail", else the
/// primary SMTP address. Each once, without regard to case.
std::vector<std::string> mail_addresses(const model::Contact& contact);

/// What to call it: its name, else an address, else its id. Never empty.
std::string title(const model::Contact& contact);

}  // namespace gald::exporting
