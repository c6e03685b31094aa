#include "api/entity_tag.hpp"

namespace gald::api {

namespace {

std::string_view without_weakness(std::string_view tag) {
  return tag.starts_with("W/") ? tag.substr(2) : tag;
}

}  // namespace

bool names_tag(std::string_view if_none_match, std::string_view tag) {
  const std::string_view wanted = without_weakness(tag);
  std::string_view rest = if_none_match;
  // A tag may hold a comma, but no quote.
  while (true) {
    const std::size_t start = rest.find_first_not_of(" \t,");
    if (start == std::string_view::npos)
      return false;
    rest = rest.substr(start);
    if (rest == "*" || rest.starts_with("* "))
      return true;
    const std::string_view quoted = without_weakness(rest);
    const std::size_t end = quoted.find('"', 1);
    if (!quoted.starts_with('"') || end == std::string_view::npos)
      return false;
    if (quoted.substr(0, end + 1) == wanted)
      return true;
    rest = quoted.substr(end + 1);
  }
}

}  // namespace gald::api
