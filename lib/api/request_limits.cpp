#include "api/request_limits.hpp"

#include <algorithm>

namespace gald::api {

namespace {

constexpr std::size_t kMostClients = 10'000;
constexpr std::chrono::milliseconds kWindow = std::chrono::minutes(1);

/// By so much only somebody who sets the clock puts it back.
constexpr std::chrono::milliseconds kSetBack = std::chrono::seconds(1);

}  // namespace

RequestLimits::RequestLimits(std::int64_t requests_per_minute)
    : limit_{static_cast<double>(requests_per_minute), kWindow} {}

std::optional<std::chrono::milliseconds> RequestLimits::admit(const std::string& client,
                                                              base::TimePoint now) {
  auto known = clients_.find(client);
  if (known != clients_.end() && now + kSetBack <= known->second.last) {
    clients_.erase(known);  // else nobody could ask before it is that late again
    known = clients_.end();
  }
  if (known == clients_.end()) {
    make_room(now);
    known = clients_.emplace(client, Client{sync::RateBudget(limit_), now}).first;
  }
  // Of two threads the one that has looked at the clock later may come first.
  now = std::max(now, known->second.last);
  known->second.last = now;
  return known->second.budget.admit(1, now);
}

/// Whoever has not asked for a window has a full bucket, which is what a new one gets.
void RequestLimits::make_room(base::TimePoint now) {
  if (clients_.size() < kMostClients)
    return;
  std::erase_if(clients_, [&](const auto& one) { return one.second.last + kWindow <= now; });
  if (clients_.size() >= kMostClients)
    clients_.clear();
}

}  // namespace gald::api
