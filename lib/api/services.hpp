// What the API needs of the service around it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "index/lookup.hpp"
#include "sync/live_status.hpp"

namespace gald::api {

class Metrics;

/// Set by the composition root; all are thread-safe.
struct Services {
  const base::Clock& clock;
  std::string version;
  index::LookupOptions lookup = {};  ///< regions and preferences, as configured

  struct Collection {
    std::string connector;
    std::string connector_kind;  ///< "active-directory"
    std::string name;

    /// How often everything is read and not only what changed; nothing: not on this account.
    std::optional<std::chrono::milliseconds> complete_every = {};
  };

  /// What is read, as configured; the index also knows what was read once. Empty: not known here.
  std::vector<Collection> collections = {};

  std::chrono::milliseconds interval{0};  ///< between the beginnings of two cycles; 0: not known

  const sync::LiveStatus* live = nullptr;  ///< nullptr: there is no service around this
  Metrics* metrics = nullptr;              ///< nullptr: nothing is counted

  /// Asks for a cycle now; what is under way is not disturbed.
  std::function<void()> cycle_now = {};

  enum class Decision { approve, reject };

  struct Decided {
    enum class Outcome {
      done,
      unknown,  ///< no such plan
      closed,   ///< decided already, or it is not what it was
      busy,     ///< a cycle is under way: try again later
    };
    Outcome outcome = Outcome::done;
    std::string detail;  ///< a sentence
  };

  std::function<Decided(std::int64_t plan, Decision decision)> decide = {};
};

}  // namespace gald::api
