#include "reconcile/difference.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "model/forms.hpp"

namespace gald::reconcile {

using model::Attribute;
using model::Entry;
using model::FieldChange;
using model::Phone;

namespace {

using Changes = std::vector<FieldChange>;

std::string origin(const Entry& entry, std::string_view field) {
  const auto it = entry.origins.find(std::string(field));
  return it == entry.origins.end() ? std::string() : it->second;
}

std::optional<std::string> value_of(const Entry& entry, Attribute attribute) {
  const auto it = entry.values.find(attribute);
  return it == entry.values.end() ? std::nullopt : std::optional(it->second);
}

/// Values with the connector that each came from.
using Values = std::map<std::string, std::string>;

Values addresses_of(const Entry& entry) {
  Values values;
  for (const model::Address& address : entry.addresses)
    values.emplace(model::format_address(address), address.connector);
  return values;
}

std::string written(const Phone& phone) {
  return phone.type + ":" + phone.raw;
}

Values phones_of(const Entry& entry) {
  Values values;
  for (const Phone& phone : entry.phones)
    values.emplace(written(phone), phone.connector);
  return values;
}

void diff_lists(const std::string& field, const Values& before, const Values& now,
                Changes& changes) {
  for (const auto& [value, connector] : before)
    if (!now.contains(value))
      changes.push_back({field, value, std::nullopt, connector});
  for (const auto& [value, connector] : now)
    if (!before.contains(value))
      changes.push_back({field, std::nullopt, value, connector});
}

/// A number as it is written, and behind it how that was read.
std::string read(const Phone& phone) {
  std::string reading = phone.e164;
  if (phone.e164.empty() && phone.kind == model::PhoneKind::internal)
    reading = "internal";
  if (!phone.extension.empty())
    reading += (reading.empty() ? "ext. " : " ext. ") + phone.extension;
  return written(phone) + (reading.empty() ? "" : " (" + reading + ")");
}

/// The same text read in another way: in another country, or by a newer gald.
void diff_readings(const Entry& before, const Entry& now, Changes& changes) {
  for (const Phone& phone : now.phones)
    for (const Phone& old : before.phones)
      if (phone.type == old.type && phone.raw == old.raw &&
          (phone.e164 != old.e164 || phone.extension != old.extension || phone.kind != old.kind))
        changes.push_back({"phones", read(old), read(phone), phone.connector});
}

std::string all_of(const std::vector<Phone>& phones) {
  std::string all;
  for (const Phone& phone : phones)
    all.append(all.empty() ? "" : ", ").append(written(phone));
  return all;
}

void diff_phones(const Entry& before, const Entry& now, Changes& changes) {
  if (before.phones == now.phones)
    return;
  const std::size_t others = changes.size();
  diff_lists("phones", phones_of(before), phones_of(now), changes);
  diff_readings(before, now, changes);
  if (changes.size() != others)
    return;
  const bool in_order =
      std::equal(before.phones.begin(), before.phones.end(), now.phones.begin(), now.phones.end(),
                 [](const Phone& a, const Phone& b) { return written(a) == written(b); });
  if (!in_order)  // the first of a type is the one to call
    changes.push_back(
        {"phones", all_of(before.phones), all_of(now.phones), now.phones.front().connector});
}

void diff_class(std::string_view field, std::string_view old_text, std::string_view new_text,
                const Entry& before, const Entry& now, Changes& changes) {
  if (old_text == new_text)
    return;
  std::string by = origin(now, field);
  if (by.empty())
    by = origin(before, field);
  changes.push_back(
      {std::string(field), std::string(old_text), std::string(new_text), std::move(by)});
}

}  // namespace

std::vector<FieldChange> differences(const Entry& before, const Entry& now) {
  Changes changes;
  diff_class("status", to_string(before.status), to_string(now.status), before, now, changes);
  diff_class("source", to_string(before.source), to_string(now.source), before, now, changes);
  diff_class("kind", to_string(before.kind), to_string(now.kind), before, now, changes);
  for (const Attribute attribute : model::published_attributes()) {
    if (attribute == Attribute::manager)
      continue;  // names a record, and not yet an entry
    const std::optional<std::string> old_value = value_of(before, attribute);
    const std::optional<std::string> new_value = value_of(now, attribute);
    if (old_value == new_value)
      continue;
    const std::string field(model::name(attribute));
    changes.push_back({field, old_value, new_value, origin(new_value ? now : before, field)});
  }
  if (before.addresses != now.addresses)
    diff_lists("addresses", addresses_of(before), addresses_of(now), changes);
  diff_phones(before, now, changes);
  return changes;
}

}  // namespace gald::reconcile
