#include "oracle.hpp"

#include <algorithm>
#include <functional>
#include <tuple>

#include "base/text.hpp"
#include "reconcile/reconcile.hpp"

namespace gald::simulation {

using model::first_value;

namespace {

bool is_ad(const Said& said) {
  return said.connector_kind == ConnectorKind::active_directory;
}

std::string id_of(const Said& said) {
  return reconcile::entry_id_for(said.anchor);
}

/// The primary address, which is all that the people of these stories have.
std::string address(const Said& said) {
  return base::ascii_lower(first_value(said.attributes, Attribute::mail));
}

bool lists(const Said& ad, const std::string& x500) {
  const auto proxies = ad.attributes.find(Attribute::proxy_addresses);
  return !x500.empty() && proxies != ad.attributes.end() &&
         std::find(proxies->second.begin(), proxies->second.end(), "X500:" + x500) !=
             proxies->second.end();
}

}  // namespace

void Oracle::publish(std::span<const Said> told) {
  for (const Said& each : told) {
    const auto known = objects_.find(name_of(each));
    if (known != objects_.end())
      known->second.said = each;
    else if (each.presence == Presence::live)
      objects_[name_of(each)] = {each};
  }
  for (auto& [name, object] : objects_)  // what moved between domains
    if (is_ad(object.said) && is_live(name) && object.entry.empty())
      object.entry = entry_in_another_domain(name);
  std::vector<CloudSide> sides = cloud_sides();
  for (CloudSide& side : sides)
    if (said(side.names.front()).kind != RecordKind::contact)
      tie_by_key(side);
  tie_contacts(sides);
  give_ids(cells(sides));
  remember_ties(sides);
  for (auto& [name, object] : objects_)
    object.was_live = is_live(name);
}

// --- who is who ----------------------------------------------------------------------------------

std::vector<Oracle::CloudSide> Oracle::cloud_sides() const {
  std::map<std::string, CloudSide> sides;  // by the name of the Entra object, or Exchange's alone
  for (const auto& [name, object] : objects_)
    if (object.said.connector == "entra" && is_live(name))
      sides[name].names.push_back(name);
  std::map<std::string, int> claims;  // of Exchange objects on one of Entra
  const auto named = [&](const std::string& name) {
    const std::string& anchor =
        first_value(said(name).attributes, Attribute::external_directory_object_id);
    const auto it = anchor.empty() ? sides.end() : sides.find(name_of("entra", anchor));
    return it != sides.end() && said(it->first).kind == said(name).kind ? it : sides.end();
  };
  for (const auto& [name, object] : objects_)
    if (object.said.connector == "exchange" && stands(name))
      if (const auto it = named(name); it != sides.end())
        ++claims[it->first];
  for (const auto& [name, object] : objects_) {
    if (object.said.connector != "exchange" || !is_live(name))
      continue;
    const auto it = named(name);
    // Of several that name one only an earlier decision counts.
    if (it != sides.end() && (!stands(name) || claims[it->first] == 1 ||
                              (object.tie == Tie::through_entra && !object.entry.empty() &&
                               object.entry == objects_.at(it->first).entry)))
      it->second.names.push_back(name);
    else if (stands(name))
      sides[name].names.push_back(name);
  }
  std::vector<CloudSide> found;
  for (auto& [unused, side] : sides)
    found.push_back(std::move(side));
  std::sort(found.begin(), found.end(), [&](const CloudSide& a, const CloudSide& b) {
    return stronger(a.names.front(), b.names.front());
  });
  return found;
}

/// Users and groups have a key that is either there or not.
void Oracle::tie_by_key(CloudSide& side) const {
  const std::string& name = side.names.front();
  const std::string key = key_of(name);
  const std::string partner = earlier_partner(name);
  if (key.empty()) {
    const bool given_to_another =
        std::any_of(objects_.begin(), objects_.end(), [&](const auto& other) {
          return !partner.empty() && speaks(other.first) &&
                 other.second.said.connector == said(name).connector &&
                 other.second.said.kind == said(name).kind &&
                 key_of(other.first) == key_of(partner);
        });
    if (!given_to_another)
      side.ad = partner;
  } else {
    const std::vector<std::string> ad = ad_with_key(said(name).kind, key);
    const auto claims = std::count_if(objects_.begin(), objects_.end(), [&](const auto& other) {
      return speaks(other.first) && other.second.said.connector == said(name).connector &&
             other.second.said.kind == said(name).kind && key_of(other.first) == key;
    });
    const bool forests_agree = !ad.empty() && ad_with_key(said(name).kind, "=" + key).empty();
    if (claims == 1 && (ad.size() == 1 || forests_agree))
      side.ad = ad.front();
    else if (!partner.empty() && std::any_of(ad.begin(), ad.end(), [&](const std::string& other) {
               return head_of(other) == head_of(partner);
             }))
      side.ad = partner;
  }
  if (!side.ad.empty())
    side.tie = Tie::key;
}

/// Contacts are tied by what was decided, and by what only the two of them have.
void Oracle::tie_contacts(std::vector<CloudSide>& sides) const {
  std::set<std::string> free;
  for (const auto& [name, object] : objects_)
    if (is_ad(object.said) && is_live(name) && object.said.kind == RecordKind::contact &&
        head_of(name) == name)
      free.insert(name);
  std::vector<CloudSide*> open;
  for (CloudSide& side : sides) {
    const bool bound = std::any_of(side.names.begin(), side.names.end(), [&](const auto& name) {
      return lost_its_ad(name) && carrier(objects_.at(name).entry) == name;
    });
    if (said(side.names.front()).kind == RecordKind::contact && !bound)
      open.push_back(&side);
  }

  const auto tie = [&](CloudSide& side, const std::string& ad, Tie how) {
    side.ad = ad;
    side.tie = how;
    free.erase(ad);
    std::erase(open, &side);
  };
  const auto tie_of = [&](const std::string& name) {
    return std::min(objects_.at(name).tie, Tie::through_entra);  // any other counts as little
  };
  const auto keep_what_was_decided = [&](Tie how) {
    for (const bool was_there : {true, false})  // who comes back may find its place taken
      for (CloudSide* side : std::vector<CloudSide*>(open)) {
        // The strongest of its records' ties counts; of equal ones Entra's.
        std::string best;
        std::string decided_for;
        for (const std::string& name : side->names)
          if (const std::string partner = earlier_partner(name);
              !partner.empty() && (best.empty() || tie_of(name) < tie_of(decided_for))) {
            best = head_of(partner);
            decided_for = name;
          }
        if (free.contains(best) && tie_of(decided_for) == how &&
            objects_.at(decided_for).was_live == was_there)
          tie(*side, best, std::min(objects_.at(decided_for).tie, Tie::object_guid));
      }
  };
  using Meet = std::function<bool(const Said& cloud, const Said& ad)>;
  const auto meet = [&](Tie how, const Meet& alike) {
    std::map<CloudSide*, std::vector<std::string>> ads;
    std::map<std::string, int> asked;
    for (CloudSide* side : open) {
      const bool synchronized =
          std::any_of(side->names.begin(), side->names.end(), [&](const auto& name) {
            return said(name).attributes.contains(Attribute::sync_enabled);
          });
      for (const std::string& ad : free)
        if (synchronized && std::any_of(side->names.begin(), side->names.end(),
                                        [&](auto& name) { return alike(said(name), said(ad)); })) {
          ads[side].push_back(ad);
          ++asked[ad];
        }
    }
    for (const auto& [side, found] : ads)
      if (found.size() == 1 && asked[found.front()] == 1)
        tie(*side, found.front(), how);
  };

  keep_what_was_decided(Tie::x500);
  meet(Tie::x500, [](const Said& cloud, const Said& ad) {
    return lists(ad, first_value(cloud.attributes, Attribute::legacy_exchange_dn));
  });
  keep_what_was_decided(Tie::address);
  meet(Tie::address, [](const Said& cloud, const Said& ad) {
    return !address(cloud).empty() && address(cloud) == address(ad);
  });
  keep_what_was_decided(Tie::through_entra);
}

std::vector<Oracle::Cell> Oracle::cells(const std::vector<CloudSide>& sides) const {
  std::map<std::string, Cell> by_head;  // the strongest AD object, or the first of the cloud
  for (const auto& [name, object] : objects_)
    if (is_ad(object.said) && is_live(name))
      by_head[head_of(name)].push_back(name);
  for (const CloudSide& side : sides) {
    Cell& cell = by_head[side.ad.empty() ? side.names.front() : head_of(side.ad)];
    cell.insert(cell.end(), side.names.begin(), side.names.end());
  }
  std::vector<Cell> cells;
  for (auto& [unused, cell] : by_head) {
    std::sort(cell.begin(), cell.end(), [&](auto& a, auto& b) { return stronger(a, b); });
    cells.push_back(std::move(cell));
  }
  return cells;
}

/// The strongest of the AD objects that are one: of several domains, or with one key that no forest
/// has twice.
std::string Oracle::head_of(const std::string& ad) const {
  const auto one = [&](const std::string& a, const std::string& b) {
    return said(a).anchor == said(b).anchor || (!key_of(a).empty() && key_of(a) == key_of(b) &&
                                                ad_with_key(said(a).kind, "=" + key_of(a)).empty());
  };
  std::vector<std::string> found = {ad};
  for (std::size_t i = 0; i < found.size(); ++i)
    for (const auto& [name, object] : objects_)
      if (is_ad(object.said) && is_live(name) && object.said.kind == said(ad).kind &&
          std::find(found.begin(), found.end(), name) == found.end() && one(found[i], name))
        found.push_back(name);
  return *std::min_element(found.begin(), found.end(),
                           [&](auto& a, auto& b) { return stronger(a, b); });
}

std::string Oracle::entry_in_another_domain(const std::string& ad) const {
  std::string best;
  for (const auto& [name, object] : objects_)
    if (is_ad(object.said) && !is_live(name) && !object.entry.empty() &&
        object.said.anchor == said(ad).anchor && (best.empty() || stronger(name, best)))
      best = name;
  return best.empty() ? best : objects_.at(best).entry;
}

void Oracle::remember_ties(const std::vector<CloudSide>& sides) {
  for (const CloudSide& side : sides)
    for (const std::string& name : side.names)
      objects_[name].tie = name == side.names.front()                      ? side.tie
                           : said(side.names.front()).connector == "entra" ? Tie::through_entra
                                                                           : side.tie;
}

// --- ids -----------------------------------------------------------------------------------------

void Oracle::give_ids(std::vector<Cell> cells) {
  std::sort(cells.begin(), cells.end(),
            [&](const Cell& a, const Cell& b) { return stronger(a.front(), b.front()); });

  // An entry goes on with its carrier. Without one it goes on in the cloud, or not at all.
  std::map<std::string, std::size_t> heir;
  for (std::size_t c = 0; c < cells.size(); ++c)
    for (const std::string& name : cells[c]) {
      const std::string& entry = objects_.at(name).entry;
      if (entry.empty() || !stands(name))
        continue;
      const std::string by = carrier(entry);
      if (by == name || (by.empty() && !is_ad(said(cells[c].front()))))
        heir.try_emplace(entry, c);
    }

  // Of several that come together, the one of the strongest object's anchor stays.
  std::map<std::string, std::string> becomes;  // entry → what it is from now on
  std::vector<std::string> id_of_cell(cells.size());
  std::set<std::string> taken;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    std::vector<std::string> inherited;
    for (const auto& [entry, where] : heir)
      if (where == c)
        inherited.push_back(entry);
    const auto has = [&](const std::string& entry) {
      return std::find(inherited.begin(), inherited.end(), entry) != inherited.end();
    };
    for (const bool by_birth : {true, false})
      for (const std::string& name : cells[c]) {
        const std::string entry = by_birth ? id_of(said(name)) : objects_.at(name).entry;
        if (id_of_cell[c].empty() && has(entry))
          id_of_cell[c] = entry;
      }
    for (const std::string& entry : inherited)
      becomes[entry] = id_of_cell[c];
    taken.insert(id_of_cell[c]);
  }
  for (std::size_t c = 0; c < cells.size(); ++c)
    if (id_of_cell[c].empty()) {
      id_of_cell[c] = new_id(cells[c], taken);
      taken.insert(id_of_cell[c]);
    }

  for (auto& [id, contact] : published_.contacts)
    if (!becomes.contains(id)) {
      contact.status = model::Status::deleted;
      contact.records.clear();
    }
  for (const auto& [entry, now] : becomes)
    if (entry != now) {
      published_.contacts.erase(entry);
      published_.forwards[entry] = now;
    }
  for (auto& [name, object] : objects_)  // what is gone goes with its entry
    if (const auto it = becomes.find(object.entry); it != becomes.end() && !is_live(name))
      object.entry = it->second;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    published_.forwards.erase(id_of_cell[c]);
    published_.contacts[id_of_cell[c]] = contact_of(cells[c]);
    for (const std::string& name : cells[c])
      objects_[name].entry = id_of_cell[c];
  }
}

std::string Oracle::new_id(const Cell& cell, const std::set<std::string>& taken) const {
  const auto is_free = [&](const std::string& id) {
    return !published_.contacts.contains(id) && !taken.contains(id);
  };
  for (const std::string& name : cell)
    if (is_free(id_of(said(name))))
      return id_of(said(name));
  std::string name = said(cell.front()).anchor + "+";
  while (!is_free(reconcile::entry_id_for(name)))
    name += "+";
  return reconcile::entry_id_for(name);
}

PublishedContact Oracle::contact_of(const Cell& cell) const {
  PublishedContact contact;
  bool ad = false;
  bool cloud = false;
  bool synchronized = false;
  bool guest = false;
  const auto enabled = [&](const std::string& name) {
    return first_value(said(name).attributes, Attribute::account_enabled);
  };
  const bool uses_another = std::any_of(cell.begin(), cell.end(), [&](const std::string& name) {
    return speaks(name) && is_ad(said(name)) && enabled(name) == "true";
  });
  const bool is_nobodys = std::any_of(cell.begin(), cell.end(), [&](const std::string& name) {
    return speaks(name) &&
           first_value(said(name).attributes, Attribute::recipient_type) == "SharedMailbox";
  });
  for (const std::string& name : cell) {
    if (!speaks(name))
      continue;
    const model::Attributes& attributes = said(name).attributes;
    contact.records.insert(name);
    (is_ad(said(name)) ? ad : cloud) = true;
    synchronized |= first_value(attributes, Attribute::sync_enabled) == "true";
    guest |= first_value(attributes, Attribute::user_type) == "Guest";
    if (enabled(name) == "false" && !is_nobodys && !(is_ad(said(name)) && uses_another))
      contact.status = model::Status::disabled;
  }
  contact.source = ad ? (cloud ? model::Source::hybrid : model::Source::on_premises)
                      : (synchronized ? model::Source::hybrid : model::Source::cloud);
  switch (said(cell.front()).kind) {
    case RecordKind::user:
      contact.kind = guest ? model::EntryKind::guest : model::EntryKind::user;
      break;
    case RecordKind::group:
      contact.kind = model::EntryKind::group;
      break;
    case RecordKind::contact:
    case RecordKind::container:
      contact.kind = model::EntryKind::contact;
  }
  return contact;
}

// --- what is known of objects --------------------------------------------------------------------

bool Oracle::is_live(const std::string& name) const {
  return said(name).presence == Presence::live;
}

bool Oracle::speaks(const std::string& name) const {
  return is_live(name) && !said(name).attributes.contains(Attribute::reference);
}

bool Oracle::stands(const std::string& name) const {
  return speaks(name) &&
         !(said(name).connector == "exchange" && said(name).kind == RecordKind::user);
}

bool Oracle::stronger(const std::string& a, const std::string& b) const {
  const auto rank = [&](const std::string& name) {
    return std::tuple(said(name).connector_kind, said(name).connector, said(name).anchor);
  };
  return rank(a) < rank(b);
}

std::string Oracle::key_of(const std::string& name) const {
  const Said& object = said(name);
  if (object.kind == RecordKind::group)
    return first_value(object.attributes, Attribute::security_identifier);
  if (object.kind != RecordKind::user)
    return {};
  if (!is_ad(object))
    return first_value(object.attributes, Attribute::immutable_id);
  const std::string& own = first_value(object.attributes, Attribute::consistency_guid);
  return own.empty() ? object.guid_bytes() : own;
}

/// Strongest first. With "=" before the key only those of a forest in which several have it.
std::vector<std::string> Oracle::ad_with_key(RecordKind kind, const std::string& key) const {
  const bool repeated = key.starts_with("=");
  std::vector<std::string> found;
  std::map<std::string, int> in_forest;
  for (const auto& [name, object] : objects_)
    if (is_ad(object.said) && is_live(name) && object.said.kind == kind &&
        key_of(name) == (repeated ? key.substr(1) : key)) {
      found.push_back(name);
      ++in_forest[object.said.connector];
    }
  if (repeated)
    std::erase_if(found, [&](const auto& name) { return in_forest[said(name).connector] < 2; });
  std::sort(found.begin(), found.end(), [&](auto& a, auto& b) { return stronger(a, b); });
  return found;
}

/// The AD object with which it was one contact, if that is still there.
std::string Oracle::earlier_partner(const std::string& name) const {
  const Object& object = objects_.at(name);
  std::string best;
  if (object.entry.empty())
    return best;
  for (const auto& [other, ad] : objects_)
    if (is_ad(ad.said) && is_live(other) && ad.said.kind == object.said.kind &&
        ad.entry == object.entry && (object.tie != Tie::none || !ad.was_live) &&
        (best.empty() || (ad.was_live && !objects_.at(best).was_live) ||
         (ad.was_live == objects_.at(best).was_live && stronger(other, best))))
      best = other;
  return best;
}

bool Oracle::lost_its_ad(const std::string& name) const {
  const std::string& entry = objects_.at(name).entry;
  bool gone = false;
  for (const auto& [other, ad] : objects_)
    if (!entry.empty() && is_ad(ad.said) && ad.entry == entry) {
      if (is_live(other))
        return false;
      gone = true;
    }
  return gone;
}

/// Whom the entry goes on with: the object that it began with, else the strongest that did not
/// take a place.
std::string Oracle::carrier(const std::string& entry) const {
  std::string strongest;
  for (const auto& [name, object] : objects_) {
    if (object.entry != entry || !speaks(name))
      continue;
    if (entry == id_of(object.said))
      return name;
    if (!took_a_place(name) && (strongest.empty() || stronger(name, strongest)))
      strongest = name;
  }
  return strongest;
}

/// It came when the cloud contact before it was deleted, and its AD object is deleted by now.
bool Oracle::took_a_place(const std::string& name) const {
  const Object& object = objects_.at(name);
  if (object.said.kind != RecordKind::contact || is_ad(object.said) || !lost_its_ad(name))
    return false;
  bool ad_deleted = false;
  bool replaced = false;
  for (const auto& [unused, other] : objects_) {
    if (other.entry != object.entry || other.said.presence == Presence::live ||
        other.said.presence == Presence::out_of_scope)
      continue;
    ad_deleted |= is_ad(other.said);
    replaced |= other.said.connector == object.said.connector;
  }
  return ad_deleted && replaced;
}

}  // namespace gald::simulation
