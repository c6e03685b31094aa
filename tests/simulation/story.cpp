#include "story.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <sstream>

namespace gald::simulation {

namespace {

class Author {
 public:
  explicit Author(unsigned seed) : random_(seed) {}

  Story write() {
    const int people = 2 + below(3);
    for (int i = 0; i < people; ++i)
      people_.push_back(
          {.kind = one_in(3) ? RecordKind::user : RecordKind::contact, .mail = address()});
    if (one_in(3))
      people_.back().kind = RecordKind::group;
    if (one_in(4))
      people_.back().mail = people_.front().mail;
    Story story;
    for (int step = 0, steps = 3 + below(5); step < steps; ++step) {
      for (int i = 0, n = 1 + below(7); i < n; ++i)
        something(people_[static_cast<std::size_t>(below(people))]);
      story.push_back(read(step + 1 == steps));
    }
    return story;
  }

 private:
  struct Person {
    RecordKind kind = RecordKind::contact;
    std::string mail;
    std::vector<std::string> ad = {};  ///< names of its objects, oldest first
    std::vector<std::string> entra = {};
    std::vector<std::string> exchange = {};
  };

  int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }

  bool one_in(int n) { return below(n) == 0; }

  std::string address() { return "p" + std::to_string(++addresses_) + "@fabrikam.example"; }

  void something(Person& person) {
    switch (below(14)) {
      case 0:
      case 1:
      case 2:
        return make_in_ad(person);
      case 3:
      case 4:
      case 5:
        return make_in_entra(person);
      case 6:
        return make_in_exchange(person);
      case 7:
        return remove(any(person));
      case 8:
        return restore(any(person));
      case 9:
        return one_in(3) ? move_to_another_domain(person) : make_anew(person);
      case 10:
        return move_to_a_new_address(person);
      case 11:
        return change_authority(person);
      case 12:
        return change_keys(person);
      default:
        return edit(any(person));
    }
  }

  // --- what happens ------------------------------------------------------------------------------

  void make_in_ad(Person& person) {
    if (live(person.ad) && !one_in(5))
      return;
    Said said = one_in(3) ? ad2(++made_) : ad(++made_);
    said.kind = person.kind;
    said = dressed(said, person);
    if (person.kind == RecordKind::user && !person.ad.empty() && !one_in(3))
      said = said.with(Attribute::consistency_guid, source_anchor(state_.at(person.ad.back())));
    if (person.kind == RecordKind::group)
      said = said.with(Attribute::security_identifier, "S-1-5-21-" + std::to_string(made_));
    say(said, person.ad);
  }

  void make_in_entra(Person& person) {
    if (live(person.entra) && !one_in(5))
      return;
    Said said = dressed(entra(++made_), person);
    said.kind = person.kind;
    if (!one_in(4)) {
      said = said.synced();
      if (const Said* there = live(person.ad))
        said = keyed_to(said, *there);
    }
    if (person.kind == RecordKind::user && one_in(4))
      said = said.with(Attribute::user_type, "Guest");
    say(said, person.entra);
  }

  void make_in_exchange(Person& person) {
    if (live(person.exchange) && !one_in(5))
      return;
    Said said = exchange(++made_);
    said.kind = person.kind;
    if (person.kind == RecordKind::user)  // Exchange only names people, and says what is shared
      said = one_in(2) ? said.with(Attribute::reference, "true")
                       : said.with(Attribute::recipient_type, "SharedMailbox");
    else
      said = dressed(said, person);
    const Said* there = live(person.entra);
    if (there != nullptr) {
      said = said.of(*there);
      if (there->attributes.contains(Attribute::sync_enabled) && !one_in(4))
        said.attributes[Attribute::sync_enabled] = there->attributes.at(Attribute::sync_enabled);
    } else if (person.kind == RecordKind::user) {
      return;
    }
    if (person.kind == RecordKind::contact)
      said = said.with(Attribute::legacy_exchange_dn, "/o=ExchangeLabs/cn=" + name_of(said));
    say(said, person.exchange);
  }

  void remove(const std::string& name) {
    if (name.empty() || state_.at(name).presence != Presence::live)
      return;
    static constexpr Presence kWays[] = {Presence::deleted, Presence::soft_deleted,
                                         Presence::absent, Presence::out_of_scope};
    kept_[name] = state_.at(name);
    say(state_.at(name).gone(kWays[below(4)]));
  }

  void restore(const std::string& name) {
    if (!name.empty() && state_.at(name).presence != Presence::live)
      say(kept_.at(name));
  }

  void make_anew(Person& person) {
    if (person.ad.empty())
      return;
    const bool in_cloud = live(person.entra) != nullptr;
    remove(person.ad.back());
    make_in_ad(person);
    if (in_cloud && !one_in(3)) {
      remove(person.entra.back());
      make_in_entra(person);
    }
    if (!person.exchange.empty() && one_in(2)) {
      remove(person.exchange.back());
      make_in_exchange(person);
    }
  }

  /// Which of the two domains tells it first, nobody knows; they may both have it for a while.
  void move_to_another_domain(Person& person) {
    const Said* there = live(person.ad);
    if (there == nullptr)
      return;
    Said moved = there->moved_to(there->connector == "ad" ? "ad2" : "ad");
    if (state_.contains(name_of(moved)))
      return;
    if (person.kind == RecordKind::group)
      moved = moved.with(Attribute::security_identifier, "S-1-5-21-" + std::to_string(++made_));
    if (!one_in(3))
      remove(person.ad.back());
    say(moved, person.ad);
  }

  void move_to_a_new_address(Person& person) {
    person.mail = address();
    for (const std::vector<std::string>* side : {&person.ad, &person.entra, &person.exchange})
      for (const std::string& name : *side)
        if (const Said& said = state_.at(name);
            said.presence == Presence::live && !said.attributes.contains(Attribute::reference))
          say(said.mail(person.mail));
  }

  void change_authority(Person& person) {
    for (const std::vector<std::string>* side : {&person.entra, &person.exchange})
      if (const Said* there = live(*side))
        if (!there->attributes.contains(Attribute::reference))
          say(one_in(3)   ? there->never_synced()
              : one_in(2) ? there->mastered_in_cloud()
                          : there->synced());
  }

  void change_keys(Person& person) {
    const Said* here = live(person.ad);
    const Said* there = live(person.entra);
    const Said* mailbox = live(person.exchange);
    if (person.kind == RecordKind::contact) {
      if (here == nullptr)
        return;
      if (mailbox != nullptr && !one_in(3))  // the cloud's name is written back
        say(here->proxies(
            {"SMTP:" + model::first_value(here->attributes, Attribute::mail),
             "X500:" + model::first_value(mailbox->attributes, Attribute::legacy_exchange_dn)}));
      else
        say(here->mail(model::first_value(here->attributes, Attribute::mail)));
    } else if (there != nullptr) {
      const Attribute key = person.kind == RecordKind::user ? Attribute::immutable_id
                                                            : Attribute::security_identifier;
      if (one_in(3) || person.ad.empty())
        say(there->without(key));
      else if (const Said& ad = state_.at(
                   person.ad[static_cast<std::size_t>(below(static_cast<int>(person.ad.size())))]);
               ad.presence == Presence::live)
        say(keyed_to(*there, ad));
    }
  }

  void edit(const std::string& name) {
    if (name.empty() || state_.at(name).presence != Presence::live)
      return;
    const Said& said = state_.at(name);
    if (said.attributes.contains(Attribute::reference))
      return;
    if (said.kind == RecordKind::user && one_in(2))
      say(said.with(Attribute::account_enabled, one_in(2) ? "false" : "true"));
    else
      say(said.with(Attribute::job_title, "title " + std::to_string(below(3))));
  }

  // --- how it is said ----------------------------------------------------------------------------

  static std::string source_anchor(const Said& ad) {
    const std::string& own = model::first_value(ad.attributes, Attribute::consistency_guid);
    return own.empty() ? ad.guid_bytes() : own;
  }

  static Said keyed_to(const Said& cloud, const Said& ad) {
    if (cloud.kind == RecordKind::user)
      return cloud.with(Attribute::immutable_id, source_anchor(ad));
    if (cloud.kind == RecordKind::group)
      return cloud.with(Attribute::security_identifier,
                        model::first_value(ad.attributes, Attribute::security_identifier));
    return cloud;
  }

  Said dressed(const Said& said, const Person& person) {
    std::string mail = person.mail;
    if (one_in(3))
      mail[0] = 'P';  // addresses are the same in whatever case
    return said.mail(mail).with(Attribute::display_name, "somebody");
  }

  const Said* live(const std::vector<std::string>& names) const {
    if (names.empty())
      return nullptr;
    const Said& last = state_.at(names.back());
    return last.presence == Presence::live ? &last : nullptr;
  }

  /// A name of one of the person's objects; empty when there is none.
  std::string any(const Person& person) {
    std::vector<std::string> names;
    for (const std::vector<std::string>* side : {&person.ad, &person.entra, &person.exchange})
      names.insert(names.end(), side->begin(), side->end());
    return names.empty() ? std::string()
                         : names[static_cast<std::size_t>(below(static_cast<int>(names.size())))];
  }

  void say(const Said& said, std::vector<std::string>& names) {
    names.push_back(name_of(said));
    say(said);
  }

  void say(Said said) {  // a copy: it may be a part of what is replaced
    untold_[said.connector].push_back(said);
    state_[name_of(said)] = std::move(said);
  }

  /// What the sources that are read this time tell; one of four is not.
  std::vector<Said> read(bool everything) {
    std::vector<Said> told;
    for (auto& [unused, said] : untold_) {
      if (!everything && one_in(4))
        continue;
      told.insert(told.end(), said.begin(), said.end());
      said.clear();
    }
    return told;
  }

  std::mt19937 random_;
  std::vector<Person> people_;
  std::map<std::string, Said> state_;  ///< of each object, by name
  std::map<std::string, Said> kept_;   ///< what it was when it was deleted
  std::map<std::string, std::vector<Said>> untold_;
  int made_ = 0;
  int addresses_ = 0;
};

}  // namespace

Story random_story(unsigned seed) {
  return Author(seed).write();
}

std::string text(const Story& story) {
  std::ostringstream out;
  for (const std::vector<Said>& step : story) {
    for (const Said& said : step) {
      out << "  " << name_of(said) << ' ' << to_string(said.kind) << ' '
          << to_string(said.presence);
      for (const auto& [attribute, values] : said.attributes) {
        out << ' ' << model::name(attribute) << '=';
        for (const std::string& value : values)
          out << value << (values.size() > 1 ? "|" : "");
      }
      out << '\n';
    }
    out << "  -- published\n";
  }
  return out.str();
}

}  // namespace gald::simulation
