#include "base/guid.hpp"

#include <stdexcept>

#include <openssl/evp.h>

namespace gald::base {

namespace {

/// By character; -1 for what is none. Every anchor passes here, so that it is a table.
constexpr auto kHexDigits = [] {
  std::array<std::int8_t, 256> digits{};
  digits.fill(-1);
  for (std::size_t i = 0; i < 10; ++i)
    digits['0' + i] = static_cast<std::int8_t>(i);
  for (std::size_t i = 0; i < 6; ++i)
    digits['a' + i] = digits['A' + i] = static_cast<std::int8_t>(10 + i);
  return digits;
}();

int hex_digit(char c) {
  return kHexDigits[static_cast<unsigned char>(c)];
}

/// AD's order of the sixteen bytes, as positions in RFC 4122 order. It is its own inverse.
constexpr std::array<std::size_t, 16> kAdOrder = {3, 2, 1,  0,  5,  4,  7,  6,
                                                  8, 9, 10, 11, 12, 13, 14, 15};

}  // namespace

std::optional<Guid> Guid::parse(std::string_view text) {
  if (text.size() == 38 && text.front() == '{' && text.back() == '}')
    text = text.substr(1, 36);
  if (text.size() != 36)
    return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  std::size_t at = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (text[i] != '-')
        return std::nullopt;
      ++i;
      continue;
    }
    const int high = hex_digit(text[i]);
    const int low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0)
      return std::nullopt;
    bytes[at++] = static_cast<std::uint8_t>(high * 16 + low);
    i += 2;
  }
  return Guid(bytes);
}

std::optional<Guid> Guid::from_ad_bytes(std::string_view bytes) {
  if (bytes.size() != 16)
    return std::nullopt;
  std::array<std::uint8_t, 16> ordered{};
  for (std::size_t i = 0; i < 16; ++i)
    ordered[i] = static_cast<std::uint8_t>(bytes[kAdOrder[i]]);
  return Guid(ordered);
}

Guid Guid::from_name(const Guid& name_space, std::string_view name) {
  std::string input(name_space.bytes_.begin(), name_space.bytes_.end());
  input += name;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(input.data(), input.size(), digest, &size, EVP_sha1(), nullptr) != 1 || size < 16)
    throw std::runtime_error("OpenSSL does not offer SHA-1, which version 5 UUIDs need");
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < 16; ++i)
    bytes[i] = digest[i];
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x50);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
  return Guid(bytes);
}

std::string Guid::text() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out(36, '-');
  char* at = out.data();
  for (std::size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10)
      ++at;
    *at++ = kDigits[bytes_[i] >> 4];
    *at++ = kDigits[bytes_[i] & 0x0f];
  }
  return out;
}

std::string Guid::ad_bytes() const {
  std::string out(16, '\0');
  for (std::size_t i = 0; i < 16; ++i)
    out[i] = static_cast<char>(bytes_[kAdOrder[i]]);
  return out;
}

}  // namespace gald::base
