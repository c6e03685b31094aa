#include "index/contact_filter.hpp"

#include <set>

#include "index/index.hpp"
#include "index/reader.hpp"
#include "support.hpp"

namespace gald::index {

using model::Change;
using model::RecordKind;
using test::anchor;
using test::Attribute;

namespace {

const CollectionKey kUsers{"entra", model::ConnectorKind::entra, "users", "v1", false};

Change user(int number, const std::string& name, const std::string& hidden = "") {
  Change change;
  change.anchor = anchor(number);
  change.kind = RecordKind::user;
  change.set[Attribute::display_name] = {name};
  if (!hidden.empty())
    change.set[Attribute::hidden] = {hidden};
  return change;
}

Change group(int number, const std::string& name, std::vector<std::string> members) {
  Change change;
  change.anchor = anchor(number);
  change.kind = RecordKind::group;
  change.set[Attribute::display_name] = {name};
  change.set[Attribute::proxy_addresses] = {"SMTP:G" + std::to_string(number) + "@contoso.test"};
  change.members_added = std::move(members);
  return change;
}

/// Ann (hidden) and Bob are in Sales, Bob and Cem (visible) in another Sales, Dan in none.
class ContactFilterTest : public testing::Test {
 protected:
  ContactFilterTest() {
    index_.position(kUsers);
    apply({user(1, "Ann", "true"), user(2, "Bob"), user(3, "Cem", "false"), user(4, "Dan"),
           group(10, "Sales", {anchor(1), anchor(2)}), group(11, "Sales", {anchor(2), anchor(3)})});
    publish();
  }

  void apply(std::vector<Change> changes) {
    index_.apply(kUsers, changes, {}, model::Cursor{std::to_string(++cursor_), ""}, true);
  }

  void publish() {
    clock_.advance(std::chrono::seconds(1));
    Publication how;
    how.policy.labels = {{"VIP", {"g11@contoso.test"}}};
    index_.publish(index_.begin_run(), how, {});
  }

  std::set<std::string> names(const ContactFilter& filter) const {
    std::set<std::string> found;
    reader_.contacts(filter, [&](const model::Contact& contact) {
      found.insert(contact.entry.values.at(Attribute::display_name));
      return true;
    });
    return found;
  }

  std::string id_of(const std::string& name) const { return reader_.find(name).at(0).entry.id; }

  using Names = std::set<std::string>;

  test::TemporaryDirectory directory_;
  base::ManualClock clock_{base::TimePoint(std::chrono::hours(24 * 365 * 50))};
  int cursor_ = 0;
  Index index_{directory_.path() / "gald.db", clock_};
  Reader reader_{directory_.path() / "gald.db"};
};

TEST_F(ContactFilterTest, DirectMembersOfAGroup) {
  EXPECT_EQ(names({.group = "g10@CONTOSO.test"}), (Names{"Ann", "Bob"}));
  EXPECT_EQ(names({.group = id_of("g11@contoso.test")}), (Names{"Bob", "Cem"}));
  EXPECT_EQ(names({.group = "sales"}), (Names{"Ann", "Bob", "Cem"}));
}

TEST_F(ContactFilterTest, AGroupThatIsNotThere) {
  const auto refused = [&](const std::string& group) {
    try {
      names({.group = group});
    } catch (const NoSuchGroup& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(refused("Marketing").find("\"Marketing\""), std::string::npos);
  EXPECT_NE(refused("Ann"), "") << "a user is no group";
  EXPECT_NE(refused(id_of("Ann")), "");
}

TEST_F(ContactFilterTest, Labels) {
  EXPECT_EQ(names({.label = "VIP"}), (Names{"Bob", "Cem"}));
  EXPECT_EQ(names({.label = "nobody"}), Names{});
}

TEST_F(ContactFilterTest, WhetherAddressListsShowThem) {
  EXPECT_EQ(names({.visibility = Visibility::hidden}), Names{"Ann"});
  EXPECT_EQ(names({.visibility = Visibility::visible}), Names{"Cem"});
  EXPECT_EQ(names({.visibility = Visibility::unknown}), (Names{"Bob", "Dan"}));
}

TEST_F(ContactFilterTest, ChangedSince) {
  const std::int64_t seen = reader_.overview().last_change;
  const base::TimePoint before = clock_.now();
  EXPECT_EQ(names({.changed_after = seen}), Names{});
  EXPECT_EQ(names({.changed_after = 0}), (Names{"Ann", "Bob", "Cem", "Dan"}));
  Change dan = user(4, "Dan");
  dan.set[Attribute::job_title] = {"Pilot"};
  apply({dan});
  publish();
  EXPECT_EQ(names({.changed_after = seen}), Names{"Dan"});
  EXPECT_EQ(names({.changed_since = clock_.now()}), Names{"Dan"});
  EXPECT_EQ(names({.changed_since = before}), (Names{"Ann", "Bob", "Cem", "Dan"}));
  EXPECT_EQ(names({.changed_since = clock_.now() + std::chrono::milliseconds(1)}), Names{});
}

TEST_F(ContactFilterTest, AllMembersTogether) {
  const ContactFilter filter{.source = model::Source::cloud,
                             .status = model::Status::active,
                             .kind = model::EntryKind::user,
                             .group = "g11@contoso.test",
                             .label = "VIP",
                             .visibility = Visibility::unknown,
                             .changed_after = 1,
                             .changed_since = clock_.now()};
  EXPECT_EQ(names(filter), Names{"Bob"});
  ContactFilter others = filter;
  others.status = model::Status::disabled;
  EXPECT_EQ(names(others), Names{});
}

}  // namespace

}  // namespace gald::index
