#include <gtest/gtest.h>

#include "cloud/exchange_mapping.hpp"

namespace gald::cloud {
namespace {

using A = model::Attribute;
using model::Change;
using model::Values;

ExchangePage read(const std::string& items, ExchangeView view = ExchangeView::routing) {
  auto page = read_exchange_page(
      view,
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
    "IsDirSynced":true,"ModerationEnabled":true,"HiddenFromAddressListsEnabled":false,"LegacyExchangeDN":"/o=X/cn=henrike",
    "CustomAttribute1":"","CustomAttribute15":"fifteen","EmailAddresses@odata.type":"#Collection(String)",
    "EmailAddresses":["SMTP:henrike@fabrikam.test","X500:/o=X/cn=old"],"WhenChangedUTC":"x"})json");
  ASSERT_EQ(page.changes.size(), 1u);
  const Change& change = page.changes.front();
  EXPECT_EQ(change.anchor, "7c1d0f1a-3a55-4c0e-8f6b-0b7f0d8d1a22");
  EXPECT_EQ(change.kind, model::RecordKind::contact);
  EXPECT_TRUE(change.part);
  EXPECT_EQ(change.set.at(A::external_address), Values{"SMTP:henrike@fabrikam.test"});
  EXPECT_EQ(change.set.at(A::mail), Values{"henrike@fabrikam.test"});
  EXPECT_EQ(change.set.at(A::mail_nickname), Values{"henrike"});
  EXPECT_EQ(change.set.at(A::external_directory_object_id),
            Values{"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d01"});
  EXPECT_EQ(change.set.at(A::sync_enabled), Values{"true"});
  EXPECT_EQ(change.set.at(A::hidden), Values{"false"});
  EXPECT_EQ(change.set.at(A::moderated), Values{"true"});
  EXPECT_EQ(change.set.at(A::recipient_type), Values{"MailContact"});
  EXPECT_EQ(change.set.at(A::legacy_exchange_dn), Values{"/o=X/cn=henrike"});
  EXPECT_EQ(change.set.at(A::proxy_addresses),
            (Values{"SMTP:henrike@fabrikam.test", "X500:/o=X/cn=old"}));
  EXPECT_EQ(change.set.at(A::extension_attribute_15), Values{"fifteen"});
  EXPECT_TRUE(is_cleared(change, A::extension_attribute_1));
}

TEST(ExchangeMapping, APartNamesAllItsAttributes) {
  const auto page = read(
      R"({"Guid":"7c1d0f1a-3a55-4c0e-8f6b-0b7f0d8d1a22","DisplayName":"x","IsDirSynced":false,"Alias":null})");
  ASSERT_EQ(page.changes.size(), 1u);
  const Change& change = page.changes.front();
  EXPECT_EQ(change.set.size(), 1u);
  EXPECT_EQ(change.cleared.size(), 25u);
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
  const auto page =
      read_exchange_page(ExchangeView::person, R"({"@odata.nextLink":"https://e/n","value":[]})");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->next_link, "https://e/n");
  for (const char* broken : {"", "You have reached the maximum", "{}", R"({"value":"x"})",
                             R"({"value":[],"@odata.nextLink":false})"}) {
    EXPECT_FALSE(read_exchange_page(ExchangeView::group, broken)) << broken;
    EXPECT_FALSE(read_exchange_members(broken)) << broken;
  }
}

TEST(ExchangeMapping, TheSelectNamesWhatIsMapped) {
  const std::string& routing = exchange_select(ExchangeView::routing);
  EXPECT_TRUE(routing.starts_with("Guid,ExternalDirectoryObjectId,DisplayName,Alias,"));
  EXPECT_TRUE(routing.ends_with(",CustomAttribute15"));
  EXPECT_TRUE(exchange_select(ExchangeView::person).starts_with("Guid,FirstName,LastName,"));
  EXPECT_NE(exchange_select(ExchangeView::group).find(",RecipientTypeDetails,"), std::string::npos);
  EXPECT_EQ(exchange_member_select(), "Guid,ExternalDirectoryObjectId,RecipientTypeDetails");
}

TEST(ExchangeMapping, APerson) {
  const auto page = read(R"json({"Guid":"7c1d0f1a-3a55-4c0e-8f6b-0b7f0d8d1a22",
    "FirstName":"Henrike","LastName":"Möller","Initials":"hm","Company":"Fabrikam","Department":"Sales",
    "Title":"Buyer","Office":"B2","Manager":"Jane Doe","AssistantName":"Ada","Notes":"n","WebPage":"w",
    "Phone":"1","OtherTelephone":["2","3"],"MobilePhone":"4","HomePhone":"5","OtherHomePhone":["6"],
    "Fax":"7","OtherFax":["8"],"Pager":"9","TelephoneAssistant":"10","StreetAddress":"s",
    "PostOfficeBox":["11"],"City":"c","StateOrProvince":"","PostalCode":"p","CountryOrRegion":"Germany",
    "DisplayName":"not of this view","SeniorityIndex":5})json",
                         ExchangeView::person);
  ASSERT_EQ(page.changes.size(), 1u);
  const Change& change = page.changes.front();
  EXPECT_FALSE(change.kind);
  EXPECT_TRUE(change.part);
  const model::Attributes wanted = {
      {A::given_name, {"Henrike"}},
      {A::surname, {"Möller"}},
      {A::initials, {"hm"}},
      {A::company_name, {"Fabrikam"}},
      {A::department, {"Sales"}},
      {A::job_title, {"Buyer"}},
      {A::office_location, {"B2"}},
      {A::manager_name, {"Jane Doe"}},
      {A::assistant, {"Ada"}},
      {A::notes, {"n"}},
      {A::web_page, {"w"}},
      {A::business_phones, {"1"}},
      {A::mobile_phone, {"4"}},
      {A::other_business_phones, {"2", "3"}},
      {A::home_phone, {"5"}},
      {A::other_home_phones, {"6"}},
      {A::business_fax, {"7"}},
      {A::other_business_faxes, {"8"}},
      {A::pager, {"9"}},
      {A::assistant_phone, {"10"}},
      {A::street, {"s"}},
      {A::post_office_box, {"11"}},
      {A::city, {"c"}},
      {A::postal_code, {"p"}},
      {A::country, {"Germany"}},
  };
  EXPECT_EQ(change.set, wanted);
  EXPECT_EQ(change.cleared, std::vector{A::state});
}

TEST(ExchangeMapping, WrongTypesCostTheirObjectOnly) {
  for (const char* wrong : {R"("Phone":7)", R"("OtherTelephone":"x")", R"("PostOfficeBox":[1])",
                            R"("Manager":{"Name":"x"})"}) {
    const auto page =
        read(R"({"Guid":"7c1d0f1a-3a55-4c0e-8f6b-0b7f0d8d1a22",)" + std::string(wrong) +
                 R"(},{"Guid":"7c1d0f1a-3a55-4c0e-8f6b-0b7f0d8d1a23"})",
             ExchangeView::person);
    EXPECT_EQ(page.changes.size(), 1u) << wrong;
    ASSERT_EQ(page.rejected.size(), 1u) << wrong;
    EXPECT_EQ(page.rejected[0].anchor, "7c1d0f1a-3a55-4c0e-8f6b-0b7f0d8d1a22");
  }
}

TEST(ExchangeMapping, AGroup) {
  const auto type_of = [](const std::string& recipient_type) -> std::string {
    const auto page = read(R"({"Guid":"7c1d0f1a-3a55-4c0e-8f6b-0b7f0d8d1a22","DisplayName":"All",
      "ExternalDirectoryObjectId":"","HiddenFromAddressListsEnabled":true,
      "RecipientTypeDetails":")" +
                               recipient_type + "\"}",
                           ExchangeView::group);
    EXPECT_EQ(page.changes.size(), 1u);
    const Change& change = page.changes.at(0);
    EXPECT_EQ(change.kind, model::RecordKind::group);
    EXPECT_TRUE(change.part);
    EXPECT_FALSE(change.members_complete);
    EXPECT_EQ(change.set.at(A::hidden), Values{"true"});
    EXPECT_TRUE(is_cleared(change, A::external_directory_object_id));
    EXPECT_TRUE(is_cleared(change, A::reference));
    return model::first_value(change.set, A::group_type);
  };
  EXPECT_EQ(type_of("MailUniversalDistributionGroup"), "distribution");
  EXPECT_EQ(type_of("MailUniversalSecurityGroup"), "security");
  EXPECT_EQ(type_of("DynamicDistributionGroup"), "distribution");
  EXPECT_EQ(type_of("RoomList"), "distribution");
  EXPECT_EQ(type_of("MailNonUniversalGroup"), "");
}

TEST(ExchangeMapping, AMailboxSaysWhatItIsAndNotWhose) {
  const auto page = read(R"({"Guid":"7C1D0F1A-3A55-4C0E-8F6B-0B7F0D8D1A22","DisplayName":"Room 1",
    "ExternalDirectoryObjectId":"0B6AC1D5-8D2B-4C7C-9F7E-2F4B3C1A0D01","Alias":"room1",
    "HiddenFromAddressListsEnabled":true,"IsDirSynced":false,"RecipientTypeDetails":"RoomMailbox",
    "EmailAddresses":["SMTP:room1@contoso.test"]})",
                         ExchangeView::mailbox);
  ASSERT_EQ(page.changes.size(), 1u);
  const Change& change = page.changes.front();
  EXPECT_EQ(change.anchor, "7c1d0f1a-3a55-4c0e-8f6b-0b7f0d8d1a22");
  EXPECT_EQ(change.kind, model::RecordKind::user);
  EXPECT_TRUE(change.part);
  const model::Attributes wanted = {
      {A::external_directory_object_id, {"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d01"}},
      {A::hidden, {"true"}},
      {A::recipient_type, {"RoomMailbox"}}};
  EXPECT_EQ(change.set, wanted);
  EXPECT_TRUE(is_cleared(change, A::sync_enabled));
  EXPECT_TRUE(is_cleared(change, A::reference));
}

TEST(ExchangeMapping, Members) {
  const auto page = read_exchange_members(R"({"@odata.nextLink":"https://e/n","value":[
    {"Guid":"00000000-0000-4000-8000-000000000001","RecipientTypeDetails":"UserMailbox",
     "ExternalDirectoryObjectId":"0B6AC1D5-8D2B-4C7C-9F7E-2F4B3C1A0D01"},
    {"Guid":"00000000-0000-4000-8000-000000000002","RecipientTypeDetails":"MailContact",
     "ExternalDirectoryObjectId":"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d02"},
    {"Guid":"00000000-0000-4000-8000-000000000003","RecipientTypeDetails":"GroupMailbox",
     "ExternalDirectoryObjectId":"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d03"},
    {"Guid":"00000000-0000-4000-8000-000000000004","RecipientTypeDetails":"MailUniversalSecurityGroup",
     "ExternalDirectoryObjectId":"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d04"},
    {"Guid":"00000000-0000-4000-8000-000000000005","RecipientTypeDetails":"GuestMailUser",
     "ExternalDirectoryObjectId":""},
    {"Guid":"00000000-0000-4000-8000-000000000006","RecipientTypeDetails":null},
    {"Guid":"00000000-0000-4000-8000-000000000007","RecipientTypeDetails":"SharedMailbox",
     "ExternalDirectoryObjectId":"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d07"}]})");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->next_link, "https://e/n");
  EXPECT_EQ(page->trouble, "");
  EXPECT_EQ(page->anchors.size(), 7u);
  ASSERT_EQ(page->references.size(), 2u);
  EXPECT_EQ(page->references[0].kind, model::RecordKind::user);
  EXPECT_TRUE(page->references[0].part);
  const model::Attributes wanted = {
      {A::external_directory_object_id, {"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d01"}},
      {A::reference, {"true"}}};
  EXPECT_EQ(page->references[0].set, wanted);
  EXPECT_EQ(page->references[1].kind, model::RecordKind::group);

  const auto broken = read_exchange_members(
      R"({"value":[{"Guid":7},{"Guid":"00000000-0000-4000-8000-000000000001"}]})");
  ASSERT_TRUE(broken);
  EXPECT_EQ(broken->trouble, "a member: Guid: a GUID expected");
  EXPECT_EQ(broken->anchors.size(), 1u);
}

}  // namespace
}  // namespace gald::cloud
