// How fast a source may be asked: a pure function of time and of what the source said.
//
// Protocol: Graph documentation, "Microsoft Graph service-specific throttling limits" (resource
// units per ten seconds, by the size of the tenant) and "Microsoft Graph throttling guidance"
// (Retry-After, x-ms-throttle-limit-percentage). Requests that are sent in spite of a 429 count
// against the limit, so that a pause is everybody's who shares it.
#pragma once

#include <chrono>
#include <optional>

#include "base/clock.hpp"

namespace gald::sync {

struct RateLimit {
  double units = 3'500;  ///< of the smallest tenants; nobody tells how large this one is
  std::chrono::milliseconds window{10'000};
};

/// One scope of limits: an application in a tenant, at one service. Not thread-safe.
class RateBudget {
 public:
  explicit RateBudget(RateLimit limit = {}) : limit_(limit), units_(limit.units) {}

  /// Nothing: the request may be sent now, and is counted. Otherwise: ask again after that time.
  std::optional<std::chrono::milliseconds> admit(double units, base::TimePoint now);

  /// An answer that was no refusal. `share_used`: of the limit, from 0.8 on, where the service says
  /// so; the closer to the limit, the further apart are the requests from now on.
  void answered(std::optional<double> share_used);

  /// A refusal (429): nobody asks before the pause is over, whose length is the result. Without a
  /// date, or with one that only leads to the next refusal, it grows from time to time.
  /// REQUIRES: 0 <= random < 1.
  std::chrono::milliseconds refused(std::optional<std::chrono::milliseconds> retry_after,
                                    base::TimePoint now, double random);

  /// How long the source has asked not to be asked; nothing when it has not.
  std::optional<std::chrono::milliseconds> pause(base::TimePoint now) const;

 private:
  RateLimit limit_;
  double units_;
  std::optional<base::TimePoint> filled_;  ///< when units_ was true
  std::chrono::milliseconds spacing_{0};
  base::TimePoint last_{};  ///< admission
  base::TimePoint paused_until_{};
  int refusals_ = 0;  ///< in a row
};

}  // namespace gald::sync
