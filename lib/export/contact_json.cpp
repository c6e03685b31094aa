#include "export/contact_json.hpp"

#include <nlohmann/json.hpp>

namespace gald::exporting {

namespace {

using Json = nlohmann::ordered_json;
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

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json value_or_null(const model::Entry& entry, Attribute attribute) {
  const auto value = entry.values.find(attribute);
  return value == entry.values.end() ? Json(nullptr) : Json(value->second);
}

Json hidden(const model::Entry& entry) {
  const auto value = entry.values.find(Attribute::hidden);
  if (value == entry.values.end())
    return nullptr;
  return value->second == "true";
}

Json addresses(const model::Entry& entry) {
  Json list = Json::array();
  for (const model::Address& address : entry.addresses)
    list.push_back({{"kind", address.kind},
                    {"value", address.value},
                    {"primary", address.primary},
                    {"connector", text_or_null(address.connector)}});
  return list;
}

Json phones(const model::Entry& entry) {
  Json list = Json::array();
  for (const model::Phone& phone : entry.phones)
    list.push_back({{"type", phone.type},
                    {"raw", phone.raw},
                    {"e164", text_or_null(phone.e164)},
                    {"extension", text_or_null(phone.extension)},
                    {"kind", std::string(to_string(phone.kind))},
                    {"connector", text_or_null(phone.connector)}});
  return list;
}

Json postal_address(const model::Entry& entry) {
  Json object;
  for (const Attribute attribute : {Attribute::street, Attribute::city, Attribute::state,
                                    Attribute::postal_code, Attribute::country})
    object[std::string(model::name(attribute))] = value_or_null(entry, attribute);
  return object;
}

Json custom_attributes(const model::Entry& entry) {
  Json object = Json::object();
  for (const Attribute attribute : model::published_attributes())
    if (is_extension_attribute(attribute) && entry.values.contains(attribute))
      object[std::string(model::name(attribute))] = entry.values.at(attribute);
  return object;
}

Json groups(const model::Contact& contact) {
  Json list = Json::array();
  for (const model::GroupReference& group : contact.groups)
    list.push_back({{"id", group.id}, {"displayName", text_or_null(group.display_name)}});
  return list;
}

Json records(const model::Contact& contact) {
  Json list = Json::array();
  for (const model::RecordLink& record : contact.records)
    list.push_back({{"connector", record.connector},
                    {"type", model::to_string(record.connector_kind)},
                    {"anchor", record.anchor},
                    {"presence", model::to_string(record.presence)},
                    {"joinedBy", text_or_null(record.joined_by)}});
  return list;
}

/// With or without where it comes from.
std::string to_json(const model::Contact& contact, bool with_sources) {
  const model::Entry& entry = contact.entry;
  Json object;
  object["id"] = entry.id;
  object["kind"] = model::to_string(entry.kind);
  object["source"] = model::to_string(entry.source);
  object["status"] = model::to_string(entry.status);
  for (const Attribute attribute : model::published_attributes())
    if (!has_its_own_place(attribute))
      object[std::string(model::name(attribute))] = value_or_null(entry, attribute);
  object["addresses"] = addresses(entry);
  object["phones"] = phones(entry);
  object["postalAddress"] = postal_address(entry);
  object["manager"] = text_or_null(contact.manager_id);
  object["hidden"] = hidden(entry);
  object["customAttributes"] = custom_attributes(entry);
  object["groups"] = groups(contact);
  object["labels"] = Json(contact.labels);
  if (with_sources) {
    object["records"] = records(contact);
    object["origins"] = Json(entry.origins);
  }
  object["changedAt"] = text_or_null(contact.changed_at);
  object["changeNumber"] = contact.change_number == 0 ? Json(nullptr) : Json(contact.change_number);
  // Values are valid UTF-8 by contract; should one not be, a reader gets U+FFFD and not an error.
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string to_json(const model::Contact& contact) {
  return to_json(contact, true);
}

std::string told_json(const model::Contact& contact) {
  return to_json(contact, false);
}

}  // namespace gald::exporting
