// Small encodings and the digest that the rest of gald shares.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gald::base {

/// RFC 4648 section 4, with padding.
std::string base64_encode(std::string_view bytes);

/// Nothing for text that is not base64.
std::optional<std::string> base64_decode(std::string_view text);

/// Everything but RFC 3986 "unreserved" becomes %XX.
std::string percent_encode(std::string_view text);

/// Lower-case hex of SHA-256.
std::string sha256_hex(std::string_view bytes);

}  // namespace gald::base
