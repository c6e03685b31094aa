#include "export/xlsx_text.hpp"

#include <algorithm>

namespace gald::exporting {

namespace {

constexpr std::string_view kEllipsis = "…";
constexpr std::string_view kUnderscore = "_x005F_";

/// Bytes of the character that begins with this one; 1 for a byte that begins none.
std::size_t length_of(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

bool is_allowed(std::string_view character) {
  const auto first = static_cast<unsigned char>(character.front());
  return first >= ' ' ? character != "\uFFFE" && character != "\uFFFF"
                      : first == '\t' || first == '\n';
}

/// "_xHHHH_" at the beginning of the text: the way in which a workbook writes a character that XML
/// does not know.
bool begins_with_escape(std::string_view text) {
  const auto is_hex = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  return text.size() >= 7 && text.starts_with("_x") && text[6] == '_' &&
         std::ranges::all_of(text.substr(2, 4), is_hex);
}

}  // namespace

CellText cell_text(std::string_view value) {
  CellText cell;
  std::size_t units = 0;
  std::size_t end_with_ellipsis = 0;  // as much of the text as leaves room for one
  while (!value.empty()) {
    std::string_view character = value.substr(0, length_of(value.front()));
    if (character == "\r")
      character = value.starts_with("\r\n") ? value.substr(0, 0) : std::string_view("\n");
    else if (begins_with_escape(value))
      character = kUnderscore;
    value.remove_prefix(std::min(value.size(), length_of(value.front())));
    if (character.empty() || !is_allowed(character))
      continue;
    units += character == kUnderscore ? kUnderscore.size() : character.size() == 4 ? 2u : 1u;
    if (units > kLongestCell) {
      cell.text.resize(end_with_ellipsis);
      cell.text += kEllipsis;
      cell.cut = true;
      return cell;
    }
    cell.text += character;
    if (units < kLongestCell)
      end_with_ellipsis = cell.text.size();
  }
  return cell;
}

}  // namespace gald::exporting
