#include "export/contact_json.hpp"

#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "support.hpp"

namespace gald::exporting {

namespace {

using test::Attribute;

model::Contact jane() {
  model::Contact contact;
  contact.entry.id = "71392103-8d7e-5dd7-86ae-0f4e201ff3a9";
  contact.entry.kind = model::EntryKind::contact;
  contact.entry.source = model::Source::hybrid;
  contact.entry.status = model::Status::active;
  contact.entry.values = {{Attribute::display_name, "Jané \"JD\" Doe"},
                          {Attribute::mail, "jane@contoso.test"},
                          {Attribute::city, "München"},
                          {Attribute::hidden, "false"},
                          {Attribute::manager, "ad/00000000-0000-4000-8000-000000000009"},
                          {Attribute::extension_attribute_7, "seven"}};
  contact.entry.addresses = {{"smtp", "jane@contoso.test", true, "ad"},
                             {"x500", "/o=c/cn=jane", false, "entra"}};
  contact.entry.phones = {
      {"business", "+49 89 1234 x5", "+49891234", "5", "ad", model::PhoneKind::international},
      {"pager", "99", "", "99", "", model::PhoneKind::internal}};
  contact.entry.origins = {{"mail", "ad"}, {"displayName", "entra"}};
  contact.groups = {{"g1", "Sales"}};
  contact.labels = {"VIP"};
  contact.records = {
      {"ad", model::ConnectorKind::active_directory, "a1", model::Presence::live, ""},
      {"entra", model::ConnectorKind::entra, "e1", model::Presence::soft_deleted, "mail"}};
  contact.manager_id = "0d0e0f00-0000-5000-8000-000000000009";
  contact.changed_at = "2026-11-21T06:15:55.719Z";
  contact.change_number = 6;
  return contact;
}

TEST(ContactJson, IsThisText) {
  EXPECT_EQ(
      to_json(jane()),
      R"({"id":"71392103-8d7e-5dd7-86ae-0f4e201ff3a9","kind":"contact","source":"hybrid",)"
      R"("status":"active","displayName":"Jané \"JD\" Doe","givenName":null,"surname":null,)"
      R"("initials":null,"companyName":null,"department":null,"jobTitle":null,)"
      R"("officeLocation":null,"employeeId":null,"description":null,"notes":null,"webPage":null,)"
      R"("mail":"jane@contoso.test","mailNickname":null,"userPrincipalName":null,)"
      R"("groupType":null,"onPremisesDistinguishedName":null,)"
      R"("addresses":[{"kind":"smtp","value":"jane@contoso.test","primary":true,"connector":"ad"},)"
      R"({"kind":"x500","value":"/o=c/cn=jane","primary":false,"connector":"entra"}],)"
      R"("phones":[{"type":"business","raw":"+49 89 1234 x5","e164":"+49891234",)"
      R"("extension":"5","kind":"international","connector":"ad"},)"
      R"({"type":"pager","raw":"99","e164":null,"extension":"99","kind":"internal","connector":null}],)"
      R"("postalAddress":{"street":null,"city":"München","state":null,"postalCode":null,)"
      R"("countryOrRegion":null},"manager":"0d0e0f00-0000-5000-8000-000000000009","hidden":false,)"
      R"("customAttributes":{"extensionAttribute7":"seven"},)"
      R"("groups":[{"id":"g1","displayName":"Sales"}],"labels":["VIP"],)"
      R"("records":[{"connector":"ad","type":"active-directory","anchor":"a1","presence":"live",)"
      R"("joinedBy":null},{"connector":"entra","type":"entra","anchor":"e1",)"
      R"("presence":"soft_deleted","joinedBy":"mail"}],)"
      R"("origins":{"displayName":"entra","mail":"ad"},)"
      R"("changedAt":"2026-11-21T06:15:55.719Z","changeNumber":6})");
}

TEST(ContactJson, HasEveryKeyOfAnEmptyContact) {
  const auto object = nlohmann::json::parse(to_json({}));
  EXPECT_TRUE(object.at("hidden").is_null());
  EXPECT_TRUE(object.at("manager").is_null());
  EXPECT_TRUE(object.at("changedAt").is_null());
  for (const char* list : {"addresses", "phones", "groups", "records"})
    EXPECT_EQ(object.at(list), nlohmann::json::array()) << list;
  for (const char* map : {"customAttributes", "origins"})
    EXPECT_EQ(object.at(map), nlohmann::json::object()) << map;
  EXPECT_EQ(object.at("postalAddress").size(), 5u);
}

TEST(ContactJson, EveryPublishedAttributeHasItsPlace) {
  model::Contact contact;
  for (const Attribute attribute : model::published_attributes())
    contact.entry.values[attribute] = attribute == Attribute::hidden ? "true" : "#value";
  contact.manager_id = "#value";
  const std::string text = to_json(contact);
  std::size_t values = 0;
  for (std::size_t at = text.find("\"#value\""); at != text.npos;
       at = text.find("\"#value\"", at + 1))
    ++values;
  EXPECT_EQ(values, model::published_attributes().size() - 1);
  EXPECT_EQ(nlohmann::json::parse(text).at("hidden"), true);
}

TEST(ContactJson, IsOneLineWhateverTheValues) {
  model::Contact contact;
  contact.entry.values[Attribute::notes] = "two\nlines\x1b\xff";
  const std::string text = to_json(contact);
  EXPECT_EQ(text.find_first_of("\n\x1b"), text.npos);
  EXPECT_EQ(nlohmann::json::parse(text).at("notes"), "two\nlines\x1b\xEF\xBF\xBD");
}

TEST(ContactJson, HasTheKeysThatAreAskedFor) {
  EXPECT_EQ(to_json(jane(), {"id", "mail", "labels"}),
            R"({"id":"71392103-8d7e-5dd7-86ae-0f4e201ff3a9","mail":"jane@contoso.test",)"
            R"("labels":["VIP"]})");
  EXPECT_EQ(to_json(jane(), {"labels"}), R"({"labels":["VIP"]})");
  EXPECT_EQ(to_json(jane(), {contact_keys().begin(), contact_keys().end()}), to_json(jane()));
  EXPECT_EQ(told_json(jane(), {"origins", "kind"}), R"({"kind":"contact"})");
}

TEST(ContactJson, NamesItsKeysInTheirOrder) {
  std::vector<std::string_view> keys;
  const auto object = nlohmann::ordered_json::parse(to_json(jane()));
  for (const auto& [key, value] : object.items())
    keys.push_back(*std::find(contact_keys().begin(), contact_keys().end(), key));
  EXPECT_EQ(keys, contact_keys());
}

TEST(ContactJson, IsDocumented) {
  std::ifstream stream(GALD_SOURCE_DIR "/docs/contact-object.md");
  std::ostringstream page;
  page << stream.rdbuf();
  const auto object = nlohmann::json::parse(to_json(jane()));
  for (const auto& [key, value] : object.items())
    EXPECT_NE(page.str().find("| `" + key + "` |"), std::string::npos) << key;
}

}  // namespace

}  // namespace gald::exporting
