// Pages of a list that changes while somebody reads it.
#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "api_fixture.hpp"
#include "base/text.hpp"

namespace gald::api {

namespace {

using index::search_world::gone;
using index::search_world::named;
using model::Attribute;
using world::json;

/// A town whose people come, go, change their names and what they do between two pages.
class PagesWhileOthersPublish : public world::ApiTest {
 protected:
  model::Change resident(int number) {
    static const std::vector<std::string> kNames = {"ann", "Ann", "Bob", "Öz", "cem", "Zoe", ""};
    model::Change change = named(number, "", "", "x");
    const std::string name = kNames[random_() % kNames.size()];
    change.set[Attribute::display_name].clear();
    if (!name.empty())
      change.set[Attribute::display_name] = {name};
    change.set[Attribute::mail] = {"r" + std::to_string(number) + "@town.test"};
    names_[number] = name;
    return change;
  }

  void begin() {
    std::vector<model::Change> changes;
    for (int number = 1; number <= 60; ++number)
      changes.push_back(resident(number));
    apply(changes);
    publish();
  }

  /// Whoever it concerns is not among the stable ones any more.
  void happen() {
    std::vector<model::Change> changes;
    for (int i = 0; i < 4; ++i) {
      const int number = 1 + static_cast<int>(random_() % 80);
      touched_.insert(number);
      const std::string before = names_.contains(number) ? names_[number] : "-";
      if (random_() % 3 == 0) {
        changes.push_back(gone(number));
        names_.erase(number);
        moved_.insert(number);
      } else {
        changes.push_back(resident(number));
        changes.back().set[Attribute::job_title] = {"job " + std::to_string(random_())};
        if (names_[number] != before)
          moved_.insert(number);
      }
    }
    apply(changes);
    publish();
  }

  /// The numbers of everybody who came, in order.
  std::vector<int> walk(const std::string& order) {
    std::vector<int> came;
    std::string cursor;
    do {
      const json page = get("/api/identity/contacts?limit=7&fields=mail&sort=" + order +
                            (cursor.empty() ? "" : "&cursor=" + cursor));
      for (const json& item : page.at("items"))
        came.push_back(std::stoi(item.at("mail").get<std::string>().substr(1)));
      cursor = page.at("next").is_null() ? "" : page.at("next").get<std::string>();
      if (!cursor.empty())
        happen();
    } while (!cursor.empty() && came.size() < 1000);
    return came;
  }

  std::minstd_rand random_{7};
  std::map<int, std::string> names_;  ///< by number, of those that are there
  std::set<int> touched_;             ///< changed in any way since the walk began
  std::set<int> moved_;               ///< came, went or got another name
};

TEST_F(PagesWhileOthersPublish, WhoStaysComesOnceAndInOrder) {
  begin();
  for (int turn = 0; turn < 6; ++turn) {
    touched_.clear();
    moved_.clear();
    const auto names_before = names_;
    const bool backwards = turn % 2 != 0;
    std::vector<int> stayed;
    for (const int number : walk(backwards ? "-displayName" : "displayName"))
      if (!moved_.contains(number))
        stayed.push_back(number);
    std::set<int> expected;
    for (const auto& [number, name] : names_before) {
      if (!moved_.contains(number))
        expected.insert(number);
    }
    ASSERT_GT(expected.size(), 10u);
    EXPECT_EQ(stayed.size(), expected.size()) << "turn " << turn;
    EXPECT_EQ(std::set<int>(stayed.begin(), stayed.end()), expected) << "turn " << turn;
    std::vector<std::string> order;
    for (const int number : stayed)
      order.push_back(base::ascii_lower(names_before.at(number)));
    if (backwards)
      std::reverse(order.begin(), order.end());
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end())) << "turn " << turn;
  }
}

TEST_F(PagesWhileOthersPublish, InTheOrderOfChangeNobodyIsMissed) {
  begin();
  for (int turn = 0; turn < 3; ++turn) {
    touched_.clear();
    const auto names_before = names_;
    std::map<int, int> times;
    for (const int number : walk("changedAt"))
      ++times[number];
    for (const auto& [number, name] : names_before) {
      if (!touched_.contains(number)) {
        EXPECT_EQ(times[number], 1) << number;
      }
    }
    for (const auto& [number, name] : names_)
      EXPECT_GE(times[number], 1) << number;
  }
}

}  // namespace

}  // namespace gald::api
