// `gald sync`: one cycle now.
#include <chrono>
#include <cstdio>
#include <map>
#include <stop_token>
#include <string>
#include <utility>

#include "base/log.hpp"
#include "commands.hpp"
#include "compose.hpp"
#include "export/run_json.hpp"
#include "one_cycle.hpp"
#include "output.hpp"
#include "platform.hpp"
#include "report.hpp"
#include "text.hpp"

namespace gald::daemon {

namespace {

/// One line on standard error that is written again and again in place.
class ProgressLine {
 public:
  void show(const sync::Progress& progress) {
    if (progress.stage == sync::Progress::Stage::publishing)
      draw("publishing " + so_far(progress));
    else
      reading(progress);
  }

  void clear() const { std::fputs("\r\x1b[K", stderr); }

 private:
  void reading(const sync::Progress& progress) {
    read_[progress.connector + "/" + progress.collection] = so_far(progress);
    std::string line = "reading";
    for (const auto& [name, objects] : read_)
      line += "  " + name + " " + objects;
    draw(line);
  }

  static std::string so_far(const sync::Progress& progress) {
    const bool more = progress.expected && !progress.done;
    return grouped(progress.objects) + (more ? " of " + grouped(*progress.expected) : "");
  }

  void draw(const std::string& line) {
    const auto now = std::chrono::steady_clock::now();
    if (now - drawn_ < std::chrono::milliseconds(100))
      return;
    drawn_ = now;
    const std::size_t width = terminal_width(Stream::error).value_or(80);
    std::fputs(("\r" + fit(line, width > 1 ? width - 1 : 1)).c_str(), stderr);
  }

  std::map<std::string, std::string> read_;
  std::chrono::steady_clock::time_point drawn_;
};

}  // namespace

int execute(const SyncCommand& command, const Context& context) {
  hold_signals();
  // A progress line and log lines do not go together; the report at the end says the same.
  const bool progress = is_terminal(Stream::error) && !command.quiet && !context.verbose;
  if (!progress)
    base::log::start(context.verbose ? base::log::Level::info : base::log::Level::warning);
  const Config& config = context.config;
  const base::SystemClock clock;
  const Connectors connectors = connectors_or_complaints(config, clock);
  if (connectors.empty())
    return exit_code::kBadConfiguration;

  std::stop_source stopping;
  const Signals signals({.stop = [&] { stopping.request_stop(); }});
  const auto lock = wait_for_writer_lock(
      config.index_file,
      [&] {
        if (!command.quiet)
          complain("another process writes the index; waiting for it (Ctrl-C to give up)");
      },
      stopping.get_token());
  if (!lock) {
    complain("stopped before the cycle began");
    return exit_code::kFailed;
  }
  ProgressLine line;
  sync::CycleOptions options = cycle_options(config);
  if (progress)
    options.progress = [&](const sync::Progress& moved) { line.show(moved); };
  const model::RunReport report =
      one_cycle(config, connectors, clock, options, stopping.get_token());
  if (progress)
    line.clear();
  if (command.json)
    print_line(exporting::to_json(report));
  else if (!command.quiet)
    print(describe(report));
  if (!stopping.stop_requested())
    return exit_code_of(report);
  complain("stopped; the next cycle goes on from here");
  return report.outcome == model::Outcome::failed ? exit_code::kFailed : exit_code::kPartial;
}

}  // namespace gald::daemon
