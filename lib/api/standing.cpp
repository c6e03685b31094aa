#include "api/standing.hpp"

#include <algorithm>

namespace gald::api {

std::vector<index::CollectionState> states_of(const Services& services,
                                              const std::vector<index::CollectionState>& known) {
  if (services.collections.empty())
    return known;
  std::vector<index::CollectionState> states;
  for (const Services::Collection& one : services.collections) {
    const auto state = std::find_if(known.begin(), known.end(), [&](const auto& candidate) {
      return candidate.connector == one.connector && candidate.collection == one.name;
    });
    if (state != known.end())
      states.push_back(*state);
    else
      states.push_back({.connector = one.connector,
                        .connector_kind = one.connector_kind,
                        .collection = one.name,
                        .last_attempt = {},
                        .last_success = {},
                        .failing_since = {},
                        .last_error = {}});
  }
  return states;
}

std::vector<std::string> never_read(const std::vector<index::CollectionState>& states) {
  std::vector<std::string> names;
  for (const index::CollectionState& state : states)
    if (state.last_success.empty())
      names.push_back(state.connector + "/" + state.collection);
  return names;
}

std::optional<std::chrono::seconds> age_of(const std::vector<index::CollectionState>& states,
                                           base::TimePoint now) {
  std::optional<std::chrono::seconds> oldest;
  for (const index::CollectionState& state : states) {
    const std::optional<base::TimePoint> success = base::parse_iso8601(state.last_success);
    if (!success)
      return std::nullopt;
    oldest = std::max(oldest.value_or(std::chrono::seconds(0)),
                      std::chrono::floor<std::chrono::seconds>(now - *success));
  }
  return oldest;
}

std::vector<index::CredentialState> credentials_of(
    const Services& services, const std::vector<index::CredentialState>& known) {
  std::vector<index::CredentialState> found;
  for (const index::CredentialState& state : known)
    if (services.collections.empty() ||
        std::any_of(services.collections.begin(), services.collections.end(),
                    [&](const auto& one) { return one.connector == state.connector; }))
      found.push_back(state);
  return found;
}

sync::LiveStatus::Snapshot live_snapshot(const Services& services,
                                         const std::vector<index::CollectionState>& states) {
  if (services.live == nullptr)
    return {.activity = sync::Activity::idle, .since = services.clock.now()};
  sync::LiveStatus::Snapshot snapshot = services.live->snapshot();
  for (sync::LiveStatus::Step& step : snapshot.steps)
    for (const index::CollectionState& state : states)
      if (step.full && !step.expected && !state.last_success.empty() &&
          state.connector == step.connector && state.collection == step.collection)
        step.expected = state.live_records;
  return snapshot;
}

}  // namespace gald::api
