// What one cycle did.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "model/plan.hpp"

namespace gald::model {

enum class Outcome { complete, partial, failed };

std::string_view to_string(Outcome outcome);

struct StagedCounts {
  std::int64_t added = 0;
  std::int64_t updated = 0;
  std::int64_t removed = 0;
  std::int64_t unchanged = 0;
  std::int64_t rejected = 0;

  /// Of a complete read that saw far less than the one before: what it did not see, and stays.
  std::int64_t held = 0;
  std::int64_t known = 0;  ///< then: how many there were
};

/// How the reading of one collection went.
struct CollectionReport {
  std::string connector;
  std::string collection;
  bool complete = false;
  bool full = false;  ///< a full round (everything), not a delta round (changes)
  std::string error;  ///< why it is not complete
  std::string remedy;
  int pages = 0;
  int requests = 0;
  double units = 0;  ///< of the source's rate limit, where it counts them
  std::uint64_t bytes = 0;
  std::int64_t objects = 0;             ///< told by the source, repetitions included
  std::chrono::milliseconds waited{0};  ///< because the source asked for it, or to spare it
  int throttled = 0;                    ///< how often it asked for that
  std::chrono::milliseconds took{0};
  StagedCounts staged;
};

struct PublishedCounts {
  std::int64_t created = 0;
  std::int64_t updated = 0;
  std::int64_t deleted = 0;
  std::int64_t restored = 0;
  std::int64_t memberships = 0;  ///< added or removed

  std::int64_t total() const { return created + updated + deleted + restored + memberships; }
};

struct RunReport {
  std::int64_t id = 0;
  base::TimePoint started;
  base::TimePoint ended;
  Outcome outcome = Outcome::failed;
  std::vector<CollectionReport> collections;
  PublishedCounts published;

  /// "connector/collection" that have never been read completely: nothing is published before.
  std::vector<std::string> waiting_for;

  /// Those that are open, and those that this run closed.
  std::vector<HeldPlan> plans;

  /// What was found wrong with the file of the index, and what was done about it; empty: nothing.
  std::string damage;

  /// Set when staging or publishing itself failed (disk full, index damaged).
  std::string error;
};

}  // namespace gald::model
