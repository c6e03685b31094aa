// `gald show`: everything that is known of one contact.
#include <algorithm>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "export/contact_json.hpp"
#include "export/history_json.hpp"
#include "history_text.hpp"
#include "index/reader.hpp"
#include "output.hpp"
#include "text.hpp"

namespace gald::daemon {

namespace {

/// Of a contact with a longer history, the newest lines are shown.
constexpr int kHistoryLines = 100;

using model::Attribute;
using model::Contact;

std::string title(const model::Entry& entry) {
  const auto name = entry.values.find(Attribute::display_name);
  return name == entry.values.end() ? entry.id : name->second;
}

/// "  label    value   [connector]".
void print_value(std::string_view label, std::string_view value, std::string_view origin = {}) {
  std::string line = "  " + pad(label, 27) + "  " + printable(value);
  if (!origin.empty())
    line += "  [" + std::string(origin) + "]";
  print_line(line);
}

std::string_view origin(const model::Entry& entry, std::string_view field) {
  const auto it = entry.origins.find(std::string(field));
  return it == entry.origins.end() ? std::string_view() : std::string_view(it->second);
}

void print_values(const Contact& contact) {
  const model::Entry& entry = contact.entry;
  print_line(printable(title(entry)));
  print_value("id", entry.id);
  print_value("kind", to_string(entry.kind), origin(entry, "kind"));
  print_value("source", to_string(entry.source));
  print_value("status", to_string(entry.status), origin(entry, "status"));
  for (const Attribute attribute : model::published_attributes()) {
    const auto value = entry.values.find(attribute);
    if (value == entry.values.end())
      continue;
    const std::string_view name = model::name(attribute);
    if (attribute != Attribute::manager)
      print_value(name, value->second, origin(entry, name));
    else if (!contact.manager_id.empty())
      print_value(name, contact.manager_id, origin(entry, name));
  }
  if (!entry.values.contains(Attribute::hidden))
    print_value("hidden", "unknown");
  for (const std::string& label : contact.labels)
    print_value("label", label);
  if (contact.change_number != 0)
    print_value("last change",
                std::to_string(contact.change_number) + ", " + spoken_time(contact.changed_at));
}

void print_heading(std::string_view text) {
  print_line("");
  print_line(text);
}

void print_lists(const Contact& contact) {
  const model::Entry& entry = contact.entry;
  if (!entry.addresses.empty())
    print_heading("Addresses");
  for (const model::Address& address : entry.addresses)
    print_value(address.kind + (address.primary ? ", primary" : ""), address.value,
                address.connector);
  if (!entry.phones.empty())
    print_heading("Phones");
  for (const model::Phone& phone : entry.phones) {
    std::string text = phone.raw;
    switch (phone.kind) {
      case model::PhoneKind::international:
        if (phone.e164 != phone.raw)
          text += "  (" + phone.e164 + ")";
        if (!phone.extension.empty())
          text += "  extension " + phone.extension;
        break;
      case model::PhoneKind::national:
        text += "  (country or area unknown)";
        break;
      case model::PhoneKind::internal:
        text += "  (internal)";
        break;
      case model::PhoneKind::unparsable:
        text += "  (no phone number)";
        break;
    }
    print_value(phone.type, text, phone.connector);
  }
  if (!contact.groups.empty())
    print_heading("Member of");
  for (const model::GroupReference& group : contact.groups)
    print_line("  " + group.id + "  " + printable(group.display_name));
  if (!contact.records.empty())
    print_heading("Records");
  for (const model::RecordLink& record : contact.records)
    print_value(
        record.connector,
        record.anchor + "  " + std::string(to_string(record.presence)) +
            (record.joined_by.empty() ? "" : ", joined by " + record.joined_by) +
            (record.held_by == 0 ? "" : ", held by plan " + std::to_string(record.held_by)));
}

void print_history(const std::vector<model::HistoryLine>& history) {
  print_heading("History, newest first");
  for (const model::HistoryLine& line : history)
    print_line("  " + describe_in_history(line));
}

void print_json(const Contact& contact, const std::vector<model::HistoryLine>& history) {
  auto object = nlohmann::ordered_json::parse(exporting::to_json(contact));
  object["history"] = nlohmann::ordered_json::array();
  for (const model::HistoryLine& line : history)
    object["history"].push_back(nlohmann::ordered_json::parse(exporting::to_json(line)));
  print_line(object.dump());
}

void print_candidates(const std::vector<Contact>& contacts) {
  for (const Contact& contact : contacts)
    print_line(contact.entry.id + "  " + pad(to_string(contact.entry.kind), 7) + "  " +
               pad(to_string(contact.entry.source), 11) + "  " +
               pad(to_string(contact.entry.status), 8) + "  " + printable(title(contact.entry)));
}

/// True: there is one, and all that is left is to show it.
bool is_one(const std::vector<Contact>& found) {
  if (found.size() == 1)
    return true;
  print_candidates(found);
  flush_output();
  complain(std::to_string(found.size()) +
           " entries share this address or name; name one by its id");
  return false;
}

int show_past(const ShowCommand& command, const Context& context) {
  const std::vector<Contact> found =
      index::History(context.config.index_file).find(*command.at, command.what);
  if (found.empty()) {
    complain(printable(command.what) + ": nothing in the index had this id, address or name at " +
             spoken_time(base::to_iso8601(*command.at)));
    return exit_code::kFailed;
  }
  if (command.json) {
    for (const Contact& contact : found)
      print_line(exporting::told_json(contact));
  } else if (is_one(found)) {
    print_values(found.front());
    print_lists(found.front());
  }
  return exit_code::kComplete;
}

int show_present(const ShowCommand& command, const Context& context) {
  const index::Reader reader(context.config.index_file);
  const std::vector<Contact> found = reader.find(command.what);
  if (found.empty()) {
    complain(printable(command.what) + ": nothing in the index has this id, address or name");
    return exit_code::kFailed;
  }
  if (command.json) {
    for (const Contact& contact : found)
      print_json(contact, reader.history(contact.entry.id, kHistoryLines));
  } else if (is_one(found)) {
    print_values(found.front());
    print_lists(found.front());
    print_history(reader.history(found.front().entry.id, kHistoryLines));
  }
  return exit_code::kComplete;
}

}  // namespace

int execute(const ShowCommand& command, const Context& context) {
  return command.at ? show_past(command, context) : show_present(command, context);
}

}  // namespace gald::daemon
