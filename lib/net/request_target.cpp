#include "net/request_target.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace gald::net {

namespace {

std::string_view without_port(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  const bool in_brackets = host.find(']', std::min(colon, host.size())) != host.npos;
  return colon == host.npos || in_brackets ? host : host.substr(0, colon);
}

}  // namespace

std::optional<RequestTarget> split_target(std::string_view target) {
  if (!is_visible(target))
    return std::nullopt;
  if (target.starts_with('/'))
    return RequestTarget{{}, target};
  for (const std::string_view scheme : {"http://", "https://"})
    if (base::ascii_iequals(target.substr(0, scheme.size()), scheme)) {
      target.remove_prefix(scheme.size());
      const std::size_t slash = std::min(target.find('/'), target.size());
      if (slash == 0)
        return std::nullopt;
      return RequestTarget{target.substr(0, slash),
                           slash == target.size() ? "/" : target.substr(slash)};
    }
  return std::nullopt;
}

bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

bool is_host_of_ours(std::string_view host, const std::vector<std::string>& others) {
  const std::string name = base::ascii_lower(without_port(host));
  if (name == "localhost" || name == "127.0.0.1" || name == "[::1]")
    return true;
  return std::any_of(others.begin(), others.end(),
                     [&](const std::string& other) { return base::ascii_iequals(other, name); });
}

}  // namespace gald::net
