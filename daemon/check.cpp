// `gald check`: does everything work that a cycle needs?
#include <filesystem>
#include <stop_token>

#include "base/log.hpp"
#include "commands.hpp"
#include "compose.hpp"
#include "output.hpp"
#include "platform.hpp"
#include "secrets.hpp"
#include "text.hpp"

namespace gald::daemon {

namespace {

using sync::Finding;
using Level = Finding::Level;

Finding check_index(const std::filesystem::path& file) {
  const std::string remedy =
      "gald needs a folder of its own, such as /var/lib/gald, in which its "
      "account may create files";
  const std::filesystem::path folder = file.parent_path();
  if (const auto reason = not_writable(folder))
    return {Level::problem, "index: folder " + folder.string() + ": " + *reason, remedy};
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored))
    return {Level::ok, "index: " + file.string() + " will be made by the first cycle", {}};
  try {
    const index::Reader reader(file);
  } catch (const std::exception& error) {
    return {Level::problem, "index: " + std::string(error.what()), {}};
  }
  return {Level::ok, "index: " + file.string(), {}};
}

void print_finding(const Finding& finding) {
  const char* level = finding.level == Level::ok        ? "ok       "
                      : finding.level == Level::warning ? "warning  "
                                                        : "problem  ";
  print_line(level + printable(finding.what));
  if (!finding.remedy.empty())
    print_line("         remedy: " + printable(finding.remedy));
  flush_output();  // the next one may take a while
}

}  // namespace

int execute(const CheckCommand&, const Context& context) {
  hold_signals();
  base::log::start(context.verbose ? base::log::Level::info : base::log::Level::warning);
  const Config& config = context.config;
  const base::SystemClock clock;
  const auto connectors = connectors_or_complaints(config, clock);
  if (connectors.empty())
    return exit_code::kBadConfiguration;

  bool problem = false;
  const auto tell = [&](const Finding& finding) {
    problem = problem || finding.level == Level::problem;
    print_finding(finding);
  };
  tell({Level::ok, "configuration: " + config.file.string(), {}});
  for (const std::string& warning : check_files(config, credentials_folder()).warnings)
    tell({Level::warning, warning, {}});
  tell(check_index(config.index_file));

  std::stop_source stopping;
  const Signals signals({.stop = [&] { stopping.request_stop(); }});
  for (const auto& connector : connectors)
    for (const Finding& finding : connector->check(stopping.get_token()))
      tell(finding);
  return problem ? exit_code::kFailed : exit_code::kComplete;
}

}  // namespace gald::daemon
