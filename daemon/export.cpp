// `gald export`: what is published, in a format for other programs.
#include <atomic>
#include <functional>
#include <stdexcept>

#include "commands.hpp"
#include "export/format.hpp"
#include "export/writer.hpp"
#include "index/reader.hpp"
#include "new_file.hpp"
#include "output.hpp"
#include "platform.hpp"
#include "text.hpp"

namespace gald::daemon {

namespace {

/// Throws when it is stopped.
std::int64_t write_all(const index::Reader& reader, const index::ContactFilter& filter,
                       exporting::Writer& writer, const std::atomic<bool>& stopped) {
  const auto contacts = [&](const std::function<bool(const model::Contact&)>& visit) {
    reader.contacts(filter,
                    [&](const model::Contact& contact) { return visit(contact) && !stopped; });
    if (stopped)
      throw std::runtime_error("stopped; the export is not complete, and nothing was replaced");
  };
  const exporting::Written written =
      exporting::write_all(contacts, exporting::conflict_totals(reader.overview()), writer);
  complain(written.remarks);
  return written.contacts;
}

}  // namespace

int execute(const ExportCommand& command, const Context& context) {
  const index::Reader reader(context.config.index_file);
  std::atomic<bool> stopped = false;
  if (command.output.empty()) {
    write_all(reader, command.filter,
              *exporting::text_writer(command.format, command.columns, command.base, print),
              stopped);
    return exit_code::kComplete;
  }
  hold_signals();
  const Signals signals({.stop = [&] { stopped = true; }});
  NewFile file(command.output);
  const auto writer =
      command.format == ExportCommand::Format::xlsx
          ? exporting::xlsx_writer(command.columns, file.path(), file.path().parent_path())
          : exporting::text_writer(command.format, command.columns, command.base,
                                   [&](std::string_view bytes) { file.write(bytes); });
  const std::int64_t contacts = write_all(reader, command.filter, *writer, stopped);
  file.put_in_place();
  if (is_terminal(Stream::out))
    print_line(counted(contacts, "contact") + " in " + printable(command.output.string()));
  return exit_code::kComplete;
}

}  // namespace gald::daemon
