// The part of RFC 3986 that an HTTPS client needs, and the one exception from https.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gald::net {

struct Url {
  bool tls = true;   ///< https, not http
  std::string host;  ///< lower case; an IPv6 literal without its brackets
  std::uint16_t port = 443;
  std::string target;  ///< path and query, never empty

  /// "https://host", with ":port" only if it is not the scheme's own.
  std::string origin() const;

  /// "host:port", always with the port: what CONNECT asks for (RFC 9110 section 9.3.6).
  std::string authority() const;

  /// `target` without the query: fit for logs and errors.
  std::string_view path() const;
};

/// Nothing for what is not an absolute https URL, holds user information, or holds a byte that has
/// no place in a request line (so that a link from a server cannot smuggle a header in).
std::optional<Url> parse_url(std::string_view text);

/// The same for http. Only proxies and the metadata service of the machine are asked that way.
std::optional<Url> parse_http_url(std::string_view text);

/// Whether plain HTTP to this URL cannot leave the machine and its link: http, and a host in
/// 127.0.0.0/8 or 169.254.0.0/16, ::1, or localhost.
bool is_plain_http_url(std::string_view text);

/// Url::origin of `url`. Nothing for a URL that parse_url refuses.
std::optional<std::string> origin_of(std::string_view url);

/// Origin and path, for logs and errors; "(not a URL)" for what parse_url refuses.
std::string without_query(std::string_view url);

}  // namespace gald::net
