// The little of BER (X.690) that the controls of AD are made of. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gald::ad::ber {

inline constexpr unsigned char kInteger = 0x02;
inline constexpr unsigned char kOctetString = 0x04;
inline constexpr unsigned char kSequence = 0x30;
inline constexpr unsigned char kSet = 0x31;

std::string element(unsigned char tag, std::string_view content);

/// Two's complement in as few bytes as hold it.
std::string integer(std::int32_t value);

/// Takes the content of one element with `tag` off the front of `ber`; nothing when there is none.
inline std::optional<std::string_view> take(std::string_view& ber, unsigned char tag) {
  if (ber.size() < 2 || static_cast<unsigned char>(ber[0]) != tag)
    return std::nullopt;
  std::size_t length = static_cast<unsigned char>(ber[1]);
  std::size_t head = 2;
  if (length >= 0x80) {
    const std::size_t count = length & 0x7f;
    if (count == 0 || count > 4 || ber.size() < 2 + count)
      return std::nullopt;
    length = 0;
    for (std::size_t i = 0; i < count; ++i)
      length = (length << 8) | static_cast<unsigned char>(ber[2 + i]);
    head += count;
  }
  if (ber.size() - head < length)
    return std::nullopt;
  const std::string_view content = ber.substr(head, length);
  ber.remove_prefix(head + length);
  return content;
}

}  // namespace gald::ad::ber
