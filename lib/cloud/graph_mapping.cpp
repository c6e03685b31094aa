#include "cloud/graph_mapping.hpp"

#include <array>
#include <map>
#include <span>

#include <simdjson.h>

#include "cloud/json_values.hpp"

namespace gald::cloud {

namespace {

using model::Attribute;
using model::Change;
using model::Presence;
using model::RecordKind;
using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

enum class Shape {
  text,
  texts,
  boolean,
  shown,       ///< showInAddressList: the opposite of hidden
  addresses,   ///< orgContact: at most one physicalOfficeAddress
  phones,      ///< orgContact: one phone of a type
  errors,      ///< what Entra ID could not take over from the directory
  extensions,  ///< user: extensionAttribute1 ... 15
  group_fact,  ///< part of the answer to "what type of group"
  members,     ///< comes as members@delta
  manager,     ///< comes as manager@delta
};

struct Property {
  std::string_view name;
  Shape shape;
  Attribute attribute = Attribute::display_name;  ///< where the shape needs one
};

using A = Attribute;

constexpr auto kContact = std::to_array<Property>({
    {"displayName", Shape::text, A::display_name},
    {"givenName", Shape::text, A::given_name},
    {"surname", Shape::text, A::surname},
    {"companyName", Shape::text, A::company_name},
    {"department", Shape::text, A::department},
    {"jobTitle", Shape::text, A::job_title},
    {"mail", Shape::text, A::mail},
    {"mailNickname", Shape::text, A::mail_nickname},
    {"proxyAddresses", Shape::texts, A::proxy_addresses},
    {"addresses", Shape::addresses},
    {"phones", Shape::phones},
    {"onPremisesSyncEnabled", Shape::boolean, A::sync_enabled},
    {"onPremisesProvisioningErrors", Shape::errors, A::provisioning_errors},
});

constexpr auto kUser = std::to_array<Property>({
    {"displayName", Shape::text, A::display_name},
    {"givenName", Shape::text, A::given_name},
    {"surname", Shape::text, A::surname},
    {"companyName", Shape::text, A::company_name},
    {"department", Shape::text, A::department},
    {"jobTitle", Shape::text, A::job_title},
    {"officeLocation", Shape::text, A::office_location},
    {"employeeId", Shape::text, A::employee_id},
    {"mail", Shape::text, A::mail},
    {"mailNickname", Shape::text, A::mail_nickname},
    {"userPrincipalName", Shape::text, A::user_principal_name},
    {"proxyAddresses", Shape::texts, A::proxy_addresses},
    {"otherMails", Shape::texts, A::other_mails},
    {"businessPhones", Shape::texts, A::business_phones},
    {"mobilePhone", Shape::text, A::mobile_phone},
    {"faxNumber", Shape::text, A::business_fax},
    {"streetAddress", Shape::text, A::street},
    {"city", Shape::text, A::city},
    {"state", Shape::text, A::state},
    {"postalCode", Shape::text, A::postal_code},
    {"country", Shape::text, A::country},
    {"accountEnabled", Shape::boolean, A::account_enabled},
    {"userType", Shape::text, A::user_type},
    {"showInAddressList", Shape::shown, A::hidden},
    {"onPremisesSyncEnabled", Shape::boolean, A::sync_enabled},
    {"onPremisesProvisioningErrors", Shape::errors, A::provisioning_errors},
    {"onPremisesImmutableId", Shape::text, A::immutable_id},
    {"onPremisesDistinguishedName", Shape::text, A::distinguished_name},
    {"onPremisesSamAccountName", Shape::text, A::sam_account_name},
    {"onPremisesSecurityIdentifier", Shape::text, A::security_identifier},
    {"onPremisesExtensionAttributes", Shape::extensions},
    {"manager", Shape::manager},  // last: see GraphRound
});

constexpr auto kGroup = std::to_array<Property>({
    {"displayName", Shape::text, A::display_name},
    {"description", Shape::text, A::description},
    {"mail", Shape::text, A::mail},
    {"mailNickname", Shape::text, A::mail_nickname},
    {"proxyAddresses", Shape::texts, A::proxy_addresses},
    {"groupTypes", Shape::group_fact},
    {"mailEnabled", Shape::group_fact},
    {"securityEnabled", Shape::group_fact},
    {"onPremisesSyncEnabled", Shape::boolean, A::sync_enabled},
    {"onPremisesProvisioningErrors", Shape::errors, A::provisioning_errors},
    {"onPremisesSecurityIdentifier", Shape::text, A::security_identifier},
    {"members", Shape::members},
});

std::span<const Property> properties_of(GraphCollection collection) {
  switch (collection) {
    case GraphCollection::contacts:
      return kContact;
    case GraphCollection::users:
      return kUser;
    case GraphCollection::groups:
      return kGroup;
  }
  return {};
}

RecordKind kind_of(GraphCollection collection) {
  switch (collection) {
    case GraphCollection::contacts:
      return RecordKind::contact;
    case GraphCollection::users:
      return RecordKind::user;
    case GraphCollection::groups:
      return RecordKind::group;
  }
  return RecordKind::contact;
}

using Part = std::pair<std::string_view, Attribute>;

constexpr auto kAddressParts = std::to_array<Part>({
    {"street", A::street},
    {"city", A::city},
    {"state", A::state},
    {"postalCode", A::postal_code},
    {"countryOrRegion", A::country},
    {"officeLocation", A::office_location},
});

constexpr auto kPhoneTypes = std::to_array<Part>({
    {"business", A::business_phones},
    {"mobile", A::mobile_phone},
    {"businessFax", A::business_fax},
    {"home", A::home_phone},
    {"pager", A::pager},
});

void read_addresses(std::string_view name, const element& value, Change& change) {
  object address;
  bool present = false;
  if (!value.is_null()) {
    const array addresses = as_array(name, value);
    if (addresses.size() != 0) {
      address = as_object(name, *addresses.begin());
      present = true;
    }
  }
  for (const auto& [part, attribute] : kAddressParts) {
    element text;
    const bool given = present && address[part].get(text) == simdjson::SUCCESS;
    put(change, attribute, given ? text_values(part, text) : model::Values{});
  }
}

void read_phones(std::string_view name, const element& value, Change& change) {
  std::map<std::string, model::Values, std::less<>> by_type;
  if (!value.is_null())
    for (const element& item : as_array(name, value)) {
      const object phone = as_object(name, item);
      element type;
      element number;
      if (phone["number"].get(number) != simdjson::SUCCESS ||
          phone["type"].get(type) != simdjson::SUCCESS)
        continue;
      const model::Values types = text_values("phones/type", type);
      const model::Values numbers = text_values("phones/number", number);
      if (!types.empty() && !numbers.empty())
        by_type[types.front()].push_back(numbers.front());
    }
  // One of each type is what the documentation promises for contacts.
  for (const auto& [type, attribute] : kPhoneTypes) {
    const auto found = by_type.find(type);
    if (found == by_type.end())
      put(change, attribute, {});
    else if (model::info(attribute).multi_valued)
      put(change, attribute, found->second);
    else
      put(change, attribute, {found->second.front()});
  }
}

/// Values that Entra ID withholds because another object has them: "property=value" of each.
void read_errors(std::string_view name, const element& value, Change& change) {
  model::Values withheld;
  if (!value.is_null())
    for (const element& item : as_array(name, value)) {
      const object error = as_object(name, item);
      element category;
      element property;
      element what;
      if (error["category"].get(category) != simdjson::SUCCESS ||
          error["propertyCausingError"].get(property) != simdjson::SUCCESS ||
          error["value"].get(what) != simdjson::SUCCESS ||
          text_values(name, category) != model::Values{"PropertyConflict"})
        continue;
      const model::Values named = text_values(name, property);
      const model::Values taken = text_values(name, what);
      if (!named.empty() && !taken.empty())
        withheld.push_back(named.front() + "=" + taken.front());
    }
  put(change, A::provisioning_errors, std::move(withheld));
}

void read_extensions(std::string_view name, const element& value, Change& change) {
  const bool present = !value.is_null();
  object extensions;
  if (present)
    extensions = as_object(name, value);
  for (int number = 1; number <= 15; ++number) {
    const std::string part = "extensionAttribute" + std::to_string(number);
    element text;
    const bool given = present && extensions[part].get(text) == simdjson::SUCCESS;
    put(change, model::extension_attribute(number),
        given ? text_values(part, text) : model::Values{});
  }
}

/// Microsoft 365 groups are "Unified"; of the rest, what is security-enabled is a security group,
/// whether it has mail or not. All three properties are needed to tell.
void read_group_type(const object& item, Change& change) {
  element types;
  element mail;
  element security;
  if (item["groupTypes"].get(types) != simdjson::SUCCESS ||
      item["mailEnabled"].get(mail) != simdjson::SUCCESS ||
      item["securityEnabled"].get(security) != simdjson::SUCCESS)
    return;
  boolean_values("mailEnabled", mail);
  const bool secure = boolean_values("securityEnabled", security) == model::Values{"true"};
  bool unified = false;
  for (const std::string& type : list_values("groupTypes", types))
    unified = unified || type == "Unified";
  put(change, A::group_type, {unified ? "microsoft365" : secure ? "security" : "distribution"});
}

/// Links without @removed were added. Devices and service principals are nobody's contacts; types
/// that do not exist yet are kept, because the id is all that counts.
void read_members(const element& value, Change& change) {
  std::map<std::string, bool> is_member;  // the last word on each member counts
  for (const element& item : as_array("members@delta", value)) {
    const object link = as_object("members@delta", item);
    std::string_view type;
    if (link["@odata.type"].get(type) == simdjson::SUCCESS &&
        (type == "#microsoft.graph.device" || type == "#microsoft.graph.servicePrincipal"))
      continue;
    element removed;
    is_member[read_guid("members@delta", link["id"])] =
        link["@removed"].get(removed) != simdjson::SUCCESS;
  }
  for (const auto& [member, added] : is_member)
    (added ? change.members_added : change.members_removed).push_back(member);
}

/// Like members@delta, of one link: who is not @removed is the manager now.
void read_manager_delta(const element& value, Change& change) {
  model::Values manager;
  for (const element& item : as_array("manager@delta", value)) {
    const object link = as_object("manager@delta", item);
    element removed;
    if (link["@removed"].get(removed) != simdjson::SUCCESS)
      manager = {read_guid("manager@delta", link["id"])};
  }
  put(change, A::manager, manager);
}

/// An expanded manager: an object, or null or nothing where there is none.
model::Values expanded_manager(const object& item) {
  element value;
  if (item["manager"].get(value) != simdjson::SUCCESS || value.is_null())
    return {};
  return {read_guid("manager", as_object("manager", value)["id"])};
}

Presence read_removed(const element& value) {
  const object removed = as_object("@removed", value);
  std::string_view reason;
  const bool restorable = removed["reason"].get(reason) == simdjson::SUCCESS && reason == "changed";
  return restorable ? Presence::soft_deleted : Presence::deleted;
}

void read_property(const Property& property, const element& value, Change& change) {
  switch (property.shape) {
    case Shape::text:
      return put(change, property.attribute, text_values(property.name, value));
    case Shape::texts:
      return put(change, property.attribute, list_values(property.name, value));
    case Shape::boolean:
      return put(change, property.attribute, boolean_values(property.name, value));
    case Shape::shown: {
      const model::Values shown = boolean_values(property.name, value);
      return put(change, property.attribute,
                 shown.empty() ? shown : model::Values{shown.front() == "true" ? "false" : "true"});
    }
    case Shape::addresses:
      return read_addresses(property.name, value, change);
    case Shape::phones:
      return read_phones(property.name, value, change);
    case Shape::errors:
      return read_errors(property.name, value, change);
    case Shape::extensions:
      return read_extensions(property.name, value, change);
    case Shape::group_fact:
    case Shape::members:
    case Shape::manager:
      return;
  }
}

Change read_object(GraphCollection collection, const object& item, const std::string& id) {
  Change change;
  change.anchor = id;
  change.kind = kind_of(collection);
  element value;
  if (item["@removed"].get(value) == simdjson::SUCCESS) {
    change.presence = read_removed(value);  // nothing else is guaranteed to be there or to be true
    return change;
  }
  for (const Property& property : properties_of(collection))
    if (item[property.name].get(value) == simdjson::SUCCESS)
      read_property(property, value, change);
  if (collection == GraphCollection::contacts)
    change.kept = {A::manager};  // no delta query tells it
  if (item["manager@delta"].get(value) == simdjson::SUCCESS)
    read_manager_delta(value, change);
  if (collection == GraphCollection::groups) {
    change.kept = {A::hidden};  // nor this
    read_group_type(item, change);
    if (item["members@delta"].get(value) == simdjson::SUCCESS)
      read_members(value, change);
  }
  return change;
}

std::string select_list(GraphCollection collection) {
  std::string list = "id";
  for (const Property& property : properties_of(collection))
    list += "," + std::string(property.name);
  return list;
}

}  // namespace

std::string_view to_string(GraphCollection collection) {
  switch (collection) {
    case GraphCollection::contacts:
      return "contacts";
    case GraphCollection::users:
      return "users";
    case GraphCollection::groups:
      return "groups";
  }
  return "";
}

const std::string& graph_select(GraphCollection collection) {
  static const std::string lists[] = {select_list(GraphCollection::contacts),
                                      select_list(GraphCollection::users),
                                      select_list(GraphCollection::groups)};
  return lists[static_cast<std::size_t>(collection)];
}

std::vector<model::SourceAttribute> graph_source_attributes() {
  std::vector<model::SourceAttribute> list;
  const auto add = [&list](Attribute attribute, std::string_view kind, std::string_view name) {
    list.push_back({attribute, std::string(kind) + "." + std::string(name)});
  };
  const auto add_all = [&](GraphCollection collection, std::string_view kind) {
    for (const Property& property : properties_of(collection))
      switch (property.shape) {
        case Shape::text:
        case Shape::texts:
        case Shape::boolean:
        case Shape::shown:
        case Shape::errors:
          add(property.attribute, kind, property.name);
          break;
        case Shape::addresses:
          for (const auto& [part, attribute] : kAddressParts)
            add(attribute, kind, std::string(property.name) + "." + std::string(part));
          break;
        case Shape::phones:
          for (const auto& [type, attribute] : kPhoneTypes)
            add(attribute, kind, std::string(property.name) + "." + std::string(type));
          break;
        case Shape::extensions:
          for (int number = 1; number <= 15; ++number) {
            const Attribute attribute = model::extension_attribute(number);
            add(attribute, kind,
                std::string(property.name) + "." + std::string(model::name(attribute)));
          }
          break;
        case Shape::group_fact:
          add(A::group_type, kind, property.name);
          break;
        case Shape::manager:
          add(A::manager, kind, property.name);
          break;
        case Shape::members:
          break;  // memberships are no attribute
      }
  };
  add_all(GraphCollection::users, "user");
  add_all(GraphCollection::contacts, "contact");
  add(A::manager, "contact", "manager");
  add_all(GraphCollection::groups, "group");
  add(A::hidden, "group", "hideFromAddressLists");
  return list;
}

namespace {

template <typename Read>
base::Result<GraphPage> read_page(const std::string& json, const Read& read) {
  auto document = parse_page(json);
  if (!document)
    return document.error();
  GraphPage page;
  page.next_link = std::move(document->next_link);
  page.delta_link = std::move(document->delta_link);
  for (const element item : document->items)
    map_item(item, "id", page.changes, page.rejected, read);
  return page;
}

}  // namespace

base::Result<GraphPage> read_graph_page(GraphCollection collection, const std::string& json) {
  return read_page(json, [collection](const object& fields, const std::string& id) {
    return read_object(collection, fields, id);
  });
}

base::Result<GraphPage> read_managers_page(const std::string& json) {
  return read_page(json, [](const object& fields, const std::string& id) {
    Change change;
    change.anchor = id;
    change.part = true;
    put(change, A::manager, expanded_manager(fields));
    return change;
  });
}

}  // namespace gald::cloud
