#include <gtest/gtest.h>

#include "cloud/graph_mapping.hpp"

namespace gald::cloud {
namespace {

using A = model::Attribute;
using model::Change;
using model::Presence;
using model::Values;

constexpr const char* kId = "0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d01";
constexpr const char* kOther = "0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d02";
constexpr const char* kThird = "0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d03";

GraphPage read(GraphCollection collection, const std::string& items) {
  auto page = read_graph_page(
      collection,
      R"({"@odata.context":"x","@odata.deltaLink":"https://g/d","value":[)" + items + "]}");
  EXPECT_TRUE(page) << page.error().what;
  return page ? std::move(page).value() : GraphPage{};
}

Change one(GraphCollection collection, const std::string& properties) {
  const auto page = read(collection, R"({"id":")" + std::string(kId) + "\"" +
                                         (properties.empty() ? "" : "," + properties) + "}");
  EXPECT_EQ(page.changes.size(), 1u);
  EXPECT_TRUE(page.rejected.empty()) << page.rejected.front().reason;
  return page.changes.empty() ? Change{} : page.changes.front();
}

Change user(const std::string& properties) {
  return one(GraphCollection::users, properties);
}

Change contact(const std::string& properties) {
  return one(GraphCollection::contacts, properties);
}

Change group(const std::string& properties) {
  return one(GraphCollection::groups, properties);
}

bool is_cleared(const Change& change, A attribute) {
  return std::find(change.cleared.begin(), change.cleared.end(), attribute) != change.cleared.end();
}

bool is_mentioned(const Change& change, A attribute) {
  return change.set.contains(attribute) || is_cleared(change, attribute);
}

TEST(GraphMapping, AUser) {
  const Change change =
      user(R"("displayName":"Jörg Weiß","givenName":"Jörg","mail":"jw@contoso.test",
    "proxyAddresses":["SMTP:jw@contoso.test","smtp:joerg@contoso.test"],"businessPhones":["+49 89 1"],
    "faxNumber":"+49 89 2","streetAddress":"Am Weg 1","accountEnabled":false,"userType":"Guest",
    "onPremisesSyncEnabled":true,"onPremisesImmutableId":"q83vASNFZ4mrze8BI0VniQ==",
    "onPremisesExtensionAttributes":{"extensionAttribute1":"one","extensionAttribute15":null})");
  EXPECT_EQ(change.anchor, kId);
  EXPECT_EQ(change.kind, model::RecordKind::user);
  EXPECT_EQ(change.presence, Presence::live);
  EXPECT_EQ(change.set.at(A::display_name), Values{"Jörg Weiß"});
  EXPECT_EQ(change.set.at(A::proxy_addresses),
            (Values{"SMTP:jw@contoso.test", "smtp:joerg@contoso.test"}));
  EXPECT_EQ(change.set.at(A::business_phones), Values{"+49 89 1"});
  EXPECT_EQ(change.set.at(A::business_fax), Values{"+49 89 2"});
  EXPECT_EQ(change.set.at(A::street), Values{"Am Weg 1"});
  EXPECT_EQ(change.set.at(A::account_enabled), Values{"false"});
  EXPECT_EQ(change.set.at(A::user_type), Values{"Guest"});
  EXPECT_EQ(change.set.at(A::sync_enabled), Values{"true"});
  EXPECT_EQ(change.set.at(A::immutable_id), Values{"q83vASNFZ4mrze8BI0VniQ=="});
  EXPECT_EQ(change.set.at(A::extension_attribute_1), Values{"one"});
  EXPECT_TRUE(is_cleared(change, A::extension_attribute_2));
  EXPECT_TRUE(is_cleared(change, A::extension_attribute_15));
}

TEST(GraphMapping, APatchNamesOnlyWhatItNames) {
  const Change change = user(R"("surname":null,"jobTitle":"","otherMails":[],"department":" x ")");
  EXPECT_EQ(change.set.size(), 1u);
  EXPECT_EQ(change.set.at(A::department), Values{" x "});
  EXPECT_TRUE(is_cleared(change, A::surname));
  EXPECT_TRUE(is_cleared(change, A::job_title));
  EXPECT_TRUE(is_cleared(change, A::other_mails));
  EXPECT_EQ(change.cleared.size(), 3u);
  EXPECT_TRUE(user("").set.empty());
  EXPECT_TRUE(user("").cleared.empty());
  EXPECT_TRUE(user(R"("someThingNew":{"a":1},"@odata.type":"#microsoft.graph.user")").set.empty());
}

TEST(GraphMapping, HiddenIsTheOppositeOfShown) {
  EXPECT_EQ(user(R"("showInAddressList":false)").set.at(A::hidden), Values{"true"});
  EXPECT_EQ(user(R"("showInAddressList":true)").set.at(A::hidden), Values{"false"});
  EXPECT_TRUE(is_cleared(user(R"("showInAddressList":null)"), A::hidden));
  EXPECT_FALSE(is_mentioned(user(R"("mail":"x@y.test")"), A::hidden));
}

TEST(GraphMapping, ValuesThatAnotherObjectHasAreNamedWithTheirProperty) {
  EXPECT_EQ(contact(R"("onPremisesProvisioningErrors":[
    {"category":"PropertyConflict","occurredDateTime":"2026-11-21T05:30:00Z",
     "propertyCausingError":"proxyAddresses","value":"SMTP:jane@contoso.test"},
    {"category":"SomethingElse","propertyCausingError":"mail","value":"x"},
    {"category":"PropertyConflict","propertyCausingError":"mail","value":null}])")
                .set.at(A::provisioning_errors),
            Values{"proxyAddresses=SMTP:jane@contoso.test"});
  EXPECT_TRUE(is_cleared(user(R"("onPremisesProvisioningErrors":[])"), A::provisioning_errors));
  EXPECT_FALSE(is_mentioned(user(R"("mail":"x@y.test")"), A::provisioning_errors));
}

TEST(GraphMapping, AContact) {
  const Change change =
      contact(R"("displayName":"Henrike","addresses":[{"city":"Bonn","street":null,
    "countryOrRegion":"DE","officeLocation":"3.14","postalCode":"53111","state":""}],
    "phones":[{"type":"business","number":"1"},{"type":"mobile","number":"2"},
    {"type":"businessFax","number":"3"},{"type":"home","number":"4"},{"type":"pager","number":"5"},
    {"type":"radio","number":"6"},{"type":"mobile","number":null}],"onPremisesSyncEnabled":null)");
  EXPECT_EQ(change.kind, model::RecordKind::contact);
  EXPECT_EQ(change.set.at(A::city), Values{"Bonn"});
  EXPECT_EQ(change.set.at(A::country), Values{"DE"});
  EXPECT_EQ(change.set.at(A::office_location), Values{"3.14"});
  EXPECT_TRUE(is_cleared(change, A::street));
  EXPECT_TRUE(is_cleared(change, A::state));
  EXPECT_EQ(change.set.at(A::business_phones), Values{"1"});
  EXPECT_EQ(change.set.at(A::mobile_phone), Values{"2"});
  EXPECT_EQ(change.set.at(A::business_fax), Values{"3"});
  EXPECT_EQ(change.set.at(A::home_phone), Values{"4"});
  EXPECT_EQ(change.set.at(A::pager), Values{"5"});
  EXPECT_TRUE(is_cleared(change, A::sync_enabled));
}

TEST(GraphMapping, AContactLosesItsAddressAndPhones) {
  for (const char* empty : {"[]", "null"}) {
    const Change change =
        contact(R"("addresses":)" + std::string(empty) + R"(,"phones":)" + std::string(empty));
    EXPECT_TRUE(change.set.empty());
    EXPECT_TRUE(is_cleared(change, A::city));
    EXPECT_TRUE(is_cleared(change, A::mobile_phone));
  }
  EXPECT_FALSE(is_mentioned(contact(R"("mail":"x@y.test")"), A::city));
}

TEST(GraphMapping, GroupTypes) {
  const auto type = [](const char* types, const char* mail, const char* security) {
    return group(R"("groupTypes":)" + std::string(types) + R"(,"mailEnabled":)" + mail +
                 R"(,"securityEnabled":)" + security)
        .set.at(A::group_type)
        .front();
  };
  EXPECT_EQ(type(R"(["Unified","DynamicMembership"])", "true", "false"), "microsoft365");
  EXPECT_EQ(type(R"(["Unified"])", "true", "true"), "microsoft365");
  EXPECT_EQ(type("[]", "true", "true"), "security");
  EXPECT_EQ(type("[]", "false", "true"), "security");
  EXPECT_EQ(type("[]", "true", "false"), "distribution");
  EXPECT_FALSE(is_mentioned(group(R"("groupTypes":[],"mailEnabled":true)"), A::group_type));
}

TEST(GraphMapping, Members) {
  const Change change = group(
      R"("members@delta":[{"@odata.type":"#microsoft.graph.user","id":"0B6AC1D5-8D2B-4C7C-9F7E-2F4B3C1A0D02"},
      {"@odata.type":"#microsoft.graph.somethingNew","id":"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d03",
       "@removed":{"reason":"deleted"}},
      {"@odata.type":"#microsoft.graph.device","id":"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d04"},
      {"@odata.type":"#microsoft.graph.servicePrincipal","id":"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d05"}])");
  EXPECT_EQ(change.members_added, Values{kOther});
  EXPECT_EQ(change.members_removed, Values{kThird});
  EXPECT_FALSE(change.members_complete);
}

TEST(GraphMapping, TheLastWordOnAMemberCounts) {
  const Change change = group(R"("members@delta":[
      {"id":"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d02"},
      {"id":"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d02","@removed":{"reason":"deleted"}},
      {"id":"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d03","@removed":{"reason":"deleted"}},
      {"id":"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d03"}])");
  EXPECT_EQ(change.members_removed, Values{kOther});
  EXPECT_EQ(change.members_added, Values{kThird});
}

TEST(GraphMapping, Tombstones) {
  const Change soft = user(R"("@removed":{"reason":"changed"},"displayName":"x")");
  EXPECT_EQ(soft.presence, Presence::soft_deleted);
  EXPECT_TRUE(soft.set.empty());
  EXPECT_EQ(user(R"("@removed":{"reason":"deleted"})").presence, Presence::deleted);
  EXPECT_EQ(user(R"("@removed":{})").presence, Presence::deleted);
}

TEST(GraphMapping, OneBadObjectDoesNotSpoilThePage) {
  const auto page =
      read(GraphCollection::users,
           R"({"id":"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d01","displayName":{"private":"value"}},
         {"id":"not-a-guid-value"},{"displayName":"x"},7,null,
         {"id":"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d03","proxyAddresses":"x"},
         {"id":"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d03","proxyAddresses":["x",7]},
         {"id":"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d03","accountEnabled":"true"},
         {"id":"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d03","mail":"a\u0000b"},
         {"id":"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d02","displayName":"good"})");
  ASSERT_EQ(page.changes.size(), 1u);
  EXPECT_EQ(page.changes.front().anchor, kOther);
  ASSERT_EQ(page.rejected.size(), 9u);
  EXPECT_EQ(page.rejected[0].anchor, kId);
  EXPECT_EQ(page.rejected[0].reason, "displayName: a text expected");
  EXPECT_EQ(page.rejected[1].anchor, "");
  EXPECT_EQ(page.rejected[1].reason, "id: a GUID expected");
  EXPECT_EQ(page.rejected[5].reason, "proxyAddresses: an array expected");
  for (const auto& rejected : page.rejected)
    EXPECT_EQ(rejected.reason.find("value\""), std::string::npos);
}

TEST(GraphMapping, HalfASurrogatePairCostsOneObject) {
  const auto page = read(GraphCollection::users,
                         R"({"id":"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d01","displayName":"a\ud83d b"},
              {"id":"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d03","displayName":"a\udc00"},
              {"id":"0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d02","displayName":"\ud83d\ude00 \\ud83d"})");
  EXPECT_EQ(page.rejected.size(), 2u);
  ASSERT_EQ(page.changes.size(), 1u);
  EXPECT_EQ(page.changes.front().set.at(A::display_name), Values{"😀 \\ud83d"});
}

TEST(GraphMapping, Links) {
  const auto page =
      read_graph_page(GraphCollection::users, R"({"@odata.nextLink":"https://g/n","value":[]})");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->next_link, "https://g/n");
  EXPECT_EQ(page->delta_link, "");
  EXPECT_FALSE(read_graph_page(GraphCollection::users, R"({"@odata.nextLink":7,"value":[]})"));
}

TEST(GraphMapping, BrokenPages) {
  for (const char* broken :
       {"", "x", "[]", "{}", R"({"value":{}})", R"({"value":[})", "{\"value\":[]}}"}) {
    const auto page = read_graph_page(GraphCollection::users, broken);
    ASSERT_FALSE(page) << broken;
    EXPECT_EQ(page.error().kind, base::ErrorKind::protocol);
  }
  EXPECT_NE(
      read_graph_page(GraphCollection::users, R"({"value":[1,]})").error().what.find("at byte 13"),
      std::string::npos);
}

TEST(GraphMapping, TheSelectNamesWhatIsMapped) {
  EXPECT_EQ(graph_select(GraphCollection::contacts),
            "id,displayName,givenName,surname,companyName,department,jobTitle,mail,mailNickname,"
            "proxyAddresses,addresses,phones,onPremisesSyncEnabled,onPremisesProvisioningErrors");
  EXPECT_TRUE(graph_select(GraphCollection::groups).ends_with(",members"));
  EXPECT_NE(graph_select(GraphCollection::users).find(",onPremisesExtensionAttributes"),
            std::string::npos);
}

}  // namespace
}  // namespace gald::cloud
