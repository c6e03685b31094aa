// The full text of `gald explain` for every kind of contact.
#include "explain.hpp"

#include <map>

#include <nlohmann/json.hpp>

#include "base/encoding.hpp"
#include "base/guid.hpp"
#include "export/explain_json.hpp"
#include "reconcile/conflict.hpp"
#include "reconcile/join.hpp"
#include "reconcile/reconcile.hpp"
#include "reconcile_world.hpp"
#include "support.hpp"

namespace gald::daemon {

using index::ExplainReport;
using model::Attribute;
using model::ConnectorKind;
using model::Presence;
using model::RecordKind;
using model::StagedRecord;
using reconcile::Policy;
using test::anchor;

namespace {

class World : public test::ReconcileWorld {
 public:
  ExplainReport report(int number, const Policy& policy = {}) const {
    return {reconcile::explain(entry_of(number), records_beside(number), policy), {}, {}};
  }

  std::string text(int number, const Policy& policy = {}) const {
    return describe(report(number, policy));
  }
};

void say(StagedRecord& record, const std::string& name, const std::string& address) {
  record.attributes[Attribute::display_name] = {name};
  record.attributes[Attribute::proxy_addresses] = {"SMTP:" + address};
}

std::string immutable_id_of(int number) {
  return base::base64_encode(base::Guid::parse(anchor(number))->ad_bytes());
}

std::string id_of(int number) {
  return reconcile::entry_id_for(anchor(number));
}

}  // namespace

TEST(Explain, ACloudContact) {
  World world;
  StagedRecord& jane = world.entra(1, RecordKind::contact);
  say(jane, "Jane Doe", "jane@fabrikam.com");
  jane.attributes[Attribute::job_title] = {"Director"};
  jane.attributes[Attribute::mobile_phone] = {"+49 171 5550100"};
  world.publish();
  EXPECT_EQ(world.text(1), R"(Jane Doe: a cloud contact, active
id 0660e3e0-e257-5c6e-95c6-c3cbaab898fe

Why
  kind                  It is a contact: nobody signs in with it.
  source                It is in the cloud (entra) and not synchronized from Active Directory.
  status                Nothing says that it is disabled or gone.
  address lists         No source says whether it is hidden from address lists.

Records
  entra         contact   00000000-0000-4000-8000-000000000001
      No record of another source belongs to it. The id comes from it.

Values
  displayName     Jane Doe  [entra, which alone has it]
  jobTitle        Director  [entra, which alone has it]
  addresses/smtp  jane@fabrikam.com  [entra, as the primary one]
  phones/mobile   +49 171 5550100  [entra, the first one that has such numbers]
)");
}

TEST(Explain, AnOnPremisesContact) {
  World world;
  StagedRecord& jane = world.ad(1, RecordKind::contact);
  jane.attributes[Attribute::rdn] = {"CN=Jane Doe"};
  jane.attributes[Attribute::hidden] = {"false"};
  world.publish();
  EXPECT_EQ(world.text(1), R"(Jane Doe: an on-premises contact, active
id 0660e3e0-e257-5c6e-95c6-c3cbaab898fe

Why
  kind                  It is a contact: nobody signs in with it.
  source                It is in Active Directory (ad) and nowhere in the cloud.
  status                Nothing says that it is disabled or gone.
  address lists         ad says that it is not hidden from address lists.

Records
  ad            contact   00000000-0000-4000-8000-000000000001
      No record of another source belongs to it. The id comes from it.

Values
  displayName  Jane Doe  [ad, which alone has it; it is the name of the object, which has no display name]
)");
}

TEST(Explain, AHybridContact) {
  World world;
  say(world.ad(1, RecordKind::contact), "Jane Doe", "jane@fabrikam.com");
  StagedRecord& there = world.entra(2, RecordKind::contact);
  say(there, "J. Doe", "jane@fabrikam.com");
  there.attributes[Attribute::sync_enabled] = {"true"};
  StagedRecord& mail = world.exchange(3, RecordKind::contact);
  say(mail, "Jane Doe", "jane@fabrikam.com");
  mail.attributes[Attribute::external_directory_object_id] = {anchor(2)};
  mail.attributes[Attribute::hidden] = {"true"};
  world.publish();
  EXPECT_EQ(world.text(1), R"(Jane Doe: a hybrid contact, active
id 0660e3e0-e257-5c6e-95c6-c3cbaab898fe

Why
  kind                  It is a contact: nobody signs in with it.
  source                It is in Active Directory (ad) and in the cloud (entra and exchange).
  status                Nothing says that it is disabled or gone.
  address lists         exchange says that it is hidden from address lists.

Records
  ad            contact   00000000-0000-4000-8000-000000000001
      The others were joined to this one. The id comes from it.
  entra         contact   00000000-0000-4000-8000-000000000002
      It is synchronized from Active Directory, and only the contact in ad has the same address, jane@fabrikam.com.
  exchange      contact   00000000-0000-4000-8000-000000000003
      It names the contact in entra as its object in Entra ID.

Values
  displayName     Jane Doe
      from ad, as Active Directory comes first for what is synchronized
      entra says J. Doe
      the same in exchange
  addresses/smtp  jane@fabrikam.com  [ad, as the primary one]
)");
}

TEST(Explain, AHybridUserThatIsDisabled) {
  World world;
  StagedRecord& here = world.ad(1, RecordKind::user);
  say(here, "John Roe", "john@contoso.com");
  here.attributes[Attribute::account_enabled] = {"false"};
  StagedRecord& there = world.entra(2, RecordKind::user);
  say(there, "John Roe", "john@contoso.com");
  there.attributes[Attribute::immutable_id] = {immutable_id_of(1)};
  there.attributes[Attribute::sync_enabled] = {"true"};
  there.attributes[Attribute::account_enabled] = {"true"};
  there.attributes[Attribute::city] = {"Bonn"};
  world.publish();
  EXPECT_EQ(world.text(1), R"(John Roe: a hybrid user, disabled
id 0660e3e0-e257-5c6e-95c6-c3cbaab898fe

Why
  kind                  It is a user account.
  source                It is in Active Directory (ad) and in the cloud (entra).
  status                Its account is disabled in ad. One source that says so is enough.
  address lists         No source says whether it is hidden from address lists.

Records
  ad            account   00000000-0000-4000-8000-000000000001
      The others were joined to this one. The id comes from it.
  entra         account   00000000-0000-4000-8000-000000000002
      Entra Connect made it from the account in ad: its source anchor AAAAAAAAAECAAAAAAAAAAQ== is the objectGUID there.

Values
  displayName     John Roe
      from ad, as Active Directory comes first for what is synchronized
      the same in entra
  city            Bonn  [entra, which alone has it]
  addresses/smtp  john@contoso.com  [ad, as the primary one]
)");
}

TEST(Explain, AUserThatWasMovedToTheCloud) {
  World world;
  say(world.ad(1, RecordKind::user), "John Roe", "john@contoso.com");
  StagedRecord& there = world.entra(2, RecordKind::user);
  say(there, "John R. Roe", "john@contoso.com");
  there.attributes[Attribute::immutable_id] = {immutable_id_of(1)};
  there.attributes[Attribute::sync_enabled] = {"false"};
  world.publish();
  EXPECT_EQ(world.text(1), R"(John R. Roe: a hybrid user, active
id 0660e3e0-e257-5c6e-95c6-c3cbaab898fe

Why
  kind                  It is a user account.
  source                It is in Active Directory (ad) and in the cloud (entra). It was synchronized and is now maintained in the cloud.
  status                Nothing says that it is disabled or gone.
  address lists         No source says whether it is hidden from address lists.

Records
  ad            account   00000000-0000-4000-8000-000000000001
      The others were joined to this one. The id comes from it.
  entra         account   00000000-0000-4000-8000-000000000002
      Entra Connect made it from the account in ad: its source anchor AAAAAAAAAECAAAAAAAAAAQ== is the objectGUID there.

Values
  displayName     John R. Roe
      from entra, as the cloud comes first for what is maintained there
      ad says John Roe
  addresses/smtp  john@contoso.com  [entra, as the primary one]
)");
}

TEST(Explain, AContactWhoseAdObjectIsNotSeen) {
  World world;
  StagedRecord& there = world.entra(1, RecordKind::contact);
  say(there, "Jane Doe", "jane@fabrikam.com");
  there.attributes[Attribute::sync_enabled] = {"true"};
  world.publish();
  EXPECT_EQ(world.text(1), R"(Jane Doe: a hybrid contact, active
id 0660e3e0-e257-5c6e-95c6-c3cbaab898fe

Why
  kind                  It is a contact: nobody signs in with it.
  source                entra calls it synchronized, but no object in Active Directory that gald reads belongs to it.
  status                Nothing says that it is disabled or gone.
  address lists         No source says whether it is hidden from address lists.

Records
  entra         contact   00000000-0000-4000-8000-000000000001
      No record of another source belongs to it. The id comes from it.

Values
  displayName     Jane Doe  [entra, which alone has it]
  addresses/smtp  jane@fabrikam.com  [entra, as the primary one]
)");
}

TEST(Explain, AGuest) {
  World world;
  StagedRecord& guest = world.entra(1, RecordKind::user);
  say(guest, "Jane Doe", "jane@fabrikam.com");
  guest.attributes[Attribute::user_type] = {"Guest"};
  guest.attributes[Attribute::hidden] = {"true"};
  world.publish();
  EXPECT_EQ(world.text(1), R"(Jane Doe: a cloud guest, active
id 0660e3e0-e257-5c6e-95c6-c3cbaab898fe

Why
  kind                  entra calls it a guest: an account of somebody from elsewhere.
  source                It is in the cloud (entra) and not synchronized from Active Directory.
  status                Nothing says that it is disabled or gone.
  address lists         entra says that it is hidden from address lists.

Records
  entra         account   00000000-0000-4000-8000-000000000001
      No record of another source belongs to it. The id comes from it.

Values
  displayName     Jane Doe  [entra, which alone has it]
  addresses/smtp  jane@fabrikam.com  [entra, as the primary one]
)");
}

TEST(Explain, AHybridGroup) {
  World world;
  StagedRecord& here = world.ad(1, RecordKind::group);
  here.attributes[Attribute::display_name] = {"Everybody"};
  here.attributes[Attribute::security_identifier] = {"S-1-5-21-1-2-3-1104"};
  StagedRecord& there = world.entra(2, RecordKind::group);
  there.attributes[Attribute::display_name] = {"Everybody"};
  there.attributes[Attribute::security_identifier] = {"S-1-5-21-1-2-3-1104"};
  there.attributes[Attribute::sync_enabled] = {"true"};
  world.publish();
  EXPECT_EQ(world.text(1), R"(Everybody: a hybrid group, active
id 0660e3e0-e257-5c6e-95c6-c3cbaab898fe

Why
  kind                  It is a group.
  source                It is in Active Directory (ad) and in the cloud (entra).
  status                Nothing says that it is disabled or gone.
  address lists         No source says whether it is hidden from address lists.

Records
  ad            group     00000000-0000-4000-8000-000000000001
      The others were joined to this one. The id comes from it.
  entra         group     00000000-0000-4000-8000-000000000002
      It has the security identifier of the group in ad, S-1-5-21-1-2-3-1104.

Values
  displayName  Everybody
      from ad, as Active Directory comes first for what is synchronized
      the same in entra
)");
}

TEST(Explain, ADeletedContact) {
  World world;
  say(world.ad(1, RecordKind::contact), "Jane Doe", "jane@fabrikam.com");
  StagedRecord& there = world.entra(2, RecordKind::contact);
  say(there, "Jane Doe", "jane@fabrikam.com");
  there.attributes[Attribute::sync_enabled] = {"true"};
  world.publish();
  world.ad(1, RecordKind::contact).presence = Presence::deleted;
  world.entra(2, RecordKind::contact).presence = Presence::absent;
  world.publish();
  EXPECT_EQ(world.text(1), R"(Jane Doe: a hybrid contact, deleted
id 0660e3e0-e257-5c6e-95c6-c3cbaab898fe

Why
  kind                  It is a contact: nobody signs in with it.
  source                That is what it was when its last record went.
  status                No source has it any more; in ad it was deleted.
  address lists         No source said whether it was hidden from address lists.

Records
  ad            contact   00000000-0000-4000-8000-000000000001
      It was deleted.
  entra         contact   00000000-0000-4000-8000-000000000002
      It was not there any more when everything was read.
)");
}

TEST(Explain, AHybridContactThatLostItsCloudSide) {
  World world;
  say(world.ad(1, RecordKind::contact), "Jane Doe", "jane@fabrikam.com");
  StagedRecord& there = world.entra(2, RecordKind::contact);
  say(there, "Jane Doe", "jane@fabrikam.com");
  there.attributes[Attribute::sync_enabled] = {"true"};
  world.publish();
  world.entra(2, RecordKind::contact).presence = Presence::soft_deleted;
  world.publish();
  EXPECT_EQ(world.text(1), R"(Jane Doe: an on-premises contact, active
id 0660e3e0-e257-5c6e-95c6-c3cbaab898fe

Why
  kind                  It is a contact: nobody signs in with it.
  source                It is in Active Directory (ad) and nowhere in the cloud. Its record in entra is gone.
  status                Nothing says that it is disabled or gone.
  address lists         No source says whether it is hidden from address lists.

Records
  ad            contact   00000000-0000-4000-8000-000000000001
      No record of another source belongs to it. The id comes from it.
  entra         contact   00000000-0000-4000-8000-000000000002
      It was deleted and can still be restored.

Values
  displayName     Jane Doe  [ad, which alone has it]
  addresses/smtp  jane@fabrikam.com  [ad, as the primary one]
)");
}

TEST(Explain, ALinkThatWasDecidedEarlier) {
  World world;
  say(world.ad(1, RecordKind::contact), "Jane Doe", "jane@fabrikam.com");
  StagedRecord& there = world.entra(2, RecordKind::contact);
  say(there, "Jane Doe", "jane@fabrikam.com");
  there.attributes[Attribute::sync_enabled] = {"true"};
  world.publish();
  say(world.entra(2, RecordKind::contact), "Jane Doe", "doe@fabrikam.com");
  world.publish();
  EXPECT_EQ(world.text(1), R"(Jane Doe: a hybrid contact, active
id 0660e3e0-e257-5c6e-95c6-c3cbaab898fe

Why
  kind                  It is a contact: nobody signs in with it.
  source                It is in Active Directory (ad) and in the cloud (entra).
  status                Nothing says that it is disabled or gone.
  address lists         No source says whether it is hidden from address lists.

Records
  ad            contact   00000000-0000-4000-8000-000000000001
      The others were joined to this one. The id comes from it.
  entra         contact   00000000-0000-4000-8000-000000000002
      It was joined earlier by an address that both had. That has changed, but nothing contradicts the link, so it stays.

Values
  displayName     Jane Doe
      from ad, as Active Directory comes first for what is synchronized
      the same in entra
  addresses/smtp  jane@fabrikam.com  [ad, as the primary one]
  addresses/smtp  doe@fabrikam.com  [entra, as one of its addresses]
)");
}

TEST(Explain, ASharedMailbox) {
  World world;
  StagedRecord& here = world.ad(1, RecordKind::user);
  say(here, "Reception", "reception@contoso.com");
  here.attributes[Attribute::account_enabled] = {"false"};
  here.attributes[Attribute::recipient_type] = {"SharedMailbox"};
  world.publish();
  EXPECT_EQ(world.text(1), R"(Reception: an on-premises user, active
id 0660e3e0-e257-5c6e-95c6-c3cbaab898fe

Why
  kind                  It is a user account.
  source                It is in Active Directory (ad) and nowhere in the cloud.
  status                Its account is disabled, but ad says that it is a shared, room or equipment mailbox: these are used without an account.
  address lists         No source says whether it is hidden from address lists.

Records
  ad            account   00000000-0000-4000-8000-000000000001
      No record of another source belongs to it. The id comes from it.

Values
  displayName     Reception  [ad, which alone has it]
  addresses/smtp  reception@contoso.com  [ad, as the primary one]
)");
}

TEST(Explain, ASharedMailboxOfTheCloud) {
  World world;
  StagedRecord& account = world.entra(1, RecordKind::user);
  say(account, "Reception", "reception@contoso.com");
  account.attributes[Attribute::account_enabled] = {"false"};
  StagedRecord& mailbox = world.exchange(2, RecordKind::user);
  mailbox.attributes[Attribute::external_directory_object_id] = {anchor(1)};
  mailbox.attributes[Attribute::recipient_type] = {"SharedMailbox"};
  mailbox.attributes[Attribute::hidden] = {"true"};
  world.publish();
  EXPECT_EQ(world.text(1), R"(Reception: a cloud user, active
id 0660e3e0-e257-5c6e-95c6-c3cbaab898fe

Why
  kind                  It is a user account.
  source                It is in the cloud (entra and exchange) and not synchronized from Active Directory.
  status                Its account is disabled, but exchange says that it is a shared, room or equipment mailbox: these are used without an account.
  address lists         exchange says that it is hidden from address lists.

Records
  entra         account   00000000-0000-4000-8000-000000000001
      The others were joined to this one. The id comes from it.
  exchange      account   00000000-0000-4000-8000-000000000002
      It names the account in entra as its object in Entra ID.

Values
  displayName     Reception  [entra, which alone has it]
  addresses/smtp  reception@contoso.com  [entra, as the primary one]
)");
}

TEST(Explain, ACollisionAndAMergedId) {
  World world;
  say(world.entra(1, RecordKind::contact), "Jane Doe", "jane@fabrikam.com");
  world.publish();
  ExplainReport report = world.report(1);
  report.merged_id = id_of(9);
  report.conflicts = {{"collision",
                       {id_of(1), "contact", "Jane Doe"},
                       {id_of(2), "contact", "Jane Doe"},
                       "jane@fabrikam.com: a contact in entra and a contact in ad; the cloud does "
                       "not call its object synchronized",
                       "2026-11-21T05:30:00.000Z",
                       std::string(reconcile::remedy(reconcile::ConflictKind::collision))}};
  EXPECT_EQ(describe(report), R"(Jane Doe: a cloud contact, active
id 0660e3e0-e257-5c6e-95c6-c3cbaab898fe
f6ef1d20-fd65-57bf-9f3d-24bd7bdadbc0 was merged into it: both turned out to be one.

Why
  kind                  It is a contact: nobody signs in with it.
  source                It is in the cloud (entra) and not synchronized from Active Directory.
  status                Nothing says that it is disabled or gone.
  address lists         No source says whether it is hidden from address lists.

Records
  entra         contact   00000000-0000-4000-8000-000000000001
      No record of another source belongs to it. The id comes from it.

Values
  displayName     Jane Doe  [entra, which alone has it]
  addresses/smtp  jane@fabrikam.com  [entra, as the primary one]

Conflicts
  collision: jane@fabrikam.com: a contact in entra and a contact in ad; the cloud does not call its object synchronized
      with f4587436-f482-588f-85ff-0d23aaf09430  Jane Doe
      If both are the same, bring the AD object into the scope of Entra Connect or delete one of the two; if they are not, give one of them another address.
)");
}

TEST(Explain, WhatTheConfigurationDecides) {
  World world;
  StagedRecord& here = world.ad(1, RecordKind::user);
  say(here, "John Roe", "john@contoso.com");
  here.attributes[Attribute::extension_attribute_3] = {"Sales"};
  StagedRecord& there = world.entra(2, RecordKind::user);
  say(there, "John R. Roe", "john@contoso.com");
  there.attributes[Attribute::immutable_id] = {immutable_id_of(1)};
  there.attributes[Attribute::sync_enabled] = {"true"};
  there.attributes[Attribute::account_enabled] = {"false"};
  world.publish();
  Policy policy;
  policy.precedence = {"entra"};
  policy.connectors["ad"].mapping = {
      {Attribute::department, Attribute::extension_attribute_3, {}, {}}};
  policy.hidden_if_unknown = true;
  policy.disabled_account = reconcile::DisabledAccount::remove;
  world.publish(policy);
  EXPECT_EQ(world.text(1, policy), R"(John Roe: a hybrid user, deleted
id 0660e3e0-e257-5c6e-95c6-c3cbaab898fe

Why
  kind                  It is a user account.
  source                It is in Active Directory (ad) and in the cloud (entra).
  status                Its account is disabled in entra. One source that says so is enough. The configuration removes such contacts (policy.disabled_account).
  address lists         No source says whether it is hidden from address lists; the configuration takes it for hidden then (policy.hidden_if_unknown).

Records
  ad            account   00000000-0000-4000-8000-000000000001
      The others were joined to this one. The id comes from it.
  entra         account   00000000-0000-4000-8000-000000000002
      Entra Connect made it from the account in ad: its source anchor AAAAAAAAAECAAAAAAAAAAQ== is the objectGUID there.

Values
  displayName          John R. Roe
      from entra, which comes first in the configuration (precedence)
      ad says John Roe
  department           Sales  [ad, which alone has it; the configuration takes it from extensionAttribute3 (mapping)]
  extensionAttribute3  Sales  [ad, which alone has it]
  addresses/smtp       john@contoso.com  [ad, as the primary one]
)");
}

TEST(Explain, WhatThePublicationDoesNotKnowYetIsSaid) {
  World world;
  say(world.entra(1, RecordKind::contact), "Jane Doe", "jane@fabrikam.com");
  world.publish();
  EXPECT_FALSE(world.report(1).explanation.pending);
  say(world.entra(1, RecordKind::contact), "Jane D.", "jane@fabrikam.com");
  EXPECT_NE(world.text(1).find("said something since"), std::string::npos);
}

TEST(Explain, AMemberThatIsOnlyNamedSaysNothingItself) {
  World world;
  say(world.entra(1, RecordKind::user), "John Roe", "john@contoso.com");
  StagedRecord& named = world.exchange(2, RecordKind::user);
  named.attributes[Attribute::external_directory_object_id] = {anchor(1)};
  named.attributes[Attribute::reference] = {"true"};
  world.publish();
  const reconcile::Explanation told = world.report(1).explanation;
  ASSERT_EQ(told.records.size(), 2u);
  EXPECT_EQ(told.records[1].joined.text,
            "It names the account in entra as its object in Entra ID. It only says of which "
            "groups the contact is a member.");
  EXPECT_EQ(told.source.text,
            "It is in the cloud (entra) and not synchronized from Active Directory.");
}

TEST(Explain, AsJson) {
  World world;
  say(world.ad(1, RecordKind::contact), "Jane Doe", "jane@fabrikam.com");
  StagedRecord& there = world.entra(2, RecordKind::contact);
  say(there, "J. Doe", "jane@fabrikam.com");
  there.attributes[Attribute::sync_enabled] = {"true"};
  world.publish();
  const auto json = nlohmann::json::parse(exporting::to_json(world.report(1)));
  EXPECT_EQ(json["id"], id_of(1));
  EXPECT_EQ(json["mergedId"], nullptr);
  EXPECT_EQ(json["source"]["value"], "hybrid");
  EXPECT_EQ(json["source"]["reason"]["rule"], "both");
  EXPECT_EQ(json["records"][1]["joined"]["rule"], "proxy-addresses");
  EXPECT_EQ(json["records"][1]["keys"], nlohmann::json({"jane@fabrikam.com"}));
  EXPECT_EQ(json["values"][0]["reason"]["rule"], "on-premises");
  EXPECT_EQ(json["values"][0]["others"][0]["value"], "J. Doe");
  EXPECT_EQ(json["conflicts"], nlohmann::json::array());
}

}  // namespace gald::daemon
