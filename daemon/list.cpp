// `gald list`: what is published, as a table or as JSON Lines.
#include <algorithm>
#include <functional>
#include <optional>
#include <string>

#include "commands.hpp"
#include "export/contact_json.hpp"
#include "index/reader.hpp"
#include "output.hpp"
#include "platform.hpp"
#include "text.hpp"

namespace gald::daemon {

namespace {

/// Rows go out as they come, so the widths are settled before the first one is known.
class Table {
 public:
  Table() {
    constexpr std::size_t kOthers = 7 + 11 + 8 + 4 * 2;  // kind, source, status and the gaps
    const std::size_t width = std::max<std::size_t>(terminal_width(Stream::out).value_or(0), 60);
    cut_ = is_terminal(Stream::out);
    name_ = cut_ ? (width - kOthers) * 2 / 5 : 30;
    mail_ = cut_ ? width - kOthers - name_ : 36;
  }

  void row(std::string_view name, std::string_view mail, std::string_view kind,
           std::string_view source, std::string_view status) const {
    std::string line = cell(name, name_) + "  " + cell(mail, mail_) + "  " + pad(kind, 7) + "  " +
                       pad(source, 11) + "  " + printable(status);
    print_line(line);
  }

 private:
  /// Only where a line would wrap is anything cut: a pipe gets whole values.
  std::string cell(std::string_view text, std::size_t width) const {
    return cut_ ? fit(text, width) : pad(text, width);
  }

  bool cut_ = false;
  std::size_t name_ = 0;
  std::size_t mail_ = 0;
};

std::string_view value(const model::Entry& entry, model::Attribute attribute) {
  const auto it = entry.values.find(attribute);
  return it == entry.values.end() ? std::string_view() : std::string_view(it->second);
}

}  // namespace

int execute(const ListCommand& command, const Context& context) {
  const auto visit_all = [&](const std::function<bool(const model::Contact&)>& visit) {
    if (command.at)
      index::History(context.config.index_file).contacts(*command.at, command.filter, visit);
    else
      index::Reader(context.config.index_file).contacts(command.filter, visit);
  };
  if (command.json) {
    visit_all([&](const model::Contact& contact) {
      print_line(command.at ? exporting::told_json(contact) : exporting::to_json(contact));
      return true;
    });
    return exit_code::kComplete;
  }
  std::optional<Table> table;  // no headings above an error
  const auto begin = [&] { table.emplace().row("NAME", "MAIL", "KIND", "SOURCE", "STATUS"); };
  visit_all([&](const model::Contact& contact) {
    if (!table)
      begin();
    const model::Entry& entry = contact.entry;
    table->row(value(entry, model::Attribute::display_name), value(entry, model::Attribute::mail),
               to_string(entry.kind), to_string(entry.source), to_string(entry.status));
    return true;
  });
  if (!table)
    begin();
  return exit_code::kComplete;
}

}  // namespace gald::daemon
