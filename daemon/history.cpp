// `gald history`: everything that was told of one contact.
#include <limits>

#include "commands.hpp"
#include "export/history_json.hpp"
#include "history_text.hpp"
#include "index/reader.hpp"
#include "output.hpp"
#include "text.hpp"

namespace gald::daemon {

namespace {

/// An id that was merged or purged has a history of its own; else whoever is found by it.
std::vector<std::string> ids_of(const HistoryCommand& command, const Context& context,
                                const index::History& history) {
  if (!history.lines(command.what, 1).empty())
    return {command.what};
  std::vector<std::string> ids;
  for (const model::Contact& contact : index::Reader(context.config.index_file).find(command.what))
    ids.push_back(contact.entry.id);
  return ids;
}

}  // namespace

int execute(const HistoryCommand& command, const Context& context) {
  const index::History history(context.config.index_file);
  const std::vector<std::string> ids = ids_of(command, context, history);
  if (ids.empty()) {
    complain(printable(command.what) + ": nothing in the index has this id, address or name");
    return exit_code::kFailed;
  }
  // one more than wanted tells whether there are more
  const int limit = command.limit.value_or(std::numeric_limits<int>::max() - 1);
  for (const std::string& id : ids) {
    std::vector<model::HistoryLine> lines = history.lines(id, limit + 1);
    const bool more = lines.size() > static_cast<std::size_t>(limit);
    if (more)
      lines.pop_back();
    if (ids.size() > 1 && !command.json)
      print_line(id);
    for (const model::HistoryLine& line : lines)
      print_line(command.json ? exporting::to_json(line) : describe_in_history(line));
    flush_output();
    if (lines.empty())
      complain(id + ": nothing that was told of it is kept");
    if (more)
      complain("there are more; --limit says how many to show");
  }
  return exit_code::kComplete;
}

}  // namespace gald::daemon
