// GUIDs in the sixteen bytes that they are: most anchors, and some values.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/guid.hpp"

namespace gald::index {

inline constexpr std::size_t kPackedGuidSize = 16;

/// In the order of the text. Nothing for what unpacked_guid() would not give back as it is.
inline std::optional<std::string> packed_guid(std::string_view text) {
  if (text.size() != 36 ||
      std::any_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'F'; }))
    return std::nullopt;
  const std::optional<base::Guid> guid = base::Guid::parse(text);
  if (!guid)
    return std::nullopt;
  return std::string(guid->bytes().begin(), guid->bytes().end());
}

/// REQUIRES: kPackedGuidSize bytes.
inline std::string unpacked_guid(std::string_view packed) {
  std::array<std::uint8_t, kPackedGuidSize> bytes{};
  if (packed.size() != bytes.size())
    throw std::invalid_argument("a packed GUID has sixteen bytes");
  std::copy(packed.begin(), packed.end(), bytes.begin());
  return base::Guid(bytes).text();
}

}  // namespace gald::index
