// `gald changes`: what a run published, and the change feed.
#include <limits>
#include <optional>

#include "commands.hpp"
#include "export/history_json.hpp"
#include "history_text.hpp"
#include "index/reader.hpp"
#include "output.hpp"
#include "text.hpp"

namespace gald::daemon {

namespace {

/// Quiet runs are most of them: 30 minutes apart, these are the last weeks.
constexpr int kRunsToLookAt = 2000;

constexpr int kLinesOfARun = 100;

std::optional<std::int64_t> newest_run_with_changes(const index::Reader& reader) {
  for (const index::RunSummary& run : reader.runs(kRunsToLookAt))
    if (!reader.changes_of_run(run.id, 1).empty())
      return run.id;
  return std::nullopt;
}

void print_change(const model::HistoryLine& line, bool json) {
  print_line(json ? exporting::to_json(line) : describe_in_run(line));
}

int print_run(const ChangesCommand& command, const Context& context) {
  const index::Reader reader(context.config.index_file);
  const auto run = command.run ? command.run : newest_run_with_changes(reader);
  if (!run) {
    complain("no run has published anything yet");
    return exit_code::kComplete;
  }
  // One more than wanted tells whether there are more.
  const int limit = command.limit.value_or(kLinesOfARun);
  auto lines = reader.changes_of_run(*run, limit + 1);
  const bool more = lines.size() > static_cast<std::size_t>(limit);
  if (more)
    lines.pop_back();
  if (lines.empty())
    complain("run " + std::to_string(*run) + " published nothing");
  for (const model::HistoryLine& line : lines)
    print_change(line, command.json);
  flush_output();
  if (more)
    complain("there are more; --limit says how many to show");
  return exit_code::kComplete;
}

// --- the feed ------------------------------------------------------------------------------------

std::string describe(const index::FeedItem& item) {
  const auto name = item.contact.entry.values.find(model::Attribute::display_name);
  std::string text =
      pad(to_string(item.action), 7) + "  " + pad(to_string(item.kind), 7) + "  " + item.id + "  ";
  if (!item.forward_to.empty())
    text += "→ " + item.forward_to;
  else if (name != item.contact.entry.values.end())
    text += printable(name->second);
  return text;
}

std::string describe_refusal(const ChangesCommand& command, index::FeedAnswer::Standing standing) {
  const std::string position = "position " + index::to_string(*command.since);
  const std::string reason =
      standing == index::FeedAnswer::Standing::too_old
          ? position + " is too old: some of what came after it is forgotten"
          : position + " is not one of this index: it was restored or made anew";
  return reason + "; read everything (`gald changes --snapshot`) and go on from there";
}

int print_feed(const ChangesCommand& command, const Context& context) {
  const index::Feed feed(context.config.index_file);
  const int limit = command.limit.value_or(std::numeric_limits<int>::max());
  const auto print_item = [&](const index::FeedItem& item) {
    print_line(command.json ? exporting::to_json(item) : describe(item));
  };
  index::FeedAnswer answer;
  if (command.snapshot)
    answer = feed.snapshot(print_item);
  else if (command.compact)
    answer = feed.compacted(*command.since, limit, print_item);
  else
    answer = feed.changes(*command.since, limit, [&](const model::HistoryLine& line) {
      print_change(line, command.json);
    });
  if (answer.standing != index::FeedAnswer::Standing::known) {
    complain(describe_refusal(command, answer.standing));
    return exit_code::kReadEverything;
  }
  const std::string position = index::to_string(answer.next);
  print_line(command.json ? exporting::position_json(answer)
                          : "go on from position " + position +
                                (answer.more ? ", there is more" : ", there is no more"));
  return exit_code::kComplete;
}

}  // namespace

int execute(const ChangesCommand& command, const Context& context) {
  return command.since || command.snapshot ? print_feed(command, context)
                                           : print_run(command, context);
}

}  // namespace gald::daemon
