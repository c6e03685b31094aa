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

std::string element(unsigned char tag, std::string_view content);

/// Two's complement in as few bytes as hold it.
std::string integer(std::int32_t value);

/// Takes the content of one element with `tag` off the front of `ber`; nothing when there is none.
std::optional<std::string_view> take(std::string_view& ber, unsigned char tag);

}  // namespace gald::ad::ber
