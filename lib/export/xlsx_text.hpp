// What a cell of a workbook can hold of a text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gald::exporting {

/// Excel's limit, in UTF-16 units.
inline constexpr std::size_t kLongestCell = 32'767;

struct CellText {
  std::string text;
  bool cut = false;  ///< it was longer; the text ends in "…"
};

/// Without what XML 1.0 cannot hold (control characters but tab and line feed, U+FFFE, U+FFFF),
/// with LF for every line end, and with "_x0041_" written so that it is not read as "A".
CellText cell_text(std::string_view value);

}  // namespace gald::exporting
