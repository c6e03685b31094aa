// Who calls? Whether the number that somebody asks about is one that a contact has, however either
// is written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/entry.hpp"

namespace gald::model {

/// How well a number meets the one that was asked about, the best first.
enum class PhoneMatch {
  exact,        ///< the same number, dialled from abroad or from its country
  national,     ///< the same behind the country's code, which one of the two leaves out
  switchboard,  ///< the same but for an extension, which one of the two leaves out
  tail,         ///< one is the end of the other
  extension,    ///< what is dialled in the house
};

std::string_view to_string(PhoneMatch match);

/// Of a number that is the end of another one: what is shorter meets too many by chance.
inline constexpr std::size_t kShortestTail = 7;

/// The last of them as a number: what ends in the same way has the same one.
std::int64_t tail_of(std::string_view digits);

/// An E.164 form, and the extension behind it.
struct FullNumber {
  std::string e164;
  std::string extension;
};

/// A number that was asked about, in all the ways in which it may be meant.
struct PhoneQuery {
  bool says_country = false;         ///< so that `full` is the one way to read it
  std::vector<FullNumber> full;      ///< as it is, or as dialled in one of the regions
  std::vector<std::string> dialled;  ///< its digits, where there are enough for a tail
  std::string extension;             ///< behind `dialled`
  std::string internal;              ///< dialled in the house; empty: it is too long for that

  /// The E.164 forms of which a contact would have one: the same, and those of a switchboard with
  /// the extension behind.
  std::vector<std::string> same() const;

  /// Those that may be the switchboard's, as the number is longer than they are and begins with
  /// them; a final 0, the operator, does not count.
  std::vector<std::string> switchboards() const;
};

/// Reads a number in any usual form: E.164, with exit code or trunk prefix, "(0)", an extension
/// behind it ("x 12", "ext. 12", ";ext=12"), an extension alone. `regions` are the countries in
/// which it may have been dialled, the likeliest first. All is empty for what is no number.
PhoneQuery read_phone_query(std::string_view text, std::span<const std::string> regions);

/// Digits of a number that is dialled in one country or area, without leading zeros.
std::string national_digits(std::string_view raw);

struct MatchedPhone {
  PhoneMatch match = PhoneMatch::exact;
  std::size_t digits = 0;  ///< that are the same
};

/// Nothing: it is another number.
std::optional<MatchedPhone> match_phone(const PhoneQuery& query, const Phone& stored);

}  // namespace gald::model
