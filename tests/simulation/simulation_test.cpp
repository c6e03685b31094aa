// Seeded worlds: the same story told in different ways must lead to the same index. Pages cut
// elsewhere, pages repeated, objects in another order, the process gone between two pages, a full
// read instead of the changes: none of it may show in what is published.
//
// GALD_SEEDS=N runs N seeds instead of a few; a failure prints its seed.

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "base/guid.hpp"
#include "index/index.hpp"
#include "index/reader.hpp"
#include "support.hpp"

namespace gald {
namespace {

using model::Attribute;
using model::Change;
using model::Presence;
using model::RecordKind;
using test::anchor;

/// An object as its source has it.
struct Object {
  RecordKind kind = RecordKind::user;
  model::Attributes attributes;
  std::set<int> members;
};

/// One source: what it has, and what changed since it was last asked.
struct Source {
  index::CollectionKey key;
  std::map<int, Object> objects;
  std::vector<Change> changes;

  void put(int number, Object object) {
    Change change;
    change.anchor = anchor(number);
    change.kind = object.kind;
    change.set = object.attributes;
    if (const auto before = objects.find(number); before != objects.end()) {
      for (const auto& [attribute, unused] : before->second.attributes)
        if (!object.attributes.contains(attribute))
          change.cleared.push_back(attribute);
      for (const int member : before->second.members)
        if (!object.members.contains(member))
          change.members_removed.push_back(anchor(member));
    }
    for (const int member : object.members)
      change.members_added.push_back(anchor(member));
    objects[number] = std::move(object);
    changes.push_back(std::move(change));
  }

  /// As a directory does it: the tombstone is stripped, the groups are not reported, and nobody
  /// announces it as a member any more.
  void remove(int number) {
    const auto found = objects.find(number);
    if (found == objects.end())
      return;
    Change change;
    change.anchor = anchor(number);
    change.presence = Presence::deleted;
    for (const auto& [attribute, unused] : found->second.attributes)
      change.cleared.push_back(attribute);
    objects.erase(found);
    for (auto& [unused, object] : objects)
      object.members.erase(number);
    for (Change& earlier : changes)
      std::erase(earlier.members_added, change.anchor);
    changes.push_back(std::move(change));
  }

  std::vector<Change> everything() const {
    std::vector<Change> all;
    for (const auto& [number, object] : objects) {
      Change change;
      change.anchor = anchor(number);
      change.kind = object.kind;
      change.set = object.attributes;
      for (const int member : object.members)
        change.members_added.push_back(anchor(member));
      all.push_back(std::move(change));
    }
    return all;
  }
};

using Random = std::mt19937;

int pick(Random& random, int below) {
  return static_cast<int>(random() % static_cast<unsigned>(below));
}

class World {
 public:
  explicit World(unsigned seed) : random_(seed) {
    ad.key = {"ad", model::ConnectorKind::active_directory, "directory", "v1", false};
    cloud.key = {"entra", model::ConnectorKind::entra, "objects", "v1", false};
  }

  void happen() {
    ad.changes.clear();
    cloud.changes.clear();
    for (int i = 0, n = 3 + pick(random_, 12); i < n; ++i)
      one_thing();
  }

  Source ad;
  Source cloud;

 private:
  void one_thing() {
    Source& source = pick(random_, 2) == 0 ? ad : cloud;
    const int base = &source == &ad ? 1000 : 2000;
    const int number = base + pick(random_, 30);
    if (pick(random_, 5) == 0) {
      source.remove(number);
      return;
    }
    Object object;
    object.kind = number % 3 == 0   ? RecordKind::user
                  : number % 3 == 1 ? RecordKind::contact
                                    : RecordKind::group;
    const int twin = number - base;  // who it is the counterpart of on the other side
    object.attributes[Attribute::display_name] = {"name " + std::to_string(pick(random_, 4))};
    if (pick(random_, 3) != 0)
      object.attributes[Attribute::job_title] = {"title " + std::to_string(pick(random_, 3))};
    const std::string address = "a" + std::to_string(twin / 6) + "@fabrikam.example";
    object.attributes[Attribute::proxy_addresses] = {"SMTP:" + address};
    if (object.kind == RecordKind::user)
      object.attributes[Attribute::account_enabled] = {pick(random_, 4) == 0 ? "false" : "true"};
    if (object.kind == RecordKind::group) {
      object.attributes[Attribute::security_identifier] = {"S-1-5-21-" + std::to_string(twin)};
      for (int i = 0; i < 6; ++i)
        object.members.insert(base + pick(random_, 30));
      std::erase_if(object.members, [&](int m) { return !source.objects.contains(m); });
    }
    if (&source == &cloud && pick(random_, 3) != 0) {
      object.attributes[Attribute::sync_enabled] = {"true"};
      if (object.kind == RecordKind::user)
        object.attributes[Attribute::immutable_id] = {
            base::base64_encode(base::Guid::parse(anchor(1000 + twin))->ad_bytes())};
    }
    source.put(number, std::move(object));
  }

  Random random_;
};

/// One index and one way of telling it the story.
class Teller {
 public:
  struct Habits {
    bool cuts_pages = false;
    bool repeats_pages = false;
    bool shuffles_objects = false;
    bool dies_between_pages = false;
    bool reads_in_full = false;
  };

  Teller(Habits habits, unsigned seed) : habits_(habits), random_(seed) { open(); }

  void tell(const Source& source) {
    const bool full = habits_.reads_in_full && pick(random_, 3) == 0;
    index_->position(source.key);
    if (full)
      index_->restart(source.key);
    std::vector<Change> changes = full ? source.everything() : source.changes;
    if (habits_.shuffles_objects)  // the order of what is said of one object stays
      std::stable_sort(changes.begin(), changes.end(),
                       [](const Change& a, const Change& b) { return a.anchor > b.anchor; });
    std::size_t at = 0;
    do {
      const std::size_t size =
          habits_.cuts_pages ? 1 + static_cast<std::size_t>(pick(random_, 4)) : changes.size();
      const std::size_t end = std::min(changes.size(), at + size);
      const std::vector<Change> page(changes.begin() + static_cast<std::ptrdiff_t>(at),
                                     changes.begin() + static_cast<std::ptrdiff_t>(end));
      at = end;
      const bool last = at == changes.size();
      const model::Cursor cursor{"cursor " + std::to_string(++cursors_), ""};
      if (habits_.repeats_pages)
        index_->apply(source.key, page, {}, cursor, false);
      index_->apply(source.key, page, {}, cursor, last);
      if (habits_.dies_between_pages && pick(random_, 2) == 0)
        open();
    } while (at < changes.size());
  }

  model::PublishedCounts publish() { return index_->publish(index_->begin_run(), {}, {}); }

  /// Everything reconciled once more: nothing may come of it.
  model::PublishedCounts publish_everything_again() {
    SQLite::Database(file().string(), SQLite::OPEN_READWRITE).exec("UPDATE record SET touched = 1");
    return publish();
  }

  /// What consumers see, without the numbers and times that depend on how it was told.
  std::string published() const {
    std::ostringstream out;
    const index::Reader reader(file());
    for (const auto kind : {model::EntryKind::contact, model::EntryKind::user,
                            model::EntryKind::guest, model::EntryKind::group}) {
      std::map<std::string, std::string> lines;
      index::ContactFilter filter;
      filter.kind = kind;
      filter.with_deleted = true;
      reader.contacts(filter, [&](const model::Contact& contact) {
        std::ostringstream line;
        line << to_string(contact.entry.kind) << ' ' << to_string(contact.entry.source) << ' '
             << to_string(contact.entry.status);
        for (const auto& [attribute, value] : contact.entry.values)
          line << ' ' << model::name(attribute) << '=' << value;
        for (const model::Address& address : contact.entry.addresses)
          line << ' ' << address.kind << ':' << address.value << (address.primary ? "*" : "");
        std::set<std::string> groups;
        for (const model::GroupReference& group : contact.groups)
          groups.insert(group.id);
        for (const std::string& group : groups)
          line << " in " << group;
        lines[contact.entry.id] = line.str();
        return true;
      });
      for (const auto& [id, line] : lines)
        out << id << ' ' << line << '\n';
    }
    return out.str();
  }

 private:
  std::filesystem::path file() const { return directory_.path() / "gald.db"; }

  void open() {
    index_.reset();
    index_ = std::make_unique<index::Index>(file(), clock_);
  }

  Habits habits_;
  Random random_;
  test::TemporaryDirectory directory_;
  base::ManualClock clock_{base::TimePoint(std::chrono::hours(24 * 365 * 50))};
  std::unique_ptr<index::Index> index_;
  int cursors_ = 0;
};

unsigned seeds() {
  const char* wanted = std::getenv("GALD_SEEDS");
  return wanted == nullptr ? 12 : static_cast<unsigned>(std::strtoul(wanted, nullptr, 10));
}

class Simulation : public testing::TestWithParam<Teller::Habits> {};

TEST_P(Simulation, HowItIsToldDoesNotShow) {
  for (unsigned seed = 1; seed <= seeds(); ++seed) {
    World world(seed);
    Teller plain({}, seed);
    Teller other(GetParam(), seed + 1'000);
    for (int round = 0; round < 12; ++round) {
      world.happen();
      for (Teller* teller : {&plain, &other}) {
        teller->tell(world.ad);
        teller->tell(world.cloud);
        teller->publish();
      }
      ASSERT_EQ(plain.published(), other.published()) << "seed " << seed << ", round " << round;
    }
    EXPECT_EQ(other.publish().total(), 0) << "seed " << seed;
    EXPECT_EQ(other.publish_everything_again().total(), 0) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Habits, Simulation,
    testing::Values(Teller::Habits{.cuts_pages = true}, Teller::Habits{.repeats_pages = true},
                    Teller::Habits{.shuffles_objects = true},
                    Teller::Habits{.cuts_pages = true, .dies_between_pages = true},
                    Teller::Habits{.reads_in_full = true},
                    Teller::Habits{true, true, true, true, true}));

}  // namespace
}  // namespace gald
