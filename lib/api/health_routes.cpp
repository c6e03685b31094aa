#include <memory>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "api/answers.hpp"
#include "api/figures.hpp"
#include "api/index_trouble.hpp"
#include "api/metrics.hpp"
#include "api/problem.hpp"
#include "api/router.hpp"
#include "api/standing.hpp"
#include "sync/expiry.hpp"

namespace gald::api {

namespace {

using Json = nlohmann::ordered_json;
using States = std::vector<index::CollectionState>;

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

template <typename Number>
Json number_or_null(const std::optional<Number>& number) {
  return number ? Json(*number) : Json(nullptr);
}

template <typename Number>
Json seconds_or_null(const std::optional<Number>& duration) {
  return duration ? Json(duration->count()) : Json(nullptr);
}

net::ServerResponse fresh_json(const Json& body, int status = 200,
                               std::string type = "application/json") {
  return fresh_answer(body.dump(-1, ' ', false, Json::error_handler_t::replace), status,
                      std::move(type));
}

net::ServerResponse alive(Call&) {
  return fresh_answer("ok\n", 200, "text/plain; charset=utf-8");
}

net::ServerResponse not_ready(const std::string& detail, const std::vector<std::string>& names) {
  const Json body = {{"type", "about:blank"},
                     {"title", reason_phrase(503)},
                     {"status", 503},
                     {"detail", detail},
                     {"waitingFor", names}};
  return fresh_json(body, 503, "application/problem+json");
}

/// Of the whole index, whoever asks: what a token may not see has been published all the same, and
/// the figures are kept for everybody.
index::Glance glance_of(Call& call) {
  return (*call.pool.take({})).reader().glance();
}

std::vector<std::string> all_of(const Services& services) {
  return never_read(states_of(services, {}));
}

net::ServerResponse ready(Call& call, FiguresCache& cache) {
  try {
    const index::Glance glance = glance_of(call);
    if (glance.published)
      return fresh_json({{"ready", true}});
    const auto figures = cache.of(call.readers.index_file(), glance, call.services.clock);
    return not_ready(
        "nothing has been published yet: that waits for a first complete read of every source",
        never_read(states_of(call.services, figures->collections)));
  } catch (const Refused& refused) {
    return not_ready(refused.what(), all_of(call.services));
  } catch (const std::runtime_error& error) {  // names files, which is nobody's business out there
    call.trouble.tell(error.what());
    return not_ready(std::string(kUnreadable), {});
  }
}

Json steps_of(const sync::LiveStatus::Snapshot& snapshot) {
  Json steps = Json::array();
  for (const sync::LiveStatus::Step& step : snapshot.steps)
    steps.push_back({{"connector", text_or_null(step.connector)},
                     {"collection", text_or_null(step.collection)},
                     {"objects", step.objects},
                     {"expected", number_or_null(step.expected)},
                     {"full", step.full},
                     {"done", step.done}});
  return steps;
}

Json connectors_of(const States& states) {
  Json lines = Json::array();
  for (const index::CollectionState& state : states)
    lines.push_back({{"connector", state.connector},
                     {"kind", state.connector_kind},
                     {"collection", state.collection},
                     {"lastAttempt", text_or_null(state.last_attempt)},
                     {"lastSuccess", text_or_null(state.last_success)},
                     {"failingSince", text_or_null(state.failing_since)},
                     {"error", text_or_null(state.last_error)},
                     {"liveRecords", state.live_records},
                     {"quarantined", state.quarantined}});
  return lines;
}

Json credentials_to_json(const std::vector<index::CredentialState>& states, base::TimePoint now) {
  Json lines = Json::array();
  for (const index::CredentialState& state : states) {
    const std::optional<base::TimePoint> end = base::parse_iso8601(state.ends_at);
    lines.push_back({{"connector", state.connector},
                     {"credential", state.credential},
                     {"endsAt", state.ends_at},
                     {"daysLeft", end ? Json(sync::days_left(*end, now)) : Json(nullptr)}});
  }
  return lines;
}

/// Whoever asks may be told of a service whose first cycle has not made the index yet, or makes a
/// damaged one anew.
Known known_of(Call& call, FiguresCache& cache) {
  Known known;
  try {
    known.glance = glance_of(call);
    known.figures = cache.of(call.readers.index_file(), known.glance, call.services.clock);
    known.standing = Known::Standing::read;
  } catch (const Refused&) {
  } catch (const std::runtime_error& error) {
    known.standing = Known::Standing::unreadable;
    call.trouble.tell(error.what());
  }
  return known;
}

net::ServerResponse status(Call& call, FiguresCache& cache) {
  const base::TimePoint now = call.services.clock.now();
  const Known known = known_of(call, cache);
  const States states = states_of(call.services, known.figures->collections);
  const sync::LiveStatus::Snapshot live = live_snapshot(call.services, states);
  Json body = {{"version", call.services.version},
               {"state", sync::to_string(live.activity)},
               {"since", base::to_iso8601(live.since)},
               {"nextCycleAt", live.next_cycle ? Json(base::to_iso8601(*live.next_cycle)) : Json()},
               {"published", known.glance.published},
               {"ageSeconds", seconds_or_null(age_of(states, now))}};
  if (call.who.permission.everything()) {
    body["progress"] = steps_of(live);
    body["estimateSeconds"] = seconds_or_null(sync::time_left(live, now));
    body["connectors"] = connectors_of(states);
    body["credentials"] =
        credentials_to_json(credentials_of(call.services, known.figures->credentials), now);
    body["openPlans"] = known.glance.open_plans;
    body["lastChange"] = known.glance.last_change;
  }
  return fresh_json(body);
}

net::ServerResponse metrics(Call& call, FiguresCache& cache) {
  if (!call.who.permission.everything())
    throw Refused(403, "metrics tell of all contacts, and this token is limited to some");
  if (call.services.metrics == nullptr)
    throw Refused(404, "nothing is counted here");
  return fresh_answer(
      call.services.metrics->text(call.services, call.readers.index_file(), known_of(call, cache)),
      200, "text/plain; version=0.0.4; charset=utf-8");
}

}  // namespace

void add_health_routes(Router& router) {
  const auto cache = std::make_shared<FiguresCache>();
  router.add({"GET", "/healthz", Scope::none, {}, alive});
  router.add({"GET", "/readyz", Scope::none, {}, [=](Call& call) { return ready(call, *cache); }});
  router.add(
      {"GET", "/metrics", Scope::read, {}, [=](Call& call) { return metrics(call, *cache); }});
  router.add({"GET", "/api/identity/status", Scope::read, {}, [=](Call& call) {
                return status(call, *cache);
              }});
}

}  // namespace gald::api
