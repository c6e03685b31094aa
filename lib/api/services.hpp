// What the API needs of the service around it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "index/lookup.hpp"
#include "sync/live_status.hpp"

namespace gald::api {

/// Set by the composition root; all are thread-safe.
struct Services {
  const base::Clock& clock;
  std::string version;
  index::LookupOptions lookup = {};  ///< regions and preferences, as configured

  struct Collection {
    std::string connector;
    std::string connector_kind;  ///< "active-directory"
    std::string name;
  };

  /// What is read, as configured; the index also knows what was read once. Empty: not known here.
  std::vector<Collection> collections = {};

  const sync::LiveStatus* live = nullptr;  ///< nullptr: there is no service around this

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
