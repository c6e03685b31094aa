// `gald check`: does everything work that a cycle needs?
#include <filesystem>
#include <stop_token>

#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "commands.hpp"
#include "compose.hpp"
#include "index/history.hpp"
#include "index/integrity.hpp"
#include "output.hpp"
#include "platform.hpp"
#include "secrets.hpp"
#include "status.hpp"
#include "text.hpp"

namespace gald::daemon {

namespace {

using sync::Finding;
using Level = Finding::Level;
using Json = nlohmann::ordered_json;

/// Of an index that is sound.
Finding check_clock_of(const std::filesystem::path& file, base::TimePoint now) {
  const std::string ahead = describe_ahead(index::History(file).state(), now);
  if (ahead.empty())
    return {Level::ok, "index: " + file.string() + " is sound", {}, "index"};
  return {Level::warning, "index: " + file.string() + " is sound, but " + ahead,
          "set the clock, if it is wrong now; if it was wrong then, all changes are told with that "
          "time until it comes: --at does not find them before, and retention keeps them longer",
          "index"};
}

Finding check_index(const std::filesystem::path& file, base::TimePoint now) {
  const std::string remedy =
      "gald needs a folder of its own, such as /var/lib/gald, in which its "
      "account may create files";
  const std::filesystem::path folder = file.parent_path();
  if (const auto reason = not_writable(folder))
    return {Level::problem, "index: folder " + folder.string() + ": " + *reason, remedy, "index"};
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored))
    return {Level::ok, "index: " + file.string() + " will be made by the first cycle", {}, "index"};
  std::vector<std::string> problems;
  try {
    problems = index::problems_of(file);
    if (problems.empty())
      return check_clock_of(file, now);
  } catch (const std::exception& error) {
    return {Level::problem, "index: " + std::string(error.what()), {}, "index"};
  }
  std::string text = "index: " + file.string() + " is damaged";
  for (const std::string& problem : problems)
    text += "; " + problem;
  return {Level::problem, text,
          "stop the service and put a backup in its place, or move the file away with its -wal and "
          "-shm: the next cycle makes it anew from the sources",
          "index"};
}

std::string_view to_string(Level level) {
  switch (level) {
    case Level::ok:
      return "ok";
    case Level::warning:
      return "warning";
    case Level::problem:
      return "problem";
  }
  return {};
}

void print_finding(const Finding& finding) {
  print_line(pad(to_string(finding.level), 9) + printable(finding.what));
  if (!finding.remedy.empty())
    print_line("         remedy: " + printable(finding.remedy));
  flush_output();  // the next one may take a while
}

Json to_json_object(const std::string& connector, const Finding& finding) {
  const auto text_or_null = [](const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
  };
  return {{"connector", text_or_null(connector)},
          {"check", text_or_null(finding.check)},
          {"level", to_string(finding.level)},
          {"what", finding.what},
          {"remedy", text_or_null(finding.remedy)}};
}

}  // namespace

int execute(const CheckCommand& command, const Context& context) {
  hold_signals();
  base::log::start(context.verbose ? base::log::Level::info : base::log::Level::warning);
  const Config& config = context.config;
  const base::SystemClock clock;
  const auto connectors = connectors_or_complaints(config, clock);
  if (connectors.empty())
    return exit_code::kBadConfiguration;

  bool problem = false;
  Json told = Json::array();
  const auto tell = [&](const std::string& connector, const Finding& finding) {
    problem = problem || finding.level == Level::problem;
    if (command.json)
      told.push_back(to_json_object(connector, finding));
    else
      print_finding(finding);
  };
  tell({}, {Level::ok, "configuration: " + config.file.string(), {}, "configuration"});
  for (const std::string& warning : check_files(config, credentials_folder()).warnings)
    tell({}, {Level::warning, warning, {}, "file"});
  tell({}, check_index(config.index_file, clock.now()));
  if (!config.index_group.empty() && !may_give_to_group(config.index_group))
    tell({}, {Level::problem,
              "index.group: this account is no member of the group " + config.index_group,
              "add it (usermod -aG), or run gald check as the account that gald runs as", "index"});

  std::stop_source stopping;
  const Signals signals({.stop = [&] { stopping.request_stop(); }});
  for (const auto& connector : connectors)
    for (const Finding& finding : connector->check(stopping.get_token()))
      tell(connector->name(), finding);
  if (command.json)
    print(Json{{"ok", !problem}, {"findings", told}}.dump(-1, ' ', false,
                                                          Json::error_handler_t::replace) +
          "\n");
  return problem ? exit_code::kFailed : exit_code::kComplete;
}

}  // namespace gald::daemon
