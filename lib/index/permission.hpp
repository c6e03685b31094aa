// What a reader is allowed to see.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "model/entry.hpp"

namespace gald::index {

/// Empty members do not restrict. What is not permitted does not exist for whoever reads: not in
/// lists, counts, searches, lookups, the history, the feed, nor behind an id.
struct Permission {
  std::optional<std::set<model::Source>> sources = {};

  /// Ids of groups: only their direct members, and of groups only these.
  std::optional<std::set<std::string>> groups = {};

  /// Names as in the contact object ("displayName", "addresses", "phones", "groups", "manager"...).
  /// `id`, `kind`, `source`, `status` are always told.
  std::optional<std::set<std::string>> attributes = {};

  bool hidden = true;  ///< contacts that address lists do not show

  bool everything() const { return !sources && !groups && !attributes && hidden; }

  /// Whether the attribute of this name is told.
  bool tells(std::string_view attribute) const {
    return !attributes || attributes->contains(std::string(attribute));
  }

  auto operator<=>(const Permission&) const = default;
};

}  // namespace gald::index
