#include "model/forms.hpp"

#include <gtest/gtest.h>

namespace gald::model {

TEST(Address, IsTakenApartAndPutTogether) {
  EXPECT_EQ(parse_address("SMTP:Jane@contoso.test"), (Address{"smtp", "Jane@contoso.test", true}));
  EXPECT_EQ(parse_address("smtp:jane@contoso.test"), (Address{"smtp", "jane@contoso.test", false}));
  EXPECT_EQ(parse_address("X500:/o=A/cn=b"), (Address{"x500", "/o=A/cn=b", true}));
  EXPECT_EQ(parse_address("sip:jane@contoso.test").kind, "sip");
  EXPECT_EQ(parse_address("jane@contoso.test"), (Address{"smtp", "jane@contoso.test", false}));
  EXPECT_EQ(format_address({"smtp", "a@b", true}), "SMTP:a@b");
}

TEST(Address, ComparesWithoutCaseAndBlanks) {
  EXPECT_EQ(fold_address(" Jane@CONTOSO.test "), "jane@contoso.test");
}

TEST(Phone, GetsItsE164FormWhenItSaysItsCountry) {
  EXPECT_EQ(parse_phone("business", "+49 (0)89 1234-567").e164, "+49891234567");
  EXPECT_EQ(parse_phone("business", "+1 (425) 555-0100").e164, "+14255550100");
  const Phone with_extension = parse_phone("business", "+1 425 555 0100 x1234");
  EXPECT_EQ(with_extension.e164, "+14255550100");
  EXPECT_EQ(with_extension.extension, "1234");
}

TEST(Phone, KeepsOnlyTheRawFormOtherwise) {
  for (const char* raw : {"089 1234567", "4711", "+49 call me", "+12", "+1234567890123456"}) {
    const Phone phone = parse_phone("mobile", raw);
    EXPECT_EQ(phone.raw, raw);
    EXPECT_EQ(phone.e164, "") << raw;
  }
}

TEST(Rdn, GivesThePlainValue) {
  EXPECT_EQ(rdn_value("CN=Doe\\, Jane"), "Doe, Jane");
  EXPECT_EQ(rdn_value("OU=\\ lead\\ "), " lead ");
  EXPECT_EQ(rdn_value("CN=M\\c3\\bcller"), "Müller");
  EXPECT_EQ(rdn_value("CN=a\\\\b\\+c\\\"d"), "a\\b+c\"d");
  EXPECT_EQ(rdn_value("CN=1+1=2"), "1+1=2");
}

}  // namespace gald::model
