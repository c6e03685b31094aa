#include "model/phone_match.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "model/phone_number.hpp"

namespace gald::model {

namespace {

/// "exact", ..., or "" for another number.
std::string match(const std::string& asked, const std::string& stored,
                  const std::string& stored_region = {}, std::vector<std::string> regions = {}) {
  const auto matched =
      match_phone(read_phone_query(asked, regions), parse_phone("business", stored, stored_region));
  return matched ? std::string(to_string(matched->match)) : std::string();
}

/// One number as directories of its country hold it, and as it may be asked about.
struct Subscriber {
  const char* region;
  const char* abroad;  ///< another country, from which it may be dialled
  std::vector<std::string> stored;
  std::vector<std::string> whole;     ///< ways to ask that say the country
  std::vector<std::string> national;  ///< ways that do not
  std::vector<std::string> local;     ///< without the area
};

const std::vector<Subscriber> kSubscribers = {
    {"DE",
     "US",
     {"+49 30 23125110", "+49 (0)30 / 23125-110", "0049 30 23125110", "030 23125-110",
      "(030) 23 12 51 10", "+493023125110"},
     {"+49 30 23125110", "+493023125110", "0049 30 23125110", "011 49 30 23125110",
      "+49 (0)30 23125-110", "0049 (0) 30 23125110", "tel:+49-30-23125110", "4930 23125110"},
     {"030 23125110", "(0 30) 23125-110", "30 23125110"},
     {"23125110", "23125-110"}},
    {"US",
     "DE",
     {"+1 (425) 555-0100", "1-425-555-0100", "425.555.0100", "(425) 555-0100", "+14255550100"},
     {"+1 425 555 0100", "001 425 555 0100", "1 425 555 0100", "+1 (425) 555-0100"},
     {"(425) 555-0100", "425-555-0100", "4255550100"},
     {"555-0100", "5550100"}},
    {"CA",
     "FR",
     {"+1 514 555 0199", "(514) 555-0199"},
     {"+15145550199", "00 1 514 555 0199"},
     {"514 555 0199"},
     {"555 0199"}},
    {"GB",
     "DE",
     {"+44 20 7946 0958", "+44 (0)20 7946 0958", "020 7946 0958", "(020) 7946 0958"},
     {"+44 20 7946 0958", "0044 20 7946 0958", "+44 (0)20 7946 0958", "011 44 20 7946 0958"},
     {"020 7946 0958", "20 7946 0958"},
     {"7946 0958"}},
    {"FR",
     "GB",
     {"+33 1 23 45 67 89", "+33 (0) 1 23 45 67 89", "01 23 45 67 89", "01.23.45.67.89"},
     {"+33 123456789", "0033 1 23 45 67 89", "0011 33 1 23 45 67 89"},
     {"01 23 45 67 89", "1 23 45 67 89"},
     {"23 45 67 89"}},
    {"IT",
     "DE",
     {"+39 06 1234 5678", "+39 (0)6 1234 5678", "06 1234 5678", "0039 06 12345678"},
     {"+39 06 1234 5678", "0039 06 1234 5678", "011 39 06 1234 5678"},
     {"06 1234 5678", "6 1234 5678"},
     {"1234 5678"}},
    {"CH",
     "IT",
     {"+41 44 668 18 00", "044 668 18 00", "+41 (0)44 668 18 00"},
     {"+41 44 668 18 00", "0041 44 668 18 00", "+41(0)446681800"},
     {"044 668 18 00", "44 668 18 00"},
     {"668 18 00"}},
    {"AT",
     "DE",
     {"+43 1 51433 0", "+43 (1) 51433-0", "01 514330"},
     {"+43 1 514330", "0043 1 514330"},
     {"01 514330"},
     {}},
    {"JP",
     "US",
     {"+81 3-1234-5678", "03-1234-5678", "(03) 1234-5678"},
     {"+81 3 1234 5678", "010 81 3 1234 5678", "0081 3 1234 5678", "011 81 3 1234 5678"},
     {"03 1234 5678", "3 1234 5678"},
     {"1234 5678"}},
};

}  // namespace

TEST(PhoneMatch, MeetsANumberHoweverEitherIsWritten) {
  for (const Subscriber& one : kSubscribers)
    for (const std::string& stored : one.stored) {
      const auto asked = [&](const std::string& text, std::vector<std::string> regions) {
        return match(text, stored, one.region, std::move(regions));
      };
      const std::string about = std::string(one.region) + " " + stored + " <- ";
      for (const std::string& text : one.whole) {
        EXPECT_EQ(asked(text, {}), "exact") << about << text;
        EXPECT_EQ(asked(text, {one.region}), "exact") << about << text;
        EXPECT_EQ(asked(text, {one.abroad}), "exact") << about << text;
      }
      for (const std::string& text : one.national) {
        EXPECT_EQ(asked(text, {}), "national") << about << text;
        EXPECT_NE(asked(text, {one.abroad}), "") << about << text;
        EXPECT_TRUE(asked(text, {one.region}) == "exact" || asked(text, {one.region}) == "national")
            << about << text;
      }
      EXPECT_EQ(asked(one.national.front(), {one.abroad, one.region}), "exact") << about;
      for (const std::string& text : one.local)
        EXPECT_EQ(asked(text, {}), "tail") << about << text;
    }
}

TEST(PhoneMatch, KnowsExitCodesThatBeginLikeAnotherOne) {
  struct Call {
    const char* region;  ///< where it was dialled
    const char* asked;
    const char* stored;
  };

  for (const auto& [region, asked, stored] :
       std::vector<Call>{{"AU", "0011 65 6123 4567", "+65 6123 4567"},
                         {"AU", "0011 64 4 123 4567", "+64 4 123 4567"},
                         {"AU", "0011 45 33 12 34 56", "+45 33 12 34 56"},
                         {"AU", "0045 33 12 34 56", "+45 33 12 34 56"},  // as elsewhere
                         {"AU", "0011 1 425 555 0100", "+1 425 555 0100"},
                         {"SG", "001 45 33 12 34 56", "+45 33 12 34 56"},
                         {"SG", "001 64 4 123 4567", "+64 4 123 4567"},
                         {"SG", "0045 33 12 34 56", "+45 33 12 34 56"},
                         {"HK", "001 45 33 12 34 56", "+45 33 12 34 56"},
                         {"HK", "0065 6123 4567", "+65 6123 4567"},
                         {"CO", "009 45 33 12 34 56", "+45 33 12 34 56"},
                         {"JP", "0045 33 12 34 56", "+45 33 12 34 56"},
                         {"DE", "0045 33 12 34 56", "+45 33 12 34 56"},
                         {"DE", "001 425 555 0100", "+1 425 555 0100"},
                         {"US", "0045 33 12 34 56", "+45 33 12 34 56"}}) {
    EXPECT_EQ(match(asked, stored, "", {region}), "exact") << region << " " << asked;
    EXPECT_EQ(match(asked, stored, "", {"DE", region}), "exact") << region << " " << asked;
  }
  EXPECT_EQ(match("0045 33 12 34 56", "+45 33 12 34 56"), "exact");
  EXPECT_EQ(match("0011 65 6123 4567", "+65 6123 4568", "", {"AU"}), "");
  const std::vector<std::string> germany{"DE"};
  EXPECT_TRUE(read_phone_query("0045 33 12 34 56", germany).says_country);
  EXPECT_TRUE(read_phone_query("0045 33 12 34 56", {}).says_country);
  const std::vector<std::string> australia{"AU"};
  EXPECT_EQ(read_phone_query("0011 65 6123 4567", australia).same().front(), "+6561234567");
  EXPECT_FALSE(read_phone_query("0011 65 6123 4567", australia).says_country);
}

TEST(PhoneMatch, MeetsNumbersThatNobodyKnowsTheCountryOf) {
  EXPECT_EQ(match("030 23125110", "(030) 23125-110"), "national");
  EXPECT_EQ(match("+49 30 23125110", "030 23125110"), "national");
  EXPECT_EQ(match("011 49 30 23125110", "030 23125110"), "tail");
  EXPECT_EQ(match("+49 30 23125110", "23125110"), "tail");
  EXPECT_EQ(match("030 23125110", "23125110"), "tail");
  EXPECT_EQ(match("23125110", "030 23125110"), "tail");
  EXPECT_EQ(match("+39 06 1234 5678", "06 1234 5678"), "national");
  EXPECT_EQ(match("+49 30 23125110", "030 23125110 (Empfang)"), "national");
  EXPECT_EQ(match("+49 89 23125110", "030 23125110"), "");
}

TEST(PhoneMatch, DoesNotMeetAnotherNumber) {
  for (const auto& [asked, stored] : std::vector<std::pair<std::string, std::string>>{
           {"+49 89 23125110", "+49 30 23125110"},  // another city
           {"+43 30 23125110", "+49 30 23125110"},  // another country
           {"030 23125110", "+49 89 23125110"},     //
           {"+49 30 23125111", "+49 30 23125110"},  //
           {"+1 425 555 0101", "+1 425 555 0100"},  // no switchboard where all are as long
           {"125110", "+49 30 23125110"},           // a short end meets too many by chance
           {"1230 23125110", "+49 30 23125110"},    // no exit code
           {"+49 30 23125", "+49 30 23125110"},     // who of the house?
           {"4711", "+49 30 4711"},                 //
       })
    EXPECT_EQ(match(asked, stored), "") << asked << " / " << stored;
}

TEST(PhoneMatch, FindsTheSwitchboardOfAnExtension) {
  EXPECT_EQ(match("+49 30 23125-110", "+49 30 23125-0"), "switchboard");
  EXPECT_EQ(match("+49 30 23125-110", "+49 30 23125"), "switchboard");
  EXPECT_EQ(match("030 23125-110", "+49 30 23125-0", "", {"DE"}), "switchboard");
  EXPECT_EQ(match("+49 30 23125-11000", "+49 30 23125-0"), "switchboard");
  EXPECT_EQ(match("+49 30 23125-110000", "+49 30 23125-0"), "");
  EXPECT_EQ(match("+49 30 23126-110", "+49 30 23125-0"), "");
  const auto digits = [](const std::string& asked, const std::string& stored) {
    return match_phone(read_phone_query(asked, {}), parse_phone("business", stored, ""))->digits;
  };
  EXPECT_EQ(digits("+49 30 23125-110", "+49 30 23125-0"), 9U);
  EXPECT_EQ(digits("+49 30 23125-110", "+49 30 23125-11"), 11U);
}

TEST(PhoneMatch, ComparesExtensions) {
  for (const char* asked : {"+49 30 23125 x 110", "+49 30 23125 ext. 110", "+493023125;ext=110",
                            "+49 30 23125110", "030 23125 ext 110", "0049 30 23125110"}) {
    EXPECT_EQ(match(asked, "+49 30 23125 x110", "", {"DE"}), "exact") << asked;
    EXPECT_EQ(match(asked, "+49 30 23125-110", "", {"DE"}), "exact") << asked;
    EXPECT_EQ(match(asked, "+49 30 23125 x111", "", {"DE"}), "") << asked;
    EXPECT_EQ(match(asked, "+49 30 23125", "", {"DE"}), "switchboard") << asked;
  }
  EXPECT_EQ(match("+1 425 555 0100", "+1 425 555 0100 x1234"), "switchboard");
  EXPECT_EQ(match("425 555 0100 x1234", "+1 425 555 0100 x1234"), "national");
  EXPECT_EQ(match("425 555 0100 x1235", "+1 425 555 0100 x1234"), "");
}

TEST(PhoneMatch, MeetsWhatIsDialledInTheHouse) {
  for (const char* asked : {"4711", "-4711", "x4711", "ext. 4711", ";ext=4711", "#4711", "47 11"})
    EXPECT_EQ(match(asked, "4711"), "extension") << asked;
  EXPECT_EQ(match("1234", "+1 425 555 0100 x1234"), "extension");
  EXPECT_EQ(match("**610", "**610"), "extension");
  EXPECT_EQ(match("711", "4711"), "");
  EXPECT_EQ(match("4711", "+49 30 23125 4711"), "");
}

TEST(PhoneMatch, IsForNumbers) {
  for (const std::string& asked : std::vector<std::string>{
           "", " ", "+", "-", "()", "jane", "x", "ext", ";ext=", "+49 call me", "\xff\xfe 123",
           std::string(1 << 20, '1'), std::string(1 << 20, ' '), "+" + std::string(99, '0'),
           "12345678901234567890123", "00000000000", std::string("1\0002345678", 9)}) {
    const PhoneQuery query = read_phone_query(asked, std::vector<std::string>{"DE", "ZZ", ""});
    EXPECT_TRUE(query.full.empty()) << asked.substr(0, 30);
    for (const Subscriber& one : kSubscribers)
      for (const std::string& stored : one.stored)
        EXPECT_EQ(match(asked, stored, one.region), "") << asked.substr(0, 30);
    EXPECT_EQ(match(asked, asked), "") << asked.substr(0, 30);
  }
}

TEST(PhoneMatch, LooksForWhatItWouldMeet) {
  // whatever match_phone() accepts has to be among what the index is asked for
  for (const Subscriber& one : kSubscribers)
    for (const Subscriber& other : kSubscribers)
      for (const std::string& stored : other.stored)
        for (const auto* ways : {&one.whole, &one.national, &one.local})
          for (const std::string& asked : *ways) {
            const PhoneQuery query = read_phone_query(asked, std::vector<std::string>{"DE", "GB"});
            const Phone phone = parse_phone("business", stored, other.region);
            if (!match_phone(query, phone))
              continue;
            const auto has = [&](const std::vector<std::string>& forms) {
              return std::find(forms.begin(), forms.end(), phone.e164) != forms.end();
            };
            const std::int64_t tail =
                tail_of(phone.e164.empty() ? national_digits(stored) : phone.e164.substr(1));
            bool found = has(query.same()) || has(query.switchboards());
            for (const std::string& dialled : query.dialled)
              found = found || tail_of(dialled) == tail;
            EXPECT_TRUE(found) << asked << " / " << stored;
          }
}

}  // namespace gald::model
