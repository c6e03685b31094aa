// Programs that keep a copy of the index over HTTP, in a world that does something in every cycle.
#include <random>

#include "api_feed.hpp"

namespace gald::api {

namespace {

using index::search_world::gone;
using index::search_world::named;
using namespace world;  // NOLINT(google-build-using-namespace): this file is about it

class ApiFollowing : public FeedTest {
 protected:
  void live() {
    std::vector<model::Change> changes;
    for (int i = 0; i < 4; ++i) {
      const int number = pick(30);
      const int what = pick(6);
      if (what == 0)
        changes.push_back(gone(number));
      else if (what == 1)
        changes.push_back(group(1000 + number % 3, "Group " + std::to_string(pick(5)),
                                {test::anchor(pick(30)), test::anchor(pick(30))}));
      else
        changes.push_back(named(number, "Name" + std::to_string(pick(9)), "Of the many"));
    }
    apply(std::move(changes));
    publish();
  }

  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }

  std::mt19937 random_{20'261'128};
};

TEST_F(ApiFollowing, TheFeedOnceForEachContactKeepsACopy) {
  live();
  std::string position;
  std::map<std::string, json> copy = copied(snapshot(), position);
  for (int cycle = 0; cycle < 50; ++cycle) {
    live();
    for (bool more = true; more;) {
      const json answer = get(kChanges + "?compact=true&limit=" + std::to_string(1 + pick(6)) +
                              "&since=" + position);
      for (const json& item : answer["items"])
        apply_to(copy, item);
      position = answer["next"];
      more = answer["more"];
    }
    std::string now;
    ASSERT_EQ(copy, copied(snapshot(), now)) << "cycle " << cycle;
    ASSERT_EQ(position, now);
  }
}

TEST_F(ApiFollowing, TheLinesTellEverythingOnce) {
  live();
  const std::string begin = position();
  std::string position = begin;
  std::map<std::string, std::map<std::string, json>> copy;  // id, field and value
  json lines = json::array();
  for (int cycle = 0; cycle < 50; ++cycle) {
    live();
    for (bool more = true; more;) {
      const json answer =
          get(kChanges + "?limit=" + std::to_string(1 + pick(6)) + "&since=" + position);
      for (json line : answer["items"]) {
        line.erase("displayName");  // as it is called now
        lines.push_back(line);
        if (line["field"].is_string())
          copy[line["id"]][line["field"]] = line["newValue"];
      }
      position = answer["next"];
      more = answer["more"];
    }
  }
  json again = get(kChanges + "?limit=10000&since=" + begin)["items"];
  for (json& line : again)
    line.erase("displayName");
  EXPECT_EQ(lines, again);
  int compared = 0;
  for (const auto& [id, item] : copied(snapshot(), position)) {
    const std::map<std::string, json>& told = copy[id];
    for (const char* field : {"displayName", "givenName", "status"}) {
      const auto last = told.find(field);
      EXPECT_TRUE(last == told.end() || last->second == item["contact"][field]) << id << field;
      compared += last == told.end() ? 0 : 1;
    }
  }
  EXPECT_GT(compared, 40);
}

TEST_F(ApiFollowing, TheEventsKeepACopyThroughBrokenConnections) {
  live();
  std::string position;
  std::map<std::string, json> copy = copied(snapshot(), position);
  for (int cycle = 0; cycle < 50; ++cycle) {
    live();
    for (bool whole = false; !whole;) {
      const auto events = stream("?compact=true", {{"Last-Event-ID", position}});
      std::vector<Event> told = events_in(ready(*events));
      whole = told.size() < 2 || pick(2) == 0;
      if (!whole)
        told.resize(static_cast<std::size_t>(pick(static_cast<int>(told.size()))));
      for (const Event& event : told) {
        apply_to(copy, json::parse(event.data));
        if (!event.id.empty())
          position = event.id;
      }
    }
    std::string now;
    ASSERT_EQ(copy, copied(snapshot(), now)) << "cycle " << cycle;
  }
}

}  // namespace

}  // namespace gald::api
