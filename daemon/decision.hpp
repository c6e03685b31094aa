// The decision about a plan that is held back: the same for `gald plan` and the API.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "base/clock.hpp"
#include "config.hpp"
#include "model/run.hpp"

namespace gald::daemon {

struct DecisionRequest {
  std::int64_t plan = 0;
  bool approve = false;
  std::chrono::milliseconds patience{0};  ///< with a cycle that is under way
  std::function<void()> on_wait = [] {};  ///< called once when one is

  /// Told of the run that the decision is, once it has ended, whatever came of it.
  std::function<void(const model::RunReport&)> on_run = [](const model::RunReport&) {};
};

struct DecisionOutcome {
  enum class Kind {
    done,
    unknown,  ///< there is no such plan
    closed,   ///< it was decided already, or it is not what it was
    busy,     ///< the cycle was not over in time
  };
  Kind kind = Kind::done;
  std::string why;               ///< a sentence without a full stop; empty if it is done
  model::RunReport report = {};  ///< if it is done; partial if it was stopped
};

/// Throws what the index throws.
DecisionOutcome decide(const Config& config, const base::Clock& clock,
                       const DecisionRequest& request, std::stop_token stop);

}  // namespace gald::daemon
