// `gald run`: the service.
#include <atomic>
#include <chrono>
#include <optional>
#include <random>
#include <stop_token>

#include "base/log.hpp"
#include "commands.hpp"
#include "compose.hpp"
#include "index/rebuild.hpp"
#include "one_cycle.hpp"
#include "output.hpp"
#include "platform.hpp"
#include "report.hpp"
#include "serve.hpp"
#include "service.hpp"
#include "sync/live_status.hpp"
#include "text.hpp"

namespace gald::daemon {

namespace {

using Steady = std::chrono::steady_clock;

/// Every wait in a cycle is shorter than this, so that a cycle which reports nothing for so long
/// hangs, and the service manager should start us anew.
constexpr std::chrono::minutes kLongestSilence{60};

/// Alive as long as something moves, or nothing has to.
class Heartbeat {
 public:
  void moved() { last_ = Steady::now().time_since_epoch().count(); }

  void busy(bool busy) {
    moved();
    busy_ = busy;
  }

  bool beats() const {
    const Steady::duration since = Steady::now().time_since_epoch() - Steady::duration(last_);
    return !busy_ || since < kLongestSilence;
  }

 private:
  std::atomic<bool> busy_ = false;
  std::atomic<Steady::rep> last_ = Steady::now().time_since_epoch().count();
};

/// Opens the index once, so that a service that can never work does not start. A running
/// `gald sync` shows that it can be opened, and one that is damaged is the first cycle's business.
void try_index(const Config& config, const base::Clock& clock) {
  const auto lock = index::WriterLock::try_acquire(config.index_file);
  if (!lock || index::Rebuild(config.index_file).under_way())
    return;
  try {
    open_index(config, clock);
  } catch (const index::DamagedIndex&) {
  }
}

/// A cycle that fails never ends the service. Nothing when told to stop before it began.
std::optional<model::RunReport> run_logged_cycle(const Config& config, const Connectors& connectors,
                                                 const base::Clock& clock, Heartbeat& heartbeat,
                                                 sync::LiveStatus& live, std::stop_token stop) {
  sync::CycleOptions options = cycle_options(config);
  options.progress = [&](const sync::Progress& progress) {
    heartbeat.moved();
    live.moved(progress);
  };
  const auto on_wait = [&] {
    heartbeat.busy(false);
    live.cycle_blocked();
    base::log::info("service.waiting", "another process writes the index; waiting for it");
    notify_service_manager("STATUS=Waiting for another process that writes the index");
  };
  notify_service_manager("STATUS=A cycle is running");
  model::RunReport report;
  report.started = clock.now();
  try {
    const auto lock = wait_for_writer_lock(config.index_file, on_wait, stop);
    if (!lock)
      return std::nullopt;
    heartbeat.busy(true);
    live.cycle_begun();
    report.started = clock.now();
    report = one_cycle(config, connectors, clock, options, stop);
    notify_service_manager("STATUS=" + summarize(report));
  } catch (const std::exception& error) {
    base::log::error("service.cycle_failed", error.what());
    notify_service_manager("STATUS=Failed: " + printable(error.what()));
    report.ended = clock.now();
    report.outcome = model::Outcome::failed;
  }
  heartbeat.busy(false);
  live.cycle_over();
  return report;
}

double random_share() {
  static std::minstd_rand generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0.0, 1.0)(generator);
}

}  // namespace

int execute(const RunCommand&, const Context& context) {
  hold_signals();
  const Config& config = context.config;
  base::log::start(config.log_level);
  const base::SystemClock clock;
  const Connectors connectors = connectors_or_complaints(config, clock);
  if (connectors.empty())
    return exit_code::kBadConfiguration;
  try_index(config, clock);

  std::stop_source stopping;
  Heartbeat heartbeat;
  sync::LiveStatus live(clock);
  ApiServer* served = nullptr;  // while there is one
  Service service({
      .schedule = {.interval = config.interval, .jitter = config.jitter},
      .clock = clock,
      .random = random_share,
      .cycle =
          [&](std::stop_token stop) {
            const auto report = run_logged_cycle(config, connectors, clock, heartbeat, live, stop);
            if (served != nullptr && report) {
              served->run_ended(*report);
              served->published();
            }
          },
      .waiting =
          [&](base::TimePoint next) {
            live.next_cycle(next);
            base::log::debug("service.idle", "waiting for the next cycle",
                             {{"next", base::to_iso8601(next)}});
          },
  });
  const Signals signals({
      .stop =
          [&] {
            base::log::info("service.stopping", "told to stop");
            notify_service_manager("STOPPING=1");
            stopping.request_stop();
          },
      .hang_up =
          [&] {
            base::log::info("service.cycle_requested", "SIGHUP: a cycle now");
            service.cycle_now();
          },
      .tick =
          [&] {
            if (heartbeat.beats())
              notify_service_manager("WATCHDOG=1");
          },
      .every = watchdog_limit().value_or(std::chrono::milliseconds(0)) / 2,
  });
  std::optional<ApiServer> api;  // behind what it calls
  if (!config.api.listen.empty()) {
    api.emplace(ApiServer::Parts{config, clock, connectors, live, [&] { service.cycle_now(); }});
    for (const std::string& address : api->addresses())
      base::log::info("api.listening", "the API is there", {{"address", address}});
    served = &*api;
  }
  base::log::info("service.ready", "running",
                  {{"connectors", connectors.size()},
                   {"interval_s", config.interval.count() / 1000},
                   {"version", GALD_VERSION}});
  notify_service_manager("READY=1");
  service.loop(stopping.get_token());
  api.reset();
  base::log::info("service.stopped", "ended");
  return exit_code::kComplete;
}

}  // namespace gald::daemon
