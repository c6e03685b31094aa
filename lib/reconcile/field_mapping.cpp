#include "reconcile/field_mapping.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "model/entry.hpp"
#include "model/name_form.hpp"

namespace gald::reconcile {

using model::Attribute;

namespace {

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
      return model::lower_case(text);
    case Transform::upper:
      return model::upper_case(text);
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
