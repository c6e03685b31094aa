// What `gald status` says, as a function of what it read.
#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "index/history.hpp"
#include "index/reader.hpp"
#include "index/upkeep.hpp"

namespace gald::daemon {

struct StatusReport {
  index::Overview overview;
  std::vector<index::CollectionState> collections;
  std::vector<index::RunSummary> runs;
  std::vector<index::CredentialState> credentials;
  std::vector<model::HeldPlan> plans;  ///< undecided or rejected
  std::optional<index::FileState> file;
  bool damaged = false;                 ///< this is the one that is being made in its place
  std::vector<std::string> kept_aside;  ///< files of damaged indexes
  index::HistoryState history;
  std::vector<index::GroupSize> groups;  ///< the largest first

  /// Connectors that are configured and enabled. The index knows others that once were.
  std::set<std::string> enabled;

  bool all_groups = false;  ///< describe every group, not only the largest
};

enum class CollectionHealth {
  ok,
  failing,
  late,        ///< the last success is more than three intervals ago
  never_read,  ///< not completely
  not_asked,   ///< its connector is disabled, or no longer configured
};

CollectionHealth health_of(const StatusReport& report, const index::CollectionState& state,
                           base::TimePoint now, std::chrono::milliseconds interval);

/// What the first publication waits for; empty when there has been one.
std::vector<std::string> waiting_for(const StatusReport& report);

/// "the newest change is of 2031-11-28 06:15:00Z, later than the clock" when the clock was wrong
/// then or is now, else empty.
std::string describe_ahead(const index::HistoryState& history, base::TimePoint now);

std::string describe(const StatusReport& report, base::TimePoint now,
                     std::chrono::milliseconds interval);

/// One JSON object on one line.
std::string to_json(const StatusReport& report, base::TimePoint now,
                    std::chrono::milliseconds interval);

}  // namespace gald::daemon
