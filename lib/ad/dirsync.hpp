// The DirSync control on the wire. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ad/session.hpp"

namespace gald::ad {

inline constexpr std::string_view kDirSyncOid = "1.2.840.113556.1.4.841";
inline constexpr std::string_view kExtendedDnOid = "1.2.840.113556.1.4.529";
inline constexpr std::string_view kShowDeletedOid = "1.2.840.113556.1.4.417";
inline constexpr std::string_view kShowRecycledOid = "1.2.840.113556.1.4.2064";

/// Flags of the control (MS-ADTS 3.1.1.3.4.1.3).
namespace dirsync_flag {
/// Show what the account may read, instead of asking for "Replicating Directory Changes".
inline constexpr std::uint32_t kObjectSecurity = 0x00000001;
/// Parents before their children.
inline constexpr std::uint32_t kAncestorsFirst = 0x00000800;
/// Of a changed link attribute only the links that came and went, not all of them.
inline constexpr std::uint32_t kIncrementalValues = 0x80000000;
}  // namespace dirsync_flag

inline constexpr std::uint32_t kBaseFlags =
    dirsync_flag::kIncrementalValues | dirsync_flag::kAncestorsFirst;

/// Asks for changes since `cookie` (empty: for everything), in answers of about a megabyte.
Control dirsync_control(std::uint32_t flags, std::string_view cookie);

/// DNs as "<GUID=8-4-4-4-12>;<SID=S-1-...>;CN=..." (MS-ADTS 3.1.1.3.4.1.5).
Control extended_dn_control();

/// Include tombstones (MS-ADTS 3.1.1.3.4.1.14).
Control show_deleted_control();

/// Include what the Recycle Bin has stripped, too (MS-ADTS 3.1.1.3.4.1.16).
Control show_recycled_control();

struct DirSyncAnswer {
  bool more = false;
  std::string cookie;
};

/// The control of a SearchResultDone; nothing when it is missing or malformed.
std::optional<DirSyncAnswer> parse_dirsync_answer(const SearchEnd& end);

/// SEQUENCE { MoreResults INTEGER, unused INTEGER, Cookie OCTET STRING }
std::optional<DirSyncAnswer> parse_dirsync_value(std::string_view ber);

/// GeneralizedTime as AD writes it: "20261121053000.0Z".
std::optional<std::chrono::sys_seconds> parse_generalized_time(std::string_view text);

}  // namespace gald::ad
