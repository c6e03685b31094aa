#include "reconcile/conflict.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/text.hpp"
#include "model/forms.hpp"
#include "reconcile/join.hpp"

namespace gald::reconcile {

using model::Attribute;
using model::ConnectorKind;
using model::EntryKind;
using model::RecordKind;
using model::StagedRecord;

namespace {

constexpr std::array<ConflictKind, 9> kKinds = {
    ConflictKind::collision,        ConflictKind::ambiguous_key,
    ConflictKind::duplicate_anchor, ConflictKind::person_and_contact,
    ConflictKind::duplicate,        ConflictKind::ad_not_seen,
    ConflictKind::moved_to_cloud,   ConflictKind::quarantined_address,
    ConflictKind::skipped};

/// Of the values that two contacts share, so many are told.
constexpr std::size_t kMostValues = 3;

/// What more share than this says nothing of anybody, and its pairs would fill the index.
constexpr std::size_t kMostSharers = 20;

bool is_ad(const StagedRecord& record) {
  return record.connector_kind == ConnectorKind::active_directory;
}

bool has_ad(const Party& party) {
  return std::any_of(party.live.begin(), party.live.end(), [](auto* r) { return is_ad(*r); });
}

bool has_cloud(const Party& party) {
  return std::any_of(party.live.begin(), party.live.end(), [](auto* r) { return !is_ad(*r); });
}

bool cloud_says_synchronized(const Party& party, bool wanted) {
  return std::any_of(party.live.begin(), party.live.end(), [wanted](auto* r) {
    return !is_ad(*r) && model::flag(r->attributes, Attribute::sync_enabled) == wanted;
  });
}

/// "ad", "entra and exchange".
std::string sources_of(const Party& party) {
  std::set<std::string> names;
  for (const StagedRecord* record : party.live)
    names.insert(record->connector);
  std::string text;
  std::size_t left = names.size();
  for (const std::string& name : names) {
    text += name;
    if (--left > 0)
      text += left == 1 ? " and " : ", ";
  }
  return text;
}

bool share_a_source(const Party& a, const Party& b) {
  return std::any_of(a.live.begin(), a.live.end(), [&b](auto* mine) {
    return std::any_of(b.live.begin(), b.live.end(),
                       [mine](auto* other) { return mine->connector == other->connector; });
  });
}

std::string shown(const std::set<std::string>& values) {
  std::string text;
  std::size_t told = 0;
  for (const std::string& value : values) {
    if (told == kMostValues)
      return text + " and " + std::to_string(values.size() - told) + " more";
    text += (told++ == 0 ? "" : ", ") + value;
  }
  return text;
}

std::string_view article(EntryKind kind) {
  switch (kind) {
    case EntryKind::contact:
      return "a contact";
    case EntryKind::user:
      return "a user";
    case EntryKind::guest:
      return "a guest";
    case EntryKind::group:
      return "a group";
  }
  return {};
}

bool is_person(const Party& party) {
  return party.entry->kind == EntryKind::user || party.entry->kind == EntryKind::guest;
}

const std::string& display_name(const Party& party) {
  static const std::string kNone;
  const auto it = party.entry->values.find(Attribute::display_name);
  return it == party.entry->values.end() ? kNone : it->second;
}

// --- of one contact ------------------------------------------------------------------------------

void find_own(const Party& party, std::vector<Conflict>& found) {
  const std::string& id = party.entry->id;
  if (!has_ad(party) && cloud_says_synchronized(party, true))
    found.push_back({ConflictKind::ad_not_seen,
                     id,
                     {},
                     party.lost_ad
                         ? "its object in Active Directory is gone, and " + sources_of(party) +
                               " still calls it synchronized"
                         : sources_of(party) + " calls it synchronized, and no object in Active "
                                               "Directory was joined to it"});
  if (has_ad(party) && cloud_says_synchronized(party, false))
    found.push_back({ConflictKind::moved_to_cloud,
                     id,
                     {},
                     "the cloud says that it is not synchronized any more, and its object is "
                     "still in Active Directory"});
}

// --- of two contacts -----------------------------------------------------------------------------

/// One address in two entries. Only addresses of mail: what an address book is for.
Conflict of_shared_addresses(const Party& a, const Party& b,
                             const std::set<std::string>& addresses) {
  const std::string what = shown(addresses);
  const auto told = [&what](const Party& first, const Party& second) {
    return what + ": " + std::string(article(first.entry->kind)) + " in " + sources_of(first) +
           " and " + std::string(article(second.entry->kind)) + " in " + sources_of(second);
  };
  const bool a_contact = a.entry->kind == EntryKind::contact;
  const bool b_contact = b.entry->kind == EntryKind::contact;
  if ((a_contact && is_person(b)) || (b_contact && is_person(a))) {
    const Party& contact = a_contact ? a : b;
    const Party& person = a_contact ? b : a;
    return {ConflictKind::person_and_contact, contact.entry->id, person.entry->id,
            told(contact, person)};
  }
  const bool opposite = (has_ad(a) && !has_cloud(a) && has_cloud(b) && !has_ad(b)) ||
                        (has_ad(b) && !has_cloud(b) && has_cloud(a) && !has_ad(a));
  if (opposite && is_person(a) == is_person(b) && a_contact == b_contact) {
    const Party& cloud = has_ad(a) ? b : a;
    const Party& ad = has_ad(a) ? a : b;
    if (!cloud_says_synchronized(cloud, true))
      return {ConflictKind::collision, cloud.entry->id, ad.entry->id,
              told(cloud, ad) + "; the cloud does not call its object synchronized"};
    if (cloud.lost_ad)
      return {ConflictKind::collision, cloud.entry->id, ad.entry->id,
              told(cloud, ad) +
                  "; the object in Active Directory that it was synchronized from is gone, "
                  "and this is another one"};
    return {ConflictKind::ambiguous_key, cloud.entry->id, ad.entry->id,
            told(cloud, ad) +
                "; the cloud calls its object synchronized, and the address does not tell "
                "from which object"};
  }
  const Party& first = a.entry->id < b.entry->id ? a : b;
  const Party& second = a.entry->id < b.entry->id ? b : a;
  std::string evidence = told(first, second);
  if (share_a_source(a, b) && !display_name(a).empty() && display_name(a) == display_name(b))
    evidence += ", with the same name twice in one source";
  return {ConflictKind::duplicate, first.entry->id, second.entry->id, std::move(evidence)};
}

/// What a source may give out only once, with the records that claim it.
struct Claim {
  std::size_t party;
  const StagedRecord* record;
};

std::string_view spoken_anchor(std::string_view key) {
  if (key.starts_with("anchor:"))
    return "source anchor ";
  if (key.starts_with("sid:"))
    return "security identifier ";
  return "Entra object ";
}

/// Objects of several connectors may have one identity: copies in several tenants, or an object on
/// its way from forest to forest.
bool contradict(const StagedRecord& a, const StagedRecord& b, std::string_view key) {
  return a.kind == b.kind && a.connector == b.connector &&
         (!key.starts_with("object:") || a.connector_kind == ConnectorKind::exchange_online);
}

bool is_anchor(std::string_view key) {
  return key.starts_with("anchor:") || key.starts_with("sid:") || key.starts_with("object:");
}

class Search {
 public:
  Search(std::span<const Party> parties, std::span<const StagedRecord* const> skipped)
      : parties_(parties), skipped_(skipped) {}

  std::vector<Conflict> run() {
    for (std::size_t i = 0; i < parties_.size(); ++i) {
      find_own(parties_[i], found_);
      collect(i);
    }
    pair_addresses();
    pair_anchors();
    pair_persons();
    find_quarantined();
    find_skipped();
    std::sort(found_.begin(), found_.end());
    found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
    return std::move(found_);
  }

 private:
  void collect(std::size_t i) {
    for (const model::Address& address : parties_[i].entry->addresses)
      if (address.kind == "smtp")
        by_address_[model::fold_address(address.value)].insert(i);
    for (const StagedRecord* record : parties_[i].live)
      for (const std::string& key : join_keys(*record)) {
        if (is_anchor(key))
          by_anchor_[key].push_back({i, record});
        else if (key.starts_with("person:"))
          by_person_[key].insert(i);
        if (!skipped_.empty() && can_meet(key))
          by_key_[key].insert(i);
      }
  }

  void pair_addresses() {
    std::map<std::pair<std::size_t, std::size_t>, std::set<std::string>> shared;
    for (const auto& [address, sharers] : by_address_)
      if (sharers.size() <= kMostSharers)
        for (auto a = sharers.begin(); a != sharers.end(); ++a)
          for (auto b = std::next(a); b != sharers.end(); ++b)
            shared[{*a, *b}].insert(address);
    for (const auto& [pair, addresses] : shared) {
      met_.insert(pair);
      found_.push_back(of_shared_addresses(parties_[pair.first], parties_[pair.second], addresses));
    }
  }

  void pair_anchors() {
    for (const auto& [key, claims] : by_anchor_)
      for (std::size_t a = 0; a < claims.size() && claims.size() <= kMostSharers; ++a)
        for (std::size_t b = a + 1; b < claims.size(); ++b)
          if (contradict(*claims[a].record, *claims[b].record, key))
            found_.push_back(of_anchor(key, claims[a], claims[b]));
  }

  Conflict of_anchor(const std::string& key, const Claim& a, const Claim& b) const {
    const std::string& one = parties_[a.party].entry->id;
    const std::string& two = parties_[b.party].entry->id;
    const auto [first, second] = one <= two ? std::pair(&a, &b) : std::pair(&b, &a);
    const auto named = [](const StagedRecord& record) {
      return record.connector + "/" + record.anchor;
    };
    std::set<std::string> records = {named(*first->record), named(*second->record)};
    return {ConflictKind::duplicate_anchor, std::min(one, two),
            one == two ? std::string() : std::max(one, two),
            std::string(spoken_anchor(key)) + key.substr(key.find(':') + 1) + " is claimed by " +
                *records.begin() + " and by " + *records.rbegin()};
  }

  /// Contacts with one name and phone that share no address either.
  void pair_persons() {
    for (const auto& [key, sharers] : by_person_)
      if (sharers.size() <= kMostSharers)
        for (auto a = sharers.begin(); a != sharers.end(); ++a)
          for (auto b = std::next(a); b != sharers.end(); ++b)
            if (met_.insert({*a, *b}).second) {
              const bool in_order = parties_[*a].entry->id < parties_[*b].entry->id;
              const Party& one = parties_[in_order ? *a : *b];
              const Party& two = parties_[in_order ? *b : *a];
              found_.push_back({ConflictKind::duplicate, one.entry->id, two.entry->id,
                                "the same name and phone number in " + sources_of(one) +
                                    " and in " + sources_of(two)});
            }
  }

  /// Entra ID took a value away from an object because another one has it.
  void find_quarantined() {
    for (const Party& party : parties_)
      for (const StagedRecord* record : party.live) {
        const auto errors = record->attributes.find(Attribute::provisioning_errors);
        if (errors == record->attributes.end())
          continue;
        for (const std::string& error : errors->second) {
          const std::size_t equals = std::min(error.find('='), error.size());
          found_.push_back({ConflictKind::quarantined_address,
                            party.entry->id,
                            {},
                            record->connector + " withholds " + error.substr(0, equals) + " " +
                                error.substr(std::min(equals + 1, error.size())) +
                                ", which another object of the tenant has"});
        }
      }
  }

  static bool can_meet(std::string_view key) {
    return key.starts_with("smtp:") || key.starts_with("person:");
  }

  void find_skipped() {
    for (const StagedRecord* record : skipped_)
      for (const std::string& key : join_keys(*record))
        if (const auto met = by_key_.find(key); met != by_key_.end())
          for (const std::size_t i : met->second)
            if (parties_[i].entry->kind == EntryKind::contact)
              found_.push_back({ConflictKind::skipped,
                                parties_[i].entry->id,
                                {},
                                record->connector + "/" + record->anchor +
                                    " has the same address, or name and phone number, and is not "
                                    "published"});
  }

  std::span<const Party> parties_;
  std::span<const StagedRecord* const> skipped_;
  std::map<std::string, std::set<std::size_t>> by_key_;  // where somebody was skipped
  std::map<std::string, std::set<std::size_t>> by_address_;
  std::map<std::string, std::set<std::size_t>> by_person_;
  std::map<std::string, std::vector<Claim>> by_anchor_;
  std::set<std::pair<std::size_t, std::size_t>> met_;
  std::vector<Conflict> found_;
};

}  // namespace

std::vector<Conflict> find_conflicts(std::span<const Party> parties,
                                     std::span<const StagedRecord* const> skipped) {
  return Search(parties, skipped).run();
}

std::string_view to_string(ConflictKind kind) {
  switch (kind) {
    case ConflictKind::collision:
      return "collision";
    case ConflictKind::ambiguous_key:
      return "ambiguous-key";
    case ConflictKind::duplicate_anchor:
      return "duplicate-anchor";
    case ConflictKind::person_and_contact:
      return "person-and-contact";
    case ConflictKind::duplicate:
      return "duplicate";
    case ConflictKind::ad_not_seen:
      return "ad-not-seen";
    case ConflictKind::moved_to_cloud:
      return "moved-to-cloud";
    case ConflictKind::quarantined_address:
      return "quarantined-address";
    case ConflictKind::skipped:
      return "skipped";
  }
  return {};
}

std::optional<ConflictKind> conflict_kind_named(std::string_view name) {
  for (const ConflictKind kind : kKinds)
    if (to_string(kind) == name)
      return kind;
  return std::nullopt;
}

std::span<const ConflictKind> conflict_kinds() {
  return kKinds;
}

std::string_view remedy(ConflictKind kind) {
  switch (kind) {
    case ConflictKind::collision:
      return "If both are the same, bring the AD object into the scope of Entra Connect or delete "
             "one of the two; if they are not, give one of them another address.";
    case ConflictKind::ambiguous_key:
      return "Give each AD object addresses of its own; the two are joined as soon as an address "
             "points to one object on either side.";
    case ConflictKind::duplicate_anchor:
      return "Only one of the objects can be right: correct or delete the other one in its source. "
             "Until then a link that was decided before stays, and the others stand alone.";
    case ConflictKind::person_and_contact:
      return "Delete the contact if it stands for the same person, or give it another address: "
             "mail to the address reaches only one of them.";
    case ConflictKind::duplicate:
      return "Delete one of them in its source, or let the key duplicates of the configuration "
             "decide what becomes of such contacts.";
    case ConflictKind::ad_not_seen:
      return "Look whether the AD object is outside of what gald reads (base, include, exclude, "
             "kinds, another domain or forest), or was deleted and Entra Connect has not followed.";
    case ConflictKind::moved_to_cloud:
      return "Nothing, if the move was intended: the cloud's values win. Delete the AD object when "
             "nobody needs it any more.";
    case ConflictKind::quarantined_address:
      return "`gald show` with the address tells who has it. Remove it from one of the two objects "
             "in its source; Entra ID gives it back within an hour.";
    case ConflictKind::skipped:
      return "Delete one of the two in its source, or change the key duplicates of the "
             "configuration; the other one is published when this one is gone.";
  }
  return {};
}

}  // namespace gald::reconcile
