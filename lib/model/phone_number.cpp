#include "model/phone_number.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <string>

#include <phonenumbers/phonenumber.pb.h>
#include <phonenumbers/phonenumberutil.h>

#include "base/text.hpp"

namespace gald::model {

namespace {

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

/// Numbers of exchanges and emergency services are no longer (116117, six-digit extensions).
constexpr std::size_t kMostInternalDigits = 6;
constexpr std::size_t kMostDigits = 15;  // ITU-T E.164
constexpr std::uint64_t kLongestNumber = 100'000'000'000'000;
constexpr std::size_t kMostExtensionDigits = 8;

/// No number is written in more, and the library takes its time with what is long.
constexpr std::size_t kLongestText = 100;
constexpr std::string_view kSeparators = " -./()\t";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

const PhoneNumberUtil& library() {
  return *PhoneNumberUtil::GetInstance();
}

/// Bit n: a number of the country may have n digits behind the calling code.
std::uint32_t possible_lengths(int calling_code) {
  static constexpr std::uint32_t kAsked = 1;  // no number has 0 digits
  static std::array<std::atomic<std::uint32_t>, 1000> known{};
  std::atomic<std::uint32_t>& slot = known[static_cast<std::size_t>(calling_code)];
  std::uint32_t lengths = slot.load(std::memory_order_relaxed);
  if (lengths != 0)
    return lengths;
  lengths = kAsked;
  PhoneNumber number;
  number.set_country_code(calling_code);
  std::uint64_t digits = 1;
  for (std::size_t length = 1; length <= kMostDigits; ++length, digits *= 10) {
    number.set_national_number(digits);
    if (library().IsPossibleNumberWithReason(number) == PhoneNumberUtil::IS_POSSIBLE)
      lengths |= 1U << length;
  }
  slot.store(lengths, std::memory_order_relaxed);
  return lengths;
}

// --- without the library
// ---------------------------------------------------------------------------

/// What the library makes of the first digit behind a calling code. Only countries are here whose
/// rule is as simple as that; the library reads the numbers of all others.
struct Plan {
  int calling_code;
  char prefix;           ///< the national prefix; '\0': there is none, a zero belongs to the number
  bool dropped = false;  ///< it is left out when it stands there, as in "+49 (0)89"; otherwise such
                         ///< a number is for the library
};

constexpr auto kPlans = std::to_array<Plan>({
    {1, '1'},         {7, '8'},         {20, '0', true},  {27, '0', true},  {30, '\0'},
    {31, '0', true},  {32, '0', true},  {33, '0', true},  {34, '\0'},       {36, '0'},
    {39, '\0'},       {40, '0', true},  {41, '0', true},  {43, '0', true},  {44, '0', true},
    {45, '\0'},       {46, '0', true},  {47, '\0'},       {48, '\0'},       {49, '0', true},
    {51, '0', true},  {60, '0', true},  {65, '\0'},       {90, '0', true},  {91, '0'},
    {351, '\0'},      {353, '0', true}, {354, '\0'},      {356, '\0'},      {357, '\0'},
    {358, '0'},       {359, '0', true}, {371, '\0'},      {372, '\0'},      {380, '0', true},
    {381, '0', true}, {385, '0', true}, {386, '0', true}, {420, '\0'},      {421, '0', true},
    {852, '\0'},      {966, '0', true}, {971, '0', true}, {972, '0', true},
});

const Plan* plan_of(int calling_code) {
  static constexpr std::array<std::uint8_t, 1000> kPositions = [] {
    std::array<std::uint8_t, 1000> positions{};
    for (std::size_t i = 0; i < kPlans.size(); ++i)
      positions[static_cast<std::size_t>(kPlans[i].calling_code)] =
          static_cast<std::uint8_t>(i + 1);
    return positions;
  }();
  const std::uint8_t position = kPositions[static_cast<std::size_t>(calling_code)];
  return position == 0 ? nullptr : &kPlans[position - 1U];
}

/// The E.164 form of a number that is written as "+", digits and separators: nine of ten in a
/// well-kept directory, and the library takes a thousand times as long. Nothing: ask the library.
std::optional<std::string> e164_of_plain_number(std::string_view text) {
  if (!text.starts_with('+'))
    return std::nullopt;
  std::array<char, kMostDigits + 1> digits;
  std::size_t count = 0;
  for (const char c : text.substr(1)) {
    if (is_digit(c)) {
      if (count == digits.size())
        return std::nullopt;
      digits[count++] = c;
    } else if (kSeparators.find(c) == std::string_view::npos || c == '\t') {
      return std::nullopt;
    }
  }
  const std::string_view all(digits.data(), count);
  int calling_code = 0;
  const Plan* plan = nullptr;
  std::size_t length = 0;
  while (plan == nullptr && length < std::min<std::size_t>(3, all.size())) {
    calling_code = calling_code * 10 + (all[length++] - '0');
    plan = plan_of(calling_code);
  }
  if (plan == nullptr)
    return std::nullopt;
  std::string_view national = all.substr(length);
  if (plan->prefix != '\0' && national.starts_with(plan->prefix)) {
    if (!plan->dropped)
      return std::nullopt;
    national.remove_prefix(1);
    if (national.starts_with(plan->prefix))
      return std::nullopt;
  }
  if (national.size() > kMostDigits || (possible_lengths(calling_code) >> national.size() & 1) == 0)
    return std::nullopt;
  std::string e164 = "+";
  e164.append(all.substr(0, length)).append(national);
  return e164;
}

// --- with the library
// ------------------------------------------------------------------------------

std::string digits_of(std::string_view text) {
  std::string digits;
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits), is_digit);
  return digits;
}

/// "089 123456 (home)" without what is said about it.
std::string_view without_remark(std::string_view text) {
  const std::size_t open = text.rfind('(');
  if (open == std::string_view::npos || open == 0 || !text.ends_with(')') ||
      std::any_of(text.begin() + static_cast<std::ptrdiff_t>(open), text.end(), is_digit))
    return text;
  return base::trim(text.substr(0, open));
}

/// Whether it has the national prefix, where one is dialled before an area code. Without it a
/// number may be one that is dialled inside an area, unless it is as long as they get.
bool has_area_code(const PhoneNumber& number, std::string_view digits) {
  std::string region;
  library().GetRegionCodeForNumber(number, &region);
  std::string prefix;
  library().GetNddPrefixForRegion(region, true, &prefix);
  if (prefix.empty() || digits.starts_with(prefix))
    return true;
  std::string spoken;
  library().Format(number, PhoneNumberUtil::NATIONAL, &spoken);
  if (!digits_of(spoken).starts_with(prefix))
    return true;
  PhoneNumber longer = number;  // area codes are a matter of fixed lines
  while (longer.national_number() < kLongestNumber) {
    longer.set_national_number(longer.national_number() * 10);
    if (library().IsPossibleNumberForTypeWithReason(longer, PhoneNumberUtil::FIXED_LINE) ==
        PhoneNumberUtil::IS_POSSIBLE)
      return false;
  }
  return true;
}

bool is_certain(const PhoneNumber& number, std::string_view digits) {
  switch (number.country_code_source()) {
    case PhoneNumber::FROM_NUMBER_WITH_PLUS_SIGN:
    case PhoneNumber::FROM_NUMBER_WITH_IDD:
      return library().IsPossibleNumberWithReason(number) == PhoneNumberUtil::IS_POSSIBLE;
    default:
      return library().IsValidNumber(number) && has_area_code(number, digits);
  }
}

/// The library reads letters as those on the keys of a telephone, or passes over them: a remark
/// would become part of the number. Only what it took for the mark of an extension may be there.
bool is_spelled_in_digits(std::string_view text, const PhoneNumber& number) {
  const auto first = std::find_if(text.begin(), text.end(), is_digit);
  if (number.extension().empty())
    return std::none_of(first, text.end(), is_letter);
  std::string significant;
  library().GetNationalSignificantNumber(number, &significant);
  return digits_of(text).size() >= significant.size() + number.extension().size();
}

bool read_by_library(std::string_view text, std::string_view region, Phone& phone) {
  PhoneNumber number;
  if (library().ParseAndKeepRawInput(std::string(text), region.empty() ? "ZZ" : std::string(region),
                                     &number) != PhoneNumberUtil::NO_PARSING_ERROR ||
      !is_spelled_in_digits(text, number) || !is_certain(number, digits_of(text)))
    return false;
  number.clear_raw_input();  // it is what the library writes where a number is all zeros
  library().Format(number, PhoneNumberUtil::E164, &phone.e164);
  if (number.extension().size() <= kMostExtensionDigits)
    phone.extension = number.extension();
  return true;
}

// --- numbers that nobody outside can dial --------------------------------------------------------

/// Digits and keys, or nothing when there is anything else.
std::string keys_of(std::string_view text) {
  std::string keys;
  for (const char c : text) {
    if (is_digit(c) || c == '*' || c == '#')
      keys += c;
    else if (kSeparators.find(c) == std::string_view::npos)
      return {};
  }
  return keys;
}

}  // namespace

Phone parse_phone(std::string_view type, std::string_view raw, std::string_view region) {
  Phone phone;
  phone.type = type;
  phone.raw = raw;
  const std::string_view text = without_remark(base::trim(raw));
  if (text.size() > kLongestText)
    return phone;
  if (std::optional<std::string> e164 = e164_of_plain_number(text)) {
    phone.e164 = *std::move(e164);
    phone.kind = PhoneKind::international;
    return phone;
  }
  const std::string keys = keys_of(text);
  const bool has_codes = keys.find_first_of("*#") != std::string::npos;
  const bool is_short = !keys.empty() && keys.size() <= kMostInternalDigits;
  const bool is_code = has_codes && (text.starts_with('*') || text.starts_with('#'));
  if (!is_code && !(is_short && text.starts_with('-'))) {
    // Nearly everywhere "00" is how a country is dialled.
    const bool read = region.empty() && text.starts_with("00")
                          ? read_by_library("+" + std::string(text.substr(2)), region, phone)
                          : read_by_library(text, region, phone);
    if (read) {
      phone.kind = PhoneKind::international;
      return phone;
    }
  }
  if (is_code || is_short) {
    phone.kind = PhoneKind::internal;
    phone.extension = keys;
  } else if (!keys.empty() && !has_codes && keys.size() <= kMostDigits) {
    phone.kind = PhoneKind::national;
  }
  return phone;
}

}  // namespace gald::model
