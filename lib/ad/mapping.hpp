// From entries of Active Directory to what gald says about an object. Pure: no LDAP, no clock.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ad/scope.hpp"
#include "ad/session.hpp"
#include "ad/watermark.hpp"
#include "model/record.hpp"

namespace gald::ad {

/// Raise when map_entry() concludes something else from the same entry: cursors of before are then
/// not used.
inline constexpr int kMappingVersion = 2;

struct MappingOptions {
  std::string naming_context;  ///< tells the head (no parent) and Deleted Objects apart
  Way way = Way::dirsync;
  bool scoped = false;          ///< something is left out: every change says whether its object is
  ScopeRules scope = {};        ///< the rules that begin at containers
  std::size_t photo_limit = 0;  ///< bytes; 0: photos are not read
};

/// Every attribute that is read. DirSync delivers an object when one of these changed.
std::vector<std::string> wanted_attributes(std::size_t photo_limit);

/// Which of them becomes which of ours.
std::vector<model::SourceAttribute> source_attributes();

/// An object that is none of ours.
struct Ignored {};

struct Mapped {
  std::variant<Ignored, model::Change, model::Rejected> outcome;
  /// Something to look into that is no reason to reject: "member: ...". No values.
  std::string note = {};
};

/// With DirSync a change is a patch; an entry that was polled is whole, and what it does not name
/// has no value. Ranges must be complete before (range_retrieval.hpp); an object of which only a
/// part is known is rejected.
///
/// What the DN says of an entry is true for every live object, so distinguished_name and rdn are
/// always set; the mangled DN of a tombstone says nothing worth keeping.
class EntryMapper {
 public:
  explicit EntryMapper(MappingOptions options);
  ~EntryMapper();
  EntryMapper(const EntryMapper&) = delete;
  EntryMapper& operator=(const EntryMapper&) = delete;

  Mapped map(const Entry& entry);

 private:
  struct Memory;
  std::unique_ptr<Memory> memory_;
};

/// The same for one entry. A mapper of many is faster: it recognizes names that it has met.
Mapped map_entry(const Entry& entry, const MappingOptions& options);

/// accountExpires: 100 ns since 1601 → ISO 8601; "" for never (0, and what is out of reach).
std::string expiry_text(std::int64_t file_time);

/// "<GUID=...>;<SID=...>;CN=x" → "CN=x".
std::string_view plain_dn(std::string_view extended_dn);

/// The first RDN of a plain DN, exactly as it is written there.
std::string_view first_rdn(std::string_view dn);

/// The anchor in an extended DN, lower case; "" when there is none.
std::string guid_of(std::string_view extended_dn);

/// MS-DTYP 2.4.2.2 to 2.4.2.1; "" when the bytes are no SID.
std::string sid_text(std::string_view bytes);

}  // namespace gald::ad
