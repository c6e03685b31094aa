// How the service stands, as health, status and metrics tell it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/services.hpp"
#include "base/clock.hpp"
#include "index/reader.hpp"
#include "sync/live_status.hpp"

namespace gald::api {

/// Of everything that is read as configured, in that order; of what was never asked only the names.
/// Without a configuration (Services::collections) of everything that the index knows.
std::vector<index::CollectionState> states_of(const Services& services,
                                              const std::vector<index::CollectionState>& known);

/// "connector/collection" of each that was never read completely.
std::vector<std::string> never_read(const std::vector<index::CollectionState>& states);

/// How old the oldest of what is served is; nothing before all was read once.
std::optional<std::chrono::seconds> age_of(const std::vector<index::CollectionState>& states,
                                           base::TimePoint now);

/// Of the connectors that are asked.
std::vector<index::CredentialState> credentials_of(
    const Services& services, const std::vector<index::CredentialState>& known);

/// With what is expected of each collection where the source does not tell: as much as it held when
/// it was last read completely.
sync::LiveStatus::Snapshot live_snapshot(const Services& services,
                                         const std::vector<index::CollectionState>& states);

}  // namespace gald::api
