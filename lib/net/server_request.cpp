// Apart from the server, so that a handler is tested without one.
#include "base/text.hpp"
#include "net/http_server.hpp"

namespace gald::net {

std::optional<std::string_view> ServerRequest::header(std::string_view name) const {
  for (const auto& [known, value] : headers)
    if (base::ascii_iequals(known, name))
      return value;
  return std::nullopt;
}

}  // namespace gald::net
