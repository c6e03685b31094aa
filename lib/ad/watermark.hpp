// What the cursor of the collection `directory` remembers. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gald::ad {

/// How changes are read.
enum class Way {
  dirsync,  ///< MS-ADTS 3.1.1.3.4.1.3: what changed, attribute by attribute
  polling,  ///< objects whose uSNChanged grew, whole
};

/// The content of model::Cursor::position; who gave it stands in model::Cursor::answered_by.
struct Watermark {
  Way way = Way::dirsync;
  std::uint32_t flags = 0;          ///< of DirSync
  bool saw_deletions = false;       ///< the account could read tombstones when this was written
  std::uint64_t committed_usn = 0;  ///< of the controller, at the start of the round
  std::chrono::sys_seconds server_time;  ///< likewise
  std::chrono::sys_seconds complete_at;  ///< likewise, of the last round that read everything
  std::string cookie;                    ///< of DirSync; empty: from the beginning

  bool operator==(const Watermark&) const = default;
};

std::string to_text(const Watermark& watermark);
std::optional<Watermark> parse_watermark(std::string_view text);

}  // namespace gald::ad
