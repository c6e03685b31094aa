// Whose value wins, what the mapping makes of a value, and what decides a status.
#include "reconcile/merge.hpp"

#include <algorithm>
#include <list>

#include "reconcile/field_mapping.hpp"
#include "reconcile/reconcile.hpp"
#include "support.hpp"

namespace gald::reconcile {

using model::Attribute;
using model::Attributes;
using model::ConnectorKind;
using model::Presence;
using model::RecordKind;
using model::StagedRecord;
using model::Status;
using test::anchor;

namespace {

using A = Attribute;

/// The records of one contact, strongest source first whatever the order of their making.
class OneContact {
 public:
  explicit OneContact(RecordKind kind = RecordKind::user) : kind_(kind) {}

  StagedRecord& ad(const char* name = "ad") { return add(name, ConnectorKind::active_directory); }

  StagedRecord& entra() { return add("entra", ConnectorKind::entra); }

  StagedRecord& exchange() { return add("exchange", ConnectorKind::exchange_online); }

  std::vector<const StagedRecord*> records() const {
    std::vector<const StagedRecord*> list;
    for (const StagedRecord& record : records_)
      list.push_back(&record);
    std::stable_sort(list.begin(), list.end(), [](auto* a, auto* b) {
      return static_cast<int>(a->connector_kind) < static_cast<int>(b->connector_kind);
    });
    return list;
  }

  /// Also makes sure that what is told wins and what is published are the same.
  model::Entry merged(const Policy& policy = {}) const {
    model::Entry entry = merge(records(), policy);
    for (const Attribute attribute : model::published_attributes()) {
      const Candidates told = candidates(attribute, records(), policy);
      const auto published = entry.values.find(attribute);
      if (published == entry.values.end()) {
        EXPECT_TRUE(told.list.empty()) << model::name(attribute);
      } else if (!told.list.empty()) {
        EXPECT_EQ(told.list.front().value, published->second) << model::name(attribute);
        EXPECT_EQ(told.list.front().record->connector,
                  entry.origins.at(std::string(model::name(attribute))));
      }
    }
    return entry;
  }

  std::string value(Attribute attribute, const Policy& policy = {}) const {
    const model::Entry entry = merged(policy);
    const auto it = entry.values.find(attribute);
    return it == entry.values.end() ? std::string() : it->second;
  }

 private:
  StagedRecord& add(const char* name, ConnectorKind kind) {
    StagedRecord& record = records_.emplace_back();
    record.id = static_cast<std::int64_t>(records_.size());
    record.connector = name;
    record.connector_kind = kind;
    record.anchor = anchor(static_cast<int>(records_.size()));
    record.kind = kind_;
    return record;
  }

  RecordKind kind_;
  std::list<StagedRecord> records_;
};

/// A synchronized user of whom everybody says the title differently.
struct Hybrid {
  OneContact contact;
  StagedRecord& ad = contact.ad();
  StagedRecord& entra = contact.entra();
  StagedRecord& exchange = contact.exchange();

  Hybrid() {
    entra.attributes[A::sync_enabled] = {"true"};
    for (StagedRecord* record : {&ad, &entra, &exchange})
      record->attributes[A::job_title] = {record->connector};
  }
};

std::vector<std::string> connectors_of(const Candidates& candidates) {
  std::vector<std::string> names;
  for (const Candidate& candidate : candidates.list)
    names.push_back(candidate.record->connector);
  return names;
}

using Names = std::vector<std::string>;

Policy mapping(const std::string& connector, std::vector<FieldRule> rules) {
  Policy policy;
  policy.connectors[connector].mapping = std::move(rules);
  return policy;
}

}  // namespace

// --- precedence ----------------------------------------------------------------------------------

TEST(Precedence, OnPremisesMastersWhatIsSynchronized) {
  const Hybrid hybrid;
  const Candidates told = candidates(A::job_title, hybrid.contact.records());
  EXPECT_EQ(told.by, Precedence::on_premises);
  EXPECT_EQ(connectors_of(told), (Names{"ad", "entra", "exchange"}));
  EXPECT_EQ(hybrid.contact.value(A::job_title), "ad");
}

TEST(Precedence, TheCloudWinsOnceItMasters) {
  Hybrid hybrid;
  hybrid.entra.attributes[A::sync_enabled] = {"false"};
  hybrid.ad.attributes[A::distinguished_name] = {"CN=Jane,DC=contoso,DC=test"};
  hybrid.entra.attributes[A::distinguished_name] = {"CN=Jane,OU=Old,DC=contoso,DC=test"};
  const Candidates told = candidates(A::job_title, hybrid.contact.records());
  EXPECT_EQ(told.by, Precedence::cloud);
  EXPECT_EQ(connectors_of(told), (Names{"entra", "exchange", "ad"}));
  const Candidates place = candidates(A::distinguished_name, hybrid.contact.records());
  EXPECT_EQ(place.by, Precedence::directory);
  EXPECT_EQ(place.list.front().record->connector, "ad");
  hybrid.contact.merged();
}

TEST(Precedence, WhoHasNoValueIsNotAsked) {
  Hybrid hybrid;
  hybrid.ad.attributes.erase(A::job_title);
  EXPECT_EQ(hybrid.contact.value(A::job_title), "entra");
  hybrid.entra.attributes.erase(A::job_title);
  EXPECT_EQ(hybrid.contact.value(A::job_title), "exchange");
}

TEST(Precedence, AConfiguredOrderGoesBeforeTheUsualOne) {
  Hybrid hybrid;
  Policy policy;
  policy.precedence = {"exchange"};
  const Candidates told = candidates(A::job_title, hybrid.contact.records(), policy);
  EXPECT_EQ(told.by, Precedence::connectors);
  EXPECT_EQ(connectors_of(told), (Names{"exchange", "ad", "entra"}));

  policy.precedence_of[A::job_title] = {"entra"};
  const Candidates own = candidates(A::job_title, hybrid.contact.records(), policy);
  EXPECT_EQ(own.by, Precedence::of_attribute);
  EXPECT_EQ(connectors_of(own), (Names{"entra", "exchange", "ad"}));
  EXPECT_EQ(hybrid.contact.value(A::job_title, policy), "entra");
}

TEST(Precedence, AConfiguredOrderOfAllSaysNothingOfPlaceAndVisibility) {
  Hybrid hybrid;
  hybrid.ad.attributes[A::hidden] = {"true"};
  hybrid.entra.attributes[A::hidden] = {"false"};
  hybrid.ad.attributes[A::distinguished_name] = {"CN=Jane,DC=contoso,DC=test"};
  hybrid.entra.attributes[A::distinguished_name] = {"CN=Jane,OU=Old,DC=contoso,DC=test"};
  Policy policy;
  policy.precedence = {"entra"};
  EXPECT_EQ(hybrid.contact.value(A::hidden, policy), "true");
  EXPECT_EQ(hybrid.contact.value(A::distinguished_name, policy), "CN=Jane,DC=contoso,DC=test");
  policy.precedence_of[A::hidden] = {"entra"};
  EXPECT_EQ(hybrid.contact.value(A::hidden, policy), "false");
}

TEST(Precedence, ListsFollowTheirFirstAttribute) {
  Hybrid hybrid;
  hybrid.ad.attributes[A::business_phones] = {"+49 89 1"};
  hybrid.entra.attributes[A::business_phones] = {"+49 89 2"};
  hybrid.ad.attributes[A::mobile_phone] = {"+49 171 1"};
  hybrid.entra.attributes[A::mobile_phone] = {"+49 171 2"};
  hybrid.ad.attributes[A::proxy_addresses] = {"SMTP:jane@old.test"};
  hybrid.entra.attributes[A::proxy_addresses] = {"SMTP:jane@new.test", "smtp:jane@old.test"};
  Policy policy;
  policy.precedence_of[A::business_phones] = {"entra"};
  policy.precedence_of[A::proxy_addresses] = {"entra"};
  const model::Entry entry = hybrid.contact.merged(policy);
  ASSERT_EQ(entry.phones.size(), 2u);
  EXPECT_EQ(entry.phones[0].raw, "+49 89 2");
  EXPECT_EQ(entry.phones[1].raw, "+49 171 1");
  ASSERT_EQ(entry.addresses.size(), 2u);
  EXPECT_EQ(entry.addresses[0].value, "jane@new.test");
  EXPECT_TRUE(entry.addresses[0].primary);
  EXPECT_FALSE(entry.addresses[1].primary);
}

TEST(Precedence, ADisplayNameFromTheRdnSaysSo) {
  OneContact contact(RecordKind::group);
  contact.ad().attributes[A::rdn] = {"CN=Sales\\, Munich"};
  const Candidates told = candidates(A::display_name, contact.records());
  ASSERT_EQ(told.list.size(), 1u);
  EXPECT_EQ(told.list.front().value, "Sales, Munich");
  EXPECT_EQ(told.list.front().from, A::rdn);
  contact.merged();
}

// --- visibility ----------------------------------------------------------------------------------

TEST(Visibility, GraphsCopyCountsOnlyWhereNobodyKnows) {
  struct Case {
    const char* ad;
    const char* entra;
    const char* exchange;
    const char* sync;  // onPremisesSyncEnabled
    const char* hidden;
    const char* by;
  };

  const Case cases[] = {
      {"", "", "", "true", "", ""},
      {"", "true", "", "true", "true", "entra"},
      {"false", "true", "", "true", "false", "ad"},
      {"", "true", "false", "true", "false", "exchange"},
      {"true", "false", "false", "true", "true", "ad"},
      {"false", "", "true", "true", "true", "exchange"},
      {"false", "false", "false", "true", "false", "ad"},
      // mastered in the cloud, AD is the one that has a copy
      {"true", "", "false", "false", "false", "exchange"},
      {"true", "", "", "false", "true", "ad"},
      {"true", "true", "false", "false", "false", "exchange"},
      {"", "true", "false", "", "false", "exchange"},
  };
  for (const Case& one : cases) {
    OneContact contact;
    const auto say = [](StagedRecord& record, Attribute attribute, const char* value) {
      if (*value != '\0')
        record.attributes[attribute] = {value};
    };
    say(contact.ad(), A::hidden, one.ad);
    StagedRecord& entra = contact.entra();
    say(entra, A::hidden, one.entra);
    say(entra, A::sync_enabled, one.sync);
    say(contact.exchange(), A::hidden, one.exchange);
    SCOPED_TRACE(std::string("ad=") + one.ad + " entra=" + one.entra + " exchange=" + one.exchange +
                 " sync=" + one.sync);
    EXPECT_EQ(contact.value(A::hidden), one.hidden);
    const Candidates told = candidates(A::hidden, contact.records());
    EXPECT_EQ(told.by, Precedence::visibility);
    if (*one.by != '\0') {
      EXPECT_EQ(told.list.front().record->connector, one.by);
    }
  }
}

TEST(Visibility, WhatToTellOfTheUnknownIsConfigured) {
  OneContact contact;
  StagedRecord& record = contact.ad();
  Policy policy;
  EXPECT_EQ(contact.value(A::hidden, policy), "");
  policy.hidden_if_unknown = true;
  EXPECT_EQ(contact.value(A::hidden, policy), "true");
  EXPECT_FALSE(contact.merged(policy).origins.contains("hidden"));
  policy.hidden_if_unknown = false;
  EXPECT_EQ(contact.value(A::hidden, policy), "false");
  record.attributes[A::hidden] = {"true"};
  EXPECT_EQ(contact.value(A::hidden, policy), "true");
}

// --- mapping -------------------------------------------------------------------------------------

TEST(Mapping, TakesIgnoresSetsAndTransforms) {
  OneContact contact;
  StagedRecord& record = contact.ad();
  record.attributes[A::department] = {"old"};
  record.attributes[A::extension_attribute_3] = {"  Sales \t North "};
  record.attributes[A::notes] = {"private"};
  record.attributes[A::city] = {"MÜNCHEN"};
  record.attributes[A::business_phones] = {"+49 89 1"};
  record.attributes[A::ip_phone] = {"4711"};
  const Policy policy =
      mapping("ad", {{A::department, A::extension_attribute_3, {}, {Transform::collapse_spaces}},
                     {A::notes, {}, {}, {}},
                     {A::company_name, {}, "Contoso", {}},
                     {A::city, A::city, {}, {Transform::lower}},
                     {A::business_phones, A::ip_phone, {}, {}}});
  const model::Entry entry = contact.merged(policy);
  EXPECT_EQ(entry.values.at(A::department), "Sales North");
  EXPECT_FALSE(entry.values.contains(A::notes));
  EXPECT_EQ(entry.values.at(A::company_name), "Contoso");
  EXPECT_EQ(entry.values.at(A::city), "münchen");
  EXPECT_EQ(entry.values.at(A::extension_attribute_3), "  Sales \t North ");
  ASSERT_EQ(entry.phones.size(), 2u);
  EXPECT_EQ(entry.phones[0].raw, "4711");
  EXPECT_EQ(entry.phones[0].type, "business");
}

TEST(Mapping, TwoAttributesChangePlaces) {
  const Attributes said = {{A::given_name, {"Doe"}}, {A::surname, {"Jane"}}};
  const std::vector<FieldRule> rules = {{A::given_name, A::surname, {}, {}},
                                        {A::surname, A::given_name, {}, {}}};
  const Attributes expected = {{A::given_name, {"Jane"}}, {A::surname, {"Doe"}}};
  EXPECT_EQ(map_fields(said, rules), expected);
}

TEST(Mapping, AValueThatIsNotThereLeavesRoomForOthers) {
  Hybrid hybrid;
  const Policy policy = mapping("ad", {{A::job_title, A::extension_attribute_1, {}, {}}});
  EXPECT_EQ(hybrid.contact.value(A::job_title, policy), "entra");
  hybrid.ad.attributes[A::extension_attribute_1] = {"  "};
  const Policy trimmed =
      mapping("ad", {{A::job_title, A::extension_attribute_1, {}, {Transform::trim}}});
  EXPECT_EQ(hybrid.contact.value(A::job_title, trimmed), "entra");
}

TEST(Mapping, ASingleValueIsTheFirstThatIsLeft) {
  const Attributes said = {{A::other_business_phones, {" ", "1", "2"}}};
  const std::vector<FieldRule> rules = {
      {A::mobile_phone, A::other_business_phones, {}, {Transform::trim}}};
  EXPECT_EQ(map_fields(said, rules).at(A::mobile_phone), (model::Values{"1"}));
}

TEST(Mapping, IsToldOfAWinner) {
  Hybrid hybrid;
  hybrid.ad.attributes[A::extension_attribute_1] = {"Chief"};
  const Policy policy = mapping("ad", {{A::job_title, A::extension_attribute_1, {}, {}}});
  const Candidates told = candidates(A::job_title, hybrid.contact.records(), policy);
  ASSERT_EQ(told.list.size(), 3u);
  EXPECT_EQ(told.list[0].value, "Chief");
  EXPECT_EQ(told.list[0].from, A::extension_attribute_1);
  EXPECT_EQ(told.list[0].mapped, &policy.connectors.at("ad").mapping.front());
  EXPECT_EQ(told.list[0].record, &hybrid.ad);
  EXPECT_EQ(told.list[1].mapped, nullptr);
}

TEST(Mapping, ChangesValuesAndNeitherIdentityNorStatus) {
  std::vector<StagedRecord> records(2);
  int number = 0;
  for (StagedRecord& record : records) {
    record.id = ++number;
    record.anchor = anchor(number);
    record.kind = RecordKind::contact;
    record.attributes[A::mail] = {"jane@fabrikam.example"};
    record.attributes[A::proxy_addresses] = {"SMTP:jane@fabrikam.example"};
  }
  records[0].connector = "ad";
  records[0].connector_kind = ConnectorKind::active_directory;
  records[1].connector = "entra";
  records[1].attributes[A::sync_enabled] = {"true"};
  const Policy policy = mapping("ad", {{A::mail, {}, "desk@contoso.test", {}},
                                       {A::proxy_addresses, {}, {}, {}},
                                       {A::external_address, {}, {}, {}}});
  const Plan usual = reconcile(records, {});
  const Plan mapped = reconcile(records, {}, policy);
  ASSERT_EQ(usual.size(), 1u);
  ASSERT_EQ(mapped.size(), 1u);
  EXPECT_EQ(mapped[0].entry.id, usual[0].entry.id);
  EXPECT_EQ(mapped[0].records, usual[0].records);
  EXPECT_EQ(mapped[0].entry.values.at(A::mail), "desk@contoso.test");
}

TEST(Mapping, ChangesTheCaseOfLetters) {
  struct Case {
    const char* text;
    Transform transform;
    const char* result;
  };

  const Case cases[] = {
      {" a  b ", Transform::trim, "a  b"},
      {" a \t\r\n b ", Transform::collapse_spaces, "a b"},
      {"   ", Transform::collapse_spaces, ""},
      {"Grüße, ŁÓDŹ", Transform::lower, "grüße, łódź"},
      {"Grüße, łódź", Transform::upper, "GRÜSSE, ŁÓDŹ"},
      {"ΑΘΉΝΑ", Transform::lower, "αθήνα"},
      {"Москва, Ёлка", Transform::upper, "МОСКВА, ЁЛКА"},
      {"ÿ×÷", Transform::upper, "Ÿ×÷"},
      {"Ÿ", Transform::lower, "ÿ"},
      {"株式会社 ABC 😀", Transform::lower, "株式会社 abc 😀"},
  };
  for (const Case& one : cases)
    EXPECT_EQ(transformed(one.text, one.transform), one.result);
}

// --- status --------------------------------------------------------------------------------------

TEST(StatusRules, DecideByWhatTheRecordsSay) {
  struct Case {
    const char* what;
    void (*arrange)(OneContact&);
    StatusDecision decision;
  };

  const Case cases[] = {
      {"nothing against it",
       [](OneContact& c) { c.ad().attributes[A::account_enabled] = {"true"}; },
       {Status::active, StatusRule::in_use, "ad"}},
      {"a missing accountEnabled is not false",
       [](OneContact& c) { c.entra(); },
       {Status::active, StatusRule::in_use, "entra"}},
      {"one side says disabled",
       [](OneContact& c) {
         c.ad().attributes[A::account_enabled] = {"true"};
         c.entra().attributes[A::account_enabled] = {"false"};
       },
       {Status::disabled, StatusRule::account_disabled, "entra"}},
      {"a person with an account in two forests uses one of them",
       [](OneContact& c) {
         c.ad("old").attributes[A::account_enabled] = {"false"};
         c.ad("new").attributes[A::account_enabled] = {"true"};
         c.entra().attributes[A::account_enabled] = {"true"};
       },
       {Status::active, StatusRule::in_use, "old"}},
      {"and the cloud may say otherwise",
       [](OneContact& c) {
         c.ad("old").attributes[A::account_enabled] = {"false"};
         c.ad("new").attributes[A::account_enabled] = {"true"};
         c.entra().attributes[A::account_enabled] = {"false"};
       },
       {Status::disabled, StatusRule::account_disabled, "entra"}},
      {"the account has ended",
       [](OneContact& c) { c.ad().expired = true; },
       {Status::disabled, StatusRule::account_ended, "ad"}},
      {"disabled goes before ended",
       [](OneContact& c) {
         StagedRecord& ad = c.ad();
         ad.expired = true;
         ad.attributes[A::account_enabled] = {"false"};
       },
       {Status::disabled, StatusRule::account_disabled, "ad"}},
      {"a gone side says nothing",
       [](OneContact& c) {
         StagedRecord& ad = c.ad();
         ad.presence = Presence::deleted;
         ad.attributes[A::account_enabled] = {"false"};
         c.entra();
       },
       {Status::active, StatusRule::in_use, "entra"}},
      {"a shared mailbox, says AD",
       [](OneContact& c) {
         StagedRecord& ad = c.ad();
         ad.attributes[A::account_enabled] = {"false"};
         ad.attributes[A::recipient_type] = {"RemoteSharedMailbox"};
       },
       {Status::active, StatusRule::mailbox, "ad"}},
      {"a room, says Exchange",
       [](OneContact& c) {
         c.entra().attributes[A::account_enabled] = {"false"};
         c.exchange().attributes[A::recipient_type] = {"RoomMailbox"};
       },
       {Status::active, StatusRule::mailbox, "exchange"}},
      {"a person's mailbox does not help",
       [](OneContact& c) {
         StagedRecord& ad = c.ad();
         ad.attributes[A::account_enabled] = {"false"};
         ad.attributes[A::recipient_type] = {"UserMailbox"};
       },
       {Status::disabled, StatusRule::account_disabled, "ad"}},
      {"deleted for good",
       [](OneContact& c) { c.ad().presence = Presence::deleted; },
       {Status::deleted, StatusRule::deleted, "ad"}},
      {"in the recycle bin",
       [](OneContact& c) { c.entra().presence = Presence::soft_deleted; },
       {Status::deleted, StatusRule::soft_deleted, "entra"}},
      {"not in a complete read",
       [](OneContact& c) { c.exchange().presence = Presence::absent; },
       {Status::deleted, StatusRule::absent, "exchange"}},
      {"out of scope",
       [](OneContact& c) { c.ad().presence = Presence::out_of_scope; },
       {Status::deleted, StatusRule::out_of_scope, "ad"}},
      {"the directory's own",
       [](OneContact& c) { c.ad().attributes[A::critical_object] = {"true"}; },
       {Status::deleted, StatusRule::directory_object, "ad"}},
  };
  for (const Case& one : cases) {
    OneContact contact;
    one.arrange(contact);
    EXPECT_EQ(decide_status(contact.records()), one.decision) << one.what;
  }
}

TEST(StatusRules, ADisabledAccountMayRemoveItsContact) {
  Policy policy;
  policy.disabled_account = DisabledAccount::remove;
  OneContact contact;
  StagedRecord& ad = contact.ad();
  ad.attributes[A::account_enabled] = {"false"};
  EXPECT_EQ(decide_status(contact.records(), policy),
            (StatusDecision{Status::deleted, StatusRule::account_disabled, "ad"}));
  ad.attributes[A::recipient_type] = {"EquipmentMailbox"};
  EXPECT_EQ(decide_status(contact.records(), policy).status, Status::active);
}

TEST(StatusRules, ARemovedContactComesBackWithItsId) {
  Policy policy;
  policy.disabled_account = DisabledAccount::remove;
  std::vector<StagedRecord> records(1);
  StagedRecord& record = records.front();
  record.id = 1;
  record.connector = "ad";
  record.connector_kind = ConnectorKind::active_directory;
  record.anchor = anchor(1);
  record.kind = RecordKind::user;
  record.attributes[A::job_title] = {"Chief"};
  record.attributes[A::account_enabled] = {"false"};
  record.touched = true;
  EXPECT_TRUE(reconcile(records, {}, policy).empty()) << "never published, so never created";

  record.attributes[A::account_enabled] = {"true"};
  Plan plan = reconcile(records, {}, policy);
  ASSERT_EQ(plan.size(), 1u);
  EXPECT_EQ(plan[0].operation, Operation::create);
  std::vector<model::Entry> entries = {plan[0].entry};
  record.entry_id = entries[0].id;

  record.attributes[A::account_enabled] = {"false"};
  record.attributes[A::job_title] = {"None"};
  plan = reconcile(records, entries, policy);
  ASSERT_EQ(plan.size(), 1u);
  EXPECT_EQ(plan[0].operation, Operation::remove);
  EXPECT_EQ(plan[0].entry.status, Status::deleted);
  EXPECT_EQ(plan[0].entry.values.at(A::job_title), "Chief") << "the last values stay";
  ASSERT_EQ(plan[0].changes.size(), 1u);
  EXPECT_EQ(plan[0].changes[0], (model::FieldChange{"status", "active", "deleted", "ad"}));
  entries = {plan[0].entry};

  plan = reconcile(records, entries, policy);
  ASSERT_EQ(plan.size(), 1u);
  EXPECT_EQ(plan[0].operation, Operation::none) << "once is enough";

  record.attributes[A::account_enabled] = {"true"};
  plan = reconcile(records, entries, policy);
  ASSERT_EQ(plan.size(), 1u);
  EXPECT_EQ(plan[0].operation, Operation::restore);
  EXPECT_EQ(plan[0].entry.id, entries[0].id);
  EXPECT_EQ(plan[0].entry.status, Status::active);
}

TEST(Merge, OtherFaxesArePublished) {
  OneContact contact(RecordKind::contact);
  StagedRecord& record = contact.exchange();
  record.attributes[A::business_fax] = {"+49 89 8"};
  record.attributes[A::other_business_faxes] = {"+49 89 9"};
  const model::Entry entry = contact.merged();
  ASSERT_EQ(entry.phones.size(), 2u);
  EXPECT_EQ(entry.phones[1].type, "businessFax");
  EXPECT_EQ(entry.phones[1].raw, "+49 89 9");
}

}  // namespace gald::reconcile
