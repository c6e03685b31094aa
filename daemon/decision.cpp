#include "decision.hpp"

#include <optional>
#include <thread>

#include "base/log.hpp"
#include "index/index.hpp"
#include "index/reader.hpp"
#include "one_cycle.hpp"

namespace gald::daemon {

namespace {

using Kind = DecisionOutcome::Kind;
using Outcome = index::Decision::Outcome;

std::optional<index::WriterLock> lock_soon(const Config& config, const DecisionRequest& request,
                                           std::stop_token stop) {
  std::stop_source patience;
  const std::stop_callback told(stop, [&] { patience.request_stop(); });
  const std::jthread end([&](std::stop_token over) {
    if (base::SystemClock().sleep(request.patience, over))
      patience.request_stop();
  });
  return wait_for_writer_lock(config.index_file, request.on_wait, patience.get_token());
}

/// What to say when there was nothing to decide.
std::string refusal(const model::HeldPlan& plan) {
  const std::string text = "plan " + std::to_string(plan.number) + " ";
  if (plan.superseded_by != 0)
    return text + "is not what it was: what it would do now is plan " +
           std::to_string(plan.superseded_by) + "; look at it with `gald plan show " +
           std::to_string(plan.superseded_by) + "`";
  return text + "is " + std::string(model::to_string(plan.state)) + " already: nothing to decide";
}

DecisionOutcome unknown(std::int64_t number) {
  return {Kind::unknown,
          "there is no plan " + std::to_string(number) + "; `gald plan list --all` lists them"};
}

/// What made it fail may make this fail too, and is what has to be told.
void end_as_failed(index::Index& index, model::RunReport& report, base::TimePoint now,
                   const char* why) noexcept {
  try {
    report.ended = now;
    report.outcome = model::Outcome::failed;
    report.error = why;
    index.end_run(report);
  } catch (const std::exception& error) {
    base::log::error("plan.run_not_ended", error.what());
  }
}

}  // namespace

DecisionOutcome decide(const Config& config, const base::Clock& clock,
                       const DecisionRequest& request, std::stop_token stop) {
  if (!index::Reader(config.index_file).plan(request.plan))
    return unknown(request.plan);
  const auto lock = lock_soon(config, request, stop);
  if (!lock)
    return {Kind::busy,
            "a cycle is still under way; nothing was decided: try again when it is over"};
  const auto index = open_index(config, clock);
  model::RunReport report;
  report.started = clock.now();
  report.id = index->begin_run();
  const index::Decision decision = [&] {
    try {
      return request.approve ? index->approve(request.plan, report.id, stop)
                             : index->reject(request.plan, report.id);
    } catch (const std::exception& error) {
      end_as_failed(*index, report, clock.now(), error.what());
      request.on_run(report);
      throw;
    }
  }();
  report.published = decision.published;
  report.ended = clock.now();
  report.outcome = stop.stop_requested() ? model::Outcome::partial : model::Outcome::complete;
  index->end_run(report);
  request.on_run(report);
  if (decision.outcome == Outcome::unknown)
    return unknown(request.plan);
  if (decision.outcome == Outcome::moved || decision.outcome == Outcome::closed)
    return {Kind::closed, refusal(decision.plan)};
  return {Kind::done, {}, report};
}

}  // namespace gald::daemon
