// `gald explain`: why a contact is what it is.
#include "explain.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "commands.hpp"
#include "export/explain_json.hpp"
#include "output.hpp"
#include "text.hpp"

namespace gald::daemon {

namespace {

using reconcile::ExplainedRecord;
using reconcile::ExplainedValue;
using reconcile::Explanation;
using reconcile::Reason;

std::string title(const model::Entry& entry) {
  const auto name = entry.values.find(model::Attribute::display_name);
  return name == entry.values.end() ? entry.id : name->second;
}

std::string_view spoken(model::Source source) {
  switch (source) {
    case model::Source::cloud:
      return "cloud";
    case model::Source::on_premises:
      return "on-premises";
    case model::Source::hybrid:
      return "hybrid";
  }
  return {};
}

std::string_view spoken(model::RecordKind kind) {
  return kind == model::RecordKind::user ? "account" : to_string(kind);
}

/// "Jane Doe: a hybrid contact, disabled".
std::string headline(const model::Entry& entry) {
  return printable(title(entry)) + (entry.source == model::Source::on_premises ? ": an " : ": a ") +
         std::string(spoken(entry.source)) + " " + std::string(to_string(entry.kind)) + ", " +
         std::string(to_string(entry.status)) + "\n" + "id " + entry.id + "\n";
}

std::string answer(std::string_view question, const Reason& reason) {
  return reason.text.empty() ? std::string()
                             : "  " + pad(question, 20) + "  " + printable(reason.text) + "\n";
}

std::string describe_record(const ExplainedRecord& record) {
  return "  " + pad(record.connector, 12) + "  " + pad(spoken(record.kind), 8) + "  " +
         printable(record.anchor) + "\n      " + printable(record.joined.text) + "\n";
}

/// What nobody else has takes one line.
std::string describe_value(const ExplainedValue& value, std::size_t width) {
  std::string text = "  " + pad(value.attribute, width) + "  " + printable(value.value);
  const std::string from = printable(value.connector + ", " + value.reason.text);
  if (value.others.empty())
    return text + "  [" + from + "]\n";
  text += "\n      from " + from + "\n";
  std::string agreeing;
  for (const ExplainedValue::Other& other : value.others)
    if (other.value == value.value)
      agreeing += (agreeing.empty() ? "" : ", ") + other.connector;
    else
      text += "      " + printable(other.connector + " says " + other.value) + "\n";
  return agreeing.empty() ? text : text + "      the same in " + printable(agreeing) + "\n";
}

std::string describe_conflict(const index::ConflictLine& line, const std::string& id) {
  std::string text = "  " + line.kind + ": " + printable(line.evidence) + "\n";
  const index::ConflictLine::Side& other = line.contact.id == id ? line.other : line.contact;
  if (!other.id.empty())
    text += "      with " + other.id + "  " + printable(other.display_name) + "\n";
  return text + "      " + line.remedy + "\n";
}

}  // namespace

std::string describe(const index::ExplainReport& report) {
  const Explanation& told = report.explanation;
  std::string text = headline(told.entry);
  if (!report.merged_id.empty())
    text += report.merged_id + " was merged into it: both turned out to be one.\n";
  if (told.pending)
    text += "Its sources said something since that the next cycle publishes.\n";
  text += "\nWhy\n" + answer("kind", told.kind) + answer("source", told.source) +
          answer("status", told.status) + answer("address lists", told.visibility);
  text += "\nRecords\n";
  for (const ExplainedRecord& record : told.records)
    text += describe_record(record);
  std::size_t width = 0;
  for (const ExplainedValue& value : told.values)
    width = std::max(width, value.attribute.size());
  if (!told.values.empty())
    text += "\nValues\n";
  for (const ExplainedValue& value : told.values)
    text += describe_value(value, width);
  if (!report.conflicts.empty())
    text += "\nConflicts\n";
  for (const index::ConflictLine& line : report.conflicts)
    text += describe_conflict(line, told.entry.id);
  return text;
}

int execute(const ExplainCommand& command, const Context& context) {
  const index::Reader reader(context.config.index_file);
  const std::vector<model::Contact> found = reader.find(command.what);
  if (found.empty()) {
    complain(printable(command.what) + ": nothing in the index has this id, address or name");
    return exit_code::kFailed;
  }
  bool first = true;
  for (const model::Contact& contact : found) {
    const index::ExplainReport report =
        index::explain_report(reader, contact.entry, command.what, base::SystemClock().now());
    print(command.json ? exporting::to_json(report) + "\n"
                       : (first ? "" : "\n") + describe(report));
    first = false;
  }
  return exit_code::kComplete;
}

}  // namespace gald::daemon
