#include "ad/ber.hpp"

namespace gald::ad::ber {

std::string element(unsigned char tag, std::string_view content) {
  std::string out(1, static_cast<char>(tag));
  if (content.size() < 0x80) {
    out += static_cast<char>(content.size());
  } else {
    std::string length;
    for (std::size_t rest = content.size(); rest != 0; rest >>= 8)
      length.insert(length.begin(), static_cast<char>(rest & 0xff));
    out += static_cast<char>(0x80 | length.size());
    out += length;
  }
  out += content;
  return out;
}

std::string integer(std::int32_t value) {
  std::string bytes;
  std::int32_t rest = value;
  do {
    bytes.insert(bytes.begin(), static_cast<char>(rest & 0xff));
    rest >>= 8;
  } while (!(rest == 0 && (bytes.front() & 0x80) == 0) &&
           !(rest == -1 && (bytes.front() & 0x80) != 0));
  return element(kInteger, bytes);
}

std::optional<std::string_view> take(std::string_view& ber, unsigned char tag) {
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
