// Text helpers that need no Unicode tables.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gald::base {

/// Folds A-Z only; every other byte stays.
std::string ascii_lower(std::string_view text);

bool ascii_iequals(std::string_view a, std::string_view b);

/// Without spaces, tabs, CR and LF at both ends.
std::string_view trim(std::string_view text);

std::vector<std::string_view> split(std::string_view text, char separator);

/// True for well-formed UTF-8 (RFC 3629) without U+0000.
bool is_valid_utf8(std::string_view text);

}  // namespace gald::base
