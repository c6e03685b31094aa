// Normalised forms of addresses, phone numbers and RDNs: what is compared, beside what is shown.
#pragma once

#include <string>
#include <string_view>

#include "model/entry.hpp"

namespace gald::model {

/// Takes a value of proxyAddresses or targetAddress apart: "SMTP:Jane@x" is a primary smtp
/// address, "smtp:" a secondary one; a value without a prefix is smtp, secondary. The prefix in
/// capitals marks the primary (MS-OXOABK; "proxyAddresses" in the Exchange schema).
Address parse_address(std::string_view text);

/// Comparison form: A-Z folded, blanks at both ends dropped. Mail addresses and X.500 names
/// compare without case in Exchange and in Entra.
std::string fold_address(std::string_view value);

/// The form of proxyAddresses: "SMTP:jane@x" for a primary, "smtp:jane@x" for others.
std::string format_address(const Address& address);

/// `type` as in Phone::type. A number that starts with "+" gets its E.164 form (ITU-T E.164: 7 to
/// 15 digits); any other keeps only its raw form, as the country is not known here.
Phone parse_phone(std::string_view type, std::string_view raw);

/// The value of an RDN in plain text: "CN=Doe\, Jane" → "Doe, Jane" (RFC 4514 section 2.4).
std::string rdn_value(std::string_view rdn);

}  // namespace gald::model
