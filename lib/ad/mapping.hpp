// From entries of Active Directory, as DirSync delivers them, to what gald says about an object.
// Pure: no LDAP, no clock.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ad/session.hpp"
#include "model/record.hpp"

namespace gald::ad {

/// Raise when map_entry() concludes something else from the same entry: cursors of before are then
/// not used.
inline constexpr int kMappingVersion = 1;

/// Selects by object class alone: every other attribute can change or be stripped from a tombstone,
/// and DirSync does not tell of an object that leaves the filter.
extern const std::string_view kDirectoryFilter;

/// Every attribute that map_entry() reads. DirSync delivers an object when one of these changed.
const std::vector<std::string>& wanted_attributes();

/// An object that is none of ours.
struct Ignored {};

struct Mapped {
  std::variant<Ignored, model::Change, model::Rejected> outcome;
  /// Something to look into that is no reason to reject: "member: ...". No values.
  std::string note = {};
};

/// `naming_context` tells the head (no parent) and the Deleted Objects container apart.
///
/// What the DN says of an entry is true for every live object, so distinguished_name and rdn are
/// always set; the mangled DN of a tombstone says nothing worth keeping.
Mapped map_entry(const Entry& entry, std::string_view naming_context);

/// "<GUID=...>;<SID=...>;CN=x" → "CN=x".
std::string_view plain_dn(std::string_view extended_dn);

/// The first RDN of a plain DN, exactly as it is written there.
std::string_view first_rdn(std::string_view dn);

/// The anchor in an extended DN, lower case; "" when there is none.
std::string guid_of(std::string_view extended_dn);

/// MS-DTYP 2.4.2.2 to 2.4.2.1; "" when the bytes are no SID.
std::string sid_text(std::string_view bytes);

}  // namespace gald::ad
