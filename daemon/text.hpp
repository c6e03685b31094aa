// Text for people: columns that line up, and nothing that a terminal would take for a command.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gald::daemon {

/// Directory data in a form that is safe to print: one line, control characters and what is no
/// UTF-8 replaced by "?". A name in a directory may well contain an escape sequence.
std::string printable(std::string_view text);

/// Cells of a terminal that printable(text) takes.
std::size_t display_width(std::string_view text);

/// printable(text), cut to `width` cells with "…" at the end, or filled up with blanks.
std::string fit(std::string_view text, std::size_t width);

/// printable(text), filled up with blanks, never cut.
std::string pad(std::string_view text, std::size_t width);

/// "12,345".
std::string grouped(std::int64_t number);

/// "47 ms", "3.2 s", "42 s", "3 min 5 s", "1 h 2 min".
std::string spoken(std::chrono::milliseconds duration);

/// "2026-11-21 05:30:00Z" from ISO 8601; "never" from "".
std::string spoken_time(std::string_view iso8601);

/// "1 contact", "2 contacts".
std::string counted(std::int64_t number, std::string_view noun);

}  // namespace gald::daemon
