#include "export/contact_json.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace gald::exporting {

namespace {

using model::Attribute;

bool is_extension_attribute(Attribute attribute) {
  return attribute >= Attribute::extension_attribute_1 &&
         attribute <= Attribute::extension_attribute_15;
}

/// What stands in the object as a structure or with a type of its own, not as a plain text.
bool has_its_own_place(Attribute attribute) {
  switch (attribute) {
    case Attribute::manager:
    case Attribute::hidden:
    case Attribute::street:
    case Attribute::city:
    case Attribute::state:
    case Attribute::postal_code:
    case Attribute::country:
      return true;
    default:
      return is_extension_attribute(attribute);
  }
}

/// Values are valid UTF-8 by contract; should one not be, a reader gets U+FFFD and not an error.
void append_text(std::string& json, std::string_view text) {
  const bool plain = std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
  });
  if (plain && base::is_valid_utf8(text))
    json.append(1, '"').append(text).append(1, '"');
  else
    json += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void append_value(std::string& json, std::string_view text) {
  append_text(json, text);
}

void append_value(std::string& json, bool value) {
  json += value ? "true" : "false";
}

/// What is written as null if it is empty.
struct OrNull {
  std::string_view text;
};

void append_value(std::string& json, OrNull value) {
  if (value.text.empty())
    json += "null";
  else
    append_text(json, value.text);
}

/// "key":value, of an object or behind the others of one.
template <typename Value>
void append_member(std::string& json, std::string_view key, const Value& value) {
  if (json.back() != '{')
    json += ',';
  json.append(1, '"').append(key).append("\":");
  append_value(json, value);
}

template <typename List, typename Append>
void append_list(std::string& json, const List& list, Append append) {
  json += '[';
  for (const auto& one : list) {
    if (json.back() != '[')
      json += ',';
    append(one);
  }
  json += ']';
}

/// Each is written as an object, of which `append` writes the members.
template <typename List, typename Append>
void append_objects(std::string& json, const List& list, Append append) {
  append_list(json, list, [&](const auto& one) {
    json += '{';
    append(one);
    json += '}';
  });
}

OrNull value_of(const model::Entry& entry, Attribute attribute) {
  const auto value = entry.values.find(attribute);
  return {value == entry.values.end() ? std::string_view() : value->second};
}

/// A DOM would take most of the time of a list.
class ContactText {
 public:
  /// `keys`: nullptr for all.
  ContactText(const model::Contact& contact, const ContactKeys* keys)
      : contact_(contact), keys_(keys) {}

  std::string text(bool with_sources) {
    const model::Entry& entry = contact_.entry;
    json_.reserve(2048);
    json_ = "{";
    member("id", std::string_view(entry.id));
    member("kind", to_string(entry.kind));
    member("source", to_string(entry.source));
    member("status", to_string(entry.status));
    for (const Attribute attribute : model::published_attributes())
      if (!has_its_own_place(attribute))
        member(model::name(attribute), value_of(entry, attribute));
    lists();
    if (with_sources)
      sources();
    member("changedAt", OrNull{contact_.changed_at});
    if (begin("changeNumber"))
      json_ += contact_.change_number == 0 ? "null" : std::to_string(contact_.change_number);
    return std::move(json_ += '}');
  }

 private:
  /// Whether the key is wanted; its value has to follow.
  bool begin(std::string_view key) {
    if (keys_ != nullptr && !keys_->contains(key))
      return false;
    if (json_.size() > 1)
      json_ += ',';
    json_.append(1, '"').append(key).append("\":");
    return true;
  }

  template <typename Value>
  void member(std::string_view key, const Value& value) {
    if (begin(key))
      append_value(json_, value);
  }

  template <typename Value>
  void part(std::string_view key, const Value& value) {
    append_member(json_, key, value);
  }

  void lists() {
    const model::Entry& entry = contact_.entry;
    if (begin("addresses"))
      append_objects(json_, entry.addresses, [&](const model::Address& address) {
        part("kind", std::string_view(address.kind));
        part("value", std::string_view(address.value));
        part("primary", address.primary);
        part("connector", OrNull{address.connector});
      });
    if (begin("phones"))
      append_objects(json_, entry.phones, [&](const model::Phone& phone) {
        part("type", std::string_view(phone.type));
        part("raw", std::string_view(phone.raw));
        part("e164", OrNull{phone.e164});
        part("extension", OrNull{phone.extension});
        part("kind", to_string(phone.kind));
        part("connector", OrNull{phone.connector});
      });
    if (begin("postalAddress"))
      postal_address();
    member("manager", OrNull{contact_.manager_id});
    if (begin("hidden")) {
      const std::string_view hidden = value_of(entry, Attribute::hidden).text;
      json_ += hidden.empty() ? "null" : hidden == "true" ? "true" : "false";
    }
    if (begin("customAttributes"))
      custom_attributes();
    if (begin("groups"))
      append_objects(json_, contact_.groups, [&](const model::GroupReference& group) {
        part("id", std::string_view(group.id));
        part("displayName", OrNull{group.display_name});
      });
    if (begin("labels"))
      append_list(json_, contact_.labels,
                  [&](const std::string& label) { append_text(json_, label); });
  }

  void sources() {
    if (begin("records"))
      append_objects(json_, contact_.records, [&](const model::RecordLink& record) {
        part("connector", std::string_view(record.connector));
        part("type", model::to_string(record.connector_kind));
        part("anchor", std::string_view(record.anchor));
        part("presence", model::to_string(record.presence));
        part("joinedBy", OrNull{record.joined_by});
      });
    if (begin("origins")) {
      json_ += '{';
      for (const auto& [field, connector] : contact_.entry.origins)
        part(field, std::string_view(connector));
      json_ += '}';
    }
  }

  void postal_address() {
    json_ += '{';
    for (const Attribute attribute : {Attribute::street, Attribute::city, Attribute::state,
                                      Attribute::postal_code, Attribute::country})
      part(model::name(attribute), value_of(contact_.entry, attribute));
    json_ += '}';
  }

  void custom_attributes() {
    json_ += '{';
    for (const Attribute attribute : model::published_attributes())
      if (is_extension_attribute(attribute) && contact_.entry.values.contains(attribute))
        part(model::name(attribute), std::string_view(contact_.entry.values.at(attribute)));
    json_ += '}';
  }

  const model::Contact& contact_;
  const ContactKeys* keys_;
  std::string json_;
};

std::vector<std::string_view> all_keys() {
  std::vector<std::string_view> keys = {"id", "kind", "source", "status"};
  for (const Attribute attribute : model::published_attributes())
    if (!has_its_own_place(attribute))
      keys.push_back(model::name(attribute));
  for (const char* key :
       {"addresses", "phones", "postalAddress", "manager", "hidden", "customAttributes", "groups",
        "labels", "records", "origins", "changedAt", "changeNumber"})
    keys.emplace_back(key);
  return keys;
}

}  // namespace

std::string to_json(const model::Contact& contact) {
  return ContactText(contact, nullptr).text(true);
}

std::string told_json(const model::Contact& contact) {
  return ContactText(contact, nullptr).text(false);
}

std::string to_json(const model::Contact& contact, const ContactKeys& keys) {
  return ContactText(contact, &keys).text(true);
}

std::string told_json(const model::Contact& contact, const ContactKeys& keys) {
  return ContactText(contact, &keys).text(false);
}

const std::vector<std::string_view>& contact_keys() {
  static const std::vector<std::string_view> keys = all_keys();
  return keys;
}

}  // namespace gald::exporting
