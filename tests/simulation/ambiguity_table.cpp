#include "ambiguity_table.hpp"

namespace gald::simulation {

namespace {

const std::string kJane = "jane@fabrikam.example";
const std::string kSharedDesk = "desk@fabrikam.example";
const std::string kExchangeName = "/o=ExchangeLabs/ou=Group/cn=Recipients/cn=4711-jane";

/// One person as a synchronized mail contact: in AD, in Entra, and in Exchange.
const Said kAd = ad(1).contact().mail(kJane);
const Said kEntra = entra(1).contact().mail(kJane).synced();
const Said kExchange = exchange(1).contact().mail(kJane).synced().of(kEntra).with(
    Attribute::legacy_exchange_dn, kExchangeName);

/// The same as a synchronized user.
const Said kAdUser = ad(1).user().mail(kJane);
const Said kEntraUser = entra(1).user().mail(kJane).synced().anchored_to(kAdUser);

const std::string kOne = "contact hybrid active: ad/1 entra/1 exchange/1 = ad/1";

std::vector<Row> plain() {
  return {
      {.name = "synchronized: in AD, in Entra and in Exchange",
       .first = {kAd, kEntra, kExchange},
       .at_first = {kOne}},
      {.name = "one address on both sides, not synchronized: a collision",
       .first = {kAd, kEntra.never_synced(), kExchange.never_synced()},
       .at_first = {"contact cloud active: entra/1 exchange/1 = entra/1",
                    "contact on_premises active: ad/1 = ad/1"}},
      {.name = "synchronized according to the cloud, in AD seen by nobody",
       .first = {kEntra, kExchange, entra(2).user().synced().anchored_to(ad(2))},
       .at_first = {"contact hybrid active: entra/1 exchange/1 = entra/1",
                    "user hybrid active: entra/2 = entra/2"}},
      {.name = "Exchange knows it, Entra not yet; and the other way round",
       .first = {exchange(1).contact().mail(kJane),
                 entra(2).contact().mail("joe@fabrikam.example")},
       .at_first = {"contact cloud active: entra/2 = entra/2",
                    "contact cloud active: exchange/1 = exchange/1"},
       .then = {entra(1).contact().mail(kJane), exchange(1).contact().mail(kJane).of(entra(1))},
       .at_last = {"contact cloud active: entra/1 exchange/1 = exchange/1",
                   "contact cloud active: entra/2 = entra/2"},
       .rebuilt = {"contact cloud active: entra/1 exchange/1 = entra/1",
                   "contact cloud active: entra/2 = entra/2"}},
      {.name = "one side says disabled",
       .first = {kAdUser, kEntraUser.disabled()},
       .at_first = {"user hybrid disabled: ad/1 entra/1 = ad/1"},
       .then = {kEntraUser},
       .at_last = {"user hybrid active: ad/1 entra/1 = ad/1"}},
      {.name = "the same name and address twice in one source",
       .first = {ad(1).contact().mail(kSharedDesk).named("Desk"),
                 ad(2).contact().mail(kSharedDesk).named("Desk"),
                 entra(1).contact().mail(kSharedDesk).named("Desk").synced()},
       .at_first = {"contact hybrid active: entra/1 = entra/1",
                    "contact on_premises active: ad/1 = ad/1",
                    "contact on_premises active: ad/2 = ad/2"},
       .sticks = "the first of the two to meet the cloud's is linked, and that link is kept"},
      {.name = "the same address twice, told apart by alias and name",
       .first = {ad(1).contact().mail(kSharedDesk).named("Desk One"),
                 ad(2).contact().mail(kSharedDesk).named("Desk Two"),
                 entra(1).contact().mail(kSharedDesk).named("Desk Two").synced(),
                 entra(2).contact().mail(kSharedDesk).named("Desk One").synced()},
       .at_first = {"contact hybrid active: ad/1 entra/2 = ad/1",
                    "contact hybrid active: ad/2 entra/1 = ad/2"},
       .sticks = "an address that is unambiguous at the time decides a link, and that is kept"},
  };
}

std::vector<Row> addresses_of_others() {
  return {
      {.name = "a user and a contact with one address",
       .first = {kAdUser, kEntraUser, ad(2).contact().mail(kJane),
                 entra(2).contact().mail(kJane).synced()},
       .at_first = {"contact hybrid active: ad/2 entra/2 = ad/2",
                    "user hybrid active: ad/1 entra/1 = ad/1"}},
      {.name = "guest and contact of one person: the guest owns the address",
       .first = {kAd.with(Attribute::external_address, "SMTP:" + kJane),
                 entra(1).contact().with(Attribute::mail, kJane).synced(),
                 entra(2).guest().with(Attribute::other_mails, kJane).proxies({"SMTP:" + kJane})},
       .at_first = {"contact hybrid active: ad/1 entra/1 = ad/1",
                    "guest cloud active: entra/2 = entra/2"}},
      {.name = "guest and cloud contact of one person, in AD nobody",
       .first = {entra(1).contact().mail(kJane), entra(2).guest().mail(kJane)},
       .at_first = {"contact cloud active: entra/1 = entra/1",
                    "guest cloud active: entra/2 = entra/2"}},
      {.name = "the address is quarantined in the cloud; the X500 name written back tells",
       .first =
           {ad(1).contact().mail(kJane).proxies({"SMTP:" + kJane, "X500:" + kExchangeName}),
            entra(1).contact().synced().proxies({"SMTP:jane4711@contoso.onmicrosoft.test"}),
            kExchange.proxies({"SMTP:jane4711@contoso.onmicrosoft.test"}).without(Attribute::mail),
            entra(2).contact().mail(kJane)},
       .at_first = {"contact cloud active: entra/2 = entra/2", kOne}},
      {.name = "the address is quarantined in the cloud; AD's own X500 name tells",
       .first = {kAd.with(Attribute::legacy_exchange_dn, "/o=Contoso/cn=jane"),
                 entra(1).contact().synced().proxies({"x500:/O=CONTOSO/CN=Jane"})},
       .at_first = {"contact hybrid active: ad/1 entra/1 = ad/1"}},
      {.name = "the address is quarantined in the cloud; where mail goes to tells",
       .first = {kAd.with(Attribute::external_address, "SMTP:" + kJane),
                 exchange(1).contact().synced().of(entra(1)).with(Attribute::external_address,
                                                                  "SMTP:Jane@Fabrikam.example"),
                 entra(1).contact().synced().proxies({"SMTP:jane4711@contoso.onmicrosoft.test"})},
       .at_first = {kOne}},
      {.name = "the address is quarantined in the cloud, and nothing else tells",
       .first = {kAd, entra(1).contact().synced().proxies({"SMTP:jane4711@contoso.test"})},
       .at_first = {"contact hybrid active: entra/1 = entra/1",
                    "contact on_premises active: ad/1 = ad/1"},
       .then = {kEntra},
       .at_last = {"contact hybrid active: ad/1 entra/1 = ad/1"}},
      {.name = "the address is quarantined later: the decided link is kept",
       .first = {kAd, kEntra},
       .at_first = {"contact hybrid active: ad/1 entra/1 = ad/1"},
       .then = {entra(1).contact().synced().proxies({"SMTP:jane4711@contoso.test"}),
                entra(2).guest().mail(kJane)},
       .at_last = {"contact hybrid active: ad/1 entra/1 = ad/1",
                   "guest cloud active: entra/2 = entra/2"},
       .rebuilt = {"contact hybrid active: entra/1 = entra/1",
                   "contact on_premises active: ad/1 = ad/1",
                   "guest cloud active: entra/2 = entra/2"}},
      {.name = "InvalidSoftMatch: a cloud contact has the address, AD's is not exported",
       .first = {kAd, kEntra.never_synced()},
       .at_first = {"contact cloud active: entra/1 = entra/1",
                    "contact on_premises active: ad/1 = ad/1"}},
      {.name = "ObjectTypeMismatch: a contact in AD, a user in the cloud",
       .first = {kAd, entra(1).user().mail(kJane)},
       .at_first = {"contact on_premises active: ad/1 = ad/1",
                    "user cloud active: entra/1 = entra/1"}},
      {.name = "ObjectTypeMismatch: a user in AD, a contact in the cloud",
       .first = {kAdUser, kEntra},
       .at_first = {"contact hybrid active: entra/1 = entra/1",
                    "user on_premises active: ad/1 = ad/1"}},
  };
}

std::vector<Row> forests() {
  const Said migrated =
      ad2(1).user().mail(kJane).with(Attribute::consistency_guid, kAdUser.guid_bytes());
  return {
      {.name = "GAL synchronization: one person in two forests, one contact in the cloud",
       .first = {kAd, ad2(1).contact().mail(kJane), kEntra},
       .at_first = {"contact hybrid active: entra/1 = entra/1",
                    "contact on_premises active: ad/1 = ad/1",
                    "contact on_premises active: ad2/1 = ad2/1"},
       .sticks = "the forest that was read before the other is linked, and that link is kept"},
      {.name = "GAL synchronization: the X500 name says which forest the cloud has it from",
       .first = {kAd, ad2(1).contact().mail(kJane).with(Attribute::legacy_exchange_dn, "/o=N/cn=j"),
                 kEntra.proxies({"SMTP:" + kJane, "x500:/o=n/cn=J"})},
       .at_first = {"contact hybrid active: ad2/1 entra/1 = ad2/1",
                    "contact on_premises active: ad/1 = ad/1"}},
      {.name = "GAL synchronization: a user here is a contact there",
       .first = {kAdUser, kEntraUser, ad2(1).contact().mail(kJane)},
       .at_first = {"contact on_premises active: ad2/1 = ad2/1",
                    "user hybrid active: ad/1 entra/1 = ad/1"}},
      {.name = "a user moves to another forest and takes its source anchor along",
       .first = {kAdUser, kEntraUser},
       .at_first = {"user hybrid active: ad/1 entra/1 = ad/1"},
       .then = {kAdUser.gone(), migrated},
       .at_last = {"user hybrid active: ad2/1 entra/1 = ad/1"},
       .rebuilt = {"user hybrid active: ad2/1 entra/1 = ad2/1"}},
      {.name = "a contact moves to another forest: its anchor is new, Entra makes it anew",
       .first = {kAd, kEntra},
       .at_first = {"contact hybrid active: ad/1 entra/1 = ad/1"},
       .then = {kAd.gone(), ad2(1).contact().mail(kJane), kEntra.gone(),
                entra(2).contact().mail(kJane).synced()},
       .at_last = {"contact hybrid active: ad2/1 entra/2 = ad2/1", "contact deleted: = ad/1"}},
  };
}

std::vector<Row> lives() {
  return {
      {.name = "a contact becomes a user: in AD and in the cloud both are made anew",
       .first = {kAd, kEntra, kExchange},
       .at_first = {kOne},
       .then = {kAd.gone(), ad(2).user().mail(kJane), kEntra.gone(), kExchange.gone(),
                entra(2).user().mail(kJane).synced().anchored_to(ad(2))},
       .at_last = {"contact deleted: = ad/1", "user hybrid active: ad/2 entra/2 = ad/2"}},
      {.name = "a contact is absorbed by a user of another forest; in AD it stays",
       .first = {kAd, kEntra},
       .at_first = {"contact hybrid active: ad/1 entra/1 = ad/1"},
       .then = {kEntra.gone(), ad2(2).user().mail(kJane),
                entra(2).user().mail(kJane).synced().anchored_to(ad2(2))},
       .at_last = {"contact on_premises active: ad/1 = ad/1",
                   "user hybrid active: ad2/2 entra/2 = ad2/2"}},
      {.name = "deleted in AD and made anew with the same mail: a new contact",
       .first = {kAd, kEntra, kExchange},
       .at_first = {kOne},
       .then = {kAd.gone(), ad(2).contact().mail(kJane), kEntra.gone(), kExchange.gone(),
                entra(2).contact().mail(kJane).synced(),
                exchange(2).contact().mail(kJane).synced().of(entra(2))},
       .at_last = {"contact hybrid active: ad/2 entra/2 exchange/2 = ad/2",
                   "contact deleted: = ad/1"}},
      {.name = "made anew in AD, the cloud has not followed yet",
       .first = {kAd, kEntra},
       .at_first = {"contact hybrid active: ad/1 entra/1 = ad/1"},
       .then = {kAd.gone(), ad(2).contact().mail(kJane)},
       .at_last = {"contact hybrid active: entra/1 = ad/1",
                   "contact on_premises active: ad/2 = ad/2"},
       .rebuilt = {"contact hybrid active: ad/2 entra/1 = ad/2"}},
      {.name = "made anew in the cloud alone: the same person",
       .first = {kAd, kEntra},
       .at_first = {"contact hybrid active: ad/1 entra/1 = ad/1"},
       .then = {kEntra.gone(), entra(2).contact().mail(kJane).synced()},
       .at_last = {"contact hybrid active: ad/1 entra/2 = ad/1"}},
      {.name = "the cloud loses it, AD keeps it",
       .first = {kAd, kEntra, kExchange},
       .at_first = {kOne},
       .then = {kEntra.gone(Presence::soft_deleted), kExchange.gone()},
       .at_last = {"contact on_premises active: ad/1 = ad/1"}},
      {.name = "AD loses it, the cloud has not followed yet",
       .first = {kAdUser, kEntraUser},
       .at_first = {"user hybrid active: ad/1 entra/1 = ad/1"},
       .then = {kAdUser.gone()},
       .at_last = {"user hybrid active: entra/1 = ad/1"},
       .rebuilt = {"user hybrid active: entra/1 = entra/1"}},
      {.name = "everybody loses it",
       .first = {kAd, kEntra, kExchange},
       .at_first = {kOne},
       .then = {kAd.gone(), kEntra.gone(), kExchange.gone(Presence::absent)},
       .at_last = {"contact deleted: = ad/1"}},
      {.name = "out of AD's scope: to the cloud it looks like a deletion",
       .first = {kAd, kEntra},
       .at_first = {"contact hybrid active: ad/1 entra/1 = ad/1"},
       .then = {kAd.gone(Presence::out_of_scope), kEntra.gone(Presence::soft_deleted)},
       .at_last = {"contact deleted: = ad/1"}},
      {.name = "out of our scope only: the cloud still has it",
       .first = {kAd, kEntra},
       .at_first = {"contact hybrid active: ad/1 entra/1 = ad/1"},
       .then = {kAd.gone(Presence::out_of_scope)},
       .at_last = {"contact hybrid active: entra/1 = ad/1"},
       .rebuilt = {"contact hybrid active: entra/1 = entra/1"}},
  };
}

std::vector<Row> keys() {
  const Said written_back =
      ad(1).contact().mail(kJane).proxies({"SMTP:" + kJane, "X500:" + kExchangeName});
  return {
      {.name = "the X500 name is not written back yet, then it is: the same link",
       .first = {kAd, kEntra, kExchange},
       .at_first = {kOne},
       .then = {written_back},
       .at_last = {kOne}},
      {.name = "the X500 name contradicts the link by address: the stronger key wins",
       .first = {ad(1).contact().mail(kJane), ad(2).contact().mail("jane.2@fabrikam.example"),
                 kEntra, kExchange},
       .at_first = {kOne, "contact on_premises active: ad/2 = ad/2"},
       .then = {ad(2).contact().mail("jane.2@fabrikam.example").proxies({"X500:" + kExchangeName})},
       .at_last = {"contact hybrid active: ad/2 entra/1 exchange/1 = ad/2",
                   "contact on_premises active: ad/1 = ad/1"}},
      {.name = "anchor conflict: two users of one forest with one source anchor",
       .first = {ad(1).user().with(Attribute::consistency_guid, ad(9).guid_bytes()),
                 ad(2).user().with(Attribute::consistency_guid, ad(9).guid_bytes()),
                 entra(1).user().synced().anchored_to(ad(9))},
       .at_first = {"user hybrid active: entra/1 = entra/1", "user on_premises active: ad/1 = ad/1",
                    "user on_premises active: ad/2 = ad/2"},
       .sticks = "the first of the two to meet the cloud's is linked, and that link is kept"},
      {.name = "the cloud's source anchor changes: it is another user's",
       .first = {kAdUser, ad(2).user(), kEntraUser},
       .at_first = {"user hybrid active: ad/1 entra/1 = ad/1",
                    "user on_premises active: ad/2 = ad/2"},
       .then = {kEntraUser.anchored_to(ad(2))},
       .at_last = {"user hybrid active: ad/2 entra/1 = ad/2",
                   "user on_premises active: ad/1 = ad/1"}},
      {.name = "the source anchor moves to another cloud user, the first one has none any more",
       .first = {kAdUser, kEntraUser},
       .at_first = {"user hybrid active: ad/1 entra/1 = ad/1"},
       .then = {kEntraUser.without(Attribute::immutable_id).never_synced(),
                entra(2).user().synced().anchored_to(kAdUser)},
       .at_last = {"user cloud active: entra/1 = entra/1",
                   "user hybrid active: ad/1 entra/2 = ad/1"}},
  };
}

std::vector<Row> authorities() {
  return {
      {.name = "the source of authority moves to the cloud",
       .first = {kAd, kEntra, kExchange},
       .at_first = {kOne},
       .then = {kEntra.mastered_in_cloud(), kExchange.mastered_in_cloud()},
       .at_last = {kOne}},
      {.name = "the source of authority moves to the cloud, which gives it another address",
       .first = {kAd, kEntra},
       .at_first = {"contact hybrid active: ad/1 entra/1 = ad/1"},
       .then = {entra(1).contact().mail("jane.doe@fabrikam.example").mastered_in_cloud()},
       .at_last = {"contact hybrid active: ad/1 entra/1 = ad/1"},
       .rebuilt = {"contact cloud active: entra/1 = entra/1",
                   "contact on_premises active: ad/1 = ad/1"}},
      {.name = "a user's source of authority moves to the cloud, its source anchor is cleared",
       .first = {kAdUser, kEntraUser},
       .at_first = {"user hybrid active: ad/1 entra/1 = ad/1"},
       .then = {kEntraUser.mastered_in_cloud().without(Attribute::immutable_id)},
       .at_last = {"user hybrid active: ad/1 entra/1 = ad/1"},
       .rebuilt = {"user cloud active: entra/1 = entra/1", "user on_premises active: ad/1 = ad/1"}},
      {.name = "the tenant's synchronization is switched off: nothing is synchronized any more",
       .first = {kAd, kEntra, ad(2).user(), entra(2).user().synced().anchored_to(ad(2))},
       .at_first = {"contact hybrid active: ad/1 entra/1 = ad/1",
                    "user hybrid active: ad/2 entra/2 = ad/2"},
       .then = {kEntra.never_synced(), entra(2).user().anchored_to(ad(2))},
       .at_last = {"contact hybrid active: ad/1 entra/1 = ad/1",
                   "user hybrid active: ad/2 entra/2 = ad/2"},
       .rebuilt = {"contact cloud active: entra/1 = entra/1",
                   "contact on_premises active: ad/1 = ad/1",
                   "user hybrid active: ad/2 entra/2 = ad/2"}},
      {.name = "the tenant's synchronization is switched off, then AD is retired",
       .first = {kAd, kEntra.mastered_in_cloud()},
       .at_first = {"contact hybrid active: ad/1 entra/1 = ad/1"},
       .then = {kAd.gone()},
       .at_last = {"contact cloud active: entra/1 = ad/1"},
       .rebuilt = {"contact cloud active: entra/1 = entra/1"}},
      {.name = "Entra loses it before Exchange does: Exchange's stays with AD's",
       .first = {ad(1).contact().mail(kJane), kEntra, exchange(1).contact().of(entra(1))},
       .at_first = {kOne},
       .then = {kEntra.gone(Presence::soft_deleted)},
       .at_last = {"contact hybrid active: ad/1 exchange/1 = ad/1"},
       .rebuilt = {"contact cloud active: exchange/1 = exchange/1",
                   "contact on_premises active: ad/1 = ad/1"}},
  };
}

}  // namespace

std::vector<Row> ambiguity_table() {
  std::vector<Row> table;
  for (std::vector<Row> (*some)() : {plain, addresses_of_others, forests, lives, keys, authorities})
    for (Row& row : some())
      table.push_back(std::move(row));
  return table;
}

}  // namespace gald::simulation
