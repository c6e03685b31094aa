#include "model/forms.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace gald::model {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

int hex_value(char c) {
  if (is_digit(c))
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

/// Cuts an extension off the end of a number: "... x12", "... ext. 12", "...;ext=12".
std::string cut_extension(std::string_view& number) {
  std::size_t digits = 0;
  while (digits < number.size() && is_digit(number[number.size() - 1 - digits]))
    ++digits;
  if (digits == 0 || digits > 8 || digits == number.size())
    return {};
  const std::string_view extension = number.substr(number.size() - digits);
  const std::string before = base::ascii_lower(number.substr(0, number.size() - digits));
  for (const std::string_view mark : {";ext=", "ext. ", "ext.", "ext ", "x", "x "}) {
    if (before.ends_with(mark)) {
      number = number.substr(0, before.size() - mark.size());
      return std::string(extension);
    }
  }
  return {};
}

}  // namespace

Address parse_address(std::string_view text) {
  const std::size_t colon = text.find(':');
  const bool prefixed = colon != std::string_view::npos && colon > 0 &&
                        std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon),
                                    [](char c) { return is_alpha(c) || is_digit(c); });
  if (!prefixed)
    return {"smtp", std::string(base::trim(text)), false, {}};
  const std::string_view prefix = text.substr(0, colon);
  const bool capitals =
      std::none_of(prefix.begin(), prefix.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  return {base::ascii_lower(prefix), std::string(base::trim(text.substr(colon + 1))), capitals, {}};
}

std::string fold_address(std::string_view value) {
  return base::ascii_lower(base::trim(value));
}

std::string format_address(const Address& address) {
  std::string prefix = address.kind;
  if (address.primary)
    std::transform(prefix.begin(), prefix.end(), prefix.begin(), [](char c) {
      return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
  return prefix + ":" + address.value;
}

Phone parse_phone(std::string_view type, std::string_view raw) {
  Phone phone{std::string(type), std::string(raw), {}, {}, {}};
  std::string_view number = base::trim(raw);
  if (!number.starts_with('+'))
    return phone;
  phone.extension = cut_extension(number);
  std::string digits = "+";
  for (std::size_t i = 1; i < number.size(); ++i) {
    if (number.substr(i).starts_with("(0)")) {  // the trunk prefix, written for domestic readers
      i += 2;
      continue;
    }
    if (is_digit(number[i]))
      digits += number[i];
    else if (std::string_view(" -./()\t").find(number[i]) == std::string_view::npos)
      return phone;  // something that is no separator: not a plain number
  }
  if (digits.size() >= 8 && digits.size() <= 16)
    phone.e164 = digits;
  return phone;
}

std::string rdn_value(std::string_view rdn) {
  const std::size_t equals = rdn.find('=');
  if (equals == std::string_view::npos)
    return std::string(rdn);
  const std::string_view escaped = rdn.substr(equals + 1);
  std::string plain;
  for (std::size_t i = 0; i < escaped.size(); ++i) {
    if (escaped[i] != '\\' || i + 1 == escaped.size()) {
      plain += escaped[i];
      continue;
    }
    const int high = hex_value(escaped[i + 1]);
    const int low = i + 2 < escaped.size() ? hex_value(escaped[i + 2]) : -1;
    if (high >= 0 && low >= 0) {
      plain += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      plain += escaped[++i];
    }
  }
  return plain;
}

}  // namespace gald::model
