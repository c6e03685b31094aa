#include "model/forms.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <tuple>

#include <unicode/bytestream.h>
#include <unicode/idna.h>
#include <unicode/normalizer2.h>
#include <unicode/unistr.h>

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

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string fold_case(std::string_view text) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* compose = icu::Normalizer2::getNFCInstance(error);
  auto folded = icu::UnicodeString::fromUTF8(
      icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())));
  folded.foldCase();
  std::string utf8;
  return compose->normalize(folded, error).toUTF8String(utf8);
}

/// The domain as the DNS knows it; nothing when it is none.
std::optional<std::string> a_labels(std::string_view domain) {
  static const std::unique_ptr<const icu::IDNA> kIdna = [] {
    UErrorCode error = U_ZERO_ERROR;
    return std::unique_ptr<const icu::IDNA>(
        icu::IDNA::createUTS46Instance(UIDNA_NONTRANSITIONAL_TO_ASCII, error));
  }();
  std::string labels;
  icu::StringByteSink<std::string> sink(&labels);
  icu::IDNAInfo info;
  UErrorCode error = U_ZERO_ERROR;
  kIdna->nameToASCII_UTF8(icu::StringPiece(domain.data(), static_cast<std::int32_t>(domain.size())),
                          sink, info, error);
  if (U_FAILURE(error) || info.hasErrors())
    return std::nullopt;
  return base::ascii_lower(labels);
}

}  // namespace

Address parse_address(std::string_view text) {
  text = base::trim(text);
  const std::size_t colon = text.find(':');
  const bool prefixed = colon != std::string_view::npos && colon > 0 && is_alpha(text.front()) &&
                        std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon),
                                    [](char c) { return is_alpha(c) || is_digit(c); });
  if (!prefixed)
    return {"smtp", std::string(text), false, {}};
  const std::string_view prefix = text.substr(0, colon);
  const bool capitals =
      std::none_of(prefix.begin(), prefix.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  return {base::ascii_lower(prefix), std::string(base::trim(text.substr(colon + 1))), capitals, {}};
}

std::string fold_address(std::string_view value) {
  std::string folded = base::ascii_lower(base::trim(value));
  if (is_ascii(folded) || !base::is_valid_utf8(folded))
    return folded;  // A-labels are ASCII, and lower case is their comparison form
  const std::size_t at = folded.rfind('@');
  if (at == std::string::npos)
    return fold_case(folded);
  const std::string_view domain = std::string_view(folded).substr(at + 1);
  const std::optional<std::string> labels =
      is_ascii(domain) ? std::string(domain) : a_labels(domain);
  return labels ? fold_case(folded.substr(0, at)) + "@" + *labels : folded;
}

bool is_guest_principal(std::string_view value) {
  for (std::size_t at = value.find('#'); at != std::string_view::npos; at = value.find('#', at + 1))
    if (base::ascii_iequals(value.substr(at, 5), "#ext#"))
      return true;
  return false;
}

std::string format_address(const Address& address) {
  std::string prefix = address.kind;
  if (address.primary)
    std::transform(prefix.begin(), prefix.end(), prefix.begin(), [](char c) {
      return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
  return prefix + ":" + address.value;
}

void sort_addresses(std::vector<Address>& addresses) {
  std::sort(addresses.begin(), addresses.end(), [](const Address& a, const Address& b) {
    const auto rank = [](const Address& address) {
      return std::tuple(address.kind != "smtp", address.kind, !address.primary,
                        fold_address(address.value), address.value);
    };
    return rank(a) < rank(b);
  });
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
