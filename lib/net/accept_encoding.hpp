// What a client can decompress (RFC 9110 section 12.5.3).
#pragma once

#include <string_view>

namespace gald::net {

/// Whether the field Accept-Encoding allows gzip: by its name or by "*", and not with a weight of
/// 0.
bool accepts_gzip(std::string_view accept_encoding);

}  // namespace gald::net
