// The composition root: from the configuration to the things that do the work.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "base/clock.hpp"
#include "config.hpp"
#include "sync/connector.hpp"

namespace gald::daemon {

/// The enabled connectors, in the order of their names. Talks to no source. Throws
/// std::runtime_error with one clear line that names the connector. `clock` outlives them.
std::vector<std::unique_ptr<sync::Connector>> make_connectors(
    const Config& config, const std::filesystem::path& credentials, const base::Clock& clock);

/// check_files() and make_connectors(): what a cycle needs. Nothing, with the errors printed, when
/// only a change of the configuration can help; the answer to that is kBadConfiguration.
std::vector<std::unique_ptr<sync::Connector>> connectors_or_complaints(const Config& config,
                                                                       const base::Clock& clock);

}  // namespace gald::daemon
