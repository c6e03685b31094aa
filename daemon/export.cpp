// `gald export`: what is published, in a format for other programs.
#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "commands.hpp"
#include "export/tally.hpp"
#include "export/writer.hpp"
#include "index/reader.hpp"
#include "new_file.hpp"
#include "output.hpp"
#include "platform.hpp"
#include "text.hpp"

namespace gald::daemon {

namespace {

std::unique_ptr<exporting::Writer> text_writer(const ExportCommand& command, exporting::Sink sink) {
  using Format = ExportCommand::Format;
  switch (command.format) {
    case Format::csv:
      return exporting::csv_writer(command.columns, std::move(sink));
    case Format::vcf:
      return exporting::vcard_writer(exporting::VCardVersion::v4, std::move(sink));
    case Format::vcf3:
      return exporting::vcard_writer(exporting::VCardVersion::v3, std::move(sink));
    case Format::jsonl:
      return exporting::json_lines_writer(std::move(sink));
    case Format::ldif:
      return exporting::ldif_writer(command.base, std::move(sink));
    case Format::xlsx:
      break;
  }
  throw std::logic_error("no text format");
}

std::int64_t write_all(const index::Reader& reader, const index::ContactFilter& filter,
                       exporting::Writer& writer, const std::atomic<bool>& stopped) {
  exporting::Tally tally;
  reader.contacts(filter, [&](const model::Contact& contact) {
    writer.add(contact);
    tally.add(contact);
    return !stopped;
  });
  if (stopped)
    throw std::runtime_error("stopped; the export is not complete, and nothing was replaced");
  std::vector<exporting::Total> totals = tally.totals();
  for (const auto& [kind, count] : reader.overview().conflicts)
    totals.push_back({"conflict (whole index)", kind, count});
  complain(writer.finish(totals));
  return tally.contacts();
}

}  // namespace

int execute(const ExportCommand& command, const Context& context) {
  const index::Reader reader(context.config.index_file);
  std::atomic<bool> stopped = false;
  if (command.output.empty()) {
    write_all(reader, command.filter, *text_writer(command, print), stopped);
    return exit_code::kComplete;
  }
  hold_signals();
  const Signals signals({.stop = [&] { stopped = true; }});
  NewFile file(command.output);
  const auto writer =
      command.format == ExportCommand::Format::xlsx
          ? exporting::xlsx_writer(command.columns, file.path())
          : text_writer(command, [&](std::string_view bytes) { file.write(bytes); });
  const std::int64_t contacts = write_all(reader, command.filter, *writer, stopped);
  file.put_in_place();
  if (is_terminal(Stream::out))
    print_line(counted(contacts, "contact") + " in " + printable(command.output.string()));
  return exit_code::kComplete;
}

}  // namespace gald::daemon
