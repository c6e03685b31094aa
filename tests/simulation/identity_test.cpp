// What becomes of ids: joins, splits, merges, returns, and who keeps whose partner.

#include <gtest/gtest.h>

#include "memory_index.hpp"
#include "reconcile/reconcile.hpp"

namespace gald::simulation {
namespace {

std::string id_of(const Said& said) {
  return reconcile::entry_id_for(said.anchor);
}

/// The id of the contact that the object belongs to.
std::string id_with(const MemoryIndex& index, const Said& said) {
  for (const auto& [id, contact] : index.published().contacts)
    if (contact.records.contains(name_of(said)))
      return id;
  return {};
}

void tell_and_publish(MemoryIndex& index, const std::vector<Said>& page) {
  index.tell(page);
  index.publish();
}

Said joint(const Said& said) {
  return said.contact().mail("jane@fabrikam.example");
}

TEST(Ids, AMergedContactForwardsToTheOneThatStays) {
  MemoryIndex index;
  const Said here = ad(1).user();
  const Said there = entra(1).user().synced();
  tell_and_publish(index, {here, there});
  tell_and_publish(index, {there.anchored_to(here)});
  EXPECT_EQ(id_with(index, there), id_of(here));
  EXPECT_EQ(index.published().forwards,
            (std::map<std::string, std::string>{{id_of(there), id_of(here)}}));
  EXPECT_EQ(index.published().contacts.size(), 1u);
}

TEST(Ids, AChainOfForwardsEnds) {
  MemoryIndex index;
  const Said last = ad(1).contact().mail("jane@fabrikam.example");
  const Said there = joint(entra(1)).mail("else@fabrikam.example").synced();
  const Said mailbox = exchange(1).contact();
  tell_and_publish(index, {last, there, mailbox});
  tell_and_publish(index, {mailbox.of(there)});  // exchange → entra
  EXPECT_EQ(index.published().forwards.at(id_of(mailbox)), id_of(there));
  tell_and_publish(index, {joint(there)});  // entra → ad
  const Published published = index.published();
  EXPECT_EQ(published.forwards.at(id_of(there)), id_of(last));
  EXPECT_EQ(end_of(published.forwards, id_of(mailbox)), id_of(last));
  EXPECT_TRUE(published.contacts.contains(id_of(last)));
}

TEST(Ids, WhatWasMergedAndPartsAgainHasItsOwnIdBack) {
  MemoryIndex index;
  const Said here = ad(1).user();
  const Said there = entra(1).user().synced();
  tell_and_publish(index, {here, there});
  tell_and_publish(index, {there.anchored_to(here)});
  tell_and_publish(index, {there.anchored_to(ad(2))});
  EXPECT_EQ(id_with(index, here), id_of(here));
  EXPECT_EQ(id_with(index, there), id_of(there));
  EXPECT_TRUE(index.published().forwards.empty());
}

TEST(Ids, ASplitKeepsOneIdAndMakesOneNewOne) {
  MemoryIndex index;
  const Said here = ad(1).user();
  const Said there = entra(1).user().synced().anchored_to(here);
  const Said other = entra(2).user().synced().anchored_to(here);
  tell_and_publish(index, {here, there});
  tell_and_publish(index, {there.without(Attribute::immutable_id), other});
  EXPECT_EQ(id_with(index, here), id_of(here));
  EXPECT_EQ(id_with(index, other), id_of(here));
  EXPECT_EQ(id_with(index, there), id_of(there));
  EXPECT_EQ(index.published().contacts.size(), 2u);
}

TEST(Ids, WhoBeganInTheCloudKeepsThatIdWhenTheCloudGoes) {
  MemoryIndex index;
  const Said here = joint(ad(1));
  const Said there = joint(entra(1)).synced();
  tell_and_publish(index, {there});
  tell_and_publish(index, {here});
  EXPECT_EQ(id_with(index, here), id_of(there));
  tell_and_publish(index, {there.gone()});
  EXPECT_EQ(id_with(index, here), id_of(there));
  tell_and_publish(index, {here.gone()});
  EXPECT_EQ(index.published().contacts.at(id_of(there)).status, model::Status::deleted);
  tell_and_publish(index, {here});  // revived by the anchor that did not name it
  EXPECT_EQ(id_with(index, here), id_of(there));
}

TEST(Ids, RenamesAndMovesKeepThem) {
  MemoryIndex index;
  const Said here = joint(ad(1)).with(Attribute::rdn, "CN=Jane");
  const Said there = joint(entra(1)).synced();
  tell_and_publish(index, {here, there});
  tell_and_publish(index, {here.with(Attribute::rdn, "CN=Jane Doe")
                               .with(Attribute::display_name, "Jane Doe")
                               .mail("jane.doe@fabrikam.example")});
  EXPECT_EQ(id_with(index, there), id_of(here));
  tell_and_publish(index, {there.mail("jane.doe@fabrikam.example")});
  EXPECT_EQ(id_with(index, there), id_of(here));
  EXPECT_EQ(index.published().contacts.size(), 1u);
}

TEST(Ids, AStrongerKeyThatPointsElsewhereUndoesALink) {
  MemoryIndex index;
  const std::string name = "/o=ExchangeLabs/cn=jane";
  const Said first = joint(ad(1));
  const Said second = ad(2).contact().mail("second@fabrikam.example");
  const Said there = joint(entra(1)).synced();
  const Said mailbox = exchange(1).contact().of(there).with(Attribute::legacy_exchange_dn, name);
  tell_and_publish(index, {first, second, there, mailbox});
  EXPECT_EQ(id_with(index, there), id_of(first));
  const Said written_back = second.proxies({"SMTP:second@fabrikam.example", "X500:" + name});
  tell_and_publish(index, {written_back});
  EXPECT_EQ(id_with(index, there), id_of(second));
  EXPECT_EQ(id_with(index, mailbox), id_of(second));
  EXPECT_EQ(id_with(index, first), id_of(first));

  // The weaker key still points to the first, and does not undo the stronger one.
  tell_and_publish(index, {first.with(Attribute::job_title, "Engineer")});
  EXPECT_EQ(id_with(index, there), id_of(second));
}

// --- who keeps whose partner ---------------------------------------------------------------------

TEST(Partners, WhoIsRestoredDoesNotTakeThePartnerBack) {
  MemoryIndex index;
  const Said here = joint(ad(1));
  const Said before = joint(entra(1)).synced();
  const Said now = joint(entra(2)).synced();
  tell_and_publish(index, {here, before});
  tell_and_publish(index, {before.gone(Presence::soft_deleted), now});
  EXPECT_EQ(id_with(index, now), id_of(here));
  tell_and_publish(index, {before});
  EXPECT_EQ(id_with(index, now), id_of(here));
  EXPECT_EQ(id_with(index, before), id_of(before));
}

TEST(Partners, ARestoredAdUserDoesNotPartItsSuccessorFromTheCloud) {
  MemoryIndex index;
  const Said before = ad(1).user();
  const Said now = ad(2).user().with(Attribute::consistency_guid, before.guid_bytes());
  const Said there = entra(1).user().synced().anchored_to(before);
  tell_and_publish(index, {before, there});
  tell_and_publish(index, {before.gone(), now});
  EXPECT_EQ(id_with(index, now), id_of(before));
  // Two of one forest have the key now, or nobody has: the cloud's stays with whom it was.
  for (const Said& as : {there, there.without(Attribute::immutable_id)}) {
    MemoryIndex restored = index;
    tell_and_publish(restored, {before, as});
    EXPECT_EQ(restored.published().contacts.at(id_with(restored, now)).records,
              (std::set<std::string>{"ad/2", "entra/1"}));
    EXPECT_EQ(id_with(restored, before), id_of(before));
  }
}

TEST(Partners, AnAdContactThatComesBackHasItsPartnerBack) {
  const Said here = joint(ad(1));
  const Said there = joint(entra(1)).synced();
  const Said rival = joint(entra(2)).synced();
  for (const Said& back : {here, here.moved_to("ad2")}) {
    MemoryIndex index;
    tell_and_publish(index, {here, there});
    tell_and_publish(index, {here.gone(), rival});
    EXPECT_EQ(id_with(index, there), id_of(here));
    tell_and_publish(index, {back});
    EXPECT_EQ(id_with(index, back), id_of(here));
    EXPECT_EQ(id_with(index, there), id_of(here));
    EXPECT_EQ(id_with(index, rival), id_of(rival));
  }
}

TEST(Partners, ALostKeyThatAnotherTenantHasUndoesNothing) {
  MemoryIndex index;
  const Said here = ad(1).user();
  const Said there = entra(1).user().synced().anchored_to(here);
  Said elsewhere = entra(2).user().synced().anchored_to(here);
  elsewhere.connector = "other-tenant";
  tell_and_publish(index, {here, there, elsewhere});
  EXPECT_EQ(index.published().contacts.size(), 1u);
  tell_and_publish(index, {there.without(Attribute::immutable_id)});
  EXPECT_EQ(index.published().contacts.size(), 1u);
}

TEST(Partners, OneOfTwoThatLostTheirAdObjectGoesOnWithTheContact) {
  MemoryIndex index;
  const Said here = joint(ad(1));
  const Said before = joint(entra(1)).synced();
  const Said now = joint(entra(2)).synced();
  tell_and_publish(index, {here, before});
  tell_and_publish(index, {before.gone(), now});
  const Said anew = joint(ad(2));
  tell_and_publish(index, {here.gone(), before, anew});
  EXPECT_EQ(id_with(index, before), id_of(here));
  EXPECT_EQ(id_with(index, now), id_with(index, anew));
  index.touch_everything();
  EXPECT_EQ(index.publish(), 0);
}

}  // namespace
}  // namespace gald::simulation
