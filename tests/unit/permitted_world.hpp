// A world of which somebody may see one group: everybody in it has texts that nobody else has.
#pragma once

#include <algorithm>
#include <cstdio>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/encoding.hpp"
#include "base/guid.hpp"
#include "index/feed.hpp"
#include "index/index.hpp"
#include "reconcile/reconcile.hpp"
#include "support.hpp"

namespace gald::index::permitted_world {

using model::Change;
using model::RecordKind;
using test::anchor;
using test::Attribute;

inline const CollectionKey kCloud{"entra", model::ConnectorKind::entra, "users", "v1", false};
inline const CollectionKey kDirectory{"ad", model::ConnectorKind::active_directory, "directory",
                                      "v1", false};

/// Groups.
inline constexpr int kOurs = 101;
inline constexpr int kTheirs = 102;
inline constexpr int kNested = 103;  ///< a member of ours: groups are not seen through groups

/// People. Those of ours are members from the beginning to the end, but for kEntered.
inline constexpr int kMember = 1;  ///< her manager is kBoss
inline constexpr int kInBoth = 2;
inline constexpr int kHiddenMember = 3;
inline constexpr int kLed = 4;  ///< his manager was kMember and is kStranger
inline constexpr int kHostileMember = 5;
inline constexpr int kEntered = 6;   ///< was another before he came into our group
inline constexpr int kSurvivor = 7;  ///< another contact turned out to be her
inline constexpr int kBoss = 21;
inline constexpr int kStranger = 22;
inline constexpr int kHiddenStranger = 23;
inline constexpr int kHostileStranger = 24;
inline constexpr int kDeletedStranger = 25;
inline constexpr int kFormerMember = 26;
inline constexpr int kDeletedMember = 27;   ///< whose membership went with them
inline constexpr int kMergedStranger = 28;  ///< turned out to be kDirectoryStranger
inline constexpr int kMerged = 29;  ///< turned out to be kSurvivor, who has her values since then
inline constexpr int kPurged = 30;
inline constexpr int kPassedThrough = 31;      ///< was a member for an hour
inline constexpr int kDirectoryStranger = 32;  ///< has an address that kMember has too
inline constexpr int kNobody = 99;             ///< there is none

inline const std::vector<int> kPermitted = {kMember,        kInBoth,  kHiddenMember, kLed,
                                            kHostileMember, kEntered, kSurvivor};
inline const std::vector<int> kForeign = {
    kBoss,          kStranger,      kHiddenStranger, kHostileStranger,   kDeletedStranger,
    kFormerMember,  kDeletedMember, kMergedStranger, kDirectoryStranger, kPurged,
    kPassedThrough, kTheirs,        kNested};

inline std::string id_of(int number) {
  return reconcile::entry_id_for(anchor(number));
}

/// In every text of somebody, and of nobody else.
inline std::string mark(int number) {
  char text[16];
  std::snprintf(text, sizeof text, "qz%03dzq", number);
  return text;
}

inline std::string phone_digits(int number) {
  char text[24];
  std::snprintf(text, sizeof text, "4930555%05d", 40'000 + number * 37);
  return text;
}

inline std::string address_of(int number) {
  return mark(number) + "@contoso.test";
}

inline std::string former_address_of(int number) {
  return "before-" + mark(number) + "@contoso.test";
}

/// Of kEntered, from before he was a member.
inline constexpr std::string_view kBefore = "xbeforex";

inline Change person(int number, std::string_view extra = "") {
  const std::string text = mark(number) + std::string(extra);
  Change change;
  change.anchor = anchor(number);
  change.kind = RecordKind::user;
  change.set[Attribute::display_name] = {"Name " + text};
  change.set[Attribute::given_name] = {"Given" + text};
  change.set[Attribute::surname] = {"Surname" + text};
  change.set[Attribute::company_name] = {"Company " + text};
  change.set[Attribute::department] = {"Department " + text};
  change.set[Attribute::job_title] = {"Title " + text};
  change.set[Attribute::office_location] = {"Office " + text};
  change.set[Attribute::employee_id] = {"E-" + text};
  change.set[Attribute::description] = {"Description " + text};
  change.set[Attribute::notes] = {"Notes " + text};
  change.set[Attribute::web_page] = {"https://" + text + ".contoso.test/"};
  change.set[Attribute::mail] = {address_of(number)};
  change.set[Attribute::mail_nickname] = {"nick" + text};
  change.set[Attribute::user_principal_name] = {"upn-" + text + "@contoso.test"};
  change.set[Attribute::proxy_addresses] = {"SMTP:" + address_of(number),
                                            "smtp:" + former_address_of(number),
                                            "x500:/o=contoso/cn=" + text};
  change.set[Attribute::business_phones] = {"+" + phone_digits(number)};
  change.set[Attribute::street] = {"Street " + text};
  change.set[Attribute::city] = {"City " + text};
  change.set[Attribute::postal_code] = {"P" + text};
  change.set[Attribute::country] = {"Country " + text};
  change.set[model::extension_attribute(3)] = {"Extension " + text};
  return change;
}

inline Change group(int number, std::vector<int> members, std::vector<int> removed = {}) {
  Change change;
  change.anchor = anchor(number);
  change.kind = RecordKind::group;
  change.set[Attribute::display_name] = {"Group " + mark(number)};
  change.set[Attribute::description] = {"About " + mark(number)};
  change.set[Attribute::proxy_addresses] = {"SMTP:" + address_of(number)};
  for (const int member : members)
    change.members_added.push_back(anchor(member));
  for (const int member : removed)
    change.members_removed.push_back(anchor(member));
  return change;
}

inline Change only(int number) {
  Change change;
  change.anchor = anchor(number);
  return change;
}

inline Change gone(int number) {
  Change change = only(number);
  change.presence = model::Presence::deleted;
  return change;
}

/// What turns the cloud's object into the one of the directory.
inline Change same_as(int number, int of) {
  Change change = only(number);
  change.set[Attribute::immutable_id] = {
      base::base64_encode(base::Guid::parse(anchor(of))->ad_bytes())};
  change.set[Attribute::sync_enabled] = {"true"};
  return change;
}

/// Six publications. The clock goes on by an hour with each.
class World {
 public:
  World() {
    hostile_ = "\"><script>alert(1)</script>\r\nSet-Cookie: a=b\r\n=cmd|' /C calc'!A0 ";
    begin();
    change();
  }

  std::filesystem::path file() const { return place_.path() / "gald.db"; }

  const std::filesystem::path& folder() const { return place_.path(); }

  base::ManualClock& clock() { return clock_; }

  /// Before any publication, and after each.
  const std::vector<base::TimePoint>& moments() const { return moments_; }

  /// In the feed, at these moments.
  const std::vector<FeedPosition>& positions() const { return positions_; }

  void apply(std::vector<Change> changes, const CollectionKey& key = kCloud) {
    index_->position(key);
    index_->apply(key, std::move(changes), {}, model::Cursor{std::to_string(++cursor_), ""}, true);
  }

  void publish() {
    clock_.advance(std::chrono::hours(1));
    Publication how{.keep_deleted = std::chrono::days(30)};
    how.policy.labels = {{"Label " + mark(kOurs), {address_of(kOurs)}},
                         {"Label " + mark(kTheirs), {address_of(kTheirs)}}};
    index_->publish(index_->begin_run(), how, {});
    moments_.push_back(clock_.now());
    positions_.push_back(Feed(file()).snapshot([](const FeedItem&) {}).next);
  }

  /// Whoever sees only this must find nothing in `text` of anybody foreign, nor of what was before.
  static std::string foreign_in(std::string_view text) {
    const auto has = [&](std::string_view part) {
      return std::search(text.begin(), text.end(), part.begin(), part.end(),
                         [](char a, char b) { return lower(a) == lower(b); }) != text.end();
    };
    for (const int number : kForeign)
      for (const std::string& part :
           {mark(number), anchor(number), id_of(number), phone_digits(number)})
        if (has(part))
          return part + " of " + std::to_string(number);
    return has(kBefore) ? std::string(kBefore) : std::string();
  }

 private:
  static char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

  void begin() {
    moments_.push_back(clock_.now());
    std::vector<Change> people;
    for (const int number :
         {kMember, kInBoth, kHiddenMember, kLed, kHostileMember, kBoss, kStranger, kHiddenStranger,
          kHostileStranger, kDeletedStranger, kFormerMember, kDeletedMember, kMergedStranger,
          kMerged, kPurged, kPassedThrough})
      people.push_back(person(number));
    people.push_back(person(kEntered, kBefore));
    for (Change& one : people) {
      if (one.anchor == anchor(kHiddenMember) || one.anchor == anchor(kHiddenStranger))
        one.set[Attribute::hidden] = {"true"};
      if (one.anchor == anchor(kMember))
        one.set[Attribute::manager] = {anchor(kBoss)};
      if (one.anchor == anchor(kLed))
        one.set[Attribute::manager] = {anchor(kMember)};
      for (const int number : {kHostileMember, kHostileStranger})
        if (one.anchor == anchor(number))
          for (const Attribute attribute : {Attribute::display_name, Attribute::job_title})
            one.set[attribute] = {hostile_ + mark(number)};
    }
    people.push_back(group(kNested, {kStranger}));
    people.push_back(group(kOurs, {kMember, kInBoth, kHiddenMember, kLed, kHostileMember,
                                   kFormerMember, kDeletedMember, kNested}));
    people.push_back(group(kTheirs, {kInBoth, kBoss, kStranger, kHiddenStranger, kHostileStranger,
                                     kDeletedStranger, kEntered, kPurged}));
    apply(std::move(people));
    Change shared = person(kDirectoryStranger);
    shared.set[Attribute::proxy_addresses] = {"SMTP:" + address_of(kDirectoryStranger),
                                              "smtp:" + address_of(kMember)};
    apply({person(kSurvivor, kBefore), shared}, kDirectory);
    publish();
    apply({gone(kPurged)});
    publish();
    clock_.advance(std::chrono::days(40));
    publish();
  }

  void change() {
    // what they were before, and addresses that they have lost since
    std::vector<Change> lost;
    for (const int number : {kMember, kBoss, kEntered}) {
      Change one = only(number);
      one.set[Attribute::proxy_addresses] = {"SMTP:" + address_of(number)};
      lost.push_back(std::move(one));
    }
    lost.push_back(group(kOurs, {kPassedThrough, kMerged}, {kFormerMember}));
    lost.push_back(gone(kDeletedStranger));
    lost.push_back(gone(kDeletedMember));
    apply(std::move(lost));
    publish();
    Change entered = person(kEntered);
    entered.set[Attribute::proxy_addresses] = {"SMTP:" + address_of(kEntered)};
    apply({person(kSurvivor)}, kDirectory);
    apply({std::move(entered), group(kOurs, {kEntered}, {kPassedThrough}),
           group(kTheirs, {}, {kEntered}), same_as(kMerged, kSurvivor),
           same_as(kMergedStranger, kDirectoryStranger)});
    publish();
    Change led = only(kLed);
    led.set[Attribute::manager] = {anchor(kStranger)};
    Change later = only(kEntered);
    later.set[Attribute::job_title] = {"Title " + mark(kEntered) + " later"};
    Change stranger = only(kStranger);
    stranger.set[Attribute::job_title] = {"Title " + mark(kStranger) + " later"};
    Change former = only(kFormerMember);
    former.set[Attribute::job_title] = {"Title " + mark(kFormerMember) + " later"};
    apply({std::move(later), std::move(stranger), std::move(former), std::move(led)});
    publish();
  }

  test::TemporaryDirectory place_;
  base::ManualClock clock_{base::TimePoint(std::chrono::hours(24 * 365 * 50))};
  std::string hostile_;
  std::unique_ptr<Index> index_ = std::make_unique<Index>(file(), clock_);
  std::vector<base::TimePoint> moments_;
  std::vector<FeedPosition> positions_ = {{}};
  int cursor_ = 0;
};

}  // namespace gald::index::permitted_world
