// What vCard and LDIF have in common: long lines are folded. For the .cpp files of this room.
#pragma once

#include <string>
#include <string_view>

namespace gald::exporting {

/// The line with its end, as pieces of at most `width` bytes each; all but the first begin with a
/// blank, which counts. A character is never cut in two.
std::string folded_line(std::string_view line, std::size_t width, std::string_view line_end);

}  // namespace gald::exporting
