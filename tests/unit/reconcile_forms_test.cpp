// The normalised forms of an entry: from its records, by the policy.

#include <gtest/gtest.h>

#include "model/forms.hpp"
#include "reconcile/join.hpp"
#include "reconcile/merge.hpp"
#include "reconcile/reconcile.hpp"
#include "support.hpp"

namespace gald::reconcile {

using model::Attribute;
using model::Entry;
using model::StagedRecord;

namespace {

StagedRecord record(std::string connector, model::Attributes attributes,
                    model::ConnectorKind kind = model::ConnectorKind::entra) {
  StagedRecord record;
  record.id = 1;
  record.connector = std::move(connector);
  record.connector_kind = kind;
  record.anchor = test::anchor(1);
  record.kind = model::RecordKind::user;
  record.attributes = std::move(attributes);
  record.touched = true;
  return record;
}

Entry merged(const StagedRecord& record, const Policy& policy = {}) {
  const StagedRecord* const live[] = {&record};
  return merge(live, policy);
}

Policy with_region(const std::string& connector, const std::string& region) {
  Policy policy;
  policy.connectors[connector].region = region;
  return policy;
}

std::string e164_of(model::Attributes attributes, const Policy& policy = {}) {
  attributes[Attribute::business_phones] = {"0664 1234567"};
  return merged(record("entra", std::move(attributes)), policy).phones.at(0).e164;
}

}  // namespace

TEST(Phones, AreReadInTheCountryOfTheContact) {
  EXPECT_EQ(e164_of({}), "");
  EXPECT_EQ(e164_of({{Attribute::country, {"Österreich"}}}), "+436641234567");
  EXPECT_EQ(e164_of({{Attribute::country, {"AT"}}}), "+436641234567");
  EXPECT_EQ(e164_of({{Attribute::country, {"Atlantis"}}}), "");
}

TEST(Phones, AreReadInTheRegionOfTheirConnectorOtherwise) {
  EXPECT_EQ(e164_of({}, with_region("entra", "AT")), "+436641234567");
  EXPECT_EQ(e164_of({}, with_region("ad", "AT")), "");
  EXPECT_EQ(e164_of({{Attribute::country, {"Atlantis"}}}, with_region("entra", "AT")),
            "+436641234567");
  EXPECT_EQ(e164_of({{Attribute::country, {"Austria"}}}, with_region("entra", "US")),
            "+436641234567");
}

TEST(Phones, ReadInAnotherWayAreTold) {
  const StagedRecord one = record("entra", {{Attribute::mobile_phone, {"0664 1234567"}},
                                            {Attribute::business_phones, {"+43 1 234567"}}});
  Entry before = merged(one);
  before.id = entry_id_for(one.anchor);
  StagedRecord known = one;
  known.entry_id = before.id;
  const std::vector<StagedRecord> records = {known};
  const std::vector<Entry> published = {before};
  const Plan plan = reconcile(records, published, with_region("entra", "AT"));
  ASSERT_EQ(plan.size(), 1u);
  EXPECT_EQ(plan[0].operation, Operation::update);
  EXPECT_EQ(plan[0].changes,
            (std::vector<model::FieldChange>{{"phones", "mobile:0664 1234567",
                                              "mobile:0664 1234567 (+436641234567)", "entra"}}));
  EXPECT_EQ(reconcile(records, published)[0].operation, Operation::none);
}

TEST(Names, HaveASearchFormOfWhichTheHistoryDoesNotTell) {
  const StagedRecord one = record("entra", {{Attribute::display_name, {"Müller, Jörg (Sales)"}},
                                            {Attribute::given_name, {"Jörg"}},
                                            {Attribute::surname, {"Müller"}}});
  Entry before = merged(one);
  EXPECT_EQ(before.search_name, "muller jorg sales mueller joerg");
  EXPECT_EQ(before.values.at(Attribute::display_name), "Müller, Jörg (Sales)");
  before.id = entry_id_for(one.anchor);
  before.search_name.clear();
  StagedRecord known = one;
  known.entry_id = before.id;
  const std::vector<StagedRecord> records = {known};
  const std::vector<Entry> published = {before};
  const Plan plan = reconcile(records, published);
  ASSERT_EQ(plan.size(), 1u);
  EXPECT_EQ(plan[0].operation, Operation::update);
  EXPECT_TRUE(plan[0].changes.empty());
}

TEST(Guests, AreNowhereCalledByTheNameThatEntraMade) {
  const std::string made = "jane_fabrikam.test#EXT#@contoso.onmicrosoft.test";
  model::Attributes attributes = {{Attribute::user_type, {"Guest"}},
                                  {Attribute::mail, {made}},
                                  {Attribute::mail_nickname, {"jane_fabrikam.test#EXT#"}},
                                  {Attribute::proxy_addresses, {"SMTP:" + made, "sip:" + made}},
                                  {Attribute::other_mails, {made, "jane@fabrikam.test"}}};
  for (const Attribute attribute : model::published_attributes())
    if (attribute != Attribute::manager && attribute != Attribute::hidden)
      attributes[attribute] = {made};
  const Entry entry = merged(record("entra", attributes));
  for (const auto& [attribute, value] : entry.values)
    EXPECT_FALSE(model::is_guest_principal(value)) << model::name(attribute);
  ASSERT_EQ(entry.addresses.size(), 1u);
  EXPECT_EQ(entry.addresses[0].value, "jane@fabrikam.test");
  EXPECT_EQ(entry.search_name, "");
}

TEST(Addresses, InUnicodeAndInALabelsAreOne) {
  const Entry entry =
      merged(record("entra", {{Attribute::mail, {"jörg@bücher.example"}},
                              {Attribute::proxy_addresses, {"SMTP:JÖRG@xn--bcher-kva.example"}}}));
  ASSERT_EQ(entry.addresses.size(), 1u);
  EXPECT_EQ(entry.addresses[0].value, "JÖRG@xn--bcher-kva.example") << "as the source wrote it";
}

TEST(Addresses, InUnicodeAndInALabelsJoin) {
  StagedRecord cloud = record(
      "entra", {{Attribute::mail, {"jörg@bücher.example"}}, {Attribute::sync_enabled, {"true"}}});
  StagedRecord ad = record("ad", {{Attribute::mail, {"Jörg@XN--BCHER-KVA.example"}}},
                           model::ConnectorKind::active_directory);
  for (StagedRecord* one : {&cloud, &ad})
    one->kind = model::RecordKind::contact;
  ad.id = 2;
  ad.anchor = test::anchor(2);
  const std::vector<StagedRecord> records = {cloud, ad};
  const std::vector<Cell> cells = join(records);
  ASSERT_EQ(cells.size(), 1u);
  EXPECT_EQ(cells[0].live.size(), 2u);
}

}  // namespace gald::reconcile
