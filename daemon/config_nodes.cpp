#include "config_nodes.hpp"

#include <algorithm>
#include <utility>

namespace gald::daemon {

namespace {

/// How many insertions, deletions and replacements lead from one name to the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({replaced, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row[b.size()];
}

}  // namespace

int line_of(const toml::node& node) {
  return static_cast<int>(node.source().begin.line);
}

int line_of(const toml::key& key) {
  return static_cast<int>(key.source().begin.line);
}

std::string found(const toml::node& node) {
  if (const auto* text = node.as_string())
    return "found \"" + text->get() + "\"";
  if (const auto* number = node.as_integer())
    return "found " + std::to_string(number->get());
  if (const auto* flag = node.as_boolean())
    return flag->get() ? "found true" : "found false";
  if (node.is_table())
    return "found a section";
  if (node.is_array())
    return "found a list";
  return "found a value of another type";
}

std::string suggestion(std::string_view wrong, const std::vector<std::string_view>& names) {
  std::string_view nearest;
  std::size_t distance = wrong.size() / 3 + 2;
  for (const std::string_view name : names) {
    const std::size_t candidate = edit_distance(wrong, name);
    if (candidate < distance) {
      distance = candidate;
      nearest = name;
    }
  }
  return nearest.empty() ? "" : " (did you mean " + std::string(nearest) + "?)";
}

}  // namespace gald::daemon
