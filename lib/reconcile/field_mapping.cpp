#include "reconcile/field_mapping.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "model/entry.hpp"

namespace gald::reconcile {

using model::Attribute;

namespace {

/// Capitals, and how far from each its small letter is (Unicode, simple case mappings).
struct Capitals {
  char32_t first;
  char32_t last;
  int to_small;
  char32_t step;
};

constexpr auto kCapitals = std::to_array<Capitals>({
    {U'A', U'Z', 32, 1},
    {0x00C0, 0x00D6, 32, 1},
    {0x00D8, 0x00DE, 32, 1},
    {0x0100, 0x012E, 1, 2},
    {0x0132, 0x0136, 1, 2},
    {0x0139, 0x0147, 1, 2},
    {0x014A, 0x0176, 1, 2},
    {0x0178, 0x0178, -121, 1},
    {0x0179, 0x017D, 1, 2},
    {0x0218, 0x021A, 1, 2},
    {0x0386, 0x0386, 38, 1},
    {0x0388, 0x038A, 37, 1},
    {0x038C, 0x038C, 64, 1},
    {0x038E, 0x038F, 63, 1},
    {0x0391, 0x03A1, 32, 1},
    {0x03A3, 0x03AB, 32, 1},
    {0x0400, 0x040F, 80, 1},
    {0x0410, 0x042F, 32, 1},
});

char32_t cased(char32_t letter, bool small) {
  for (const auto& [first, last, to_small, step] : kCapitals) {
    const char32_t capital = small ? letter : letter - static_cast<char32_t>(to_small);
    if (capital >= first && capital <= last && (capital - first) % step == 0)
      return small ? capital + static_cast<char32_t>(to_small) : capital;
  }
  return letter;
}

/// Letters that change their case take one byte or two in UTF-8, and as many afterwards.
std::string with_case(std::string_view text, bool small) {
  std::string result(text);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const auto byte = static_cast<unsigned char>(result[i]);
    if (byte < 0x80) {
      result[i] = static_cast<char>(cased(byte, small));
    } else if ((byte & 0xE0) == 0xC0 && i + 1 < result.size()) {
      const auto next = static_cast<unsigned char>(result[i + 1]);
      const char32_t letter = cased((byte & 0x1FU) << 6 | (next & 0x3FU), small);
      result[i] = static_cast<char>(0xC0 | letter >> 6);
      result[++i] = static_cast<char>(0x80 | (letter & 0x3F));
    }
  }
  return result;
}

std::string with_single_spaces(std::string_view text) {
  std::string result;
  for (const char c : base::trim(text)) {
    const bool space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!space)
      result += c;
    else if (result.back() != ' ')
      result += ' ';
  }
  return result;
}

model::Values values_for(const FieldRule& rule, const model::Attributes& said) {
  if (rule.constant)
    return {*rule.constant};
  if (!rule.from)
    return {};
  const auto from = said.find(*rule.from);
  if (from == said.end())
    return {};
  model::Values values;
  for (std::string value : from->second) {
    for (const Transform transform : rule.transforms)
      value = transformed(value, transform);
    if (!value.empty())
      values.push_back(std::move(value));
    if (!model::info(rule.target).multi_valued && !values.empty())
      break;
  }
  return values;
}

}  // namespace

model::Attributes map_fields(const model::Attributes& said, std::span<const FieldRule> rules) {
  model::Attributes seen = said;
  for (const FieldRule& rule : rules) {
    model::Values values = values_for(rule, said);
    if (values.empty())
      seen.erase(rule.target);
    else
      seen.insert_or_assign(rule.target, std::move(values));
  }
  return seen;
}

std::string transformed(std::string_view text, Transform transform) {
  switch (transform) {
    case Transform::trim:
      return std::string(base::trim(text));
    case Transform::collapse_spaces:
      return with_single_spaces(text);
    case Transform::lower:
      return with_case(text, true);
    case Transform::upper:
      return with_case(text, false);
  }
  return std::string(text);
}

bool may_be_mapped(Attribute target) {
  static constexpr auto kOnlyOfTheSource = std::to_array<Attribute>({
      Attribute::manager,             // a record of the connector, not a text
      Attribute::group_type,          // what the object is
      Attribute::distinguished_name,  // where it is
  });
  static constexpr auto kOfLists = std::to_array<Attribute>({
      Attribute::proxy_addresses,
      Attribute::other_mails,
      Attribute::external_address,
      Attribute::business_phones,
      Attribute::other_business_phones,
      Attribute::mobile_phone,
      Attribute::other_mobile_phones,
      Attribute::home_phone,
      Attribute::other_home_phones,
      Attribute::business_fax,
      Attribute::other_business_faxes,
      Attribute::pager,
      Attribute::ip_phone,
  });
  const auto in = [target](const auto& list) {
    return std::find(list.begin(), list.end(), target) != list.end();
  };
  return !in(kOnlyOfTheSource) && (in(model::published_attributes()) || in(kOfLists));
}

bool may_be_taken(Attribute source) {
  switch (source) {
    case Attribute::manager_name:
    case Attribute::assistant:
    case Attribute::assistant_phone:
    case Attribute::post_office_box:
    case Attribute::legacy_exchange_dn:
    case Attribute::sam_account_name:
    case Attribute::user_type:
    case Attribute::recipient_type:
    case Attribute::group_type:
    case Attribute::distinguished_name:
      return true;
    default:
      return may_be_mapped(source);
  }
}

}  // namespace gald::reconcile
