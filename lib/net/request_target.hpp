// Whom and what a request asks for (RFC 9112 section 3.2).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gald::net {

struct RequestTarget {
  std::string_view host;  ///< of "http://host:80/path"; empty: the header Host says it
  std::string_view path;  ///< with its query
};

/// Nothing for what does not ask for a resource ("*", "host:443"), or is no target.
std::optional<RequestTarget> split_target(std::string_view target);

/// Without control characters, spaces, and bytes beyond ASCII.
bool is_visible(std::string_view text);

/// Whether `host`, which may have a port, is a name of this machine for itself, or one of `others`.
bool is_host_of_ours(std::string_view host, const std::vector<std::string>& others);

}  // namespace gald::net
