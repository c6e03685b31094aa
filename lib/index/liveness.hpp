// Whether a record is live, in SQL.
#pragma once

#include <string>

namespace gald::index {

/// Says of the record `r` what reconcile::is_live() says. A quotation mark inside a value is
/// escaped: only the attribute itself reads like this.
inline constexpr const char* kLiveRecord =
    "(r.presence = 'live' AND r.kind <> 'container'"
    " AND instr(r.attributes, '\"isCriticalSystemObject\":\"true\"') = 0)";

/// Whether the source's object behind the record is there; for one that a plan holds, whether it
/// was when that was published.
inline std::string is_there(const std::string& record) {
  return "iif(" + record + ".plan_id IS NULL, " + record + ".presence = 'live', " + record +
         ".published_live)";
}

}  // namespace gald::index
