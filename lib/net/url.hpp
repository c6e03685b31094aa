// The part of RFC 3986 that an HTTPS client needs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gald::net {

struct Url {
  std::string host;  ///< lower case; an IPv6 literal without its brackets
  std::uint16_t port = 443;
  std::string target;  ///< path and query, never empty

  /// "https://host", with ":port" only if it is not 443.
  std::string origin() const;

  /// `target` without the query: fit for logs and errors.
  std::string_view path() const;
};

/// Nothing for what is not an absolute https URL, holds user information, or holds a byte that has
/// no place in a request line (so that a link from a server cannot smuggle a header in).
std::optional<Url> parse_url(std::string_view text);

/// Url::origin of `url`. Nothing for a URL that parse_url refuses.
std::optional<std::string> origin_of(std::string_view url);

/// Origin and path, for logs and errors; "(not a URL)" for what parse_url refuses.
std::string without_query(std::string_view url);

}  // namespace gald::net
