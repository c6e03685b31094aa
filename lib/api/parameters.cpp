#include "api/parameters.hpp"

#include <algorithm>
#include <charconv>

#include "api/problem.hpp"
#include "base/text.hpp"

namespace gald::api {

namespace {

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? std::optional(lower - 'a' + 10) : std::nullopt;
}

std::string joined(const std::vector<std::string_view>& names) {
  std::string text;
  for (const std::string_view name : names)
    (text += text.empty() ? "" : ", ") += name;
  return text.empty() ? "none" : text;
}

}  // namespace

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      decoded += ' ';
    } else if (text[i] == '%') {
      const std::optional<int> high = i + 1 < text.size() ? hex_digit(text[i + 1]) : std::nullopt;
      const std::optional<int> low = i + 2 < text.size() ? hex_digit(text[i + 2]) : std::nullopt;
      if (!high || !low)
        return std::nullopt;
      decoded += static_cast<char>(*high * 16 + *low);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return base::is_valid_utf8(decoded) ? std::optional(std::move(decoded)) : std::nullopt;
}

Parameters::Parameters(std::string_view query, const std::vector<std::string_view>& known) {
  for (const std::string_view pair : base::split(query, '&')) {
    if (pair.empty())
      continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    std::optional<std::string> name = percent_decoded(pair.substr(0, equals), true);
    std::optional<std::string> value =
        percent_decoded(pair.substr(std::min(equals + 1, pair.size())), true);
    if (!name || !value)
      throw Refused(400, "the query is malformed: expected percent-encoded UTF-8 (RFC 3986)");
    if (std::find(known.begin(), known.end(), *name) == known.end())
      throw Refused(400, "there is no parameter \"" + *name +
                             "\" here; those that there are: " + joined(known));
    if (std::any_of(values_.begin(), values_.end(),
                    [&](const auto& one) { return one.first == *name; }))
      throw Refused(400, *name + ": is given more than once; expected one value");
    values_.emplace_back(std::move(*name), std::move(*value));
  }
}

std::optional<std::string> Parameters::text(std::string_view name) const {
  for (const auto& [known, value] : values_)
    if (known == name && !value.empty())
      return value;
  return std::nullopt;
}

std::optional<std::int64_t> Parameters::number(std::string_view name, std::int64_t least,
                                               std::int64_t most) const {
  const std::optional<std::string> given = text(name);
  if (!given)
    return std::nullopt;
  std::int64_t value = 0;
  const char* end = given->data() + given->size();
  const auto [parsed, error] = std::from_chars(given->data(), end, value);
  if (error != std::errc() || parsed != end || value < least || value > most)
    refuse(name, "a number from " + std::to_string(least) + " to " + std::to_string(most));
  return value;
}

std::optional<bool> Parameters::flag(std::string_view name) const {
  const std::optional<std::string> given = text(name);
  if (!given)
    return std::nullopt;
  if (*given != "true" && *given != "false")
    refuse(name, "true or false");
  return *given == "true";
}

std::vector<std::string> Parameters::list(std::string_view name) const {
  std::vector<std::string> values;
  if (const std::optional<std::string> given = text(name))
    for (const std::string_view value : base::split(*given, ','))
      if (const std::string_view trimmed = base::trim(value); !trimmed.empty())
        values.emplace_back(trimmed);
  return values;
}

void Parameters::refuse(std::string_view name, std::string_view expected) const {
  throw Refused(400, std::string(name) + ": expected " + std::string(expected) + ", not \"" +
                         text(name).value_or("") + "\"");
}

}  // namespace gald::api
