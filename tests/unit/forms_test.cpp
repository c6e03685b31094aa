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

TEST(Address, KindIsAPrefixOfLettersAndDigits) {
  EXPECT_EQ(parse_address(" SMTP: jane@contoso.test "),
            (Address{"smtp", "jane@contoso.test", true}));
  EXPECT_EQ(parse_address("EUM:4711;phone-context=x"),
            (Address{"eum", "4711;phone-context=x", true}));
  EXPECT_EQ(parse_address("Smtp:jane@contoso.test"), (Address{"smtp", "jane@contoso.test", false}));
  EXPECT_EQ(parse_address("x400:C=DE;A= ;P=CONTOSO"),
            (Address{"x400", "C=DE;A= ;P=CONTOSO", false}));
  EXPECT_EQ(parse_address("4711:0"), (Address{"smtp", "4711:0", false}));
  EXPECT_EQ(parse_address(":jane"), (Address{"smtp", ":jane", false}));
  EXPECT_EQ(parse_address("smtp:"), (Address{"smtp", "", false}));
  EXPECT_EQ(parse_address(""), (Address{"smtp", "", false}));
}

TEST(Address, IsOneInUnicodeAndInALabels) {
  const std::string form = fold_address("jörg@xn--bcher-kva.example");
  for (const char* same :
       {"jörg@bücher.example", "JÖRG@BÜCHER.EXAMPLE", "Jo\u0308rg@bu\u0308cher.example",
        "jörg@XN--BCHER-KVA.example", " jörg@bücher\u3002example "})
    EXPECT_EQ(fold_address(same), form) << same;
  EXPECT_EQ(fold_address("Jane@Bücher.example"), "jane@xn--bcher-kva.example");
  EXPECT_EQ(fold_address("jane@straße.example"), "jane@xn--strae-oqa.example");
  EXPECT_NE(fold_address("jörg@contoso.test"), fold_address("jorg@contoso.test"));
  EXPECT_EQ(fold_address("/o=Bücher/cn=JÖRG"), "/o=bücher/cn=jörg");
}

TEST(Address, ThatIsInvalidKeepsItsAsciiFold) {
  for (const char* odd : {"jane@xn--\xc3\xbc.example", "jane@-ü-.example", "jane@ü..example"})
    EXPECT_EQ(fold_address(odd), odd);
  EXPECT_EQ(fold_address("J\xf6rg@CONTOSO.test"), "j\xf6rg@contoso.test");
  EXPECT_EQ(fold_address("Jane@"), "jane@");
  EXPECT_EQ(fold_address("@ü"), "@xn--tda");
  EXPECT_EQ(fold_address(std::string(70'000, 'A') + "@ü").size(), 70'000 + 8);
  EXPECT_EQ(fold_address("a@" + std::string(70'000, '\xff')).size(), 70'000 + 2);
}

TEST(Address, OfAGuestMadeByEntraIsRecognised) {
  EXPECT_TRUE(is_guest_principal("jane_fabrikam.test#EXT#@contoso.onmicrosoft.com"));
  EXPECT_TRUE(is_guest_principal("#1 jane#ext#"));
  EXPECT_FALSE(is_guest_principal("jane@fabrikam.test"));
  EXPECT_FALSE(is_guest_principal("#EXT"));
  EXPECT_FALSE(is_guest_principal("next#"));
}

TEST(Rdn, GivesThePlainValue) {
  EXPECT_EQ(rdn_value("CN=Doe\\, Jane"), "Doe, Jane");
  EXPECT_EQ(rdn_value("OU=\\ lead\\ "), " lead ");
  EXPECT_EQ(rdn_value("CN=M\\c3\\bcller"), "Müller");
  EXPECT_EQ(rdn_value("CN=a\\\\b\\+c\\\"d"), "a\\b+c\"d");
  EXPECT_EQ(rdn_value("CN=1+1=2"), "1+1=2");
}

}  // namespace gald::model
