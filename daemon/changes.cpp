// `gald changes`: what a run published.
#include <optional>

#include "commands.hpp"
#include "history_text.hpp"
#include "index/reader.hpp"
#include "output.hpp"

namespace gald::daemon {

namespace {

/// Quiet runs are most of them: 30 minutes apart, these are the last weeks.
constexpr int kRunsToLookAt = 2000;

std::optional<std::int64_t> newest_run_with_changes(const index::Reader& reader) {
  for (const index::RunSummary& run : reader.runs(kRunsToLookAt))
    if (!reader.changes_of_run(run.id, 1).empty())
      return run.id;
  return std::nullopt;
}

}  // namespace

int execute(const ChangesCommand& command, const Context& context) {
  const index::Reader reader(context.config.index_file);
  const auto run = command.run ? command.run : newest_run_with_changes(reader);
  if (!run) {
    complain("no run has published anything yet");
    return exit_code::kComplete;
  }
  // One more than wanted tells whether there are more.
  auto lines = reader.changes_of_run(*run, command.limit + 1);
  const bool more = lines.size() > static_cast<std::size_t>(command.limit);
  if (more)
    lines.pop_back();
  if (lines.empty())
    complain("run " + std::to_string(*run) + " published nothing");
  for (const model::HistoryLine& line : lines) {
    if (command.json)
      print_line(to_json(line));
    else
      print_line(describe_in_run(line));
  }
  flush_output();
  if (more)
    complain("there are more; --limit says how many to show");
  return exit_code::kComplete;
}

}  // namespace gald::daemon
