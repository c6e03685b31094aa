// How many requests each client may make.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"
#include "sync/rate_budget.hpp"

namespace gald::api {

/// A bucket for each client that refills evenly. Memory is bounded, however many clients there are.
/// Not thread-safe.
class RequestLimits {
 public:
  explicit RequestLimits(std::int64_t requests_per_minute);

  /// Nothing: one more is counted. Otherwise how long to wait before the next one.
  std::optional<std::chrono::milliseconds> admit(const std::string& client, base::TimePoint now);

 private:
  struct Client {
    sync::RateBudget budget;
    base::TimePoint last;
  };

  void make_room(base::TimePoint now);

  const sync::RateLimit limit_;
  std::unordered_map<std::string, Client> clients_;
};

}  // namespace gald::api
