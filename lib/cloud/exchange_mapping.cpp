#include "cloud/exchange_mapping.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "base/text.hpp"
#include "cloud/json_values.hpp"

namespace gald::cloud {

namespace {

using model::Attribute;
using model::Change;
using model::RecordKind;
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
constexpr std::string_view kType = "RecipientTypeDetails";
constexpr std::string_view kEntraId = "ExternalDirectoryObjectId";

constexpr auto kRouting = std::to_array<Property>({
    {kEntraId, Shape::id, A::external_directory_object_id},
    {"DisplayName", Shape::text, A::display_name},
    {"Alias", Shape::text, A::mail_nickname},
    {"PrimarySmtpAddress", Shape::text, A::mail},
    {"EmailAddresses", Shape::texts, A::proxy_addresses},
    {"ExternalEmailAddress", Shape::text, A::external_address},
    {"LegacyExchangeDN", Shape::text, A::legacy_exchange_dn},
    {"HiddenFromAddressListsEnabled", Shape::boolean, A::hidden},
    {"ModerationEnabled", Shape::boolean, A::moderated},
    {"IsDirSynced", Shape::only_true, A::sync_enabled},
    {kType, Shape::text, A::recipient_type},
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

constexpr auto kPerson = std::to_array<Property>({
    {"FirstName", Shape::text, A::given_name},
    {"LastName", Shape::text, A::surname},
    {"Initials", Shape::text, A::initials},
    {"Company", Shape::text, A::company_name},
    {"Department", Shape::text, A::department},
    {"Title", Shape::text, A::job_title},
    {"Office", Shape::text, A::office_location},
    {"Manager", Shape::text, A::manager_name},
    {"AssistantName", Shape::text, A::assistant},
    {"Notes", Shape::text, A::notes},
    {"WebPage", Shape::text, A::web_page},
    {"Phone", Shape::text, A::business_phones},
    {"OtherTelephone", Shape::texts, A::other_business_phones},
    {"MobilePhone", Shape::text, A::mobile_phone},
    {"HomePhone", Shape::text, A::home_phone},
    {"OtherHomePhone", Shape::texts, A::other_home_phones},
    {"Fax", Shape::text, A::business_fax},
    {"OtherFax", Shape::texts, A::other_business_faxes},
    {"Pager", Shape::text, A::pager},
    {"TelephoneAssistant", Shape::text, A::assistant_phone},
    {"StreetAddress", Shape::text, A::street},
    {"PostOfficeBox", Shape::texts, A::post_office_box},
    {"City", Shape::text, A::city},
    {"StateOrProvince", Shape::text, A::state},
    {"PostalCode", Shape::text, A::postal_code},
    {"CountryOrRegion", Shape::text, A::country},
});

constexpr auto kGroup = std::to_array<Property>({
    {kEntraId, Shape::id, A::external_directory_object_id},
    {"DisplayName", Shape::text, A::display_name},
    {"Alias", Shape::text, A::mail_nickname},
    {"PrimarySmtpAddress", Shape::text, A::mail},
    {"EmailAddresses", Shape::texts, A::proxy_addresses},
    {"LegacyExchangeDN", Shape::text, A::legacy_exchange_dn},
    {"HiddenFromAddressListsEnabled", Shape::boolean, A::hidden},
    {"ModerationEnabled", Shape::boolean, A::moderated},
    {"IsDirSynced", Shape::only_true, A::sync_enabled},
    {kType, Shape::text, A::recipient_type},
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

/// Names, addresses and custom attributes are those of the account, which Graph tells.
constexpr auto kMailbox = std::to_array<Property>({
    {kEntraId, Shape::id, A::external_directory_object_id},
    {"HiddenFromAddressListsEnabled", Shape::boolean, A::hidden},
    {"ModerationEnabled", Shape::boolean, A::moderated},
    {"IsDirSynced", Shape::only_true, A::sync_enabled},
    {kType, Shape::text, A::recipient_type},
});

std::span<const Property> properties_of(ExchangeView view) {
  switch (view) {
    case ExchangeView::routing:
      return kRouting;
    case ExchangeView::person:
      return kPerson;
    case ExchangeView::group:
      return kGroup;
    case ExchangeView::mailbox:
      return kMailbox;
  }
  return {};
}

std::optional<RecordKind> kind_of(ExchangeView view) {
  switch (view) {
    case ExchangeView::routing:
      return RecordKind::contact;
    case ExchangeView::group:
      return RecordKind::group;
    case ExchangeView::mailbox:
      return RecordKind::user;
    case ExchangeView::person:
      break;
  }
  return std::nullopt;
}

model::Values id_values(std::string_view name, const element& value) {
  model::Values id = text_values(name, value);
  for (std::string& text : id)
    text = base::ascii_lower(text);
  return id;
}

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
    case Shape::id:
      return id_values(property.name, value);
  }
  return {};
}

/// MailNonUniversalGroup may be either; whoever knows it from Entra or AD knows which.
model::Values group_type(std::string_view recipient_type) {
  if (recipient_type == "MailUniversalSecurityGroup")
    return {"security"};
  if (recipient_type == "MailUniversalDistributionGroup" || recipient_type == "RoomList" ||
      recipient_type == "DynamicDistributionGroup")
    return {"distribution"};
  return {};
}

Change read_object(ExchangeView view, const object& fields, const std::string& anchor) {
  Change change;
  change.anchor = anchor;
  change.kind = kind_of(view);
  change.part = true;
  for (const Property& property : properties_of(view)) {
    element value;
    const bool given = fields[property.name].get(value) == simdjson::SUCCESS;
    put(change, property.attribute, given ? values_of(property, value) : model::Values{});
  }
  if (view == ExchangeView::group)
    put(change, A::group_type, group_type(model::first_value(change.set, A::recipient_type)));
  if (view == ExchangeView::group || view == ExchangeView::mailbox)
    put(change, A::reference, {});  // as a member it may have been heard of before
  return change;
}

std::string select_list(ExchangeView view) {
  std::string list(kAnchor);
  for (const Property& property : properties_of(view))
    list += "," + std::string(property.name);
  return list;
}

/// What a member is to us, when no other listing brings it.
std::optional<RecordKind> kind_of_member(std::string_view recipient_type) {
  constexpr auto kListed = std::to_array<std::string_view>(
      {"MailUniversalDistributionGroup", "MailUniversalSecurityGroup", "MailNonUniversalGroup",
       "RoomList", "DynamicDistributionGroup"});
  const auto is_type = [&](std::string_view listed) { return recipient_type == listed; };
  if (std::any_of(kListed.begin(), kListed.end(), is_type) ||
      std::any_of(exchange_listed_mailboxes().begin(), exchange_listed_mailboxes().end(), is_type))
    return std::nullopt;
  if (recipient_type.find("Group") != std::string_view::npos)
    return RecordKind::group;
  if (recipient_type.ends_with("Mailbox") || recipient_type.ends_with("User"))
    return RecordKind::user;
  return std::nullopt;  // contacts, which the mail contacts are; public folders
}

void read_member(const object& fields, ExchangeMembers& members) {
  std::string anchor = read_guid(kAnchor, fields[kAnchor]);
  element value;
  model::Values type;
  model::Values entra_id;
  if (fields[kType].get(value) == simdjson::SUCCESS)
    type = text_values(kType, value);
  if (fields[kEntraId].get(value) == simdjson::SUCCESS)
    entra_id = id_values(kEntraId, value);
  const auto kind = type.empty() ? std::nullopt : kind_of_member(type.front());
  if (kind && !entra_id.empty()) {
    Change change;
    change.anchor = anchor;
    change.kind = kind;
    change.part = true;
    change.set[A::external_directory_object_id] = std::move(entra_id);
    change.set[A::reference] = {"true"};
    members.references.push_back(std::move(change));
  }
  members.anchors.push_back(std::move(anchor));
}

}  // namespace

const std::string& exchange_select(ExchangeView view) {
  static const std::array<std::string, 4> kLists = {
      select_list(ExchangeView::routing), select_list(ExchangeView::person),
      select_list(ExchangeView::group), select_list(ExchangeView::mailbox)};
  return kLists[static_cast<std::size_t>(view)];
}

std::vector<model::SourceAttribute> exchange_source_attributes() {
  std::vector<model::SourceAttribute> list;
  for (const auto& [view, kind] : std::initializer_list<std::pair<ExchangeView, std::string>>{
           {ExchangeView::routing, "MailContact."},
           {ExchangeView::person, "Contact."},
           {ExchangeView::group, "Group."},
           {ExchangeView::mailbox, "Mailbox."}})
    for (const Property& property : properties_of(view))
      list.push_back({property.attribute, kind + std::string(property.name)});
  list.push_back({A::group_type, "Group." + std::string(kType)});
  return list;
}

base::Result<ExchangePage> read_exchange_page(ExchangeView view, const std::string& json) {
  auto document = parse_page(json);
  if (!document)
    return document.error();
  ExchangePage page;
  page.next_link = std::move(document->next_link);
  for (const element item : document->items)
    map_item(item, kAnchor, page.changes, page.rejected,
             [view](const object& fields, const std::string& anchor) {
               return read_object(view, fields, anchor);
             });
  return page;
}

const std::vector<std::string>& exchange_listed_mailboxes() {
  static const std::vector<std::string> kTypes = {"SharedMailbox", "RoomMailbox",
                                                  "EquipmentMailbox"};
  return kTypes;
}

const std::string& exchange_member_select() {
  static const std::string kList = [] {
    std::string list(kAnchor);
    for (const std::string_view name : {kEntraId, kType})
      list.append(",").append(name);
    return list;
  }();
  return kList;
}

base::Result<ExchangeMembers> read_exchange_members(const std::string& json) {
  auto document = parse_page(json);
  if (!document)
    return document.error();
  ExchangeMembers members;
  members.next_link = std::move(document->next_link);
  for (const element item : document->items) {
    try {
      read_member(as_object("value", item), members);
    } catch (const Unmappable& unmappable) {
      members.trouble = "a member: " + unmappable.reason;
    }
  }
  return members;
}

}  // namespace gald::cloud
