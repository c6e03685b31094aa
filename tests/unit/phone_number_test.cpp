#include "model/phone_number.hpp"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <phonenumbers/phonenumber.pb.h>
#include <phonenumbers/phonenumberutil.h>

namespace gald::model {

namespace {

struct Case {
  const char* raw;
  const char* region;
  PhoneKind kind;
  const char* e164;
  const char* extension;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << '"' << c.raw << "\" in \"" << c.region << '"';
}

constexpr auto kInternational = PhoneKind::international;
constexpr auto kNational = PhoneKind::national;
constexpr auto kInternal = PhoneKind::internal;
constexpr auto kUnparsable = PhoneKind::unparsable;

void expect(const Case& c) {
  const Phone phone = parse_phone("business", c.raw, c.region);
  EXPECT_EQ(phone.type, "business");
  EXPECT_EQ(phone.raw, c.raw);
  EXPECT_EQ(to_string(phone.kind), to_string(c.kind)) << c;
  EXPECT_EQ(phone.e164, c.e164) << c;
  EXPECT_EQ(phone.extension, c.extension) << c;
}

/// What the library alone makes of a number that says its country.
std::string asked_of_library(const std::string& raw) {
  using i18n::phonenumbers::PhoneNumber;
  using i18n::phonenumbers::PhoneNumberUtil;
  const PhoneNumberUtil& library = *PhoneNumberUtil::GetInstance();
  PhoneNumber number;
  if (library.Parse(raw, "ZZ", &number) != PhoneNumberUtil::NO_PARSING_ERROR ||
      library.IsPossibleNumberWithReason(number) != PhoneNumberUtil::IS_POSSIBLE)
    return {};
  std::string e164;
  library.Format(number, PhoneNumberUtil::E164, &e164);
  return e164;
}

}  // namespace

TEST(Phone, SaysItsCountryByItself) {
  for (const Case& c : std::vector<Case>{
           {"+49 89 1234567", "", kInternational, "+49891234567", ""},
           {"+49 (0)89 1234-567", "", kInternational, "+49891234567", ""},
           {" +49.89/1234567 ", "US", kInternational, "+49891234567", ""},
           {"+44 (0)20 7946 0958", "", kInternational, "+442079460958", ""},
           {"+33 (0) 1 23 45 67 89", "", kInternational, "+33123456789", ""},
           {"+39 (0)6 1234 5678", "", kInternational, "+390612345678", ""},
           {"+39 06 1234 5678", "", kInternational, "+390612345678", ""},
           {"+1 (425) 555-0100", "", kInternational, "+14255550100", ""},
           {"+36 (06) 1 234 5678", "", kInternational, "+3612345678", ""},
           {"0049 89 1234567", "", kInternational, "+49891234567", ""},
           {"0049 (0)89 1234567", "DE", kInternational, "+49891234567", ""},
           {"011 49 89 1234567", "US", kInternational, "+49891234567", ""},
           {"tel:+49-89-1234567", "", kInternational, "+49891234567", ""},
           {"\uff0b\uff14\uff19 89 1234567", "", kInternational, "+49891234567", ""},
       })
    expect(c);
}

TEST(Phone, HasItsExtensionApart) {
  for (const Case& c : std::vector<Case>{
           {"+1 425 555 0100 x1234", "", kInternational, "+14255550100", "1234"},
           {"+49 89 1234567 ext. 12", "", kInternational, "+49891234567", "12"},
           {"+49891234567;ext=12", "", kInternational, "+49891234567", "12"},
           {"089 1234567 ext 12", "DE", kInternational, "+49891234567", "12"},
           {"(425) 555-0100 #12", "US", kInternational, "+14255550100", "12"},
       })
    expect(c);
}

TEST(Phone, IsReadAsInItsRegion) {
  for (const Case& c : std::vector<Case>{
           {"089 1234567", "DE", kInternational, "+49891234567", ""},
           {"(089) 12 34 567", "DE", kInternational, "+49891234567", ""},
           {"0171 2345678", "DE", kInternational, "+491712345678", ""},
           {"0664 1234567", "AT", kInternational, "+436641234567", ""},
           {"(425) 555-0100", "US", kInternational, "+14255550100", ""},
           {"1 425 555 0100", "US", kInternational, "+14255550100", ""},
           {"06 1234 5678", "IT", kInternational, "+390612345678", ""},
           {"612 345 678", "ES", kInternational, "+34612345678", ""},
           {"8 (495) 123-45-67", "RU", kInternational, "+74951234567", ""},
           {"020 7946 0958", "GB", kInternational, "+442079460958", ""},
           {"089 1234567 (Empfang)", "DE", kInternational, "+49891234567", ""},
           {"Tel. 089 1234567", "DE", kInternational, "+49891234567", ""},
       })
    expect(c);
}

TEST(Phone, WithoutThePrefixIsCompleteOnlyWhereItCannotBeShorter) {
  for (const Case& c : std::vector<Case>{
           {"12345678", "DE", kNational, "", ""},
           {"30 23125110", "DE", kNational, "", ""},
           {"(495) 123-45-67", "RU", kInternational, "+74951234567", ""},
           {"1 23 45 67 89", "FR", kInternational, "+33123456789", ""},
           {"555-0100", "US", kNational, "", ""},
       })
    expect(c);
}

TEST(Phone, IsNationalWhenNobodyKnowsWhere) {
  for (const Case& c : std::vector<Case>{
           {"089 1234567", "", kNational, "", ""},
           {"089 1234567", "US", kNational, "", ""},
           {"(425) 555-0100", "", kNational, "", ""},
           {"089 1234567", "not a region", kNational, "", ""},
       })
    expect(c);
}

TEST(Phone, IsInternalWhenShortOrACode) {
  for (const char* region : {"", "DE", "US", "IT", "FR", "GB"})
    for (const Case& c : std::vector<Case>{
             {"4711", region, kInternal, "", "4711"},
             {"-123", region, kInternal, "", "123"},
             {"- 1234", region, kInternal, "", "1234"},
             {"12 34", region, kInternal, "", "1234"},
             {"112", region, kInternal, "", "112"},
             {"116117", region, kInternal, "", "116117"},
             {"**610", region, kInternal, "", "**610"},
             {"*21#", region, kInternal, "", "*21#"},
             {"0", region, kInternal, "", "0"},
         })
      expect(c);
  expect({"22158", "SH", kInternational, "+29022158", ""});  // all numbers there are so short
}

TEST(Phone, IsNoneWhereTextIsInTheWay) {
  for (const Case& c : std::vector<Case>{
           {"+49 call me", "DE", kUnparsable, "", ""},
           {"see website", "DE", kUnparsable, "", ""},
           {"n/a", "DE", kUnparsable, "", ""},
           {"-", "DE", kUnparsable, "", ""},
           {"", "DE", kUnparsable, "", ""},
           {"+12", "", kUnparsable, "", ""},
           {"+1234567890123456", "", kUnparsable, "", ""},
           {"12345678901234567890", "DE", kUnparsable, "", ""},
           {"089 12345 Sekretariat", "DE", kUnparsable, "", ""},
           {"0800 FLOWERS", "US", kUnparsable, "", ""},
           {"+1 800 FLOWERS", "", kUnparsable, "", ""},
           {"089 12345 DW 12", "DE", kUnparsable, "", ""},
           {"4711@pbx.contoso.test", "DE", kUnparsable, "", ""},
           {"L0#040 1234567", "DE", kUnparsable, "", ""},
           {"\xff\xfe\x31", "DE", kUnparsable, "", ""},
       })
    expect(c);
  EXPECT_EQ(parse_phone("home", std::string(1 << 20, '1'), "DE").kind, kUnparsable);
  EXPECT_EQ(parse_phone("home", "+" + std::string(1 << 20, ' '), "DE").kind, kUnparsable);
}

TEST(Phone, ThatSaysItsCountryIsReadAsTheLibraryWould) {
  std::mt19937 random(20261128);
  const auto below = [&](std::size_t limit) { return random() % limit; };
  const std::vector<std::string> codes = {
      "1",   "7",   "20",  "27",  "30",  "31",  "32",  "33",  "34",  "36",  "39",  "40",
      "41",  "43",  "44",  "45",  "46",  "47",  "48",  "49",  "51",  "52",  "54",  "55",
      "60",  "61",  "65",  "81",  "82",  "86",  "90",  "91",  "351", "352", "353", "354",
      "356", "357", "358", "359", "370", "371", "372", "375", "380", "381", "385", "386",
      "420", "421", "423", "800", "852", "966", "971", "972", "999"};
  const std::vector<std::string> separators = {"", "", "", " ", "-", ".", "/", " (", ") ", " - "};
  int read = 0;
  for (const std::string& code : codes)
    for (int i = 0; i < 3000; ++i) {
      std::string raw = "+" + code + separators[below(separators.size())];
      if (below(4) == 0)
        raw += "(0)";
      const std::size_t length = 3 + below(11);
      for (std::size_t n = 0; n < length; ++n) {
        raw += static_cast<char>('0' + below(10));
        raw += separators[below(separators.size())];
      }
      const std::string e164 = parse_phone("business", raw, "DE").e164;
      ASSERT_EQ(e164, asked_of_library(raw)) << raw;
      read += e164.empty() ? 0 : 1;
    }
  EXPECT_GT(read, 50'000);
}

}  // namespace gald::model
