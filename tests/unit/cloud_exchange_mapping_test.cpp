#include <gtest/gtest.h>

#include "cloud/exchange_mapping.hpp"

namespace gald::cloud {
namespace {

using A = model::Attribute;
using model::Change;
using model::Values;

ExchangePage read(const std::string& items) {
  auto page = read_exchange_page(
      R"json({"@odata.context":"x","adminapi.warnings@odata.type":"#Collection(String)","@adminapi.warnings":[],"value":[)json" +
      items + "]}");
  EXPECT_TRUE(page) << page.error().what;
  return page ? std::move(page).value() : ExchangePage{};
}

bool is_cleared(const Change& change, A attribute) {
  return std::find(change.cleared.begin(), change.cleared.end(), attribute) != change.cleared.end();
}

TEST(ExchangeMapping, AMailContact) {
  const auto page = read(R"json({"Guid@data.type":"System.Guid","Guid@odata.type":"#Guid",
    "Guid":"7C1D0F1A-3A55-4C0E-8F6B-0B7F0D8D1A22","ExternalEmailAddress":"SMTP:henrike@fabrikam.test",
    "Alias":"henrike","DisplayName":"Henrike Möller","PrimarySmtpAddress":"henrike@fabrikam.test",
    "RecipientTypeDetails":"MailContact","ExternalDirectoryObjectId":"0B6AC1D5-8D2B-4C7C-9F7E-2F4B3C1A0D01",
    "IsDirSynced":true,"HiddenFromAddressListsEnabled":false,"LegacyExchangeDN":"/o=X/cn=henrike",
    "CustomAttribute1":"","CustomAttribute15":"fifteen","EmailAddresses@odata.type":"#Collection(String)",
    "EmailAddresses":["SMTP:henrike@fabrikam.test","X500:/o=X/cn=old"],"WhenChangedUTC":"x"})json");
  ASSERT_EQ(page.changes.size(), 1u);
  const Change& change = page.changes.front();
  EXPECT_EQ(change.anchor, "7c1d0f1a-3a55-4c0e-8f6b-0b7f0d8d1a22");
  EXPECT_EQ(change.kind, model::RecordKind::contact);
  EXPECT_EQ(change.set.at(A::external_address), Values{"SMTP:henrike@fabrikam.test"});
  EXPECT_EQ(change.set.at(A::mail), Values{"henrike@fabrikam.test"});
  EXPECT_EQ(change.set.at(A::mail_nickname), Values{"henrike"});
  EXPECT_EQ(change.set.at(A::external_directory_object_id),
            Values{"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d01"});
  EXPECT_EQ(change.set.at(A::sync_enabled), Values{"true"});
  EXPECT_EQ(change.set.at(A::hidden), Values{"false"});
  EXPECT_EQ(change.set.at(A::recipient_type), Values{"MailContact"});
  EXPECT_EQ(change.set.at(A::legacy_exchange_dn), Values{"/o=X/cn=henrike"});
  EXPECT_EQ(change.set.at(A::proxy_addresses),
            (Values{"SMTP:henrike@fabrikam.test", "X500:/o=X/cn=old"}));
  EXPECT_EQ(change.set.at(A::extension_attribute_15), Values{"fifteen"});
  EXPECT_TRUE(is_cleared(change, A::extension_attribute_1));
}

TEST(ExchangeMapping, AListingSaysEverything) {
  const auto page = read(
      R"({"Guid":"7c1d0f1a-3a55-4c0e-8f6b-0b7f0d8d1a22","DisplayName":"x","IsDirSynced":false,"Alias":null})");
  ASSERT_EQ(page.changes.size(), 1u);
  const Change& change = page.changes.front();
  EXPECT_EQ(change.set.size(), 1u);
  EXPECT_EQ(change.cleared.size(), 24u);
  EXPECT_TRUE(is_cleared(change, A::sync_enabled));
  EXPECT_TRUE(is_cleared(change, A::hidden));
}

TEST(ExchangeMapping, OneBadObjectDoesNotSpoilThePage) {
  const auto page = read(R"({"DisplayName":"no id"},{"Guid":"7c1d0f1a-3a55-4c0e-8f6b-0b7f0d8d1a22",
    "EmailAddresses":"x"},{"Guid":"7c1d0f1a-3a55-4c0e-8f6b-0b7f0d8d1a23"})");
  EXPECT_EQ(page.changes.size(), 1u);
  ASSERT_EQ(page.rejected.size(), 2u);
  EXPECT_EQ(page.rejected[1].anchor, "7c1d0f1a-3a55-4c0e-8f6b-0b7f0d8d1a22");
  EXPECT_EQ(page.rejected[1].reason, "EmailAddresses: an array expected");
}

TEST(ExchangeMapping, Pages) {
  const auto page = read_exchange_page(R"({"@odata.nextLink":"https://e/n","value":[]})");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->next_link, "https://e/n");
  for (const char* broken : {"", "You have reached the maximum", "{}", R"({"value":"x"})",
                             R"({"value":[],"@odata.nextLink":false})"})
    EXPECT_FALSE(read_exchange_page(broken)) << broken;
}

TEST(ExchangeMapping, TheSelectNamesWhatIsMapped) {
  EXPECT_TRUE(exchange_select().starts_with("Guid,ExternalDirectoryObjectId,DisplayName,Alias,"));
  EXPECT_TRUE(exchange_select().ends_with(",CustomAttribute15"));
}

}  // namespace
}  // namespace gald::cloud
