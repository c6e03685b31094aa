// Where the reading of a Graph collection stands, as text for the cursor. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gald::cloud {

struct GraphPosition {
  enum class Phase {
    delta,     ///< at a deltaLink: a new round of changes
    next,      ///< at a nextLink of a delta query
    list,      ///< at a nextLink of a plain list, which stands in for a delta query
    managers,  ///< at a nextLink of the list of managers that ends a full round of contacts
  };
  Phase phase = Phase::delta;
  std::string url;  ///< a whole link of the service

  /// `next`: the deltaLink where this round of changes began; empty in a full round.
  /// `managers`: the deltaLink that the round ends with.
  std::string base = {};

  bool operator==(const GraphPosition&) const = default;
};

/// "delta URL", "next URL", "list URL", "managers URL"; the base follows on a second line.
std::string to_text(const GraphPosition& position);

/// Nothing for any other text.
std::optional<GraphPosition> parse_graph_position(std::string_view text);

}  // namespace gald::cloud
