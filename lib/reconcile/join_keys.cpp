#include "reconcile/join_keys.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <vector>

#include "base/encoding.hpp"
#include "base/guid.hpp"
#include "base/text.hpp"
#include "model/forms.hpp"
#include "reconcile/join.hpp"

namespace gald::reconcile {

using model::Attribute;
using model::ConnectorKind;
using model::first_value;
using model::RecordKind;
using model::StagedRecord;

namespace {

/// Folded values of one kind among the proxy addresses.
std::set<std::string> proxies(const StagedRecord& record, std::string_view kind) {
  std::set<std::string> found;
  const auto it = record.attributes.find(Attribute::proxy_addresses);
  if (it == record.attributes.end())
    return found;
  for (const std::string& value : it->second) {
    const model::Address address = model::parse_address(value);
    if (address.kind == kind && !address.value.empty())
      found.insert(model::fold_address(address.value));
  }
  return found;
}

std::string folded_legacy_dn(const StagedRecord& record) {
  return model::fold_address(first_value(record.attributes, Attribute::legacy_exchange_dn));
}

/// Which digits of a phone number tell people apart, however the rest of it is written.
constexpr std::size_t kFewestDigits = 7;
constexpr std::size_t kMostDigits = 9;

/// A name with a phone number: what one person's contacts have in common if nothing else.
std::set<std::string> persons(const StagedRecord& record) {
  std::set<std::string> found;
  const std::string& name = first_value(record.attributes, Attribute::display_name);
  if (name.empty())
    return found;
  for (const Attribute attribute : {Attribute::business_phones, Attribute::mobile_phone})
    if (const auto numbers = record.attributes.find(attribute); numbers != record.attributes.end())
      for (const std::string& number : numbers->second) {
        std::string digits;
        std::copy_if(number.begin(), number.end(), std::back_inserter(digits),
                     [](char c) { return c >= '0' && c <= '9'; });
        if (digits.size() > kMostDigits)
          digits.erase(0, digits.size() - kMostDigits);
        if (digits.size() >= kFewestDigits)
          found.insert(base::ascii_lower(name) + "|" + digits);
      }
  return found;
}

void add(Keys& keys, const std::string& key) {
  if (!key.empty())
    keys.insert(key);
}

}  // namespace

bool is_ad(const StagedRecord& record) {
  return record.connector_kind == ConnectorKind::active_directory;
}

/// The source anchor as Entra Connect writes it.
std::string immutable_id(const StagedRecord& record) {
  if (!is_ad(record))
    return first_value(record.attributes, Attribute::immutable_id);
  const std::string& own = first_value(record.attributes, Attribute::consistency_guid);
  if (!own.empty())
    return own;
  const std::optional<base::Guid> guid = base::Guid::parse(record.anchor);
  return guid ? base::base64_encode(guid->ad_bytes()) : std::string();
}

std::string folded(const StagedRecord& record, Attribute attribute) {
  const std::string& value = first_value(record.attributes, attribute);
  return value.empty() ? std::string() : model::fold_address(model::parse_address(value).value);
}

const std::array<Rung, kRungs>& ladder() {
  static constexpr std::array<Rung, kRungs> kLadder = {{
      {"x500",
       [](const StagedRecord& cloud) {
         Keys keys;
         const std::string own = folded_legacy_dn(cloud);
         if (!own.empty())
           keys.insert("own:" + own);
         for (const std::string& dn : proxies(cloud, "x500"))
           keys.insert("listed:" + dn);
         return keys;
       },
       [](const StagedRecord& ad) {
         Keys keys;
         const std::string own = folded_legacy_dn(ad);
         if (!own.empty()) {
           keys.insert("own:" + own);
           keys.insert("listed:" + own);
         }
         for (const std::string& dn : proxies(ad, "x500"))
           keys.insert("own:" + dn);
         return keys;
       }},
      {"proxy-addresses", [](const StagedRecord& cloud) { return proxies(cloud, "smtp"); },
       [](const StagedRecord& ad) { return proxies(ad, "smtp"); }},
      {"external-address",
       [](const StagedRecord& cloud) {
         Keys keys;
         add(keys, folded(cloud, Attribute::external_address));
         add(keys, folded(cloud, Attribute::mail));
         return keys;
       },
       [](const StagedRecord& ad) {
         Keys keys;
         add(keys, folded(ad, Attribute::external_address));
         return keys;
       }},
      {"mail",
       [](const StagedRecord& cloud) {
         Keys keys;
         add(keys, folded(cloud, Attribute::mail));
         return keys;
       },
       [](const StagedRecord& ad) {
         Keys keys;
         add(keys, folded(ad, Attribute::mail));
         return keys;
       }},
  }};
  return kLadder;
}

std::size_t rung_named(std::string_view name) {
  for (std::size_t i = 0; i < kRungs; ++i)
    if (ladder()[i].name == name)
      return i;
  return kRungs;
}

bool is_live(const StagedRecord& record) {
  return record.presence == model::Presence::live && record.kind != RecordKind::container &&
         first_value(record.attributes, Attribute::critical_object) != "true";
}

bool is_reference(const StagedRecord& record) {
  return first_value(record.attributes, Attribute::reference) == "true";
}

bool only_adds(const StagedRecord& record) {
  return is_reference(record) || (record.connector_kind == ConnectorKind::exchange_online &&
                                  record.kind == RecordKind::user);
}

std::vector<std::string> join_keys(const StagedRecord& record) {
  std::vector<std::string> keys;
  // By which an AD object is found again in another domain, also when it is gone from this one.
  if (is_ad(record) && record.kind != RecordKind::container)
    keys.push_back(std::string(kObjectKey) + record.anchor);
  if (!is_live(record))
    return keys;
  switch (record.kind) {
    case RecordKind::container:
      break;
    case RecordKind::user:
      if (std::string id = immutable_id(record); !id.empty())
        keys.push_back("anchor:" + id);
      break;
    case RecordKind::group:
      if (const std::string& sid = first_value(record.attributes, Attribute::security_identifier);
          !sid.empty())
        keys.push_back("sid:" + base::ascii_lower(sid));
      break;
    case RecordKind::contact: {
      Keys addresses = proxies(record, "smtp");
      add(addresses, folded(record, Attribute::mail));
      add(addresses, folded(record, Attribute::external_address));
      for (const std::string& address : addresses)
        keys.push_back("smtp:" + address);
      Keys names = proxies(record, "x500");
      add(names, folded_legacy_dn(record));
      for (const std::string& dn : names)
        keys.push_back("x500:" + dn);
      for (const std::string& person : persons(record))
        keys.push_back("person:" + person);
      break;
    }
  }
  // Where Entra and Exchange meet.
  if (record.connector_kind == ConnectorKind::entra)
    keys.push_back(std::string(kObjectKey) + record.anchor);
  if (const std::string& object =
          first_value(record.attributes, Attribute::external_directory_object_id);
      !object.empty())
    keys.push_back(std::string(kObjectKey) + object);
  return keys;
}

std::vector<std::string> shared_values(std::string_view joined_by, const StagedRecord& record,
                                       const StagedRecord& other) {
  const auto equal = [](const std::string& a, const std::string& b) {
    return !a.empty() && a == b ? std::vector{a} : std::vector<std::string>{};
  };
  if (record.kind != other.kind)
    return {};
  if (joined_by == "duplicate" || joined_by == "replacement") {
    const std::vector<std::string> there = join_keys(other);
    std::vector<std::string> shared;
    for (const std::string& key : join_keys(record))
      if ((key.starts_with("smtp:") || key.starts_with("person:")) &&
          std::find(there.begin(), there.end(), key) != there.end())
        shared.push_back(key.starts_with("smtp:") ? key.substr(5) : "name and phone number");
    return shared;
  }
  if (joined_by == kDirectoryObject)
    return other.connector_kind != ConnectorKind::entra
               ? std::vector<std::string>{}
               : equal(first_value(record.attributes, Attribute::external_directory_object_id),
                       other.anchor);
  if (!is_ad(other))
    return {};
  if (joined_by == kObjectGuid)
    return equal(record.anchor, other.anchor);
  if (joined_by == kSourceAnchor)
    return equal(immutable_id(record), immutable_id(other));
  if (joined_by == kSecurityIdentifier)
    return base::ascii_iequals(first_value(record.attributes, Attribute::security_identifier),
                               first_value(other.attributes, Attribute::security_identifier))
               ? equal(first_value(other.attributes, Attribute::security_identifier),
                       first_value(other.attributes, Attribute::security_identifier))
               : std::vector<std::string>{};
  Keys shared;
  if (const std::size_t rung = rung_named(joined_by); rung < kRungs && !is_ad(record)) {
    const Keys there = ladder()[rung].ad(other);
    for (std::string key : ladder()[rung].cloud(record))
      if (there.contains(key)) {
        if (joined_by == ladder().front().name)
          key.erase(0, key.find(':') + 1);  // the mark of its direction
        shared.insert(std::move(key));
      }
  }
  return {shared.begin(), shared.end()};
}

}  // namespace gald::reconcile
