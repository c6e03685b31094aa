#include "one_cycle.hpp"

#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/log.hpp"
#include "index/index_file.hpp"
#include "index/rebuild.hpp"
#include "platform.hpp"

namespace gald::daemon {

std::optional<index::WriterLock> wait_for_writer_lock(const std::filesystem::path& index_file,
                                                      const std::function<void()>& on_wait,
                                                      std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock guard(mutex);
  bool told = false;
  while (!stop.stop_requested()) {
    if (auto lock = index::WriterLock::try_acquire(index_file))
      return lock;
    if (!told)
      on_wait();
    told = true;
    stopped.wait_for(guard, stop, std::chrono::milliseconds(500), [] { return false; });
  }
  return std::nullopt;
}

sync::CycleOptions cycle_options(const Config& config) {
  sync::CycleOptions options;
  options.patience = config.patience;
  options.grace = config.patience / 15;
  options.guard = config.guard;
  options.policy = config.policy;
  options.keep_deleted = config.keep_deleted;
  return options;
}

namespace {

using index::DamagedIndex;
using index::Index;
using index::Rebuild;

std::unique_ptr<Index> open_shared(const Config& config, const std::filesystem::path& file,
                                   const base::Clock& clock) {
  auto index = std::make_unique<Index>(file, clock);
  if (!config.index_group.empty())
    for (const char* suffix : index::kSuffixes)
      give_to_group(index::with_suffix(file, suffix), config.index_group);
  return index;
}

/// What a cycle needs, but for the index.
struct Cycle {
  const Config& config;
  const Connectors& connectors;
  const base::Clock& clock;
  const sync::CycleOptions& options;
  std::stop_token stop;

  model::RunReport run(Index& index) const {
    model::RunReport report = sync::run_cycle(connectors, index, clock, options, stop);
    index.tidy(stop);
    return report;
  }
};

/// The report of a cycle with the index that is being made; true: it is complete.
std::pair<model::RunReport, bool> go_on_making(const Rebuild& rebuild, const Cycle& cycle) {
  try {
    const auto index = open_shared(cycle.config, rebuild.file(), cycle.clock);
    model::RunReport report = cycle.run(*index);
    if (index->damaged())
      throw DamagedIndex(report.error);
    const bool complete =
        report.error.empty() && report.waiting_for.empty() && !cycle.stop.stop_requested();
    if (complete)
      index->settle_file();
    return {std::move(report), complete};
  } catch (const DamagedIndex&) {
    rebuild.discard();
    throw;
  }
}

model::RunReport make_anew(const Rebuild& rebuild, const Cycle& cycle) {
  const std::string name = cycle.config.index_file.string();
  auto [report, complete] = go_on_making(rebuild, cycle);
  if (!complete) {
    report.damage = name +
                    " is damaged; another one is being made from the sources, and until that is "
                    "complete, what can be read of the old one is served";
    return std::move(report);
  }
  rebuild.put_in_place();
  // makes the files beside it, which those who may only read cannot make
  open_shared(cycle.config, cycle.config.index_file, cycle.clock);
  const std::string kept = index::kept_aside(cycle.config.index_file).back().string();
  base::log::warning("index.rebuilt", "the index was damaged and has been made anew",
                     {{"file", name}, {"kept_aside", kept}});
  report.damage =
      name + " was damaged and has been made anew from the sources; the old one is kept as " + kept;
  return std::move(report);
}

}  // namespace

std::unique_ptr<index::Index> open_index(const Config& config, const base::Clock& clock) {
  if (Rebuild(config.index_file).under_way())
    throw std::runtime_error(config.index_file.string() +
                             ": is damaged and being made anew; try again when that is done, see "
                             "`gald status`");
  return open_shared(config, config.index_file, clock);
}

model::RunReport one_cycle(const Config& config, const Connectors& connectors,
                           const base::Clock& clock, const sync::CycleOptions& options,
                           std::stop_token stop) {
  const Cycle cycle{config, connectors, clock, options, stop};
  const Rebuild rebuild(config.index_file);
  if (rebuild.under_way())
    return make_anew(rebuild, cycle);
  std::string damage;
  try {
    const auto index = open_shared(config, config.index_file, clock);
    index->examine_if_due(stop);
    model::RunReport report = cycle.run(*index);
    if (!index->damaged())
      return report;
    damage = report.error;
  } catch (const DamagedIndex& error) {
    damage = error.what();
  }
  base::log::error("index.damaged", damage + "; it is made anew from the sources");
  rebuild.begin(clock.now());
  return make_anew(rebuild, cycle);
}

model::RunReport trial_cycle(const std::filesystem::path& index_file, const Connectors& connectors,
                             const base::Clock& clock, const sync::CycleOptions& options,
                             std::stop_token stop) {
  Index index(index_file, clock);
  return sync::run_cycle(connectors, index, clock, options, std::move(stop));
}

}  // namespace gald::daemon
