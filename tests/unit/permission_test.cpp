// What somebody sees who may see a part: of the index as it is, of its past, and of its feed.
#include "index/permission.hpp"

#include <map>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "export/contact_json.hpp"
#include "index/feed.hpp"
#include "index/history.hpp"
#include "index/lookup.hpp"
#include "index/narrowing.hpp"
#include "index/reader.hpp"
#include "permitted_world.hpp"

namespace gald::index {

using model::Contact;
using model::HistoryLine;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAreArray;
namespace world = permitted_world;

namespace {

std::string text_of(const Contact& contact) {
  return exporting::to_json(contact) + "\n" + contact.entry.search_name + "\n";
}

std::string text_of(const HistoryLine& line) {
  return std::to_string(line.number) + " " + line.entry_id + " " + line.display_name + " " +
         line.operation + " " + line.change.field + " " + line.change.old_value.value_or("-") +
         " -> " + line.change.new_value.value_or("-") + " " + line.change.connector + " " +
         line.group_name + "\n";
}

/// Everything that the readers tell, whatever they are asked.
class Told {
 public:
  Told(const world::World& of, const Permission& permission)
      : world_(of),
        reader_(of.file(), permission),
        feed_(of.file(), permission),
        history_(of.file(), permission) {}

  std::string everything() {
    for (const auto kind :
         {std::optional<model::EntryKind>(), std::optional(model::EntryKind::group)}) {
      const ContactFilter filter{.kind = kind, .with_deleted = true};
      reader_.contacts(filter, add_contact());
      for (const base::TimePoint moment : world_.moments())
        history_.contacts(moment, filter, add_contact());
    }
    ask_by_name();
    totals();
    changes();
    return std::move(text_);
  }

 private:
  std::function<bool(const Contact&)> add_contact() {
    return [this](const Contact& contact) {
      text_ += text_of(contact);
      return true;
    };
  }

  /// Everybody, by whatever leads to them.
  void ask_by_name() {
    std::vector<int> numbers = world::kForeign;
    numbers.insert(numbers.end(), world::kPermitted.begin(), world::kPermitted.end());
    numbers.insert(numbers.end(), {world::kOurs, world::kMerged, world::kNobody});
    for (const int number : numbers) {
      const std::string mark = world::mark(number);
      for (const std::string& what :
           {world::id_of(number), world::address_of(number), world::former_address_of(number),
            "x500:/o=contoso/cn=" + mark, "upn-" + mark + "@contoso.test", "Name " + mark,
            "Group " + mark, "+" + world::phone_digits(number),
            world::phone_digits(number).substr(4)}) {
        for (const Contact& contact : reader_.find(what))
          text_ += text_of(contact);
        for (const base::TimePoint moment : world_.moments())
          for (const Contact& contact : history_.find(moment, what))
            text_ += text_of(contact);
        for (const LookupHit& hit : reader_.lookup(what, {.with_deleted = true}))
          text_ += hit.id + hit.display_name + hit.company_name + hit.department + hit.value +
                   hit.e164 + "\n";
      }
      for (const std::string& typed :
           {mark, "Title " + mark, mark.substr(0, 4), "Surnmae" + mark, "nick" + mark})
        for (const SearchHit& hit :
             reader_.search({.text = typed, .filter = {.with_deleted = true}, .limit = 100}).hits)
          text_ += hit.id + hit.display_name + hit.mail + hit.company_name + hit.department +
                   hit.job_title + "\n";
      for (const std::string& group : {world::id_of(number), "Group " + mark})
        try {
          reader_.contacts({.group = group}, add_contact());
        } catch (const NoSuchGroup&) {
        }
      for (const HistoryLine& line : reader_.history(world::id_of(number), 1000))
        text_ += text_of(line);
      for (const HistoryLine& line : history_.lines(world::id_of(number), 1000))
        text_ += text_of(line);
      model::Entry entry;
      entry.id = world::id_of(number);
      for (const model::StagedRecord& record : reader_.records(entry, base::TimePoint()))
        for (const auto& [attribute, values] : record.attributes)
          for (const std::string& value : values)
            text_ += record.anchor + " " + value + "\n";
    }
  }

  void totals() {
    for (const GroupSize& group : reader_.group_sizes())
      text_ += group.id + " " + group.display_name + " " + std::to_string(group.members) + "\n";
    reader_.conflicts({}, [&](const ConflictLine& line) {
      text_ += line.contact.id + line.contact.display_name + line.other.id +
               line.other.display_name + line.evidence + "\n";
      return true;
    });
    for (const CollectionState& state : reader_.collections())
      text_ += state.collection + state.last_error + "\n";
    for (const RunSummary& run : reader_.runs(100)) {
      text_ += run.outcome + run.error + "\n";
      for (const HistoryLine& line : reader_.changes_of_run(run.id, 1000))
        text_ += text_of(line);
    }
  }

  void changes() {
    const auto add_item = [&](const FeedItem& item) {
      text_ +=
          std::string(to_string(item.action)) + item.id + item.forward_to + text_of(item.contact);
    };
    feed_.snapshot(add_item);
    feed_.changes({}, 10'000, [&](const HistoryLine& line) { text_ += text_of(line); });
    const auto& moments = world_.moments();
    for (std::size_t i = 0; i < moments.size(); ++i)
      for (std::size_t j = i + 1; j < moments.size(); ++j)
        history_.differences(moments[i], moments[j], [&](const EntryDifference& difference) {
          text_ += difference.id + difference.display_name;
          for (const model::FieldChange& change : difference.changes)
            text_ +=
                " " + change.field + change.old_value.value_or("") + change.new_value.value_or("");
          for (const model::GroupReference& group : difference.groups)
            text_ += group.id + group.display_name + "\n";
        });
  }

  const world::World& world_;
  const Reader reader_;
  const Feed feed_;
  const History history_;
  std::string text_;
};

Permission ours() {
  return {.groups = std::set<std::string>{world::id_of(world::kOurs)}};
}

class PermissionTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { world_ = std::make_unique<world::World>(); }

  static void TearDownTestSuite() { world_.reset(); }

  static std::set<int> people(const Permission& permission) {
    std::set<int> numbers;
    Reader(world_->file(), permission)
        .contacts({.with_deleted = true}, [&](const Contact& contact) {
          for (int number = 1; number < 100; ++number)
            if (contact.entry.id == world::id_of(number))
              numbers.insert(number);
          return true;
        });
    return numbers;
  }

  static FeedPosition position_at(std::size_t publication) {
    return world_->positions().at(publication);
  }

  static std::map<std::string, FeedItem::Action> feed_after(const FeedPosition& position,
                                                            const Permission& permission) {
    std::map<std::string, FeedItem::Action> items;
    Feed(world_->file(), permission).compacted(position, 100'000, [&](const FeedItem& item) {
      items[item.id] = item.action;
    });
    return items;
  }

  static std::unique_ptr<world::World> world_;
};

std::unique_ptr<world::World> PermissionTest::world_;

TEST_F(PermissionTest, OneGroupIsAllThereIs) {
  EXPECT_EQ(people(ours()), std::set<int>(world::kPermitted.begin(), world::kPermitted.end()));
  EXPECT_EQ(world::World::foreign_in(Told(*world_, ours()).everything()), "");
  // and with everything permitted the same questions tell of everybody
  EXPECT_NE(world::World::foreign_in(Told(*world_, {}).everything()), "");
}

TEST_F(PermissionTest, NothingOfThoseWhoArePermittedIsMissing) {
  const std::string told = Told(*world_, ours()).everything();
  for (const int number : world::kPermitted) {
    const std::string mark = world::mark(number);
    for (const std::string& text :
         {"Title " + mark, world::id_of(number), world::phone_digits(number), "upn-" + mark,
          "Extension " + mark})
      if (number != world::kHostileMember || !text.starts_with("Title")) {
        EXPECT_THAT(told, HasSubstr(text)) << number;
      }
  }
}

TEST_F(PermissionTest, WhoLeavesIsRemovedAndWhoEntersIsPut) {
  const auto items = feed_after(position_at(3), ours());
  using Action = FeedItem::Action;
  EXPECT_EQ(items.at(world::id_of(world::kFormerMember)), Action::remove);
  EXPECT_EQ(items.at(world::id_of(world::kDeletedMember)), Action::remove);
  EXPECT_EQ(items.at(world::id_of(world::kEntered)), Action::put);
  EXPECT_FALSE(items.contains(world::id_of(world::kPassedThrough)));
  EXPECT_FALSE(items.contains(world::id_of(world::kStranger)));
  // he is removed from the sight of whoever saw him
  EXPECT_EQ(feed_after(position_at(4), ours()).at(world::id_of(world::kPassedThrough)),
            Action::remove);
  // what is removed is told with nothing
  Feed(world_->file(), ours()).compacted(position_at(3), 1000, [&](const FeedItem& item) {
    if (item.action == Action::remove) {
      EXPECT_TRUE(item.contact.entry.values.empty() && item.contact.entry.addresses.empty());
    }
  });
}

TEST_F(PermissionTest, WhoWasPurgedBetweenTwoQuestionsMakesTheFollowerReadEverything) {
  const Permission cloud{.sources = std::set{model::Source::cloud}};
  const Feed feed(world_->file(), cloud);
  const auto nothing = [](const FeedItem&) {};
  EXPECT_EQ(feed.compacted(position_at(1), 1000, nothing).standing, FeedAnswer::Standing::too_old);
  // the follower was told that they are deleted
  EXPECT_EQ(feed.compacted(position_at(2), 1000, nothing).standing, FeedAnswer::Standing::known);
}

TEST_F(PermissionTest, ThePastIsToldFromWhenSomebodyWasPermitted) {
  const History history(world_->file(), ours());
  const std::string id = world::id_of(world::kEntered);
  EXPECT_THAT(history.find(world_->moments().at(4), id), IsEmpty());
  ASSERT_EQ(history.find(world_->moments().at(5), id).size(), 1U);
  const std::vector<HistoryLine> lines = history.lines(id, 100);
  std::vector<std::string> fields;
  for (const HistoryLine& line : lines)
    fields.push_back(line.change.field);
  // the last publication changed the title; the one before brought him in
  EXPECT_THAT(fields, testing::ElementsAre("jobTitle", "groups"));
  const auto entered = Reader(world_->file(), ours()).history(id, 100);
  ASSERT_EQ(entered.size(), lines.size());
}

TEST_F(PermissionTest, AFormerAddressIsTheirsWhoWereThereThen) {
  const Reader reader(world_->file(), ours());
  EXPECT_EQ(reader.lookup(world::former_address_of(world::kMember), {}).size(), 1U);
  EXPECT_THAT(reader.lookup(world::former_address_of(world::kEntered), {}), IsEmpty());
  EXPECT_THAT(reader.lookup(world::former_address_of(world::kBoss), {}), IsEmpty());
  EXPECT_EQ(reader.lookup(world::address_of(world::kMember), {}).size(), 1U);
}

TEST_F(PermissionTest, CountsAreOfWhatIsSeen) {
  const Reader reader(world_->file(), ours());
  std::int64_t all = 0;
  for (const Overview::Line& line : reader.overview().lines)
    all += line.count;
  EXPECT_EQ(all, static_cast<std::int64_t>(world::kPermitted.size()) + 1);  // and the group
  EXPECT_THAT(reader.overview().conflicts, IsEmpty());
  const std::vector<GroupSize> groups = reader.group_sizes();
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups[0].members, static_cast<std::int64_t>(world::kPermitted.size()));
  EXPECT_THAT(Reader(world_->file()).overview().conflicts, Not(IsEmpty()));
}

TEST(NarrowedConflicts, NameNoObjectThatNobodyMaySee) {
  test::TemporaryDirectory place;
  base::ManualClock clock{base::TimePoint(std::chrono::hours(24 * 365 * 50))};
  const std::filesystem::path file = place.path() / "gald.db";
  Index index(file, clock);
  model::Change member = world::person(world::kMember);
  member.set[test::Attribute::provisioning_errors] = {"proxyAddresses=SMTP:" +
                                                      world::address_of(world::kStranger)};
  member.set[test::Attribute::sync_enabled] = {"true"};  // and nobody sees its other side
  index.position(world::kCloud);
  index.apply(world::kCloud,
              {member, world::person(world::kStranger), world::group(world::kOurs, {1})}, {},
              model::Cursor{"1", ""}, true);
  index.position(world::kDirectory);
  index.apply(world::kDirectory, {world::person(world::kDirectoryStranger)}, {},
              model::Cursor{"1", ""}, true);
  index.publish(index.begin_run(), {}, {});
  const auto kinds = [&](const Permission& permission) {
    std::vector<std::string> found;
    std::string text;
    const Reader reader(file, permission);
    reader.conflicts({}, [&](const ConflictLine& line) {
      found.push_back(line.kind);
      text += line.evidence;
      return true;
    });
    std::vector<std::string> counted;
    for (const auto& [kind, count] : reader.overview().conflicts)
      counted.insert(counted.end(), static_cast<std::size_t>(count), kind);
    EXPECT_THAT(counted, UnorderedElementsAreArray(found));
    if (!permission.everything()) {
      EXPECT_THAT(text, Not(HasSubstr(world::mark(world::kStranger))));
    }
    return found;
  };
  using Kinds = std::vector<std::string>;
  EXPECT_EQ(kinds({}), (Kinds{"ad-not-seen", "quarantined-address"}));
  EXPECT_EQ(kinds(ours()), Kinds{"ad-not-seen"});
}

TEST_F(PermissionTest, HiddenContactsAreHidden) {
  Permission permission = ours();
  permission.hidden = false;
  std::set<int> expected(world::kPermitted.begin(), world::kPermitted.end());
  expected.erase(world::kHiddenMember);
  EXPECT_EQ(people(permission), expected);
  EXPECT_THAT(Told(*world_, permission).everything(),
              Not(HasSubstr(world::mark(world::kHiddenMember))));
}

TEST_F(PermissionTest, OneSourceIsAllThereIs) {
  const Permission permission{.sources = std::set{model::Source::hybrid}};
  EXPECT_EQ(people(permission), (std::set<int>{world::kSurvivor, world::kDirectoryStranger}));
  const std::string told = Told(*world_, permission).everything();
  for (const int number : {world::kInBoth, world::kStranger, world::kOurs, world::kPurged})
    EXPECT_THAT(told, Not(HasSubstr(world::mark(number))));
  // what she was until she became hybrid, in the same publication
  EXPECT_THAT(told, Not(HasSubstr(std::string(world::kBefore))));
}

TEST_F(PermissionTest, AttributesThatAreNotToldAreNotFoundEither) {
  Permission permission = ours();
  permission.attributes = {"displayName", "phones", "department"};
  const std::string told = Told(*world_, permission).everything();
  EXPECT_EQ(world::World::foreign_in(told), "");
  for (const char* text : {"Title qz", "Given", "Surname", "Company", "Office", "E-qz", "Notes qz",
                           "https://", "@contoso", "nickqz", "x500", "Street", "City", "Country",
                           "Extension", "Label", "entra", "groups\":[{", "manager\":\""})
    EXPECT_EQ(told.find(text), std::string::npos)
        << text << ": " << told.substr(told.find(text) < 60 ? 0 : told.find(text) - 60, 160);
  const std::string mark = world::mark(world::kMember);
  for (const std::string& text : {"Name " + mark, "Department " + mark, world::phone_digits(1)})
    EXPECT_THAT(told, HasSubstr(text));

  const Reader reader(world_->file(), permission);
  const auto found = [&](const std::string& text) {
    return reader.search({.text = text}).hits.size();
  };
  EXPECT_EQ(found("Name " + mark), 1U);
  EXPECT_EQ(found("Department" + mark), 0U);
  EXPECT_EQ(found("department " + mark), 1U);
  EXPECT_EQ(found("Title " + mark), 0U);
  EXPECT_EQ(found("nick" + mark), 0U);
  EXPECT_EQ(found("Surname" + mark), 0U);
  EXPECT_THAT(reader.lookup(world::address_of(world::kMember), {}), IsEmpty());
  EXPECT_EQ(reader.lookup("+" + world::phone_digits(world::kMember), {}).size(), 1U);
  permission.attributes = {"displayName"};
  EXPECT_THAT(
      Reader(world_->file(), permission).lookup("+" + world::phone_digits(world::kMember), {}),
      IsEmpty());
}

TEST_F(PermissionTest, AQueryThatGoesAroundTheViewsFails) {
  SQLite::Database database(world_->file().string(), SQLite::OPEN_READONLY);
  narrow(database, ours());
  EXPECT_EQ(database.execAndGet("SELECT count(*) FROM contacts").getInt(),
            static_cast<int>(world::kPermitted.size()));
  for (const char* sql : {"SELECT count(uuid) FROM main.entry", "SELECT uuid FROM main.entry",
                          "SELECT anchor FROM main.record", "SELECT text FROM main.plan",
                          "SELECT folded FROM main.address", "SELECT key FROM record_key",
                          "SELECT new_value FROM main.change"})
    EXPECT_THROW(database.execAndGet(sql), SQLite::Exception) << sql;
}

// --- followers -----------------------------------------------------------------------------------

/// A copy that somebody keeps with the feed.
struct Follower {
  Permission permission;
  int limit;
  FeedPosition position = {};
  std::map<std::string, std::string> copy = {};
};

/// Without what moves with every change, told or not.
std::string told_of_contact(Contact contact) {
  contact.change_number = 0;
  contact.changed_at.clear();
  return exporting::told_json(contact);
}

std::map<std::string, std::string> everything(const std::filesystem::path& file,
                                              const Permission& permission) {
  std::map<std::string, std::string> copy;
  Feed(file, permission).snapshot([&](const FeedItem& item) {
    if (item.action == FeedItem::Action::put)
      copy[item.id] = told_of_contact(item.contact);
  });
  return copy;
}

void apply(Follower& follower, const FeedItem& item) {
  if (item.action == FeedItem::Action::put)
    follower.copy[item.id] = told_of_contact(item.contact);
  else
    follower.copy.erase(item.id);
}

void follow(Follower& follower, const std::filesystem::path& file, bool to_the_end) {
  const Feed feed(file, follower.permission);
  bool more = true;
  while (more) {
    FeedAnswer answer = feed.compacted(follower.position, follower.limit,
                                       [&](const FeedItem& item) { apply(follower, item); });
    if (answer.standing != FeedAnswer::Standing::known) {
      follower.copy.clear();
      answer = feed.snapshot([&](const FeedItem& item) { apply(follower, item); });
    }
    follower.position = answer.next;
    more = answer.more && to_the_end;
  }
}

/// Something happens to somebody.
model::Change random_change(std::mt19937& random) {
  const auto pick = [&](int from, int to) {
    return std::uniform_int_distribution<int>(from, to)(random);
  };
  const int number = pick(1, 12);
  switch (pick(0, 7)) {
    case 0:
    case 1:
    case 2:
      return world::group(pick(world::kOurs, world::kTheirs), {number});
    case 3:
    case 4:
      return world::group(pick(world::kOurs, world::kTheirs), {}, {number});
    case 5: {
      model::Change change = world::person(number);
      change.set[test::Attribute::hidden] = {pick(0, 1) == 0 ? "true" : "false"};
      change.set[test::Attribute::manager] = {test::anchor(pick(1, 12))};
      return change;
    }
    case 6:
      return world::person(number, std::to_string(pick(0, 9)));
    default:
      return pick(0, 2) == 0 ? world::gone(number) : world::person(number);
  }
}

TEST(NarrowedFeed, WhoFollowsHasWhatIsThere) {
  for (unsigned seed = 1; seed <= 12; ++seed) {
    std::mt19937 random(seed);
    test::TemporaryDirectory place;
    base::ManualClock clock{base::TimePoint(std::chrono::hours(24 * 365 * 50))};
    const std::filesystem::path file = place.path() / "gald.db";
    Index index(file, clock);
    index.position(world::kCloud);
    std::vector<Follower> followers;
    Permission shown;
    shown.hidden = false;
    Permission names = ours();
    names.attributes = {"displayName", "groups", "manager"};
    names.hidden = false;
    for (const Permission& permission : {ours(), shown, names})
      for (const int limit : {1, 3, 1000})
        followers.push_back({permission, limit});
    for (int publication = 0; publication < 14; ++publication) {
      const auto apply_all = [&](std::vector<model::Change> changes) {
        index.apply(world::kCloud, std::move(changes), {},
                    model::Cursor{std::to_string(publication), ""}, true);
      };
      if (publication == 0)
        apply_all({world::group(world::kOurs, {1, 2, 3}), world::group(world::kTheirs, {3, 4})});
      for (int i = 0; i < 6; ++i)
        apply_all({random_change(random)});
      clock.advance(std::chrono::hours(30));
      index.publish(index.begin_run(), {.keep_deleted = std::chrono::days(3)}, {});
      for (Follower& follower : followers)
        if (random() % 2 == 0)
          follow(follower, file, random() % 2 == 0);
    }
    for (Follower& follower : followers) {
      follow(follower, file, true);
      const auto there = everything(file, follower.permission);
      std::string different;
      for (const auto& [id, contact] : there)
        if (const auto it = follower.copy.find(id); it == follower.copy.end())
          different += "missing: " + contact + "\n";
        else if (it->second != contact)
          different += "old: " + it->second + "\nnew: " + contact + "\n";
      for (const auto& [id, contact] : follower.copy)
        different += there.contains(id) ? "" : "left: " + contact + "\n";
      EXPECT_EQ(different, "") << "seed " << seed << ", limit " << follower.limit;
    }
  }
}

}  // namespace

}  // namespace gald::index
