#include <algorithm>
#include <initializer_list>
#include <utility>

#include <gtest/gtest.h>

#include "ad/mapping.hpp"
#include "base/guid.hpp"

namespace gald::ad {
namespace {

using model::Attribute;
using model::Change;
using model::Presence;
using model::RecordKind;
using model::Rejected;

constexpr std::string_view kContext = "DC=contoso,DC=test";
constexpr const char* kAnchor = "eb2bf6c4-512d-447f-8aa0-cf2499f6980f";
constexpr const char* kOther = "c917b2de-88a1-4328-9cb1-3177e8db3fcb";
constexpr const char* kThird = "571c8e66-20cd-4cfe-9cda-d92b4ab086f8";

std::string ad_bytes(const char* guid) {
  return base::Guid::parse(guid)->ad_bytes();
}

std::string link(const char* guid, std::string_view dn = "CN=x,DC=contoso,DC=test") {
  return "<GUID=" + std::string(guid) + ">;<SID=S-1-5-21-1-2-3-1105>;" + std::string(dn);
}

using Attributes = std::vector<std::pair<std::string, std::vector<std::string>>>;

Mapped map(std::string dn, Attributes attributes,
           const MappingOptions& options = {.naming_context = std::string(kContext)}) {
  std::vector<std::vector<std::string_view>> values;
  values.reserve(attributes.size());
  std::vector<EntryAttribute> list;
  for (const auto& [name, texts] : attributes) {
    values.emplace_back(texts.begin(), texts.end());
    list.push_back({name, values.back()});
  }
  return map_entry({dn, list}, options);
}

/// A contact in OU=People, with `more` attributes.
Mapped map_contact(Attributes more,
                   const std::string& dn = "CN=Jane,OU=People,DC=contoso,DC=test") {
  more.emplace_back("objectGUID", std::vector{ad_bytes(kAnchor)});
  return map(link(kAnchor, dn), std::move(more));
}

Change change(Mapped mapped) {
  if (const auto* rejected = std::get_if<Rejected>(&mapped.outcome))
    ADD_FAILURE() << "rejected: " << rejected->reason;
  if (auto* found = std::get_if<Change>(&mapped.outcome))
    return std::move(*found);
  ADD_FAILURE() << "not a change";
  return {};
}

std::string rejection(const Mapped& mapped) {
  const auto* rejected = std::get_if<Rejected>(&mapped.outcome);
  return rejected != nullptr ? rejected->reason : "not rejected";
}

bool ignored(const Mapped& mapped) {
  return std::holds_alternative<Ignored>(mapped.outcome);
}

std::string value(const Change& change, Attribute attribute) {
  return model::first_value(change.set, attribute);
}

bool cleared(const Change& change, Attribute attribute) {
  return std::count(change.cleared.begin(), change.cleared.end(), attribute) == 1;
}

TEST(AdMapping, AnchorIsTheGuidInTextOrder) {
  // these bytes are known to be this GUID from Entra Connect's immutable ids
  const Change c = change(map("CN=x,DC=contoso,DC=test",
                              {{"objectGUID",
                                {std::string("\xc4\xf6\x2b\xeb\x2d\x51\x7f\x44\x8a\xa0\xcf\x24\x99"
                                             "\xf6\x98\x0f",
                                             16)}}}));
  EXPECT_EQ(c.anchor, kAnchor);
}

TEST(AdMapping, NewContact) {
  const Change c =
      change(map_contact({{"objectClass", {"top", "person", "organizationalPerson", "contact"}},
                          {"displayName", {"Doe, Jane"}},
                          {"sn", {"Doe"}},
                          {"l", {"Köln"}},
                          {"co", {" Germany "}},
                          {"streetAddress", {"Domstr. 1\r\n2nd floor"}},
                          {"proxyAddresses", {"SMTP:jane@fabrikam.com", "X500:/o=First/cn=jane"}},
                          {"targetAddress", {"SMTP:jane@fabrikam.com"}},
                          {"telephoneNumber", {"+49 221 1"}},
                          {"otherTelephone", {"2", "3"}},
                          {"msExchHideFromAddressLists", {"TRUE"}},
                          {"msExchRecipientTypeDetails", {"64"}},
                          {"extensionAttribute15", {"last"}},
                          {"parentGUID", {ad_bytes(kOther)}}}));
  EXPECT_EQ(c.kind, RecordKind::contact);
  EXPECT_EQ(c.presence, Presence::live);
  EXPECT_EQ(value(c, Attribute::display_name), "Doe, Jane");
  EXPECT_EQ(value(c, Attribute::surname), "Doe");
  EXPECT_EQ(value(c, Attribute::city), "Köln");
  EXPECT_EQ(value(c, Attribute::country), " Germany ");
  EXPECT_EQ(value(c, Attribute::street), "Domstr. 1\r\n2nd floor");
  EXPECT_EQ(c.set.at(Attribute::proxy_addresses).size(), 2u);
  EXPECT_EQ(value(c, Attribute::external_address), "SMTP:jane@fabrikam.com");
  EXPECT_EQ(c.set.at(Attribute::business_phones), model::Values{"+49 221 1"});
  EXPECT_EQ(c.set.at(Attribute::other_business_phones), (model::Values{"2", "3"}));
  EXPECT_EQ(value(c, Attribute::hidden), "true");
  EXPECT_EQ(value(c, Attribute::recipient_type), "MailContact");
  EXPECT_EQ(value(c, Attribute::extension_attribute_15), "last");
  EXPECT_EQ(value(c, Attribute::parent), kOther);
  EXPECT_EQ(value(c, Attribute::distinguished_name), "CN=Jane,OU=People,DC=contoso,DC=test");
  EXPECT_EQ(value(c, Attribute::rdn), "CN=Jane");
  EXPECT_TRUE(c.cleared.empty());
}

TEST(AdMapping, KindFollowsObjectClass) {
  const auto kind = [](std::vector<std::string> classes) {
    return change(map_contact({{"objectClass", std::move(classes)}})).kind;
  };
  EXPECT_EQ(kind({"top", "person", "user"}), RecordKind::user);
  EXPECT_EQ(kind({"top", "person", "user", "inetOrgPerson"}), RecordKind::user);
  EXPECT_EQ(kind({"top", "group"}), RecordKind::group);
  EXPECT_EQ(kind({"top", "organizationalUnit"}), RecordKind::container);
  EXPECT_EQ(kind({"top", "container"}), RecordKind::container);
  EXPECT_EQ(kind({"top", "domain", "domainDNS"}), RecordKind::container);
  EXPECT_EQ(kind({"top", "builtinDomain"}), RecordKind::container);
}

TEST(AdMapping, WithoutObjectClassTheKindStaysOpen) {
  EXPECT_EQ(change(map_contact({{"title", {"CEO"}}})).kind, std::nullopt);
}

TEST(AdMapping, ComputersAndTrustsAreNoneOfOurs) {
  EXPECT_TRUE(ignored(map_contact({{"objectClass", {"top", "person", "user", "computer"}}})));
  EXPECT_TRUE(ignored(
      map_contact({{"objectClass",
                    {"top", "person", "user", "computer", "msDS-GroupManagedServiceAccount"}}})));
  EXPECT_TRUE(ignored(map_contact({{"userAccountControl", {"2080"}}})));
  EXPECT_TRUE(ignored(map_contact({{"objectClass", {"top", "printQueue"}}})));
}

TEST(AdMapping, DeletedObjectsContainerIsIgnored) {
  EXPECT_TRUE(ignored(map_contact({{"objectClass", {"top", "container"}}, {"isDeleted", {"TRUE"}}},
                                  "cn=deleted objects,DC=Contoso,DC=test")));
}

TEST(AdMapping, CriticalObjectsArePassedOn) {
  const Change c = change(map_contact({{"isCriticalSystemObject", {"TRUE"}}}));
  EXPECT_EQ(value(c, Attribute::critical_object), "true");
}

TEST(AdMapping, HeadOfTheNamingContextHasNoParent) {
  const Change c = change(map("DC=contoso,DC=test", {{"objectGUID", {ad_bytes(kAnchor)}},
                                                     {"parentGUID", {ad_bytes(kOther)}}}));
  EXPECT_FALSE(c.set.contains(Attribute::parent));
  EXPECT_EQ(value(c, Attribute::rdn), "DC=contoso");
}

TEST(AdMapping, NoValuesMeansCleared) {
  const Change c = change(map_contact({{"title", {}}, {"proxyAddresses", {}}, {"mail", {""}}}));
  EXPECT_TRUE(cleared(c, Attribute::job_title));
  EXPECT_TRUE(cleared(c, Attribute::proxy_addresses));
  EXPECT_TRUE(cleared(c, Attribute::mail)) << "an empty string is no value";
}

TEST(AdMapping, NamesCompareWithoutCase) {
  EXPECT_EQ(value(change(map_contact({{"DISPLAYNAME", {"x"}}})), Attribute::display_name), "x");
}

TEST(AdMapping, FirstValueOfASingleValuedAttribute) {
  const Change c = change(map_contact({{"description", {"one", "two"}}}));
  EXPECT_EQ(c.set.at(Attribute::description), model::Values{"one"});
}

TEST(AdMapping, AccountEnabledIsABit) {
  const auto enabled = [](const char* control) {
    return value(change(map_contact({{"userAccountControl", {control}}})),
                 Attribute::account_enabled);
  };
  EXPECT_EQ(enabled("512"), "true");
  EXPECT_EQ(enabled("66048"), "true");
  EXPECT_EQ(enabled("514"), "false");
  EXPECT_EQ(rejection(map_contact({{"userAccountControl", {"0x200"}}})),
            "userAccountControl: expected a number");
}

TEST(AdMapping, GroupTypeIsABit) {
  const auto type = [](const char* bits) {
    return value(change(map_contact({{"groupType", {bits}}})), Attribute::group_type);
  };
  EXPECT_EQ(type("-2147483646"), "security");
  EXPECT_EQ(type("8"), "distribution");
}

TEST(AdMapping, UnknownRecipientTypesStayNumbers) {
  EXPECT_EQ(value(change(map_contact({{"msExchRecipientTypeDetails", {"2147483648"}}})),
                  Attribute::recipient_type),
            "RemoteUserMailbox");
  EXPECT_EQ(value(change(map_contact({{"msExchRecipientTypeDetails", {"1099511627776"}}})),
                  Attribute::recipient_type),
            "1099511627776");
}

TEST(AdMapping, BinaryAttributes) {
  const std::string sid(
      "\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00"
      "\x01\x00\x00\x00\xff\xff\xff\xff\x0a\x00\x00\x00\x51\x04\x00\x00",
      28);
  const Change c = change(map_contact(
      {{"objectSid", {sid}}, {"mS-DS-ConsistencyGuid", {std::string("\x00\x01\xff", 3)}}}));
  EXPECT_EQ(value(c, Attribute::security_identifier), "S-1-5-21-1-4294967295-10-1105");
  EXPECT_EQ(value(c, Attribute::consistency_guid), "AAH/");
}

TEST(AdMapping, BrokenSids) {
  EXPECT_EQ(sid_text(""), "");
  EXPECT_EQ(sid_text(std::string_view("\x01\x01\x00\x00\x00\x00\x00\x05", 8)), "") << "cut off";
  EXPECT_EQ(sid_text(std::string_view("\x02\x00\x00\x00\x00\x00\x00\x05", 8)), "") << "revision";
  EXPECT_EQ(sid_text(std::string_view("\x01\x00\x00\x00\x00\x00\x00\x05", 8)), "S-1-5");
  EXPECT_EQ(rejection(map_contact({{"objectSid", {"short"}}})), "objectSid: expected a SID");
}

TEST(AdMapping, BadTextRejectsTheObjectAndNamesTheAttribute) {
  const Mapped mapped = map_contact({{"displayName", {"caf\xe9"}}, {"mail", {"a@b.c"}}});
  EXPECT_EQ(rejection(mapped), "displayName: expected UTF-8");
  EXPECT_EQ(std::get<Rejected>(mapped.outcome).anchor, kAnchor);
  EXPECT_EQ(rejection(map_contact({{"info", {std::string("a\0b", 3)}}})), "info: expected UTF-8");
  EXPECT_EQ(rejection(map_contact({}, "CN=\xff,DC=contoso,DC=test")), "dn: expected UTF-8");
}

TEST(AdMapping, WithoutAnchorRejected) {
  const Mapped mapped = map("CN=x,DC=contoso,DC=test", {{"mail", {"a@b.c"}}});
  EXPECT_EQ(rejection(mapped), "objectGUID: expected 16 bytes");
  EXPECT_TRUE(std::get<Rejected>(mapped.outcome).anchor.empty());
}

TEST(AdMapping, HostileNamesKeepTheirEscapes) {
  const struct {
    const char* rdn;
  } names[] = {{R"(CN=Doe\, \"J\" \+ \#1 \<x\>\3B \\ ü中)"},
               {R"(CN=\ leading and trailing\ )"},
               {R"(CN=ends in a backslash\\)"},
               {R"(CN=a\0ACNF:eb2bf6c4-512d-447f-8aa0-cf2499f6980f)"},
               {R"(CN=x=y/z (A/P) * 🚀)"},
               {R"(OU=Gald\, test)"}};

  for (const auto& name : names) {
    const std::string dn = std::string(name.rdn) + R"(,OU=a\,b,DC=contoso,DC=test)";
    const Change c = change(map_contact({}, dn));
    EXPECT_EQ(value(c, Attribute::rdn), name.rdn);
    EXPECT_EQ(value(c, Attribute::distinguished_name), dn);
    EXPECT_EQ(c.presence, Presence::live);
  }
}

TEST(AdMapping, ExtendedDns) {
  EXPECT_EQ(plain_dn("CN=x,DC=y"), "CN=x,DC=y");
  EXPECT_EQ(plain_dn(link(kAnchor, "CN=<GUID=1>;y,DC=z")), "CN=<GUID=1>;y,DC=z");
  EXPECT_EQ(plain_dn("<GUID=truncated"), "");
  EXPECT_EQ(guid_of("<GUID=EB2BF6C4-512D-447F-8AA0-CF2499F6980F>;CN=x"), kAnchor);
  EXPECT_EQ(guid_of("CN=x"), "");
  EXPECT_EQ(guid_of("<GUID=c4f62beb2d517f448aa0cf2499f6980f>;CN=x"), "") << "the other form";
  EXPECT_EQ(first_rdn("CN=a\\"), "CN=a\\");
}

TEST(AdMapping, ManagerIsALink) {
  EXPECT_EQ(value(change(map_contact({{"manager", {link(kOther)}}})), Attribute::manager), kOther);
  EXPECT_EQ(rejection(map_contact({{"manager", {"CN=x,DC=contoso,DC=test"}}})),
            "manager: expected a DN with its GUID");
}

TEST(AdMapping, ManagerInIncrementalValues) {
  const Attributes was = {{"manager;range=0-0", {link(kThird)}}};
  EXPECT_TRUE(cleared(change(map_contact(was)), Attribute::manager));

  // either order: what it is now counts
  for (const bool removed_first : {true, false}) {
    Attributes both = {{"manager;range=1-1", {link(kOther)}}};
    both.insert(removed_first ? both.begin() : both.end(), was.front());
    const Change c = change(map_contact(both));
    EXPECT_EQ(value(c, Attribute::manager), kOther);
    EXPECT_TRUE(c.cleared.empty());
  }
}

TEST(AdMapping, MembersInIncrementalValues) {
  const Change c = change(
      map_contact({{"member;range=1-1", {link(kOther)}}, {"Member;Range=0-0", {link(kThird)}}}));
  EXPECT_EQ(c.members_added, std::vector<std::string>{kOther});
  EXPECT_EQ(c.members_removed, std::vector<std::string>{kThird});
  EXPECT_FALSE(c.members_complete);
}

TEST(AdMapping, WholeMemberLists) {
  EXPECT_TRUE(change(map_contact({{"member", {link(kOther)}}})).members_complete);
  EXPECT_TRUE(change(map_contact({{"member;range=0-*", {link(kOther)}}})).members_complete);
  const Change empty = change(map_contact({{"member", {}}}));
  EXPECT_TRUE(empty.members_complete);
  EXPECT_TRUE(empty.members_added.empty());
  EXPECT_FALSE(change(map_contact({{"title", {"x"}}})).members_complete);
}

TEST(AdMapping, ARangeIsNeverTheWholeList) {
  // what could not be completed is not known, whatever came of it
  EXPECT_EQ(rejection(map_contact({{"member", {}}, {"member;range=0-1499", {link(kOther)}}})),
            "member: only a range of the values came");
  EXPECT_EQ(rejection(map_contact({{"member;range=1500-*", {link(kOther)}}})),
            "member: only a range of the values came");
  EXPECT_EQ(rejection(map_contact({{"proxyAddresses;range=0-1499", {"SMTP:a@b.c"}}})),
            "proxyAddresses: only a range of the values came");
}

MappingOptions polling() {
  return {.naming_context = std::string(kContext), .way = Way::polling};
}

Attributes polled(const char* object_class, Attributes more = {}) {
  more.emplace_back("objectGUID", std::vector{ad_bytes(kAnchor)});
  more.emplace_back("objectClass", std::vector<std::string>{object_class});
  return more;
}

TEST(AdMapping, WhatIsPolledIsWhole) {
  const std::string dn = link(kAnchor, "CN=G,DC=contoso,DC=test");
  const Change empty = change(map(dn, polled("group"), polling()));
  EXPECT_TRUE(empty.whole);
  EXPECT_TRUE(empty.members_complete) << "a group without the attribute has no members";
  EXPECT_TRUE(empty.members_added.empty());
  EXPECT_FALSE(change(map(dn, polled("group"))).whole) << "DirSync tells what changed";
  // here 1-1 is a place among the values, not a link that came
  EXPECT_EQ(rejection(map(dn, polled("group", {{"member;range=1-1", {link(kOther)}}}), polling())),
            "member: only a range of the values came");
  EXPECT_FALSE(change(map(dn, polled("contact", {{"isDeleted", {"TRUE"}}}), polling())).whole)
      << "a tombstone lost its values, its record need not";
}

TEST(AdMapping, TheEndOfAnAccount) {
  const auto end = [](const char* file_time) {
    return value(change(map_contact({{"accountExpires", {file_time}}})),
                 Attribute::account_expires);
  };
  EXPECT_EQ(end("134087616000000000"), "2025-11-28T00:00:00.000Z");
  EXPECT_EQ(end("116444736000000000"), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(end("0"), "") << "never";
  EXPECT_EQ(end("9223372036854775807"), "") << "never";
  EXPECT_TRUE(
      cleared(change(map_contact({{"accountExpires", {"0"}}})), Attribute::account_expires));
  EXPECT_EQ(rejection(map_contact({{"accountExpires", {"soon"}}})),
            "accountExpires: expected a number");
}

TEST(AdMapping, APhotoUpToItsLimit) {
  MappingOptions options{.naming_context = std::string(kContext), .photo_limit = 4};
  const auto photo = [&options](const std::string& bytes) {
    return map(link(kAnchor), polled("user", {{"thumbnailPhoto", {bytes}}}), options);
  };
  EXPECT_EQ(value(change(photo(std::string("\xff\xd8\x00\n", 4))), Attribute::photo), "/9gACg==");
  const Mapped large = photo("12345");
  EXPECT_FALSE(large.note.empty());
  EXPECT_TRUE(cleared(change(large), Attribute::photo));
  const auto plain = wanted_attributes(0);
  EXPECT_EQ(std::count(plain.begin(), plain.end(), "thumbnailPhoto"), 0);
  const auto with = wanted_attributes(4);
  EXPECT_EQ(std::count(with.begin(), with.end(), "thumbnailPhoto"), 1);
}

TEST(AdMapping, ContainersCarryTheRulesOfTheScope) {
  MappingOptions options{.naming_context = std::string(kContext), .scoped = true};
  options.scope.containers[kAnchor] = "in";
  options.scope.head_is_out = true;
  const auto scope_of = [&options](const char* guid, const std::string& dn) {
    return value(
        change(map(link(guid, dn),
                   {{"objectGUID", {ad_bytes(guid)}}, {"objectClass", {"organizationalUnit"}}},
                   options)),
        Attribute::scope);
  };
  EXPECT_EQ(scope_of(kAnchor, "OU=People,DC=contoso,DC=test"), "in");
  EXPECT_EQ(scope_of(kOther, "DC=contoso,DC=test"), "out") << "the head, outside of every base";
  EXPECT_EQ(scope_of(kThird, "OU=Else,DC=contoso,DC=test"), "");
  EXPECT_TRUE(cleared(change(map(link(kThird, "OU=Else,DC=contoso,DC=test"),
                                 {{"objectGUID", {ad_bytes(kThird)}}}, options)),
                      Attribute::scope))
      << "an OU that lost its rule to another of its name";
}

TEST(AdMapping, MembersNeedTheirGuid) {
  EXPECT_EQ(rejection(map_contact({{"member;range=1-1", {"CN=x,DC=contoso,DC=test"}}})),
            "member: expected a DN with its GUID");
}

constexpr const char* kTombstone =
    "CN=Jane\\0ADEL:eb2bf6c4-512d-447f-8aa0-cf2499f6980f,CN=Deleted Objects,DC=contoso,DC=test";

TEST(AdMapping, Tombstone) {
  // as Samba sends it without the Recycle Bin
  const Change c = change(map_contact({{"isDeleted", {"TRUE"}},
                                       {"isRecycled", {"TRUE"}},
                                       {"name", {"Jane\nDEL:eb2bf6c4-512d-447f-8aa0-cf2499f6980f"}},
                                       {"parentGUID", {ad_bytes(kOther)}},
                                       {"lastKnownParent", {link(kThird)}},
                                       {"mail", {}},
                                       {"displayName", {}}},
                                      kTombstone));
  EXPECT_EQ(c.presence, Presence::deleted);
  EXPECT_TRUE(cleared(c, Attribute::mail));
  EXPECT_TRUE(cleared(c, Attribute::display_name));
  EXPECT_TRUE(c.set.empty()) << "the mangled DN is not kept";
}

TEST(AdMapping, RecycleBinKeepsAnObjectRestorable) {
  const Change c = change(map_contact(
      {{"isDeleted", {"TRUE"}}, {"mail", {"jane@contoso.test"}}, {"objectClass", {"contact"}}},
      kTombstone));
  EXPECT_EQ(c.presence, Presence::soft_deleted);
  EXPECT_EQ(c.kind, RecordKind::contact);
  EXPECT_FALSE(c.set.contains(Attribute::distinguished_name));
}

TEST(AdMapping, TheDnAloneTellsATombstone) {
  EXPECT_EQ(change(map_contact({}, kTombstone)).presence, Presence::deleted);
  EXPECT_EQ(change(map_contact({{"isRecycled", {"TRUE"}}}, kTombstone)).presence,
            Presence::deleted);
  EXPECT_EQ(change(map_contact({},
                               "CN=a\nDEL:eb2bf6c4-512d-447f-8aa0-cf2499f6980f,"
                               "cn=Deleted Objects,DC=contoso,DC=test"))
                .presence,
            Presence::deleted);
  EXPECT_EQ(change(map_contact({}, "CN=a\\0ADEL:b,OU=People,DC=contoso,DC=test")).presence,
            Presence::live)
      << "a strange name somewhere else";
}

TEST(AdMapping, ADeletionIsNotMissedForAnUnreadableAttribute) {
  const Change c =
      change(map_contact({{"displayName", {"caf\xe9"}}, {"isDeleted", {"TRUE"}}}, kTombstone));
  EXPECT_EQ(c.presence, Presence::soft_deleted);
  EXPECT_EQ(c.anchor, kAnchor);
  EXPECT_TRUE(c.set.empty());
}

TEST(AdMapping, Undelete) {
  // as Samba sends it: the two marks without values, the new place
  const Change c = change(map_contact({{"isDeleted", {}},
                                       {"isRecycled", {}},
                                       {"parentGUID", {ad_bytes(kOther)}},
                                       {"name", {"Back"}}},
                                      "CN=Back,OU=People,DC=contoso,DC=test"));
  EXPECT_EQ(c.presence, Presence::live);
  EXPECT_EQ(value(c, Attribute::distinguished_name), "CN=Back,OU=People,DC=contoso,DC=test");
  EXPECT_EQ(value(c, Attribute::parent), kOther);
}

TEST(AdMapping, AsksForWhatItReads) {
  const auto wanted = wanted_attributes(0);
  EXPECT_EQ(wanted.size(), 64u);
  for (const char* name : {"name", "parentGUID", "isDeleted", "isRecycled", "objectClass",
                           "objectGUID", "member", "extensionAttribute15"})
    EXPECT_EQ(std::count(wanted.begin(), wanted.end(), name), 1) << name;
}

}  // namespace
}  // namespace gald::ad
