// Whether a client has already what it asks for (RFC 9110 section 13.1.2).
#pragma once

#include <string_view>

namespace gald::api {

/// Whether a field If-None-Match names this tag, or any ("*"). Weak and strong tags compare alike,
/// and `tag` has its quotes.
bool names_tag(std::string_view if_none_match, std::string_view tag);

}  // namespace gald::api
