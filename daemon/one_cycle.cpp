#include "one_cycle.hpp"

#include <condition_variable>
#include <mutex>

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
  options.keep_history = config.keep_history;
  return options;
}

model::RunReport one_cycle(const Config& config, const Connectors& connectors,
                           const base::Clock& clock, const sync::CycleOptions& options,
                           std::stop_token stop) {
  index::Index index(config.index_file, clock);
  return sync::run_cycle(connectors, index, clock, options, stop);
}

}  // namespace gald::daemon
