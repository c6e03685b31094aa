// The cells of a CSV file, and how a program takes them back.
#pragma once

#include <string>
#include <string_view>

namespace gald::exporting {

/// The value as a spreadsheet may have it. One that begins with "=", "+", "-", "@" (or the
/// full-width form of one), perhaps behind blanks, control and invisible characters, or with a tab,
/// CR or LF, gets an apostrophe in front: the spreadsheet would calculate it, or fetch something.
/// So that this can be undone without a doubt, a value that has apostrophes before all that gets
/// one more.
std::string neutral_cell(std::string_view value);

/// RFC 4180: quotes around what contains a separator, a quote or a line end, or begins or ends with
/// a blank, which many programs would drop. Semicolons and tabs separate cells for spreadsheets,
/// too: what stands behind one would be a cell of its own, which nobody has made harmless.
std::string quoted_cell(std::string_view value);

}  // namespace gald::exporting
