#include "api/router.hpp"

#include <algorithm>
#include <utility>

#include "api/problem.hpp"
#include "base/text.hpp"

namespace gald::api {

namespace {

bool is_any(std::string_view segment) {
  return !segment.empty() && segment.front() == '{';
}

/// Nothing if it does not fit.
std::optional<std::vector<std::string>> fit(std::string_view pattern, std::string_view path) {
  const std::vector<std::string_view> expected = base::split(pattern, '/');
  const std::vector<std::string_view> given = base::split(path, '/');
  if (expected.size() != given.size())
    return std::nullopt;
  std::vector<std::string> found;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    std::optional<std::string> segment = percent_decoded(given[i], false);
    if (!segment || (is_any(expected[i]) ? segment->empty() : *segment != expected[i]))
      return std::nullopt;
    if (is_any(expected[i]))
      found.push_back(std::move(*segment));
  }
  return found;
}

}  // namespace

void Router::add(Route route) {
  const auto any = [](const Route& one) {
    return std::count(one.pattern.begin(), one.pattern.end(), '{');
  };
  const auto place =
      std::upper_bound(routes_.begin(), routes_.end(), route,
                       [&](const Route& a, const Route& b) { return any(a) < any(b); });
  routes_.insert(place, std::move(route));
}

Router::Match Router::find(std::string_view method, std::string_view path) const {
  Match match;
  std::string_view pattern;  // of the first that fits; others of the same pattern are other methods
  for (const Route& route : routes_) {
    if (!pattern.empty() && route.pattern != pattern)
      continue;
    std::optional<std::vector<std::string>> found = fit(route.pattern, path);
    if (!found)
      continue;
    pattern = route.pattern;
    match.methods.push_back(route.method);
    if (route.method == "GET")
      match.methods.emplace_back("HEAD");
    if (route.method == method || (method == "HEAD" && route.method == "GET")) {
      match.route = &route;
      match.path = std::move(*found);
    }
  }
  return match;
}

void require_everything(const Principal& who) {
  if (!who.permission.everything())
    throw Refused(403, "the token is limited to some contacts, and this is about all of them");
}

}  // namespace gald::api
