#include "reconcile/join.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>

#include "base/text.hpp"
#include "reconcile/join_keys.hpp"
#include "reconcile/reconcile.hpp"

namespace gald::reconcile {

using model::Attribute;
using model::ConnectorKind;
using model::first_value;
using model::RecordKind;
using model::StagedRecord;

namespace {

/// A key that more objects of one side share is no key.
constexpr std::size_t kMostNamesakes = 50;

int strength(ConnectorKind kind) {
  switch (kind) {
    case ConnectorKind::active_directory:
      return 0;
    case ConnectorKind::entra:
      return 1;
    case ConnectorKind::exchange_online:
      return 2;
  }
  return 3;
}

bool stronger(const StagedRecord& a, const StagedRecord& b) {
  return std::tuple(strength(a.connector_kind), std::string_view(a.connector),
                    std::string_view(a.anchor)) < std::tuple(strength(b.connector_kind),
                                                             std::string_view(b.connector),
                                                             std::string_view(b.anchor));
}

class Joiner {
 public:
  explicit Joiner(std::span<const StagedRecord> records)
      : records_(records),
        parent_(records.size()),
        joined_by_(records.size()),
        entry_(records.size()) {
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
    find_entries();
    for (std::size_t i = 0; i < records_.size(); ++i) {
      const StagedRecord& record = records_[i];
      if (is_live(record))
        live_.push_back(i);
      if (!entry_[i].empty())
        remember(i);
    }
    std::sort(live_.begin(), live_.end(),
              [&](std::size_t a, std::size_t b) { return stronger(records_[a], records_[b]); });
    for (const std::size_t i : live_)
      find_carrier(i);
  }

  std::vector<Cell> run() {
    join_domains();
    join_exchange_to_entra();
    join_by_exact_key(RecordKind::user, kSourceAnchor, immutable_id);
    join_by_exact_key(RecordKind::group, kSecurityIdentifier, [](const StagedRecord& record) {
      return base::ascii_lower(first_value(record.attributes, Attribute::security_identifier));
    });
    climb_ladder();
    return with_entries(cells());
  }

 private:
  std::size_t root(std::size_t i) {
    while (parent_[i] != i)
      i = parent_[i] = parent_[parent_[i]];
    return i;
  }

  /// Every record's earlier entry. An AD object that is new to its connector and gone from another
  /// moved between their domains.
  void find_entries() {
    std::map<std::string_view, std::size_t> gone;  // by anchor
    for (std::size_t i = 0; i < records_.size(); ++i) {
      const StagedRecord& record = records_[i];
      entry_[i] = record.entry_id;
      if (!is_ad(record) || is_live(record) || record.entry_id.empty())
        continue;
      const auto [place, is_new] = gone.emplace(record.anchor, i);
      if (!is_new && stronger(record, records_[place->second]))
        place->second = i;
    }
    for (std::size_t i = 0; i < records_.size(); ++i)
      if (entry_[i].empty() && is_ad(records_[i]) && is_live(records_[i]))
        if (const auto it = gone.find(records_[i].anchor); it != gone.end())
          entry_[i] = records_[it->second].entry_id;
  }

  /// What is and was on an entry's sides.
  struct Sides {
    std::vector<std::size_t> ad;  ///< live records
    bool ad_is_gone = false;      ///< one of its AD objects
    bool ad_is_deleted = false;
    std::set<std::string_view> deleted_in;  ///< connectors

    /// The live record with which the entry goes on: whose anchor it began with, else the
    /// strongest.
    std::optional<std::size_t> carrier;
    bool carried_by_birth = false;
  };

  void remember(std::size_t i) {
    const StagedRecord& record = records_[i];
    Sides& sides = sides_[entry_[i]];
    const bool live = is_live(record);
    const bool deleted = !live && record.presence != model::Presence::out_of_scope;
    if (is_ad(record)) {
      if (live)
        sides.ad.push_back(i);
      sides.ad_is_gone |= !live;
      sides.ad_is_deleted |= deleted;
    } else if (deleted) {
      sides.deleted_in.insert(record.connector);
    }
  }

  void find_carrier(std::size_t i) {
    const StagedRecord& record = records_[i];
    if (entry_[i].empty() || only_adds(record))
      return;
    Sides& sides = sides_.at(entry_[i]);
    if (sides.carried_by_birth)
      return;
    sides.carried_by_birth = born_of(entry_[i], record);
    if (sides.carried_by_birth || (!sides.carrier && !took_a_place(i)))
      sides.carrier = i;
  }

  /// Whether the cloud contact came when the one before it was deleted, and was joined to an AD
  /// object that is deleted too by now: both sides were made anew, and the cloud's came first.
  bool took_a_place(std::size_t i) const {
    const StagedRecord& cloud = records_[i];
    const Sides& sides = sides_.at(entry_[i]);
    return cloud.kind == RecordKind::contact && !is_ad(cloud) && sides.ad.empty() &&
           sides.ad_is_deleted && sides.deleted_in.contains(cloud.connector);
  }

  void unite(std::size_t joined, std::size_t to, std::string_view by) {
    parent_[root(joined)] = root(to);
    joined_by_[joined] = by;
  }

  /// An Exchange object names its Entra object. If several name one, only an earlier decision
  /// counts.
  void join_exchange_to_entra() {
    std::map<std::string_view, std::size_t> entra;
    for (const std::size_t i : live_)
      if (records_[i].connector_kind == ConnectorKind::entra)
        entra[records_[i].anchor] = i;
    std::map<std::pair<std::string_view, std::size_t>, std::vector<std::size_t>> named;
    for (const std::size_t i : live_) {
      if (records_[i].connector_kind != ConnectorKind::exchange_online)
        continue;
      const auto it =
          entra.find(first_value(records_[i].attributes, Attribute::external_directory_object_id));
      if (it == entra.end() || records_[it->second].kind != records_[i].kind)
        continue;
      if (only_adds(records_[i]))
        unite(i, it->second, kDirectoryObject);
      else
        named[{records_[i].connector, it->second}].push_back(i);
    }
    for (const auto& [target, claimants] : named)
      for (const std::size_t i : claimants)
        if (claimants.size() == 1 || was_joined_to(i, target.second))
          unite(i, target.second, kDirectoryObject);
  }

  bool was_joined_to(std::size_t exchange, std::size_t entra) const {
    return records_[exchange].joined_by == kDirectoryObject &&
           !records_[exchange].entry_id.empty() &&
           records_[exchange].entry_id == records_[entra].entry_id;
  }

  /// An AD object on its way from domain to domain keeps its objectGUID, if nothing else.
  void join_domains() {
    std::map<std::string_view, std::vector<std::size_t>> by_anchor;
    for (const std::size_t i : live_)
      if (is_ad(records_[i]))
        by_anchor[records_[i].anchor].push_back(i);
    for (auto& [unused, same] : by_anchor)
      join_forests(same, kObjectGuid);
  }

  /// Cloud records meet the AD record with the same key. AD records of several connectors with one
  /// key are one object on its way from forest to forest. Two of one connector, on either side, are
  /// a mistake in their source: then only an earlier decision counts.
  template <typename KeyOf>
  void join_by_exact_key(RecordKind kind, std::string_view name, KeyOf key_of) {
    std::map<std::string, std::vector<std::size_t>> ad;
    std::map<std::pair<std::string_view, std::string>, int> claimed;  // by a cloud connector
    for (const std::size_t i : live_)
      if (is_ad(records_[i]) && records_[i].kind == kind)
        ad[key_of(records_[i])].push_back(i);
      else if (records_[i].kind == kind && !only_adds(records_[i]))
        ++claimed[{records_[i].connector, key_of(records_[i])}];
    ad.erase("");
    for (auto& [unused, same] : ad)
      join_forests(same, name);
    for (const std::size_t i : live_) {
      const StagedRecord& cloud = records_[i];
      if (is_ad(cloud) || cloud.kind != kind || only_adds(cloud))
        continue;
      if (joined_by_[i] == kDirectoryObject)
        continue;  // it goes where its Entra object goes
      const std::string key = key_of(cloud);
      if (key.empty()) {
        // It lost the key (source of authority moved, say) but the pair was decided before. The
        // same source may have given the key to another meanwhile.
        if (const std::optional<std::size_t> partner = earlier_ad_partner(i))
          if (!claimed.contains({cloud.connector, key_of(records_[*partner])}))
            unite(i, *partner, earlier_key(cloud));
        continue;
      }
      const auto it = ad.find(key);
      if (it == ad.end())
        continue;
      const std::vector<std::size_t>& candidates = it->second;
      if (candidates.size() == 1 && claimed[{cloud.connector, key}] == 1) {
        unite(i, candidates.front(), name);
        continue;
      }
      const std::optional<std::size_t> partner = earlier_ad_partner(i);
      if (partner && std::any_of(candidates.begin(), candidates.end(), [&](std::size_t candidate) {
            return root(candidate) == root(*partner);
          }))
        unite(i, *partner, name);
    }
  }

  /// Leaves the one that the others were joined to, if no two are of one connector.
  void join_forests(std::vector<std::size_t>& same, std::string_view by) {
    std::sort(same.begin(), same.end(),
              [&](std::size_t a, std::size_t b) { return stronger(records_[a], records_[b]); });
    const auto of_one_connector = [&](std::size_t a, std::size_t b) {
      return records_[a].connector == records_[b].connector;
    };
    if (std::adjacent_find(same.begin(), same.end(), of_one_connector) != same.end())
      return;
    for (std::size_t i = 1; i < same.size(); ++i)
      unite(same[i], same.front(), by);
    same.resize(1);
  }

  /// The AD record that the cloud record was joined to, if that is still there or is back. After a
  /// revival there may be two: then the one that was there all the time.
  std::optional<std::size_t> earlier_ad_partner(std::size_t cloud) const {
    if (records_[cloud].entry_id.empty())
      return std::nullopt;
    const auto better = [&](std::size_t a, std::size_t b) {
      return records_[a].was_live != records_[b].was_live ? records_[a].was_live
                                                          : stronger(records_[a], records_[b]);
    };
    std::optional<std::size_t> best;
    for (const std::size_t i : sides_.at(records_[cloud].entry_id).ad)
      if (records_[i].kind == records_[cloud].kind && may_be_partners(cloud, i) &&
          (!best || better(i, *best)))
        best = i;
    return best;
  }

  /// Not those that were put together as duplicates.
  bool may_be_partners(std::size_t cloud, std::size_t ad) const {
    const std::string& mark = records_[ad].joined_by;
    return (!records_[cloud].joined_by.empty() || !records_[ad].was_live) && mark != "duplicate" &&
           mark != "replacement";
  }

  /// By what it was joined. It stood alone when its AD object was gone, which is found again by its
  /// objectGUID.
  static std::string_view earlier_key(const StagedRecord& cloud) {
    return cloud.joined_by.empty() ? kObjectGuid : std::string_view(cloud.joined_by);
  }

  /// A cloud contact: an Entra record, an Exchange record, or both as one.
  struct CloudContact {
    std::vector<std::size_t> records;
    bool synchronized = false;  ///< is or was, according to the cloud
    bool bound = false;
    std::optional<std::size_t> partner;  ///< AD record of an earlier decision, still live
    std::size_t partner_rung = kRungs;
    std::string_view partner_by;
    bool revived = false;  ///< it was gone; its partner may have found another meanwhile
  };

  /// Strongest first.
  std::vector<CloudContact> cloud_contacts() {
    std::vector<CloudContact> contacts;
    std::map<std::size_t, std::size_t> by_root;
    for (const std::size_t i : live_) {
      const StagedRecord& record = records_[i];
      if (is_ad(record) || record.kind != RecordKind::contact)
        continue;
      const auto [place, is_new] = by_root.try_emplace(root(i), contacts.size());
      if (is_new)
        contacts.emplace_back();
      CloudContact& contact = contacts[place->second];
      contact.records.push_back(i);
      if (model::flag(record.attributes, Attribute::sync_enabled).has_value())
        contact.synchronized = true;
      if (record.entry_id.empty())
        continue;
      const Sides& sides = sides_.at(record.entry_id);
      if (sides.ad_is_gone && sides.ad.empty() && sides.carrier == i)
        contact.bound = true;
      const std::size_t rung = rung_named(record.joined_by);
      if (!contact.partner || rung < contact.partner_rung)
        if (const std::optional<std::size_t> partner = earlier_ad_partner(i)) {
          contact.partner = root(*partner);
          contact.partner_rung = rung;
          contact.partner_by = earlier_key(record);
          contact.revived = !record.was_live;
        }
    }
    return contacts;
  }

  void climb_ladder() {
    std::vector<CloudContact> contacts = cloud_contacts();
    std::set<std::size_t> free_ad;
    for (const std::size_t i : live_)
      if (is_ad(records_[i]) && records_[i].kind == RecordKind::contact && root(i) == i)
        free_ad.insert(i);
    for (std::size_t rung = 0; rung < kRungs; ++rung) {
      keep_links(contacts, rung, free_ad);
      meet_on(ladder()[rung], contacts, free_ad);
    }
    // Those that came through their Entra object, which is gone, or whose AD object is back.
    keep_links(contacts, kRungs, free_ad);
  }

  void keep_links(std::vector<CloudContact>& contacts, std::size_t rung,
                  std::set<std::size_t>& free_ad) {
    for (const bool revived : {false, true})
      for (CloudContact& contact : contacts)
        if (!contact.bound && contact.partner && contact.partner_rung == rung &&
            contact.revived == revived && free_ad.contains(*contact.partner))
          bind(contact, *contact.partner, contact.partner_by, free_ad);
  }

  void bind(CloudContact& contact, std::size_t ad, std::string_view by,
            std::set<std::size_t>& free_ad) {
    for (const std::size_t record : contact.records) {
      const bool through_entra = joined_by_[record] == kDirectoryObject;
      if (root(record) != root(ad))
        parent_[root(record)] = root(ad);
      if (!through_entra)
        joined_by_[record] = by;
    }
    contact.bound = true;
    free_ad.erase(ad);
  }

  void meet_on(const Rung& rung, std::vector<CloudContact>& contacts,
               std::set<std::size_t>& free_ad) {
    std::map<std::string, std::vector<std::size_t>> ad_by_key;
    for (const std::size_t ad : free_ad)
      for (const std::string& key : rung.ad(records_[ad]))
        ad_by_key[key].push_back(ad);
    std::map<std::string, std::size_t> askers;
    for (const CloudContact& contact : contacts)
      if (!contact.bound && contact.synchronized)
        for (const std::size_t record : contact.records)
          for (const std::string& key : rung.cloud(records_[record]))
            ++askers[key];
    // What so many share says nothing of anybody, and the pairs would fill the memory.
    std::erase_if(ad_by_key, [&](const auto& entry) {
      return entry.second.size() > kMostNamesakes || askers[entry.first] > kMostNamesakes;
    });

    std::map<std::size_t, std::set<std::size_t>> ad_of;       // contact → AD records
    std::map<std::size_t, std::set<std::size_t>> contact_of;  // AD record → contacts
    for (std::size_t c = 0; c < contacts.size(); ++c) {
      if (contacts[c].bound || !contacts[c].synchronized)
        continue;
      for (const std::size_t record : contacts[c].records)
        for (const std::string& key : rung.cloud(records_[record]))
          if (const auto it = ad_by_key.find(key); it != ad_by_key.end())
            for (const std::size_t ad : it->second) {
              ad_of[c].insert(ad);
              contact_of[ad].insert(c);
            }
    }
    std::vector<std::pair<std::size_t, std::size_t>> pairs;
    for (const auto& [c, ads] : ad_of)
      for (const std::size_t ad : ads)
        if ((ads.size() == 1 && contact_of[ad].size() == 1) ||
            is_only_namesake(contacts, c, ad, ads, contact_of[ad]))
          pairs.emplace_back(c, ad);
    for (const auto& [c, ad] : pairs)
      bind(contacts[c], ad, rung.name, free_ad);
  }

  /// Tie-break for a key that several share: the same alias and display name, on this pair alone.
  bool is_only_namesake(const std::vector<CloudContact>& contacts, std::size_t contact,
                        std::size_t ad, const std::set<std::size_t>& ads,
                        const std::set<std::size_t>& rivals) const {
    const auto alike = [&](std::size_t c, std::size_t a) {
      const StagedRecord& there = records_[a];
      const std::string alias = folded(there, Attribute::mail_nickname);
      const std::string& name = first_value(there.attributes, Attribute::display_name);
      if (alias.empty() || name.empty())
        return false;
      return std::any_of(
          contacts[c].records.begin(), contacts[c].records.end(), [&](std::size_t r) {
            return folded(records_[r], Attribute::mail_nickname) == alias &&
                   first_value(records_[r].attributes, Attribute::display_name) == name;
          });
    };
    if (!alike(contact, ad))
      return false;
    const auto others_alike = [&](std::size_t c, std::size_t a) {
      return (c != contact || a != ad) && alike(c, a);
    };
    return std::none_of(ads.begin(), ads.end(),
                        [&](std::size_t other) { return others_alike(contact, other); }) &&
           std::none_of(rivals.begin(), rivals.end(),
                        [&](std::size_t other) { return others_alike(other, ad); });
  }

  std::vector<Cell> cells() {
    std::map<std::size_t, Cell> by_root;
    for (const std::size_t i : live_)
      if (!only_adds(records_[i]) || !joined_by_[i].empty())
        by_root[root(i)].live.push_back({i, joined_by_[i]});
    std::vector<Cell> cells;
    for (auto& [unused, cell] : by_root) {
      std::sort(cell.live.begin(), cell.live.end(), [&](const auto& a, const auto& b) {
        return stronger(records_[a.record], records_[b.record]);
      });
      cells.push_back(std::move(cell));
    }
    // The order of the input must not show in what follows.
    std::sort(cells.begin(), cells.end(), [&](const Cell& a, const Cell& b) {
      return stronger(records_[a.live.front().record], records_[b.live.front().record]);
    });
    return cells;
  }

  bool born_of(std::string_view entry_id, const StagedRecord& record) const {
    return entry_id == entry_id_for(record.anchor);
  }

  /// Which cell carries on which entry, and where the records that are gone belong.
  std::vector<Cell> with_entries(std::vector<Cell> cells) const {
    std::map<std::string, std::vector<std::size_t>> gone_by_entry;
    for (std::size_t i = 0; i < records_.size(); ++i)
      if (!is_live(records_[i]) && !records_[i].entry_id.empty())
        gone_by_entry[records_[i].entry_id].push_back(i);

    std::map<std::string, std::size_t> heir = heirs(cells);
    std::map<std::size_t, std::vector<std::string>> inherited;
    for (const auto& [entry, cell] : heir)
      inherited[cell].push_back(entry);
    for (auto& [index, entries] : inherited) {
      Cell& cell = cells[index];
      cell.entry_id = survivor(cell, entries);
      for (std::string& entry : entries)
        if (entry != cell.entry_id)
          cell.merged_entry_ids.push_back(std::move(entry));
    }
    for (const auto& [entry, gone] : gone_by_entry) {
      if (const auto it = heir.find(entry); it != heir.end()) {
        Cell& cell = cells[it->second];
        cell.gone.insert(cell.gone.end(), gone.begin(), gone.end());
      } else {
        Cell cell;
        cell.gone = gone;
        cell.entry_id = entry;
        cells.push_back(std::move(cell));
      }
    }
    for (Cell& cell : cells)
      std::sort(cell.gone.begin(), cell.gone.end(),
                [&](std::size_t a, std::size_t b) { return stronger(records_[a], records_[b]); });
    return cells;
  }

  /// Which cell carries on which entry. One that has no carrier left goes on in the cloud alone:
  /// who found an AD object of its own leaves it behind.
  std::map<std::string, std::size_t> heirs(const std::vector<Cell>& cells) const {
    std::map<std::string, std::size_t> heir;
    for (std::size_t c = 0; c < cells.size(); ++c) {  // cells come strongest first
      const bool in_ad = is_ad(records_[cells[c].live.front().record]);
      for (const Cell::Member& member : cells[c].live) {
        const StagedRecord& record = records_[member.record];
        const std::string_view entry = entry_[member.record];
        if (entry.empty() || only_adds(record))
          continue;
        const std::optional<std::size_t>& carrier = sides_.at(entry).carrier;
        if (carrier ? *carrier == member.record : !in_ad)
          heir.emplace(entry, c);
      }
    }
    return heir;
  }

  /// When entries become one, the id of the strongest anchor stays.
  std::string survivor(const Cell& cell, const std::vector<std::string>& entries) const {
    for (const Cell::Member& member : cell.live)
      for (const std::string& entry : entries)
        if (born_of(entry, records_[member.record]))
          return entry;
    for (const Cell::Member& member : cell.live)
      for (const std::string& entry : entries)
        if (entry_[member.record] == entry)
          return entry;
    return entries.front();
  }

  std::span<const StagedRecord> records_;
  std::vector<std::size_t> live_;  // strongest first
  std::vector<std::size_t> parent_;
  std::vector<std::string> joined_by_;
  std::vector<std::string_view> entry_;      // of each record
  std::map<std::string_view, Sides> sides_;  // by entry
};

}  // namespace

std::vector<Cell> join(std::span<const StagedRecord> records) {
  return Joiner(records).run();
}

bool comes_before(const StagedRecord& a, const StagedRecord& b) {
  return stronger(a, b);
}

}  // namespace gald::reconcile
