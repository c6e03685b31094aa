#include "text.hpp"

#include <algorithm>
#include <cstdio>
#include <optional>

#include "platform.hpp"

namespace gald::daemon {

namespace {

struct Character {
  char32_t value;
  std::size_t length;
};

/// The character at the beginning of `text`; nothing when that is no UTF-8 (RFC 3629).
std::optional<Character> decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80)
    return Character{first, 1};
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length)
    return std::nullopt;
  char32_t value = first & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80)
      return std::nullopt;
    value = value << 6 | (byte(i) & 0x3Fu);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kLeast[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
    return std::nullopt;
  return Character{value, length};
}

/// Characters that reorder what stands around them (Unicode UAX #9): they can make a line read as
/// something else.
bool changes_direction(char32_t c) {
  return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

/// Calls visit(bytes, cells) for every character as it will be printed.
template <typename Visit>
void for_each_character(std::string_view text, const Visit& visit) {
  while (!text.empty()) {
    const auto character = decode(text);
    const int cells = character ? cell_width(character->value) : -1;
    if (character && cells >= 0 && !changes_direction(character->value))
      visit(text.substr(0, character->length), static_cast<std::size_t>(cells));
    else if (text.front() == '\t' || text.front() == '\n')
      visit(" ", 1u);
    else if (text.front() != '\r')
      visit("?", 1u);
    text.remove_prefix(character ? character->length : 1);
  }
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  for_each_character(text, [&](std::string_view bytes, std::size_t) { result += bytes; });
  return result;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for_each_character(text, [&](std::string_view, std::size_t cells) { width += cells; });
  return width;
}

std::string pad(std::string_view text, std::size_t width) {
  std::string result = printable(text);
  const std::size_t used = display_width(text);
  if (used < width)
    result.append(width - used, ' ');
  return result;
}

std::string fit(std::string_view text, std::size_t width) {
  if (width == 0)
    return {};
  if (display_width(text) <= width)
    return pad(text, width);
  std::string result;
  std::size_t used = 0;
  bool full = false;
  for_each_character(text, [&](std::string_view bytes, std::size_t cells) {
    full = full || used + cells > width - 1;
    if (full)
      return;
    result += bytes;
    used += cells;
  });
  result += "…";
  result.append(width - 1 - used, ' ');
  return result;
}

std::string grouped(std::int64_t number) {
  const std::string digits = std::to_string(number);
  std::string result;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const bool between_digits = i > 0 && digits[i - 1] != '-';
    if (between_digits && (digits.size() - i) % 3 == 0)
      result += ',';
    result += digits[i];
  }
  return result;
}

std::string spoken(std::chrono::milliseconds duration) {
  const auto seconds = duration.count() / 1000;
  char text[64];
  if (seconds < 1)
    std::snprintf(text, sizeof text, "%lld ms", static_cast<long long>(duration.count()));
  else if (seconds < 10)
    std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(duration.count()) / 1000);
  else if (seconds < 60)
    std::snprintf(text, sizeof text, "%lld s", static_cast<long long>(seconds));
  else if (seconds < 3600)
    std::snprintf(text, sizeof text, "%lld min %lld s", static_cast<long long>(seconds / 60),
                  static_cast<long long>(seconds % 60));
  else
    std::snprintf(text, sizeof text, "%lld h %lld min", static_cast<long long>(seconds / 3600),
                  static_cast<long long>(seconds / 60 % 60));
  return text;
}

std::string spoken_time(std::string_view iso8601) {
  if (iso8601.empty())
    return "never";
  std::string text(iso8601.substr(0, std::min<std::size_t>(19, iso8601.size())));
  if (text.size() > 10 && text[10] == 'T')
    text[10] = ' ';
  return text + "Z";
}

std::string counted(std::int64_t number, std::string_view noun) {
  std::string text = grouped(number) + " ";
  text += noun;
  if (number != 1)
    text += 's';
  return text;
}

}  // namespace gald::daemon
