// One cycle with what is around it: the same for `gald run` and `gald sync`.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "base/clock.hpp"
#include "config.hpp"
#include "index/index.hpp"
#include "model/run.hpp"
#include "sync/connector.hpp"
#include "sync/cycle.hpp"

namespace gald::daemon {

using Connectors = std::vector<std::unique_ptr<sync::Connector>>;

/// The right to write. Calls `on_wait` once when another process has it, and waits; nothing when
/// told to stop meanwhile.
std::optional<index::WriterLock> wait_for_writer_lock(const std::filesystem::path& index_file,
                                                      const std::function<void()>& on_wait,
                                                      std::stop_token stop);

/// How long a cycle waits for its sources, and what it makes of what they say, as configured.
sync::CycleOptions cycle_options(const Config& config);

/// The index for writing, readable for the configured group. REQUIRES: the writer lock. Throws what
/// the index throws when it cannot be opened, and std::runtime_error while it is being made anew.
std::unique_ptr<index::Index> open_index(const Config& config, const base::Clock& clock);

/// REQUIRES: the writer lock. Opens the index anew, as somebody may have put back a backup since
/// the last time. One that is damaged is made anew from the sources (index/rebuild.hpp), in as many
/// cycles as it takes. Throws what the index throws when it cannot be opened.
model::RunReport one_cycle(const Config& config, const Connectors& connectors,
                           const base::Clock& clock, const sync::CycleOptions& options,
                           std::stop_token stop);

/// The same with an index that is nobody's: what is damaged is not repaired.
model::RunReport trial_cycle(const std::filesystem::path& index_file, const Connectors& connectors,
                             const base::Clock& clock, const sync::CycleOptions& options,
                             std::stop_token stop);

}  // namespace gald::daemon
