#include "cloud/graph_position.hpp"

#include <array>
#include <utility>

namespace gald::cloud {

namespace {

using Phase = GraphPosition::Phase;

constexpr std::array<std::pair<Phase, std::string_view>, 4> kPhases = {{
    {Phase::delta, "delta "},
    {Phase::next, "next "},
    {Phase::list, "list "},
    {Phase::managers, "managers "},
}};

}  // namespace

std::string to_text(const GraphPosition& position) {
  std::string text;
  for (const auto& [phase, word] : kPhases)
    if (phase == position.phase)
      text = word;
  text += position.url;
  if (!position.base.empty())
    text += "\n" + position.base;
  return text;
}

std::optional<GraphPosition> parse_graph_position(std::string_view text) {
  for (const auto& [phase, word] : kPhases) {
    if (!text.starts_with(word))
      continue;
    text.remove_prefix(word.size());
    const std::size_t end = text.find('\n');
    GraphPosition position{phase, std::string(text.substr(0, end))};
    if (end != std::string_view::npos)
      position.base = text.substr(end + 1);
    if (position.url.empty())
      return std::nullopt;
    return position;
  }
  return std::nullopt;
}

}  // namespace gald::cloud
