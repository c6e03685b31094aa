#include "model/attribute.hpp"

#include <stdexcept>

namespace gald::model {

namespace {

using A = Attribute;

constexpr std::array<AttributeInfo, kAttributeCount> kSchema = {{
    {A::display_name, "displayName", false},
    {A::given_name, "givenName", false},
    {A::surname, "surname", false},
    {A::initials, "initials", false},
    {A::company_name, "companyName", false},
    {A::department, "department", false},
    {A::job_title, "jobTitle", false},
    {A::office_location, "officeLocation", false},
    {A::employee_id, "employeeId", false},
    {A::description, "description", false},
    {A::notes, "notes", false},
    {A::web_page, "webPage", false},
    {A::manager, "manager", false},
    {A::manager_name, "managerName", false},
    {A::assistant, "assistant", false},
    {A::mail, "mail", false},
    {A::mail_nickname, "mailNickname", false},
    {A::user_principal_name, "userPrincipalName", false},
    {A::proxy_addresses, "proxyAddresses", true},
    {A::other_mails, "otherMails", true},
    {A::external_address, "externalAddress", false},
    {A::legacy_exchange_dn, "legacyExchangeDN", false},
    {A::business_phones, "businessPhones", true},
    {A::other_business_phones, "otherBusinessPhones", true},
    {A::mobile_phone, "mobilePhone", false},
    {A::other_mobile_phones, "otherMobilePhones", true},
    {A::home_phone, "homePhone", false},
    {A::other_home_phones, "otherHomePhones", true},
    {A::business_fax, "businessFax", false},
    {A::other_business_faxes, "otherBusinessFaxes", true},
    {A::pager, "pager", false},
    {A::ip_phone, "ipPhone", false},
    {A::assistant_phone, "assistantPhone", false},
    {A::street, "street", false},
    {A::post_office_box, "postOfficeBox", true},
    {A::city, "city", false},
    {A::state, "state", false},
    {A::postal_code, "postalCode", false},
    {A::country, "countryOrRegion", false},
    {A::account_enabled, "accountEnabled", false},
    {A::hidden, "hidden", false},
    {A::moderated, "moderated", false},
    {A::user_type, "userType", false},
    {A::recipient_type, "recipientTypeDetails", false},
    {A::sync_enabled, "onPremisesSyncEnabled", false},
    {A::critical_object, "isCriticalSystemObject", false},
    {A::account_expires, "accountExpires", false},
    {A::scope, "scope", false},
    {A::provisioning_errors, "onPremisesProvisioningErrors", true},
    {A::immutable_id, "onPremisesImmutableId", false},
    {A::consistency_guid, "msDsConsistencyGuid", false},
    {A::security_identifier, "onPremisesSecurityIdentifier", false},
    {A::external_directory_object_id, "externalDirectoryObjectId", false},
    {A::sam_account_name, "onPremisesSamAccountName", false},
    {A::reference, "reference", false},
    {A::distinguished_name, "onPremisesDistinguishedName", false},
    {A::rdn, "rdn", false},
    {A::parent, "parent", false},
    {A::group_type, "groupType", false},
    {A::photo, "photo", false},
    {A::extension_attribute_1, "extensionAttribute1", false},
    {A::extension_attribute_2, "extensionAttribute2", false},
    {A::extension_attribute_3, "extensionAttribute3", false},
    {A::extension_attribute_4, "extensionAttribute4", false},
    {A::extension_attribute_5, "extensionAttribute5", false},
    {A::extension_attribute_6, "extensionAttribute6", false},
    {A::extension_attribute_7, "extensionAttribute7", false},
    {A::extension_attribute_8, "extensionAttribute8", false},
    {A::extension_attribute_9, "extensionAttribute9", false},
    {A::extension_attribute_10, "extensionAttribute10", false},
    {A::extension_attribute_11, "extensionAttribute11", false},
    {A::extension_attribute_12, "extensionAttribute12", false},
    {A::extension_attribute_13, "extensionAttribute13", false},
    {A::extension_attribute_14, "extensionAttribute14", false},
    {A::extension_attribute_15, "extensionAttribute15", false},
}};

constexpr bool in_enumeration_order() {
  for (std::size_t i = 0; i < kAttributeCount; ++i)
    if (static_cast<std::size_t>(kSchema[i].attribute) != i)
      return false;
  return true;
}

static_assert(in_enumeration_order());

}  // namespace

std::span<const AttributeInfo, kAttributeCount> attribute_schema() {
  return kSchema;
}

const AttributeInfo& info(Attribute attribute) {
  return kSchema[static_cast<std::size_t>(attribute)];
}

std::string_view name(Attribute attribute) {
  return info(attribute).name;
}

std::optional<Attribute> attribute_named(std::string_view name) {
  for (const AttributeInfo& entry : kSchema)
    if (entry.name == name)
      return entry.attribute;
  return std::nullopt;
}

Attribute extension_attribute(int number) {
  if (number < 1 || number > 15)
    throw std::out_of_range("extension attributes are numbered 1 to 15");
  return static_cast<Attribute>(static_cast<int>(A::extension_attribute_1) + number - 1);
}

const std::string& first_value(const Attributes& attributes, Attribute attribute) {
  static const std::string kNone;
  const auto it = attributes.find(attribute);
  return it == attributes.end() || it->second.empty() ? kNone : it->second.front();
}

std::optional<bool> flag(const Attributes& attributes, Attribute attribute) {
  const std::string& value = first_value(attributes, attribute);
  if (value == "true")
    return true;
  if (value == "false")
    return false;
  return std::nullopt;
}

}  // namespace gald::model
