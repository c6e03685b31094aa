// What a reader is allowed to see.
#pragma once

#include <optional>
#include <set>
#include <string>

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

  auto operator<=>(const Permission&) const = default;
};

}  // namespace gald::index
