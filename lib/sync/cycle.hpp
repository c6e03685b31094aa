// One cycle: ask every source what changed, stage it, reconcile it, publish it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "index/index.hpp"
#include "model/run.hpp"
#include "reconcile/guard.hpp"
#include "reconcile/policy.hpp"
#include "sync/connector.hpp"

namespace gald::sync {

/// How far a cycle is; called from several threads, one call at a time.
struct Progress {
  enum class Stage { reading, publishing };
  Stage stage = Stage::reading;
  std::string connector;     ///< while reading
  std::string collection;    ///< while reading
  std::int64_t objects = 0;  ///< read from this collection, or published, so far
  bool full = false;         ///< everything is read, not only what changed
  bool done = false;         ///< this collection is

  /// How many there are in all: records to publish, or objects to read, where the source tells.
  std::optional<std::int64_t> expected = {};
};

struct CycleOptions {
  /// How long one collection may be kept waiting by a throttling source, over all of a cycle.
  std::chrono::milliseconds patience{std::chrono::minutes(15)};

  /// How much of that may go by without a page when the source does not say when to come back:
  /// errors and broken connections, one after the other. The other sources wait to be published.
  std::chrono::milliseconds grace{std::chrono::minutes(1)};
  std::function<void(const Progress&)> progress;  ///< may be empty
  reconcile::Policy policy = {};

  /// How much may vanish in a cycle without anybody being asked.
  reconcile::GuardLimits guard = {};
  std::optional<std::chrono::milliseconds> keep_deleted = {};  ///< contacts; nothing: for ever
  std::optional<std::chrono::milliseconds> keep_history = {};  ///< changes; nothing: for ever
};

/// Never throws; what went wrong stands in the report, which is also in the index as a run.
/// A failed collection leaves its records as they were. Nothing is published before every
/// collection of every connector has been read completely once. A plan that is held is no failure.
model::RunReport run_cycle(const std::vector<std::unique_ptr<Connector>>& connectors,
                           index::Index& index, const base::Clock& clock,
                           const CycleOptions& options, std::stop_token stop);

}  // namespace gald::sync
