// The attribute schema: every attribute that gald reads from any source, under one name.
//
// Where Microsoft Graph has the attribute, the name is Graph's. Connectors map their own names to
// these (lib/ad/mapping.cpp, lib/cloud/*_mapping.cpp); everything downstream knows only these.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/attributes.hpp"

namespace gald::model {

enum class Attribute : std::uint8_t {
  // person and organization
  display_name,
  given_name,
  surname,
  initials,
  company_name,
  department,
  job_title,
  office_location,
  employee_id,
  description,
  notes,
  web_page,
  manager,       ///< the anchor of the manager's record in the same connector
  manager_name,  ///< Exchange: what it shows of a manager, which is no key
  assistant,     ///< a name
  // addresses
  mail,
  mail_nickname,
  user_principal_name,
  proxy_addresses,  ///< "SMTP:primary@x", "smtp:other@x", "X500:/o=...", "sip:..."
  other_mails,
  external_address,  ///< AD targetAddress, Exchange ExternalEmailAddress: "SMTP:jane@fabrikam.com"
  legacy_exchange_dn,
  // phones, as the source wrote them
  business_phones,
  other_business_phones,
  mobile_phone,
  other_mobile_phones,
  home_phone,
  other_home_phones,
  business_fax,
  other_business_faxes,
  pager,
  ip_phone,
  assistant_phone,
  // postal address
  street,
  post_office_box,
  city,
  state,
  postal_code,
  country,
  // signals
  account_enabled,  ///< "true" | "false"; absent where the source has no such notion
  hidden,          ///< hidden from address lists: "true" | "false"; absent: the source does not say
  moderated,       ///< Exchange: mail to it waits for a moderator: "true" | "false"
  user_type,       ///< Graph: "Member" | "Guest"
  recipient_type,  ///< Exchange: RecipientTypeDetails
  sync_enabled,    ///< Graph onPremisesSyncEnabled, Exchange IsDirSynced: "true" | "false"; absent:
                   ///< never
  critical_object,  ///< AD isCriticalSystemObject: "true" for the directory's own objects
  account_expires,  ///< AD accountExpires: when the account ends, ISO 8601; absent: never
  scope,            ///< AD, from the configuration: "out" on an object that it leaves out, "in" or
                    ///< "out" on a container for all below it, up to the next that says otherwise
  provisioning_errors,  ///< Graph: "property=value" of each value that Entra ID withholds because
                        ///< another object has it
  // identity
  immutable_id,                  ///< Graph onPremisesImmutableId: base64 of the source anchor
  consistency_guid,              ///< AD mS-DS-ConsistencyGuid: base64 of its bytes
  security_identifier,           ///< AD objectSid, Graph onPremisesSecurityIdentifier: "S-1-5-..."
  external_directory_object_id,  ///< Exchange: the Entra object id
  sam_account_name,
  reference,  ///< "true": the source only names the object, as the member of a group. The record
              ///< joins what another source has of it, and says nothing itself
  // place in an on-premises directory
  distinguished_name,  ///< as delivered, or as Entra last heard of it
  rdn,                 ///< the first RDN of an AD object, escaped as in RFC 4514: "CN=Doe\, Jane"
  parent,              ///< anchor of the AD object above
  // groups
  group_type,  ///< "security" | "distribution" | "microsoft365"
  // pictures
  photo,  ///< AD thumbnailPhoto: base64 of its bytes
  // custom attributes, Exchange's fifteen
  extension_attribute_1,
  extension_attribute_2,
  extension_attribute_3,
  extension_attribute_4,
  extension_attribute_5,
  extension_attribute_6,
  extension_attribute_7,
  extension_attribute_8,
  extension_attribute_9,
  extension_attribute_10,
  extension_attribute_11,
  extension_attribute_12,
  extension_attribute_13,
  extension_attribute_14,
  extension_attribute_15,
};

inline constexpr std::size_t kAttributeCount =
    static_cast<std::size_t>(Attribute::extension_attribute_15) + 1;

struct AttributeInfo {
  Attribute attribute;
  std::string_view name;  ///< stable: it is the key in staging, in the history and in JSON
  bool multi_valued;
};

/// What a connector reads an attribute from.
struct SourceAttribute {
  Attribute attribute;
  std::string name;  ///< as the source calls it: "telephoneNumber", "user.businessPhones"
};

/// In the order of the enumeration.
std::span<const AttributeInfo, kAttributeCount> attribute_schema();

const AttributeInfo& info(Attribute attribute);
std::string_view name(Attribute attribute);
std::optional<Attribute> attribute_named(std::string_view name);

/// REQUIRES: 1 <= number <= 15.
Attribute extension_attribute(int number);

/// The only value of a single-valued attribute, the first of a multi-valued one; "" when absent.
const std::string& first_value(const Attributes& attributes, Attribute attribute);

/// "true" → true, "false" → false, absent → nothing.
std::optional<bool> flag(const Attributes& attributes, Attribute attribute);

}  // namespace gald::model
