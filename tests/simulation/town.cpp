#include "town.hpp"

#include <algorithm>
#include <utility>

namespace gald::simulation {

namespace {

constexpr int kGroups = 6;
constexpr int kCrowdBegins = 2'000'000;

}  // namespace

Town::Town(unsigned seed, int people, int crowd) : random_(seed) {
  for (int i = 1; i <= people; ++i) {
    const std::string mail = "p" + std::to_string(i) + "@fabrikam.example";
    Said here = ad(i).mail(mail).named("Person " + std::to_string(i));
    Said there = entra(i).mail(mail).named("Person " + std::to_string(i));
    if (i % 3 != 0) {
      here = here.user();
      there = there.user();
    }
    for (const Said& said : {here, there}) {
      people_.push_back(name_of(said));
      said_[people_.back()] = said;
    }
  }
  for (int i = 1; i <= kGroups; ++i) {
    const Said group =
        (i % 2 == 0 ? ad(500 + i) : entra(500 + i)).group().named("Group " + std::to_string(i));
    groups_.push_back(name_of(group));
    said_[groups_.back()] = group;
  }
  for (int i = 0; i < crowd; ++i) {
    Said one = entra(0).contact().named("One of the crowd " + std::to_string(i));
    one.anchor = test::anchor(kCrowdBegins + i);
    crowd_.push_back("crowd/" + std::to_string(i));
    said_[crowd_.back()] = one;
  }
}

Told Town::begin() {
  Told told;
  for (const std::string& name : crowd_)
    tell(told, name);
  for (const std::string& name : groups_)
    tell(told, name);
  for (std::size_t i = 0; i < people_.size(); ++i)
    if (i % 3 != 0)
      tell(told, people_[i]);
    else
      said_.at(people_[i]).presence = Presence::deleted;
  return told;
}

Told Town::live(int events) {
  Told told;
  for (int i = 0; i < events; ++i)
    something(told);
  return told;
}

Told Town::move_the_crowd() {
  ++moves_;
  Told told;
  for (const std::string& name : crowd_) {
    said_.at(name).attributes[Attribute::office_location] = {"room " + std::to_string(moves_)};
    tell(told, name);
  }
  return told;
}

void Town::something(Told& told) {
  switch (below(10)) {
    case 0:
    case 1:
      return change_members(told);
    case 2:
      return meet_or_part(told);
    case 3: {
      const std::string& name =
          one_in(4) ? groups_[1 + static_cast<std::size_t>(below(kGroups - 1))]
                    : people_[static_cast<std::size_t>(below(static_cast<int>(people_.size())))];
      Said& said = said_.at(name);
      static constexpr Presence kWays[] = {Presence::deleted, Presence::soft_deleted,
                                           Presence::absent};
      said.presence = said.presence == Presence::live ? kWays[below(3)] : Presence::live;
      return tell(told, name);
    }
    default: {
      const std::string& name =
          one_in(8) ? groups_[static_cast<std::size_t>(below(kGroups))]
                    : people_[static_cast<std::size_t>(below(static_cast<int>(people_.size())))];
      if (said_.at(name).presence != Presence::live)
        return;
      change(said_.at(name));
      return tell(told, name);
    }
  }
}

void Town::set_or_clear(Said& said, Attribute attribute, std::vector<std::string> values) {
  if (one_in(4))
    said.attributes.erase(attribute);
  else
    said.attributes[attribute] = std::move(values);
}

void Town::change(Said& said) {
  using A = Attribute;
  static constexpr A kTexts[] = {A::given_name,
                                 A::surname,
                                 A::initials,
                                 A::company_name,
                                 A::department,
                                 A::job_title,
                                 A::employee_id,
                                 A::description,
                                 A::notes,
                                 A::web_page,
                                 A::street,
                                 A::city,
                                 A::state,
                                 A::postal_code,
                                 A::extension_attribute_1,
                                 A::extension_attribute_15};
  const std::string number = std::to_string(below(5));
  switch (below(9)) {
    case 0:
      said.attributes[A::display_name] = {one_in(2) ? "Ärger " + number : "person " + number};
      return;
    case 1: {
      std::vector<std::string> phones = {
          "089 1234567", "+49 30 23125110",        "4711",
          "no number",   "+49 89 1234567 ext. 12", "(0)30 2312511" + number};
      std::shuffle(phones.begin(), phones.end(), random_);
      phones.resize(static_cast<std::size_t>(1 + below(4)));
      return set_or_clear(said, one_in(3) ? A::mobile_phone : A::business_phones, phones);
    }
    case 2:
      return set_or_clear(said, A::country, {one_in(2) ? "Germany" : "Austria"});
    case 3: {
      std::vector<std::string> proxies = {"SMTP:a" + number + "@contoso.test",
                                          "smtp:b" + number + "@Contoso.test",
                                          "X500:/o=Contoso/cn=" + number, "sip:c@contoso.test",
                                          "smtp:jörg" + number + "@bücher.example"};
      std::shuffle(proxies.begin(), proxies.end(), random_);
      proxies.resize(static_cast<std::size_t>(1 + below(4)));
      return set_or_clear(said, A::proxy_addresses, proxies);
    }
    case 4: {
      const Said& other =
          said_.at(people_[static_cast<std::size_t>(below(static_cast<int>(people_.size())))]);
      return set_or_clear(said, A::manager, {other.anchor});
    }
    case 5:
      return set_or_clear(said, A::hidden, {one_in(2) ? "true" : "false"});
    case 6:
      return set_or_clear(said, A::account_enabled, {one_in(2) ? "true" : "false"});
    default:
      return set_or_clear(said, kTexts[below(static_cast<int>(std::size(kTexts)))],
                          {"value " + number});
  }
}

/// A person's two objects become one, or two again.
void Town::meet_or_part(Told& told) {
  const auto at = static_cast<std::size_t>(2 * below(static_cast<int>(people_.size()) / 2));
  const Said& here = said_.at(people_[at]);
  Said& there = said_.at(people_[at + 1]);
  if (there.kind != RecordKind::user || there.presence != Presence::live)
    return;
  if (there.attributes.contains(Attribute::immutable_id) && one_in(2))
    there = there.without(Attribute::immutable_id).never_synced();
  else
    there = there.anchored_to(here).synced();
  tell(told, people_[at + 1]);
}

void Town::change_members(Told& told) {
  const std::string& group = groups_[static_cast<std::size_t>(below(kGroups))];
  const Said& said = said_.at(group);
  if (said.presence != Presence::live)
    return;
  const Said& person =
      said_.at(people_[static_cast<std::size_t>(below(static_cast<int>(people_.size())))]);
  if (person.connector != said.connector)
    return;
  model::Change change;
  change.anchor = said.anchor;
  change.kind = RecordKind::group;
  if (members_[group].insert(person.anchor).second) {
    change.members_added = {person.anchor};
  } else {
    members_[group].erase(person.anchor);
    change.members_removed = {person.anchor};
  }
  told[said.connector].push_back(std::move(change));
}

void Town::tell(Told& told, const std::string& name) {
  const Said& said = said_.at(name);
  model::Change change;
  change.anchor = said.anchor;
  change.kind = said.kind;
  change.presence = said.presence;
  if (said.presence == Presence::live)
    change.set = said.attributes;
  change.whole = true;
  told[said.connector].push_back(std::move(change));
}

}  // namespace gald::simulation
