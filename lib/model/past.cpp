#include "model/past.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/text.hpp"
#include "model/forms.hpp"
#include "model/name_form.hpp"

namespace gald::model {

namespace {

constexpr std::string_view kCreated = "created";
constexpr std::string_view kMerged = "merged";

/// The other way of format_address(). parse_address() would trim what a source left untrimmed.
Address address_told(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view prefix = text.substr(0, colon);
  std::string kind = base::ascii_lower(prefix);
  const bool primary = prefix != kind;
  return {std::move(kind), std::string(text.substr(colon + 1)), primary, {}};
}

void take_back_address(Entry& entry, const FieldChange& change) {
  if (change.new_value)
    std::erase(entry.addresses, address_told(*change.new_value));
  if (change.old_value)
    entry.addresses.push_back(address_told(*change.old_value));
  sort_addresses(entry.addresses);
}

void take_back(std::set<std::string>& values, const FieldChange& change) {
  if (change.new_value)
    values.erase(*change.new_value);
  if (change.old_value)
    values.insert(*change.old_value);
}

void take_back_value(Entry& entry, const FieldChange& change) {
  const std::optional<Attribute> attribute = attribute_named(change.field);
  if (!attribute)
    return;
  if (change.old_value)
    entry.values[*attribute] = *change.old_value;
  else
    entry.values.erase(*attribute);
}

template <typename Value>
void restore(Value& value, const std::optional<Value>& old_value) {
  if (old_value)
    value = *old_value;
}

void take_back(EntryState& state, const PastChange& line) {
  Entry& entry = state.entry;
  const FieldChange& change = line.change;
  const std::string& old_text = change.old_value ? *change.old_value : std::string();
  if (change.field == "id")  // merged, or on its own again
    state.forward_to = line.operation == kMerged ? std::string() : old_text;
  else if (change.field == "status")
    restore(entry.status, status_named(old_text));
  else if (change.field == "source")
    restore(entry.source, source_named(old_text));
  else if (change.field == "kind")
    restore(entry.kind, entry_kind_named(old_text));
  else if (change.field == "addresses")
    take_back_address(entry, change);
  else if (change.field == "groups")
    take_back(state.groups, change);
  else if (change.field == "memberLabels")
    take_back(state.member_labels, change);
  else if (change.field == name(Attribute::manager))
    state.manager_id = old_text;
  else if (change.field != "phones")
    take_back_value(entry, change);
  restore(entry.status, line.former_status);
  restore(entry.phones, line.former_phones);
}

std::string_view value_of(const Entry& entry, Attribute attribute) {
  const auto it = entry.values.find(attribute);
  return it == entry.values.end() ? std::string_view() : std::string_view(it->second);
}

}  // namespace

EntryState told_of(EntryState state) {
  Entry& entry = state.entry;
  entry.origins.clear();
  entry.values.erase(Attribute::manager);  // names a record; which entry that is, manager_id says
  for (Address& address : entry.addresses)
    address.connector.clear();
  for (Phone& phone : entry.phones)
    phone.connector.clear();
  return state;
}

std::optional<EntryState> taken_back(EntryState state,
                                     const std::vector<PastChange>& newest_first) {
  state = told_of(std::move(state));
  for (const PastChange& line : newest_first) {
    if (line.operation == kCreated)
      return std::nullopt;
    take_back(state, line);
  }
  state = told_of(std::move(state));  // phones of the past may say it
  Entry& entry = state.entry;
  entry.search_name =
      search_name(value_of(entry, Attribute::display_name), value_of(entry, Attribute::given_name),
                  value_of(entry, Attribute::surname));
  return state;
}

}  // namespace gald::model
