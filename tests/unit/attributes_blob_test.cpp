#include "index/attributes_blob.hpp"

#include <random>
#include <stdexcept>

#include <gmock/gmock.h>

#include "support.hpp"

namespace gald::index {

namespace {

using model::Attribute;
using model::Attributes;
using model::Values;

std::string hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

void expect_kept(const Attributes& attributes) {
  EXPECT_EQ(attributes_from_blob(to_blob(attributes)), attributes) << hex(to_blob(attributes));
}

TEST(AttributesBlob, KeepsWhatItIsGiven) {
  expect_kept({});
  expect_kept(
      {{Attribute::display_name, {"Jörg Müller"}}, {Attribute::notes, {std::string(3, 0)}}});
  expect_kept({{Attribute::business_phones, {"+49 89 1", "+49 89 2", "+49 89 1"}}});
  expect_kept({{Attribute::photo, {std::string(70'000, 'x')}}});
  expect_kept({{Attribute::manager, {test::anchor(7)}},
               {Attribute::parent, {"EB2BF6C4-512D-447F-8AA0-CF2499F6980F"}},
               {Attribute::notes, {"{eb2bf6c4-512d-447f-8aa0-cf2499f6980f}"}}});
}

TEST(AttributesBlob, EqualAttributesGiveEqualBytes) {
  Attributes forwards;
  Attributes backwards;
  for (std::size_t i = 0; i < model::kAttributeCount; ++i) {
    const auto attribute = static_cast<Attribute>(i);
    const auto mirrored = static_cast<Attribute>(model::kAttributeCount - 1 - i);
    forwards[attribute] = {"value of " + std::string(model::name(attribute))};
    backwards[mirrored] = {"value of " + std::string(model::name(mirrored))};
  }
  EXPECT_EQ(to_blob(forwards), to_blob(backwards));
  expect_kept(forwards);
}

/// An attribute without values is none.
TEST(AttributesBlob, NoValuesAreNoAttribute) {
  EXPECT_EQ(to_blob({{Attribute::other_mails, Values()}}), to_blob({}));
}

TEST(AttributesBlob, WhatStandsThereAlreadyIsNotRepeated) {
  const Attributes once = {{Attribute::proxy_addresses, {"SMTP:jane.doe@fabrikam.example"}}};
  Attributes twice = once;
  twice[Attribute::mail] = {"jane.doe@fabrikam.example"};
  twice[Attribute::mail_nickname] = {"jane.doe"};
  EXPECT_LE(to_blob(twice).size(), to_blob(once).size() + 8);
  expect_kept(twice);
  Attributes aliases = once;
  aliases[Attribute::proxy_addresses].push_back("smtp:jd@fabrikam.example");
  EXPECT_LE(to_blob(aliases).size(), to_blob(once).size() + 12);
  expect_kept(aliases);
}

/// The time for many values follows their number: at most a part of what is written is searched.
TEST(AttributesBlob, ManyValuesAreKept) {
  Attributes attributes;
  for (int i = 0; i < 20'000; ++i)
    attributes[Attribute::proxy_addresses].push_back("smtp:someone." + std::to_string(i) +
                                                     "@fabrikam.example");
  expect_kept(attributes);
}

TEST(AttributesBlob, RandomAttributesAreKept) {
  std::mt19937 random(7);
  const std::vector<std::string> parts = {"a",        "ab@", "@contoso.test", "SMTP:", "jane",
                                          "\xc3\xa4", "Doe", "0123456789",    " ",     "@"};
  for (int round = 0; round < 2000; ++round) {
    Attributes attributes;
    for (int count = static_cast<int>(random() % 12); count > 0; --count) {
      const auto attribute = static_cast<Attribute>(random() % model::kAttributeCount);
      Values& values = attributes[attribute];
      values.clear();
      const bool several = model::info(attribute).multi_valued;
      for (std::size_t left = several ? 1 + random() % 4 : 1; left > 0; --left) {
        std::string value = parts[random() % parts.size()];
        for (std::size_t more = random() % 5; more > 0; --more)
          value += parts[random() % parts.size()];
        values.push_back(value);
      }
    }
    expect_kept(attributes);
  }
}

/// These numbers are in every index out there: a number that means something else means that all
/// of them are read wrongly. New attributes are added at the end.
TEST(AttributesBlob, TheNumbersStay) {
  const std::vector<std::string> names = {"onPremisesDistinguishedName",
                                          "rdn",
                                          "proxyAddresses",
                                          "legacyExchangeDN",
                                          "externalAddress",
                                          "userPrincipalName",
                                          "mail",
                                          "otherMails",
                                          "mailNickname",
                                          "onPremisesSamAccountName",
                                          "displayName",
                                          "givenName",
                                          "surname",
                                          "initials",
                                          "companyName",
                                          "department",
                                          "jobTitle",
                                          "officeLocation",
                                          "employeeId",
                                          "description",
                                          "notes",
                                          "webPage",
                                          "manager",
                                          "managerName",
                                          "assistant",
                                          "businessPhones",
                                          "otherBusinessPhones",
                                          "mobilePhone",
                                          "otherMobilePhones",
                                          "homePhone",
                                          "otherHomePhones",
                                          "businessFax",
                                          "otherBusinessFaxes",
                                          "pager",
                                          "ipPhone",
                                          "assistantPhone",
                                          "street",
                                          "postOfficeBox",
                                          "city",
                                          "state",
                                          "postalCode",
                                          "countryOrRegion",
                                          "accountEnabled",
                                          "hidden",
                                          "moderated",
                                          "userType",
                                          "recipientTypeDetails",
                                          "onPremisesSyncEnabled",
                                          "isCriticalSystemObject",
                                          "accountExpires",
                                          "scope",
                                          "onPremisesProvisioningErrors",
                                          "onPremisesImmutableId",
                                          "msDsConsistencyGuid",
                                          "onPremisesSecurityIdentifier",
                                          "externalDirectoryObjectId",
                                          "reference",
                                          "parent",
                                          "groupType",
                                          "photo",
                                          "extensionAttribute1",
                                          "extensionAttribute2",
                                          "extensionAttribute3",
                                          "extensionAttribute4",
                                          "extensionAttribute5",
                                          "extensionAttribute6",
                                          "extensionAttribute7",
                                          "extensionAttribute8",
                                          "extensionAttribute9",
                                          "extensionAttribute10",
                                          "extensionAttribute11",
                                          "extensionAttribute12",
                                          "extensionAttribute13",
                                          "extensionAttribute14",
                                          "extensionAttribute15"};
  EXPECT_GE(model::kAttributeCount, names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto attribute = model::attribute_named(names[i]);
    ASSERT_TRUE(attribute) << names[i];
    EXPECT_EQ(to_blob({{*attribute, {"x"}}}),
              std::string(1, static_cast<char>(i + 1)) + std::string("\x04x"))
        << names[i];
  }
  const std::string all = to_blob({{Attribute::business_phones, {"12345", "6"}},
                                   {Attribute::mail, {"a@b.example"}},
                                   {Attribute::mail_nickname, {"b.example"}},
                                   {Attribute::parent, {"00112233-4455-6677-8899-aabbccddeeff"}}});
  EXPECT_EQ(hex(all), "072c" + hex("a@b.example") + "092504" + "9a0214" + hex("12345") + "0436" +
                          "3a0300112233445566778899aabbccddeeff");
}

TEST(AttributesBlob, UnknownAttributesAreSkipped) {
  const Attributes known = {{Attribute::mail, {"a@b.example"}}};
  EXPECT_EQ(attributes_from_blob(to_blob(known) + std::string("\x7f\x04x", 3)), known);
  EXPECT_EQ(attributes_from_blob(std::string("\xff\x02\x04x\x03", 5) + std::string(16, 'g')),
            Attributes());
}

TEST(AttributesBlob, DamagedBytesAreRefused) {
  const std::string blob = to_blob(
      {{Attribute::proxy_addresses, {"SMTP:jane@fabrikam.example", "smtp:j@fabrikam.example"}},
       {Attribute::manager, {test::anchor(1)}},
       {Attribute::mail, {"jane@fabrikam.example"}}});
  for (std::size_t size = 1; size < blob.size(); ++size) {
    try {
      // what was cut off between two attributes is as good as whole
      EXPECT_EQ(to_blob(attributes_from_blob(blob.substr(0, size))), blob.substr(0, size));
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "damaged attributes in the index");
    }
  }
  EXPECT_THROW(attributes_from_blob("\x07\x15\x09"), std::runtime_error) << "beyond the end";
}

}  // namespace

}  // namespace gald::index
