// `gald backup`: a copy of the index for keeping.
#include "index/backup.hpp"

#include <chrono>
#include <stop_token>

#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "index/rebuild.hpp"
#include "output.hpp"
#include "platform.hpp"
#include "text.hpp"

namespace gald::daemon {

namespace {

using Json = nlohmann::ordered_json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::string to_json(const BackupCommand& command, const index::Backup& made, milliseconds took) {
  const Json object = {{"file", command.file.string()},
                       {"bytes", made.bytes},
                       {"lastChange", made.last_change},
                       {"tookMs", took.count()}};
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

int execute(const BackupCommand& command, const Context& context) {
  if (index::Rebuild(context.config.index_file).under_way()) {
    complain(context.config.index_file.string() +
             ": is damaged and being made anew; no backup was made, see `gald status`");
    return exit_code::kFailed;
  }
  hold_signals();
  std::stop_source stopping;
  const Signals signals({.stop = [&] { stopping.request_stop(); }});
  const auto start = steady_clock::now();
  const auto made = index::back_up(context.config.index_file, command.file, stopping.get_token());
  if (!made) {
    complain("stopped; there is no new backup");
    return exit_code::kFailed;
  }
  const auto took = std::chrono::duration_cast<milliseconds>(steady_clock::now() - start);
  print_line(command.json ? to_json(command, *made, took)
                          : printable(command.file.string()) + ": " +
                                grouped(static_cast<std::int64_t>(made->bytes / 1024)) +
                                " KiB, up to change " + std::to_string(made->last_change) +
                                ", looked through and sound; took " + spoken(took));
  return exit_code::kComplete;
}

}  // namespace gald::daemon
