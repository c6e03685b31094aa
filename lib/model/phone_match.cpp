#include "model/phone_match.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"
#include "model/names.hpp"
#include "model/phone_number.hpp"

namespace gald::model {

namespace {

constexpr Names<PhoneMatch, 5> kMatches = {{
    {PhoneMatch::exact, "exact"},
    {PhoneMatch::national, "national"},
    {PhoneMatch::switchboard, "switchboard"},
    {PhoneMatch::tail, "tail"},
    {PhoneMatch::extension, "extension"},
}};

constexpr std::size_t kLongestText = 100;
constexpr std::size_t kMostDigits = 20;  // E.164 has 15, an exit code five
constexpr std::size_t kMostExtensionDigits = 8;

/// A number that is shorter than this behind the code of its country is no switchboard's.
constexpr std::size_t kShortestSwitchboard = 5;
constexpr std::size_t kMostDigitsBehindSwitchboard = 5;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string digits_of(std::string_view text) {
  std::string digits;
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits), is_digit);
  return digits;
}

std::string_view without_zeros(std::string_view digits) {
  return digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
}

/// Of the digits of an E.164 number. Codes are free of prefixes (ITU-T E.164 Annex D): one digit in
/// North America and Russia, two in the countries below, three everywhere else.
std::size_t calling_code_length(std::string_view digits) {
  static constexpr std::string_view kOfTwo =
      "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64"
      " 65 66 81 82 84 86 90 91 92 93 94 95 98 ";
  if (digits.starts_with('1') || digits.starts_with('7'))
    return 1;
  std::string code(digits.substr(0, 2));
  code += ' ';
  return kOfTwo.find(code) == std::string_view::npos ? 3 : 2;
}

/// "089 1234567 ext. 12" as number and digits of the extension.
struct Parted {
  std::string_view number;
  std::string extension;
};

Parted parted(std::string_view text) {
  static constexpr auto kMarks =
      std::to_array<std::string_view>({";ext=", "extension", "ext.", "ext", "x", "#"});
  const std::string lower = base::ascii_lower(text);
  for (const std::string_view mark : kMarks) {
    const std::size_t at = lower.rfind(mark);
    if (at == std::string::npos)
      continue;
    const std::string_view behind = base::trim(text.substr(at + mark.size()));
    if (!behind.empty() && behind.size() <= kMostExtensionDigits &&
        std::all_of(behind.begin(), behind.end(), is_digit))
      return {base::trim(text.substr(0, at)), std::string(behind)};
  }
  return {text, {}};
}

std::string without_trunk_zero(std::string_view text) {
  std::string plain(text);
  if (const std::size_t at = plain.find("(0)"); at != std::string::npos)
    plain.erase(at, 3);
  return plain;
}

/// What stands in front of a whole number where it is dialled from abroad ("00", "011", "810").
bool is_exit_code(std::string_view digits) {
  return digits.size() <= 5 && (digits.starts_with('0') || digits == "810");
}

/// Letters and the like stand for something else than a number.
void add_dialled(std::vector<std::string>& dialled, std::string_view text) {
  const std::string digits = digits_of(text);
  if (text.find_first_not_of("0123456789 +-./()\t") == std::string_view::npos &&
      without_zeros(digits).size() >= kShortestTail && digits.size() <= kMostDigits &&
      std::find(dialled.begin(), dialled.end(), digits) == dialled.end())
    dialled.push_back(digits);
}

/// With the extensions that the two have, which must not be different ones.
std::optional<MatchedPhone> beside_extensions(MatchedPhone matched, std::string_view asked,
                                              std::string_view stored) {
  if (asked == stored)
    return matched;
  if (!asked.empty() && !stored.empty())
    return std::nullopt;
  matched.match = std::max(matched.match, PhoneMatch::switchboard);
  return matched;
}

/// How short a switchboard's number may be, the "+" included.
std::size_t shortest_switchboard(std::string_view e164) {
  return 1 + calling_code_length(e164.substr(1)) + kShortestSwitchboard;
}

/// How many digits of the two are the same; 0: it is not the switchboard's.
std::size_t digits_of_switchboard(std::string_view stored, std::string_view asked) {
  if (stored.size() >= asked.size())
    return 0;
  if (stored.ends_with('0') && !asked.starts_with(stored))
    stored.remove_suffix(1);
  return stored.size() >= shortest_switchboard(asked) && asked.starts_with(stored) &&
                 asked.size() - stored.size() <= kMostDigitsBehindSwitchboard
             ? stored.size() - 1
             : 0;
}

std::optional<MatchedPhone> match_full(const FullNumber& asked, const Phone& stored) {
  const std::size_t digits = asked.e164.size() - 1;
  if (stored.e164 == asked.e164)
    return beside_extensions({PhoneMatch::exact, digits}, asked.extension, stored.extension);
  const auto is_both = [](std::string_view whole, std::string_view e164,
                          std::string_view extension) {
    return !extension.empty() && whole.size() == e164.size() + extension.size() &&
           whole.starts_with(e164) && whole.ends_with(extension);
  };
  if ((stored.extension.empty() && is_both(stored.e164, asked.e164, asked.extension)) ||
      (asked.extension.empty() && is_both(asked.e164, stored.e164, stored.extension)))
    return MatchedPhone{PhoneMatch::exact, digits + asked.extension.size()};
  if (asked.extension.empty() && stored.extension.empty())
    if (const std::size_t same = digits_of_switchboard(stored.e164, asked.e164); same > 0)
      return MatchedPhone{PhoneMatch::switchboard, same};
  return std::nullopt;
}

/// A whole number against one that may leave out its beginning.
std::optional<MatchedPhone> match_whole(std::string_view whole, std::string_view dialled) {
  const std::string_view digits = without_zeros(dialled);
  const std::size_t code = std::min(calling_code_length(whole), whole.size());
  if (whole == digits ||
      (dialled.ends_with(whole) && is_exit_code(dialled.substr(0, dialled.size() - whole.size()))))
    return MatchedPhone{PhoneMatch::exact, whole.size()};
  if (without_zeros(whole.substr(code)) == digits)
    return MatchedPhone{PhoneMatch::national, digits.size()};
  if (whole.ends_with(digits))
    return MatchedPhone{PhoneMatch::tail, digits.size()};
  return std::nullopt;
}

/// Numbers of which neither says its country.
std::optional<MatchedPhone> match_national(std::string_view stored, std::string_view dialled) {
  const std::string_view digits = without_zeros(dialled);
  if (stored == digits)
    return MatchedPhone{PhoneMatch::national, digits.size()};
  if (stored.ends_with(digits) || digits.ends_with(stored))
    return MatchedPhone{PhoneMatch::tail, std::min(stored.size(), digits.size())};
  return std::nullopt;
}

void keep_better(std::optional<MatchedPhone>& best, const std::optional<MatchedPhone>& other) {
  if (other &&
      (!best || std::pair(other->match, best->digits) < std::pair(best->match, other->digits)))
    best = other;
}

}  // namespace

std::string_view to_string(PhoneMatch match) {
  return name_of(kMatches, match);
}

std::int64_t tail_of(std::string_view digits) {
  std::int64_t tail = 0;
  for (const char digit : digits.substr(digits.size() - std::min(digits.size(), kShortestTail)))
    tail = tail * 10 + (digit - '0');
  return tail;
}

PhoneQuery read_phone_query(std::string_view text, std::span<const std::string> regions) {
  PhoneQuery query;
  text = base::trim(text);
  if (text.size() > kLongestText)
    return query;
  const Parted parts = parted(text);
  if (parts.number.empty()) {
    query.internal = parts.extension;
    return query;
  }
  const auto read = [&](std::string_view region) {
    Phone phone = parse_phone({}, text, region);
    if (phone.kind != PhoneKind::international) {
      if (phone.kind == PhoneKind::internal)
        query.internal = std::move(phone.extension);
      return false;
    }
    const bool known = std::any_of(query.full.begin(), query.full.end(), [&](const auto& one) {
      return one.e164 == phone.e164 && one.extension == phone.extension;
    });
    if (!known)
      query.full.push_back({std::move(phone.e164), std::move(phone.extension)});
    return true;
  };
  const auto read_as_dialled = [&] {
    for (const std::string& region : regions)
      read(region);
  };
  // "00" may begin a longer exit code, such as the "0011" of Australia, or be meant as "+" where it
  // is none: what may be meant is looked for, the likeliest first.
  const bool has_exit_code = text.starts_with("00");
  if (has_exit_code)
    read_as_dialled();
  query.says_country = read({}) && query.full.size() == 1;
  if (query.says_country) {
    query.extension = query.full.front().extension;
    add_dialled(query.dialled, query.full.front().e164);
    return query;
  }
  if (!has_exit_code)
    read_as_dialled();
  query.extension = parts.extension;
  add_dialled(query.dialled, parts.number);
  add_dialled(query.dialled, without_trunk_zero(parts.number));
  return query;
}

std::vector<std::string> PhoneQuery::same() const {
  std::vector<std::string> forms;
  for (const FullNumber& number : full) {
    forms.push_back(number.e164);
    if (!number.extension.empty())
      forms.push_back(number.e164 + number.extension);
  }
  return forms;
}

std::vector<std::string> PhoneQuery::switchboards() const {
  std::vector<std::string> forms;
  for (const FullNumber& number : full) {
    if (!number.extension.empty())
      continue;  // what it is behind is the number itself
    const std::string& e164 = number.e164;
    const std::size_t least = shortest_switchboard(e164);
    for (std::size_t cut = 1; cut <= kMostDigitsBehindSwitchboard && e164.size() >= least + cut;
         ++cut) {
      const std::string head = e164.substr(0, e164.size() - cut);
      if (cut > 1 && e164[head.size()] != '0')
        forms.push_back(head + "0");
      forms.push_back(head);
    }
  }
  return forms;
}

std::string national_digits(std::string_view raw) {
  return std::string(without_zeros(digits_of(raw)));
}

std::optional<MatchedPhone> match_phone(const PhoneQuery& query, const Phone& stored) {
  std::optional<MatchedPhone> best;
  if (!query.internal.empty() && stored.extension == query.internal)
    best = MatchedPhone{PhoneMatch::extension, query.internal.size()};
  if (stored.kind == PhoneKind::international) {
    for (const FullNumber& number : query.full)
      keep_better(best, match_full(number, stored));
    if (!query.says_country)
      for (const std::string& dialled : query.dialled)
        if (const auto matched = match_whole(std::string_view(stored.e164).substr(1), dialled))
          keep_better(best, beside_extensions(*matched, query.extension, stored.extension));
  } else if (stored.kind == PhoneKind::national) {
    const std::string digits = national_digits(stored.raw);
    if (digits.size() >= kShortestTail)
      for (const std::string& dialled : query.dialled)
        if (const auto matched =
                query.says_country ? match_whole(dialled, digits) : match_national(digits, dialled))
          keep_better(best, beside_extensions(*matched, query.extension, stored.extension));
  }
  return best;
}

}  // namespace gald::model
