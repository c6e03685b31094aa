// `gald conflicts`: what contradicts itself, and what to do about it.
#include <string>

#include "commands.hpp"
#include "export/run_json.hpp"
#include "index/reader.hpp"
#include "output.hpp"
#include "text.hpp"

namespace gald::daemon {

namespace {

using index::ConflictLine;

void print_side(const ConflictLine::Side& side) {
  if (!side.id.empty())
    print_line("    " + side.id + "  " + pad(side.kind, 7) + "  " + printable(side.display_name));
}

}  // namespace

int execute(const ConflictsCommand& command, const Context& context) {
  const index::Reader reader(context.config.index_file);
  std::string kind;
  bool any = false;
  reader.conflicts({command.kind, {}}, [&](const ConflictLine& line) {
    any = true;
    if (command.json) {
      print_line(exporting::to_json(line));
      return true;
    }
    if (line.kind != kind) {
      print_line((kind.empty() ? "" : "\n") + line.kind);
      print_line("  " + line.remedy);
      kind = line.kind;
    }
    print_line("");
    print_line("  " + printable(line.evidence) + "  (since " + spoken_time(line.since) + ")");
    print_side(line.contact);
    print_side(line.other);
    return true;
  });
  if (!any && !command.json)
    print_line(command.kind.empty() ? "No conflicts." : "No conflicts of this kind.");
  return exit_code::kComplete;
}

}  // namespace gald::daemon
