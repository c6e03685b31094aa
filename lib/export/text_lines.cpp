#include "export/text_lines.hpp"

namespace gald::exporting {

std::string folded_line(std::string_view line, std::size_t width, std::string_view line_end) {
  const auto is_inside_character = [&](std::size_t at) {
    return (static_cast<unsigned char>(line[at]) & 0xC0) == 0x80;
  };
  std::string text;
  std::size_t room = width;
  while (line.size() > room) {
    std::size_t end = room;
    while (end > 1 && is_inside_character(end))
      --end;
    (text += line.substr(0, end)) += line_end;
    text += ' ';
    line.remove_prefix(end);
    room = width - 1;
  }
  return (text += line) += line_end;
}

}  // namespace gald::exporting
