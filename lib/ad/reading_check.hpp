// What `gald check` says about reading, once the connection stands.
#pragma once

#include <stop_token>
#include <vector>

#include "ad/ad_connector.hpp"
#include "ad/session.hpp"
#include "sync/connector.hpp"

namespace gald::ad {

/// Adds one finding each, named "domain", "rights", "deletions", "scope", "clock", "schema" and
/// "count". What cannot be answered without the answer before it is not asked.
void check_reading(const AdOptions& options, Session& session, std::vector<sync::Finding>& findings,
                   std::stop_token stop);

}  // namespace gald::ad
