#include "cloud/exchange_mapping.hpp"

#include <array>

#include "base/text.hpp"
#include "cloud/json_values.hpp"

namespace gald::cloud {

namespace {

using model::Attribute;
using model::Change;
using simdjson::dom::element;
using simdjson::dom::object;

enum class Shape {
  text,
  id,  ///< text, in lower case
  texts,
  boolean,
  only_true,  ///< IsDirSynced: false is what Graph leaves out, "never synchronized"
};

struct Property {
  std::string_view name;
  Shape shape;
  Attribute attribute;
};

using A = Attribute;

constexpr std::string_view kAnchor = "Guid";

constexpr auto kProperties = std::to_array<Property>({
    {"ExternalDirectoryObjectId", Shape::id, A::external_directory_object_id},
    {"DisplayName", Shape::text, A::display_name},
    {"Alias", Shape::text, A::mail_nickname},
    {"PrimarySmtpAddress", Shape::text, A::mail},
    {"EmailAddresses", Shape::texts, A::proxy_addresses},
    {"ExternalEmailAddress", Shape::text, A::external_address},
    {"LegacyExchangeDN", Shape::text, A::legacy_exchange_dn},
    {"HiddenFromAddressListsEnabled", Shape::boolean, A::hidden},
    {"IsDirSynced", Shape::only_true, A::sync_enabled},
    {"RecipientTypeDetails", Shape::text, A::recipient_type},
    {"CustomAttribute1", Shape::text, A::extension_attribute_1},
    {"CustomAttribute2", Shape::text, A::extension_attribute_2},
    {"CustomAttribute3", Shape::text, A::extension_attribute_3},
    {"CustomAttribute4", Shape::text, A::extension_attribute_4},
    {"CustomAttribute5", Shape::text, A::extension_attribute_5},
    {"CustomAttribute6", Shape::text, A::extension_attribute_6},
    {"CustomAttribute7", Shape::text, A::extension_attribute_7},
    {"CustomAttribute8", Shape::text, A::extension_attribute_8},
    {"CustomAttribute9", Shape::text, A::extension_attribute_9},
    {"CustomAttribute10", Shape::text, A::extension_attribute_10},
    {"CustomAttribute11", Shape::text, A::extension_attribute_11},
    {"CustomAttribute12", Shape::text, A::extension_attribute_12},
    {"CustomAttribute13", Shape::text, A::extension_attribute_13},
    {"CustomAttribute14", Shape::text, A::extension_attribute_14},
    {"CustomAttribute15", Shape::text, A::extension_attribute_15},
});

model::Values values_of(const Property& property, const element& value) {
  switch (property.shape) {
    case Shape::text:
      return text_values(property.name, value);
    case Shape::texts:
      return list_values(property.name, value);
    case Shape::boolean:
      return boolean_values(property.name, value);
    case Shape::only_true: {
      const model::Values flag = boolean_values(property.name, value);
      return flag == model::Values{"true"} ? flag : model::Values{};
    }
    case Shape::id: {
      model::Values id = text_values(property.name, value);
      for (std::string& text : id)
        text = base::ascii_lower(text);
      return id;
    }
  }
  return {};
}

Change read_object(const object& fields, const std::string& anchor) {
  Change change;
  change.anchor = anchor;
  change.kind = model::RecordKind::contact;
  for (const Property& property : kProperties) {
    element value;
    const bool given = fields[property.name].get(value) == simdjson::SUCCESS;
    put(change, property.attribute, given ? values_of(property, value) : model::Values{});
  }
  return change;
}

std::string select_list() {
  std::string list(kAnchor);
  for (const Property& property : kProperties)
    list += "," + std::string(property.name);
  return list;
}

}  // namespace

const std::string& exchange_select() {
  static const std::string list = select_list();
  return list;
}

base::Result<ExchangePage> read_exchange_page(const std::string& json) {
  auto document = parse_page(json);
  if (!document)
    return document.error();
  ExchangePage page;
  page.next_link = std::move(document->next_link);
  for (const element item : document->items)
    map_item(item, kAnchor, page.changes, page.rejected, read_object);
  return page;
}

}  // namespace gald::cloud
