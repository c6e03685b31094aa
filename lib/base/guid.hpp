// 128-bit identifiers and their two byte orders.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace gald::base {

/// Held in RFC 4122 order, the order of the text form.
class Guid {
 public:
  constexpr Guid() = default;

  explicit constexpr Guid(const std::array<std::uint8_t, 16>& bytes) : bytes_(bytes) {}

  /// "eb2bf6c4-512d-447f-8aa0-cf2499f6980f", either case, with or without braces.
  static std::optional<Guid> parse(std::string_view text);

  /// The bytes of an AD objectGUID: the first three fields are little-endian (MS-DTYP 2.3.4).
  static std::optional<Guid> from_ad_bytes(std::string_view bytes);

  /// Version 5 (RFC 4122 4.3): the same name in the same namespace is always the same id.
  static Guid from_name(const Guid& name_space, std::string_view name);

  /// Lower case with hyphens.
  std::string text() const;

  /// The inverse of from_ad_bytes: what Entra Connect encodes into onPremisesImmutableId.
  std::string ad_bytes() const;

  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }

  auto operator<=>(const Guid&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

}  // namespace gald::base
