// Normalised forms of addresses and RDNs: what is compared, beside what is shown.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/entry.hpp"

namespace gald::model {

/// Takes a value of proxyAddresses or targetAddress apart: "SMTP:Jane@x" is a primary smtp
/// address, "smtp:" a secondary one; a value without a prefix is smtp, secondary. The prefix in
/// capitals marks the primary (MS-OXOABK; "proxyAddresses" in the Exchange schema); it is a letter
/// and perhaps more letters and digits: "X500", "SIP", "EUM", "X400".
Address parse_address(std::string_view text);

/// Comparison form: without case and without blanks at both ends, as mail addresses and X.500 names
/// compare in Exchange and in Entra. An internationalized domain is written in A-labels (UTS 46),
/// so that "jörg@bücher.example" and "JÖRG@xn--bcher-kva.example" are one address. What is no valid
/// domain or no UTF-8 has A-Z folded and stays as it is otherwise. Never throws.
std::string fold_address(std::string_view value);

/// Whether it is the name that Entra made for a guest from the guest's address
/// ("jane_fabrikam.com#EXT#@contoso.onmicrosoft.com"): nobody is called or reached by it.
bool is_guest_principal(std::string_view value);

/// The form of proxyAddresses: "SMTP:jane@x" for a primary, "smtp:jane@x" for others.
std::string format_address(const Address& address);

/// Into the order in which they are published: smtp first, then by kind; the primary one of each
/// kind first, then by value.
void sort_addresses(std::vector<Address>& addresses);

/// The value of an RDN in plain text: "CN=Doe\, Jane" → "Doe, Jane" (RFC 4514 section 2.4).
std::string rdn_value(std::string_view rdn);

}  // namespace gald::model
