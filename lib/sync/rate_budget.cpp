#include "sync/rate_budget.hpp"

#include <algorithm>
#include <cmath>

#include "sync/schedule.hpp"

namespace gald::sync {

using std::chrono::milliseconds;

namespace {

/// The service starts to tell how much of the limit is used at 0.8, and to refuse at 1.0.
constexpr double kTold = 0.8;

}  // namespace

std::optional<milliseconds> RateBudget::admit(double units, base::TimePoint now) {
  if (auto left = pause(now))
    return left;
  if (now < last_ + spacing_)
    return last_ + spacing_ - now;
  const double per_ms = limit_.units / static_cast<double>(limit_.window.count());
  if (filled_ && now > *filled_)
    units_ =
        std::min(limit_.units, units_ + per_ms * static_cast<double>((now - *filled_).count()));
  filled_ = now;
  const double wanted = std::min(units, limit_.units);
  if (units_ < wanted)
    return milliseconds(static_cast<milliseconds::rep>(std::ceil((wanted - units_) / per_ms)));
  units_ -= wanted;
  last_ = now;
  return std::nullopt;
}

void RateBudget::answered(std::optional<double> share_used) {
  refusals_ = 0;
  // The limit is a bucket that refills evenly: with any distance that grows with the share,
  // requests settle at the pace of the refill. What is left in the bucket then is the price of
  // never being refused; a steep curve keeps it small.
  constexpr double kSteepness = 16;
  const double used = std::clamp((share_used.value_or(0) - kTold) / (1.0 - kTold), 0.0, 1.0);
  spacing_ = milliseconds(static_cast<milliseconds::rep>(
      static_cast<double>(limit_.window.count()) * std::pow(used, kSteepness)));
}

milliseconds RateBudget::refused(std::optional<milliseconds> retry_after, base::TimePoint now,
                                 double random) {
  ++refusals_;
  milliseconds pause = retry_after.value_or(milliseconds(0));
  // A date that was honoured and led to another refusal is not taken at its word again and again.
  if (!retry_after)
    pause = backoff(refusals_, random);
  else if (refusals_ > 1)
    pause = std::max(pause, backoff(refusals_ - 1, random));
  pause = std::max(pause, milliseconds(100));
  paused_until_ = std::max(paused_until_, now + pause);
  return paused_until_ - now;
}

std::optional<milliseconds> RateBudget::pause(base::TimePoint now) const {
  if (now >= paused_until_)
    return std::nullopt;
  return paused_until_ - now;
}

}  // namespace gald::sync
