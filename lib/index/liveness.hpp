// Whether a record is live, in SQL.
#pragma once

#include <string>

#include "model/attribute.hpp"

namespace gald::index {

/// What SQL has to know of a record's attributes: bits of record.flags.
inline constexpr int kCriticalObject = 1;  ///< one of the directory's own (isCriticalSystemObject)
inline constexpr int kLeftOut = 2;         ///< the configuration leaves out the object itself
inline constexpr int kDisabled = 4;        ///< its account may not sign in

inline int flags_of(const model::Attributes& attributes) {
  const bool critical = model::flag(attributes, model::Attribute::critical_object).value_or(false);
  const bool left_out = model::first_value(attributes, model::Attribute::scope) == "out";
  const bool enabled = model::flag(attributes, model::Attribute::account_enabled).value_or(true);
  return (critical ? kCriticalObject : 0) | (left_out ? kLeftOut : 0) | (enabled ? 0 : kDisabled);
}

/// Says of the record `r` what reconcile::is_live() says.
inline constexpr const char* kLiveRecord =
    "(r.presence = 'live' AND r.kind <> 'container' AND r.flags & 1 = 0)";

/// Whether the source's object behind the record is there; for one that a plan holds, whether it
/// was when that was published.
inline std::string is_there(const std::string& record) {
  return "iif(" + record + ".plan_id IS NULL, " + record + ".presence = 'live', " + record +
         ".published_live)";
}

}  // namespace gald::index
