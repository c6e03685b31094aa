#include "reconcile/merge.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/text.hpp"
#include "model/forms.hpp"
#include "reconcile/join.hpp"

namespace gald::reconcile {

using model::Attribute;
using model::ConnectorKind;
using model::Entry;
using model::EntryKind;
using model::first_value;
using model::RecordKind;
using model::StagedRecord;

namespace {

using Records = std::vector<const StagedRecord*>;

bool is_ad(const StagedRecord& record) {
  return record.connector_kind == ConnectorKind::active_directory;
}

model::Source source_of(const Records& live) {
  const bool on_premises = std::any_of(live.begin(), live.end(), [](auto* r) { return is_ad(*r); });
  const bool cloud = std::any_of(live.begin(), live.end(), [](auto* r) { return !is_ad(*r); });
  if (on_premises)
    return cloud ? model::Source::hybrid : model::Source::on_premises;
  // Synchronized, says the cloud, though no connector sees the object in AD: out of our scope, in
  // another forest, or just deleted there and not yet here.
  const bool synchronized = std::any_of(live.begin(), live.end(), [](auto* r) {
    return model::flag(r->attributes, Attribute::sync_enabled).value_or(false);
  });
  return synchronized ? model::Source::hybrid : model::Source::cloud;
}

EntryKind kind_of(const Records& live) {
  switch (live.front()->kind) {
    case RecordKind::group:
      return EntryKind::group;
    case RecordKind::user:
      break;
    case RecordKind::contact:
    case RecordKind::container:
      return EntryKind::contact;
  }
  const bool guest = std::any_of(live.begin(), live.end(), [](auto* r) {
    return base::ascii_iequals(first_value(r->attributes, Attribute::user_type), "guest");
  });
  return guest ? EntryKind::guest : EntryKind::user;
}

/// Whose values win: the order in which records are asked.
Records by_precedence(std::span<const StagedRecord* const> live) {
  Records order(live.begin(), live.end());
  const bool mastered_in_cloud = std::any_of(order.begin(), order.end(), [](auto* r) {
    return r->connector_kind == ConnectorKind::entra &&
           !model::flag(r->attributes, Attribute::sync_enabled).value_or(true);
  });
  if (mastered_in_cloud)
    std::stable_partition(order.begin(), order.end(), [](auto* r) { return !is_ad(*r); });
  return order;
}

/// A guest's user principal name is made from its address and is none itself.
bool is_guest_principal(std::string_view value) {
  return base::ascii_lower(value).find("#ext#") != std::string::npos;
}

void merge_values(const Records& records, const Records& by_strength, Entry& entry) {
  for (const Attribute attribute : model::published_attributes()) {
    if (attribute == Attribute::hidden)
      continue;
    // The place in AD is AD's to tell, also for what is mastered in the cloud, which keeps a copy.
    const Records& asked = attribute == Attribute::distinguished_name ? by_strength : records;
    for (const StagedRecord* record : asked) {
      const std::string& value = first_value(record->attributes, attribute);
      if (value.empty())
        continue;
      if (attribute == Attribute::user_principal_name && is_guest_principal(value))
        continue;
      entry.values[attribute] = attribute == Attribute::manager
                                    ? record->connector + "/" + value  // a record, not yet an entry
                                    : value;
      entry.origins[std::string(model::name(attribute))] = record->connector;
      break;
    }
  }
  // Groups and contacts in AD often have no display name: there the RDN is what people see.
  if (!entry.values.contains(Attribute::display_name))
    for (const StagedRecord* record : records)
      if (const std::string& rdn = first_value(record->attributes, Attribute::rdn); !rdn.empty()) {
        entry.values[Attribute::display_name] = model::rdn_value(rdn);
        entry.origins[std::string(model::name(Attribute::display_name))] = record->connector;
        break;
      }
}

void merge_signals(const Records& records, Entry& entry) {
  entry.status = model::Status::active;
  for (const StagedRecord* record : records)
    if (record->expired || model::flag(record->attributes, Attribute::account_enabled) == false) {
      entry.status = model::Status::disabled;
      entry.origins["status"] = record->connector;
      break;
    }
  for (const bool wanted : {true, false})
    for (const StagedRecord* record : records)
      if (!entry.values.contains(Attribute::hidden) &&
          model::flag(record->attributes, Attribute::hidden) == wanted) {
        entry.values[Attribute::hidden] = wanted ? "true" : "false";
        entry.origins["hidden"] = record->connector;
      }
}

class AddressBook {
 public:
  explicit AddressBook(Entry& entry) : entry_(entry) {}

  /// The first primary of a kind stays the only one.
  void add(model::Address address, const std::string& connector) {
    if (address.value.empty() || is_guest_principal(address.value))
      return;
    const auto key = std::pair(address.kind, model::fold_address(address.value));
    const bool primary = address.primary && primaries_.insert(address.kind).second;
    if (const auto known = positions_.find(key); known != positions_.end()) {
      entry_.addresses[known->second].primary |= primary;
      return;
    }
    address.primary = primary;
    address.connector = connector;
    positions_[key] = entry_.addresses.size();
    entry_.addresses.push_back(std::move(address));
  }

  void finish() {
    // An object with addresses of which none is marked is reached under its mail address.
    if (!primaries_.contains("smtp")) {
      const auto mail = entry_.values.find(Attribute::mail);
      auto chosen = entry_.addresses.end();
      for (auto it = entry_.addresses.begin(); it != entry_.addresses.end(); ++it)
        if (it->kind == "smtp" &&
            (chosen == entry_.addresses.end() ||
             (mail != entry_.values.end() &&
              model::fold_address(it->value) == model::fold_address(mail->second))))
          chosen = it;
      if (chosen != entry_.addresses.end())
        chosen->primary = true;
    }
    std::sort(entry_.addresses.begin(), entry_.addresses.end(), [](const auto& a, const auto& b) {
      const auto rank = [](const model::Address& address) {
        return std::tuple(address.kind != "smtp", address.kind, !address.primary,
                          model::fold_address(address.value), address.value);
      };
      return rank(a) < rank(b);
    });
  }

 private:
  Entry& entry_;
  std::set<std::string> primaries_;
  std::map<std::pair<std::string, std::string>, std::size_t> positions_;
};

void merge_addresses(const Records& records, Entry& entry) {
  AddressBook book(entry);
  for (const StagedRecord* record : records) {
    const auto proxies = record->attributes.find(Attribute::proxy_addresses);
    if (proxies != record->attributes.end())
      for (const std::string& value : proxies->second)
        book.add(model::parse_address(value), record->connector);
    if (const std::string& mail = first_value(record->attributes, Attribute::mail); !mail.empty())
      book.add({"smtp", mail, false, {}}, record->connector);
    if (const std::string& target = first_value(record->attributes, Attribute::external_address);
        !target.empty() && record->kind == RecordKind::contact) {
      model::Address address = model::parse_address(target);
      address.primary = false;  // it says where mail goes, not what the contact is called
      book.add(std::move(address), record->connector);
    }
    // A guest whose address was taken by a contact has it nowhere else; a member's other mails are
    // private.
    if (entry.kind == EntryKind::guest)
      if (const auto others = record->attributes.find(Attribute::other_mails);
          others != record->attributes.end())
        for (const std::string& mail : others->second)
          book.add({"smtp", mail, false, {}}, record->connector);
  }
  book.finish();
}

void merge_phones(const Records& records, Entry& entry) {
  using A = Attribute;

  struct Type {
    std::string_view name;
    std::vector<Attribute> attributes;
  };

  static const std::array<Type, 6> kTypes = {{
      {"business", {A::business_phones, A::other_business_phones}},
      {"mobile", {A::mobile_phone, A::other_mobile_phones}},
      {"home", {A::home_phone, A::other_home_phones}},
      {"businessFax", {A::business_fax}},
      {"pager", {A::pager}},
      {"ip", {A::ip_phone}},
  }};
  for (const Type& type : kTypes) {
    std::set<std::string_view> seen;
    const auto take = [&](const StagedRecord& record, Attribute attribute) {
      const auto it = record.attributes.find(attribute);
      if (it == record.attributes.end())
        return;
      for (const std::string& raw : it->second)
        if (!base::trim(raw).empty() && seen.insert(raw).second) {
          entry.phones.push_back(model::parse_phone(type.name, raw));
          entry.phones.back().connector = record.connector;
        }
    };
    for (auto it = records.begin(); it != records.end() && seen.empty(); ++it) {
      for (const Attribute attribute : type.attributes)
        take(**it, attribute);
      // Numbers of one type come from one source. Entra and Exchange are one: of a mail contact's
      // other numbers Graph shows none.
      if (!seen.empty() && (*it)->connector_kind == ConnectorKind::entra)
        for (const StagedRecord* record : records)
          if (record->connector_kind == ConnectorKind::exchange_online)
            for (const Attribute attribute : type.attributes)
              if (!(*it)->attributes.contains(attribute))
                take(*record, attribute);
    }
  }
}

}  // namespace

Entry merge(std::span<const StagedRecord* const> live, const Policy& policy) {
  Records by_strength(live.begin(), live.end());
  std::erase_if(by_strength, [](auto* record) { return is_reference(*record); });
  const Records records = by_precedence(by_strength);
  Entry entry;
  entry.kind = kind_of(records);
  entry.source = source_of(records);
  merge_values(records, by_strength, entry);
  merge_signals(records, entry);
  if (policy.hidden_if_unknown && !entry.values.contains(Attribute::hidden))
    entry.values[Attribute::hidden] = *policy.hidden_if_unknown ? "true" : "false";
  merge_addresses(records, entry);
  merge_phones(records, entry);
  return entry;
}

}  // namespace gald::reconcile
