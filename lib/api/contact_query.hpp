// Which contacts a request means: the parameters that lists, exports and the feed have in common.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "api/parameters.hpp"
#include "base/clock.hpp"
#include "index/contact_filter.hpp"
#include "index/history.hpp"

namespace gald::api {

/// The names that filter_from() reads, and others behind them.
std::vector<std::string_view> filter_parameters(std::vector<std::string_view> others = {});

/// `source`, `status`, `kind`, `group` (id, address or name), `label`, `hidden` (true, false or
/// unknown), `changed_since` (a time), `changed_after` (number of a change), `with_deleted`. A
/// group that is not there shows only when the filter is used (index::NoSuchGroup).
index::ContactFilter filter_from(const Parameters& parameters);

/// `at`: a time, or the number of a run for its end. Nothing when it is absent; refused when it is
/// after `now`.
std::optional<index::Moment> moment_from(const Parameters& parameters, base::TimePoint now);

}  // namespace gald::api
