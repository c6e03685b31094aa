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

}  // namespace gald::ad::ber
