// The known traps of Microsoft Graph, one test each, against the tenant simulator: the trap is
// sprung, the test proves that it was, and what is published is the truth all the same.
#include <map>
#include <optional>
#include <set>

#include "cloud/graph_mapping.hpp"
#include "tenant.hpp"

namespace gald::contract {
namespace {

using namespace std::chrono_literals;
using model::Outcome;

class GraphTrap : public TrapTest {
 protected:
  Gald with_graph() {
    Gald gald(clock());
    gald.add(graph());
    return gald;
  }

  std::unique_ptr<sync::Connector> only(const std::string& collection) {
    return std::make_unique<Lens>(graph(), std::set<std::string>{collection});
  }

  int asked(const std::string& part) const {
    return static_cast<int>(tenant_.requests("graph", part).size());
  }

  int answered(const std::string& part, int status) const {
    const auto rows = tenant_.requests("graph", part);
    return static_cast<int>(std::count_if(
        rows.begin(), rows.end(), [&](const json& row) { return row.at("status") == status; }));
  }
};

// --- what delta queries do not tell --------------------------------------------------------------

TEST_F(GraphTrap, GroupsSayNothingOfASoftDeletedMember) {
  populate(4, 1, 2);
  Gald gald = with_graph();
  expect_complete(gald.cycle());
  ASSERT_TRUE(gald.memberships().contains("Group 000002 > User 000002"));

  tenant_.remove("/users/" + user_id(2));
  const auto report = gald.cycle();
  expect_complete(report);
  EXPECT_EQ(of(report, "groups").objects, 0) << "the simulator told it after all";
  EXPECT_TRUE(gald.everybody().contains("User 000002 deleted"));
  EXPECT_EQ(gald.memberships(),
            (std::set<std::string>{"Group 000001 > Contact 000001", "Group 000001 > User 000001",
                                   "Group 000001 > User 000003", "Group 000001 > User 000004",
                                   "Group 000002 > User 000004"}));
  EXPECT_EQ(gald.count("groups WHERE status = 'active'"), 2);
}

TEST_F(GraphTrap, AMissingTombstoneIsMadeGoodByACompleteRead) {
  tenant_.settings({{"delta_token_lifetime", 0}});
  populate(4, 1, 2);
  Gald gald = with_graph();
  expect_complete(gald.cycle());

  // The answer that would have the tombstone has none, and a link from after the deletion, which
  // another reader of the tenant has brought.
  tenant_.remove("/users/" + user_id(2) + "?permanent=1");
  tenant_.remove("/violations");
  Gald other = with_graph();
  expect_complete(other.cycle());
  expect_complete(other.cycle());
  const auto links = tenant_.requests("graph", "/v1.0/users/delta?$deltatoken=");
  ASSERT_FALSE(links.empty());
  const std::string link = tenant_.at("graph") + links.back().at("path").get<std::string>();
  tenant_.fault({{"service", "graph"},
                 {"path", "/users/delta"},
                 {"status", 200},
                 {"body", {{"value", json::array()}, {"@odata.deltaLink", link}}}});
  expect_complete(gald.cycle());
  expect_complete(gald.cycle());
  ASSERT_EQ(tenant_.faults_met("graph"), 1);
  ASSERT_TRUE(gald.everybody().contains("User 000002 active")) << "the tombstone was not missing";

  clock().advance(169h);
  const auto report = gald.cycle();
  expect_complete(report);
  EXPECT_TRUE(of(report, "users").full);
  EXPECT_TRUE(gald.everybody().contains("User 000002 deleted"));
  EXPECT_EQ(report.published.deleted, 1);
  EXPECT_FALSE(gald.memberships().contains("Group 000002 > User 000002"));
}

TEST_F(GraphTrap, APurgedMemberIsNotInMembersDelta) {
  tenant_.settings({{"lost_purges", true}});
  populate(4, 0, 2);
  Gald gald = with_graph();
  expect_complete(gald.cycle());
  ASSERT_TRUE(gald.memberships().contains("Group 000002 > User 000002"));

  tenant_.remove("/users/" + user_id(2) + "?permanent=1");
  const auto report = gald.cycle();
  expect_complete(report);
  EXPECT_EQ(of(report, "groups").objects, 0) << "the simulator told it after all";
  EXPECT_TRUE(gald.everybody().contains("User 000002 deleted"));
  EXPECT_EQ(gald.memberships(),
            (std::set<std::string>{"Group 000001 > User 000001", "Group 000001 > User 000003",
                                   "Group 000001 > User 000004", "Group 000002 > User 000004"}));
}

TEST_F(GraphTrap, TheFirstRoundContainsTombstones) {
  tenant_.settings({{"replays", true}});
  populate(6, 3, 2);
  tenant_.remove("/users/" + user_id(3));
  tenant_.remove("/users/" + user_id(5) + "?permanent=1");
  tenant_.remove("/contacts/" + contact_id(3));
  tenant_.post("/groups/" + group_id(1) + "/members",
               {{"remove", {member("user", user_id(6)), member("contact", contact_id(1))}}});
  const std::string removed = "@removed";
  for (const char* listing : {"/users/delta?$select=id", "/contacts/delta?$select=id"})
    ASSERT_NE(tenant_.graph(listing).dump().find(removed), std::string::npos) << listing;
  // For groups the page comes from the test: tombstones of a group and of members that nobody ever
  // told. Its link is the query itself in other words.
  std::string select = cloud::graph_select(cloud::GraphCollection::groups);
  const auto comma = select.find(',');
  select = select.substr(comma + 1) + "," + select.substr(0, comma);
  const json gone = {{"reason", "deleted"}};
  const json members = json::array(
      {{{"@odata.type", "#microsoft.graph.user"}, {"id", user_id(6)}, {"@removed", gone}},
       {{"@odata.type", "#microsoft.graph.user"}, {"id", guid(1, 99)}, {"@removed", gone}}});
  json told_first = group(1);
  told_first.erase("members");
  told_first["members@delta"] = members;
  tenant_.fault(
      {{"service", "graph"},
       {"path", "/groups/delta"},
       {"status", 200},
       {"body",
        {{"@odata.nextLink", tenant_.at("graph") + "/v1.0/groups/delta?$select=" + select},
         {"value", json::array({{{"id", group_id(99)}, {"@removed", gone}}, told_first})}}}});

  Gald gald = with_graph();
  const auto report = gald.cycle();
  expect_complete(report);
  EXPECT_EQ(tenant_.faults_met("graph", "/groups/delta"), 1);
  EXPECT_EQ(gald.count("groups"), 2);
  EXPECT_EQ(
      gald.everybody(),
      (std::set<std::string>{"Contact 000001 active", "Contact 000002 active", "User 000001 active",
                             "User 000002 active", "User 000004 active", "User 000006 active"}));
  EXPECT_EQ(gald.memberships(),
            (std::set<std::string>{"Group 000001 > User 000001", "Group 000001 > User 000002",
                                   "Group 000001 > User 000004", "Group 000002 > Contact 000002",
                                   "Group 000002 > User 000002", "Group 000002 > User 000004",
                                   "Group 000002 > User 000006"}));
  EXPECT_EQ(gald.count("quarantined"), 0);
}

TEST_F(GraphTrap, ARestoredUserIsNotToldToWhoSelects) {
  tenant_.settings({{"undelete_silent", true}, {"delta_token_lifetime", 0}});
  populate(3, 0, 1);
  Gald gald(clock());
  auto options = tenant_.graph_options();
  options.complete_every = 24h;
  gald.add(graph(std::move(options)));
  expect_complete(gald.cycle());
  tenant_.remove("/users/" + user_id(2));
  expect_complete(gald.cycle());
  ASSERT_TRUE(gald.everybody().contains("User 000002 deleted"));

  tenant_.post("/users/" + user_id(2) + "/restore");
  expect_complete(gald.cycle());
  ASSERT_TRUE(gald.everybody().contains("User 000002 deleted")) << "the service told it after all";
  clock().advance(25h);
  const auto report = gald.cycle();
  expect_complete(report);
  EXPECT_TRUE(of(report, "users").full);
  EXPECT_EQ(report.published.restored, 1);
  EXPECT_TRUE(gald.everybody().contains("User 000002 active"));
  EXPECT_TRUE(gald.memberships().contains("Group 000001 > User 000002"));
}

TEST_F(GraphTrap, ASoftDeletedUserIsPurgedLaterAndToldTwice) {
  populate(3);
  Gald gald = with_graph();
  expect_complete(gald.cycle());
  tenant_.remove("/users/" + user_id(2));
  const auto soft = gald.cycle();
  expect_complete(soft);
  EXPECT_EQ(soft.published.deleted, 1);

  tenant_.remove("/users/" + user_id(2) + "?permanent=1");
  const auto purged = gald.cycle();
  expect_complete(purged);
  EXPECT_EQ(of(purged, "users").objects, 1) << "the second tombstone was not told";
  EXPECT_EQ(purged.published.deleted, 0);
  EXPECT_EQ(gald.count("changes WHERE operation = 'deleted'"), 1);
  EXPECT_EQ(gald.everybody(), (std::set<std::string>{"User 000001 active", "User 000002 deleted",
                                                     "User 000003 active"}));
}

TEST_F(GraphTrap, MembersWithoutARemovedMarkAreAdded) {
  populate(6);
  tenant_.post("/bulk", {{"groups",
                          {group(1, {member("user", user_id(1)), member("user", user_id(2)),
                                     member("user", user_id(3))})}}});
  Gald gald = with_graph();
  expect_complete(gald.cycle());
  tenant_.post("/groups/" + group_id(1) + "/members",
               {{"add", {member("user", user_id(4))}}, {"remove", {member("user", user_id(1))}}});
  const auto report = gald.cycle();
  expect_complete(report);
  EXPECT_FALSE(of(report, "groups").full);
  EXPECT_EQ(gald.memberships(),
            (std::set<std::string>{"Group 000001 > User 000002", "Group 000001 > User 000003",
                                   "Group 000001 > User 000004"}));
}

// --- links and pages -----------------------------------------------------------------------------

TEST_F(GraphTrap, TheNextlinkLoopsOnItself) {
  tenant_.settings({{"page_size", 5}});
  populate(12, 2, 12);
  for (const int skip : {0, 1}) {  // at the first page of a full round, and in the middle
    SCOPED_TRACE(skip);
    tenant_.remove("/violations");
    tenant_.forget_requests();
    tenant_.fault(
        {{"service", "graph"}, {"path", "/groups/delta"}, {"action", "loop"}, {"skip", skip}});
    Gald gald = with_graph();
    expect_complete(gald.cycle());
    EXPECT_EQ(tenant_.faults_met("graph"), 1);
    EXPECT_EQ(asked("/groups/delta?$select"), 2) << "the round was not begun anew";
    expect_everybody(gald, 12, 2, 12);
  }

  // In a round of changes.
  tenant_.remove("/violations");
  Gald gald = with_graph();
  expect_complete(gald.cycle());
  tenant_.forget_requests();
  tenant_.put("/groups/" + group_id(7), {{"description", "seven"}});
  tenant_.fault({{"service", "graph"}, {"path", "/groups/delta"}, {"action", "loop"}});
  expect_complete(gald.cycle());
  EXPECT_EQ(tenant_.faults_met("graph"), 1);
  EXPECT_EQ(gald.count("groups WHERE description = 'seven'"), 1);
  expect_everybody(gald, 12, 2, 12);
}

TEST_F(GraphTrap, TheNextlinkLoopsForEver) {
  tenant_.settings({{"page_size", 5}});
  populate(12, 2, 12);
  Gald gald = with_graph();
  expect_complete(gald.cycle());
  tenant_.put("/users/" + user_id(1), {{"displayName", "User renamed"}});
  tenant_.forget_requests();
  tenant_.fault(
      {{"service", "graph"}, {"path", "/groups/delta"}, {"action", "loop"}, {"times", -1}});
  const auto report = gald.cycle();
  EXPECT_EQ(report.outcome, Outcome::partial) << told(report);
  EXPECT_NE(of(report, "groups").error.find("leads back"), std::string::npos) << told(report);
  EXPECT_TRUE(of(report, "users").complete);
  EXPECT_EQ(tenant_.faults_met("graph", "/groups/delta"), 2);
  EXPECT_EQ(asked("/groups/delta"), 2);
  EXPECT_TRUE(gald.everybody().contains("User renamed active"));
  EXPECT_EQ(gald.count("groups WHERE status = 'active'"), 12);

  tenant_.remove("/faults");
  expect_complete(gald.cycle());
  EXPECT_EQ(gald.count("groups WHERE status = 'active'"), 12);
  EXPECT_EQ(gald.count("changes WHERE operation = 'deleted'"), 0);
}

TEST_F(GraphTrap, ANextlinkAnswers404Or500) {
  tenant_.settings({{"page_size", 10}});
  populate(30, 3, 3);
  for (const int status : {404, 500})
    for (const int times : {2, 5}) {  // it recovers; it is dead
      SCOPED_TRACE(std::to_string(status) + " x " + std::to_string(times));
      tenant_.remove("/violations");
      tenant_.forget_requests();
      const json dead = {{"service", "graph"},
                         {"path", "/users/delta?$skiptoken"},
                         {"status", status},
                         {"times", times}};
      tenant_.fault(dead);
      Gald gald = with_graph();
      const auto first = gald.cycle();
      expect_complete(first);
      EXPECT_EQ(answered("/users/delta?$skiptoken", status), times);
      EXPECT_EQ(asked("/users/delta?$select"), times == 5 ? 2 : 1);
      expect_everybody(gald, 30, 3, 3);

      // A round of changes goes back to the stored deltaLink.
      for (int i = 1; i <= 30; ++i)
        tenant_.put("/users/" + user_id(i),
                    {{"department", std::to_string(status) + "-" + std::to_string(times)}});
      tenant_.forget_requests();
      tenant_.fault(dead);
      const auto second = gald.cycle();
      expect_complete(second);
      EXPECT_FALSE(of(second, "users").full);
      EXPECT_EQ(answered("/users/delta?$skiptoken", status), times);
      EXPECT_EQ(asked("/users/delta?$deltatoken"), times == 5 ? 2 : 1);
      EXPECT_EQ(gald.count("contacts WHERE department = '" + std::to_string(status) + "-" +
                           std::to_string(times) + "'"),
                30);
      expect_everybody(gald, 30, 3, 3);
    }
}

TEST_F(GraphTrap, APageHasNeitherLink) {
  tenant_.settings({{"page_size", 10}});
  populate(30, 3, 3);
  Gald gald = with_graph();
  const json spoilt = {
      {"service", "graph"}, {"path", "/users/delta"}, {"action", "nolinks"}, {"skip", 1}};
  tenant_.fault(spoilt);
  const auto first = gald.cycle();
  EXPECT_EQ(first.outcome, Outcome::partial) << told(first);
  EXPECT_NE(of(first, "users").error.find("neither"), std::string::npos) << told(first);
  EXPECT_EQ(first.waiting_for, std::vector<std::string>{"entra/users"});
  EXPECT_EQ(gald.count("contacts"), 0);
  expect_complete(gald.cycle());
  expect_everybody(gald, 30, 3, 3);

  // In a full round of what is published already: whoever takes the page for the last one deletes
  // everybody who was to come after it.
  tenant_.post("/expire", {{"collection", "users"}, {"how", "syncStateNotFound"}});
  json later = spoilt;
  later["skip"] = 2;
  tenant_.fault(later);
  const auto again = gald.cycle();
  EXPECT_EQ(tenant_.faults_met("graph"), 2);
  EXPECT_EQ(again.outcome, Outcome::partial) << told(again);
  expect_everybody(gald, 30, 3, 3);
  expect_complete(gald.cycle());
  expect_everybody(gald, 30, 3, 3);
}

TEST_F(GraphTrap, EmptyPagesHaveANextlink) {
  tenant_.settings({{"page_size", 10}, {"empty_pages", true}});
  populate(30, 12, 12);
  ASSERT_NE(tenant_.graph("/users/delta?$select=id").dump().find("nextLink"), std::string::npos);
  Gald gald = with_graph();
  const auto report = gald.cycle();
  expect_complete(report);
  EXPECT_GE(of(report, "users").pages, 5) << "no page was empty";
  expect_everybody(gald, 30, 12, 12);
}

TEST_F(GraphTrap, PagesHoldFewerThanAskedFor) {
  tenant_.settings({{"page_size", 7}, {"link_page_size", 5}});
  populate(28, 14, 7);  // the last page is as full as the others
  Gald gald = with_graph();
  const auto report = gald.cycle();
  expect_complete(report);
  EXPECT_GE(of(report, "users").pages, 4);
  EXPECT_GE(of(report, "contacts").pages, 2);
  EXPECT_GE(of(report, "groups").pages, 12) << "no group was spread over pages";
  expect_everybody(gald, 28, 14, 7);
}

TEST_F(GraphTrap, ObjectsRepeatOverThePagesOfARound) {
  tenant_.settings({{"page_size", 10}, {"replays", true}});
  populate(40, 15, 8);
  for (int i = 1; i <= 40; ++i)  // so that there are older versions to be told first
    tenant_.put("/users/" + user_id(i), {{"jobTitle", "new"}});
  tenant_.fault({{"service", "graph"}, {"path", "/delta"}, {"action", "duplicate"}, {"times", -1}});
  Gald gald = with_graph();
  const auto report = gald.cycle();
  expect_complete(report);
  EXPECT_GE(of(report, "users").objects, 80);
  EXPECT_GE(of(report, "contacts").objects, 30);
  expect_everybody(gald, 40, 15, 8);
  EXPECT_EQ(gald.count("contacts WHERE job_title = 'new'"), 40);
}

// --- cursors -------------------------------------------------------------------------------------

TEST_F(GraphTrap, AnExpiredTokenIsSyncStateNotFoundOr410) {
  populate(9, 9, 3);
  Gald gald = with_graph();
  expect_complete(gald.cycle());
  int gone = 0;
  for (const char* how : {"410", "syncStateNotFound"}) {
    SCOPED_TRACE(how);
    // What is deleted now is told by nobody: the new round knows nothing of it.
    ++gone;
    tenant_.remove("/users/" + user_id(gone) + "?permanent=1");
    tenant_.remove("/contacts/" + contact_id(gone));
    tenant_.post("/expire", {{"collection", "all"}, {"how", how}});
    tenant_.forget_requests();
    const auto report = gald.cycle();
    expect_complete(report);
    const int status = std::string(how) == "410" ? 410 : 400;
    for (const char* collection : {"users", "contacts", "groups"}) {
      EXPECT_TRUE(of(report, collection).full) << collection;
      EXPECT_EQ(answered("/" + std::string(collection) + "/delta?$deltatoken", status), 1);
      EXPECT_EQ(asked("/" + std::string(collection) + "/delta?$select"), 1);
    }
    EXPECT_EQ(report.published.deleted, 2);
    EXPECT_EQ(gald.count("contacts WHERE status = 'active'"), 18 - 2 * gone);
    EXPECT_EQ(gald.count("groups WHERE status = 'active'"), 3);
  }
}

TEST_F(GraphTrap, ATokenIsSevenDaysOld) {
  populate(9, 9, 3);
  Gald gald(clock());
  auto options = tenant_.graph_options();
  options.complete_every = 24h * 365;  // or a complete read would be due before
  gald.add(graph(std::move(options)));
  expect_complete(gald.cycle());
  tenant_.remove("/users/" + user_id(1) + "?permanent=1");
  clock().advance(24h * 7 + 1min);
  tenant_.forget_requests();
  const auto report = gald.cycle();
  expect_complete(report);
  EXPECT_EQ(answered("/users/delta?$deltatoken", 400), 1);
  EXPECT_TRUE(of(report, "users").full);
  EXPECT_EQ(report.published.deleted, 1);
  EXPECT_TRUE(gald.everybody().contains("User 000001 deleted"));
}

TEST_F(GraphTrap, AChangedSelectInvalidatesTheCursor) {
  populate(6, 2, 2);
  Gald gald(clock());
  gald.add(graph());
  expect_complete(gald.cycle());
  tenant_.remove("/users/" + user_id(1) + "?permanent=1");

  tenant_.remove("/violations");
  tenant_.forget_requests();
  gald.forget_connectors();
  gald.add(std::make_unique<Lens>(graph(), std::set<std::string>{}, " and more"));
  const auto report = gald.cycle();
  expect_complete(report);
  for (const char* collection : {"users", "contacts", "groups"}) {
    EXPECT_TRUE(of(report, collection).full) << collection;
    EXPECT_EQ(asked("/" + std::string(collection) + "/delta?$deltatoken"), 0);
    EXPECT_EQ(asked("/" + std::string(collection) + "/delta?$select"), 1);
  }
  EXPECT_EQ(report.published.total(), 1 + report.published.memberships);
  EXPECT_TRUE(gald.everybody().contains("User 000001 deleted"));

  const auto quiet = gald.cycle();
  expect_complete(quiet);
  EXPECT_FALSE(of(quiet, "users").full);
}

TEST_F(GraphTrap, TheCursorIsSavedWithItsPage) {
  tenant_.settings({{"page_size", 10}});
  populate(50);
  TemporaryDirectory crashes;
  std::vector<std::filesystem::path> crashed;
  Gald gald(clock());
  gald.add(only("users"));
  sync::CycleOptions options;
  options.progress = [&](const sync::Progress& progress) {
    if (progress.stage != sync::Progress::Stage::reading)
      return;
    crashed.push_back(crashes.path() / std::to_string(crashed.size()));
    Gald::copy(gald.path(), crashed.back());
  };
  expect_complete(gald.cycle(options));
  expect_everybody(gald, 50);
  ASSERT_EQ(crashed.size(), 5u);

  for (std::size_t pages = 1; pages < crashed.size(); ++pages) {
    SCOPED_TRACE(pages);
    tenant_.remove("/violations");
    tenant_.forget_requests();
    Gald after(clock(), crashed[pages - 1]);
    after.add(only("users"));
    const auto report = after.cycle();
    expect_complete(report);
    EXPECT_EQ(asked("/users/delta?$select"), 0) << "it began anew";
    EXPECT_EQ(of(report, "users").pages, static_cast<int>(crashed.size() - pages));
    expect_everybody(after, 50);
  }
}

TEST_F(GraphTrap, AFirstImportKnowsHowMuchThereIs) {
  tenant_.settings({{"page_size", 10}});
  populate(35, 25, 3);
  Gald gald = with_graph();
  using Counts = std::vector<std::optional<std::int64_t>>;
  std::map<std::string, Counts> expected;
  std::map<std::string, std::int64_t> objects;
  sync::CycleOptions options;
  options.progress = [&](const sync::Progress& progress) {
    if (progress.stage != sync::Progress::Stage::reading)
      return;
    expected[progress.collection].push_back(progress.expected);
    objects[progress.collection] = progress.objects;
  };
  expect_complete(gald.cycle(options));
  EXPECT_EQ(expected.at("users"), (Counts{std::nullopt, 35, 35, 35})) << "the first page waits not";
  EXPECT_EQ(objects.at("users"), 35);
  EXPECT_EQ(expected.at("contacts").back(), 50);
  EXPECT_EQ(objects.at("contacts"), 50) << "each comes once more, with its manager";
  EXPECT_EQ(expected.at("groups"), Counts(1, std::nullopt)) << "one page is there at once";
  EXPECT_EQ(asked("/$count"), 2);

  expected.clear();
  tenant_.forget_requests();
  for (int i = 1; i <= 15; ++i)
    tenant_.put("/users/" + user_id(i), {{"department", "moved"}});
  expect_complete(gald.cycle(options));
  EXPECT_EQ(expected.at("users"), Counts(2, std::nullopt)) << "changes are not counted before";
  EXPECT_EQ(asked("/$count"), 0);
}

TEST_F(GraphTrap, ACountThatIsRefusedDelaysNothing) {
  tenant_.settings({{"page_size", 10}});
  populate(35);
  for (const int status : {400, 403, 404, 429, 500, 503}) {
    SCOPED_TRACE(status);
    tenant_.remove("/violations");
    tenant_.forget_requests();
    tenant_.fault({{"service", "graph"}, {"path", "/users/$count"}, {"status", status}});
    Gald gald(clock());
    gald.add(only("users"));
    std::set<std::optional<std::int64_t>> expected;
    sync::CycleOptions options;
    options.progress = [&](const sync::Progress& progress) {
      if (progress.stage == sync::Progress::Stage::reading)
        expected.insert(progress.expected);
    };
    expect_complete(gald.cycle(options));
    EXPECT_EQ(tenant_.faults_met("graph", "/users/$count"), 1);
    std::set<std::optional<std::int64_t>> known = {std::nullopt};
    if (status == 403)  // asked again with a new token, as the right may have come since
      known.insert(35);
    EXPECT_EQ(expected, known);
    expect_everybody(gald, 35);
  }
}

TEST_F(GraphTrap, ASkiptokenDiesDuringLongPaging) {
  tenant_.settings({{"page_size", 10}, {"skip_token_lifetime", 300}});
  populate(50);
  Gald gald(clock());
  gald.add(only("users"));
  int pages = 0;
  sync::CycleOptions options;
  options.progress = [&](const sync::Progress& progress) {
    if (progress.stage == sync::Progress::Stage::reading && ++pages == 3)
      clock().advance(400s);
  };
  const auto first = gald.cycle(options);
  expect_complete(first);
  EXPECT_EQ(answered("/users/delta?$skiptoken", 400), 1);
  EXPECT_EQ(asked("/users/delta?$select"), 2);
  expect_everybody(gald, 50);

  for (int i = 1; i <= 50; ++i)
    tenant_.put("/users/" + user_id(i), {{"department", "moved"}});
  pages = 0;
  tenant_.forget_requests();
  const auto second = gald.cycle(options);
  expect_complete(second);
  EXPECT_FALSE(of(second, "users").full);
  EXPECT_EQ(answered("/users/delta?$skiptoken", 400), 1);
  EXPECT_EQ(asked("/users/delta?$deltatoken"), 2);
  EXPECT_EQ(gald.count("contacts WHERE department = 'moved'"), 50);
  expect_everybody(gald, 50);
}

TEST_F(GraphTrap, NoListNeedsAConsistencyLevel) {
  tenant_.settings({{"page_size", 5}});
  populate(12, 12, 3);
  Gald gald = with_graph();
  expect_complete(gald.cycle());
  expect_complete(gald.cycle());
  const auto rows = tenant_.requests("graph");
  EXPECT_GE(rows.size(), 10u);
  for (const json& row : rows)
    for (const char* advanced : {"$count=", "$search", "$filter", "$orderby"})
      EXPECT_EQ(row.at("path").get<std::string>().find(advanced), std::string::npos) << row;
  expect_everybody(gald, 12, 12, 3);
}

// --- replicas and what lags behind ---------------------------------------------------------------

TEST_F(GraphTrap, StaleReplicasTellLater) {
  populate(5, 2, 1);
  Gald gald = with_graph();
  expect_complete(gald.cycle());
  tenant_.settings({{"replication_delay", 60}});
  tenant_.post("/bulk", {{"users", {user(6)}}, {"contacts", {contact(3)}}});
  tenant_.put("/users/" + user_id(1), {{"displayName", "User renamed"}});
  const auto early = gald.cycle();
  expect_complete(early);
  EXPECT_EQ(early.published.total(), 0);
  expect_everybody(gald, 5, 2, 1);

  clock().advance(61s);
  const auto late = gald.cycle();
  expect_complete(late);
  EXPECT_FALSE(of(late, "users").full);
  EXPECT_EQ(late.published.created, 2);
  EXPECT_EQ(late.published.deleted, 0);
  EXPECT_TRUE(gald.everybody().contains("User renamed active"));
  EXPECT_TRUE(gald.everybody().contains("User 000006 active"));
  EXPECT_TRUE(gald.everybody().contains("Contact 000003 active"));
}

TEST_F(GraphTrap, AFreshObjectAnswers404AndIsNotDeletedForIt) {
  populate(2);
  json managed = contact(1);
  managed["manager"] = member("user", user_id(1));
  json unified = group(1, json::array({member("user", user_id(2))}));
  unified["groupTypes"] = {"Unified"};
  unified["hideFromAddressLists"] = true;
  tenant_.post("/bulk", {{"contacts", {managed}}, {"groups", {unified}}});
  Gald gald = with_graph();
  expect_complete(gald.cycle());
  const std::string manager =
      "contacts WHERE display_name = 'Contact 000001' AND manager IN (SELECT id FROM contacts "
      "WHERE display_name = 'User 000001')";
  ASSERT_EQ(gald.count(manager), 1);
  ASSERT_EQ(gald.count("groups WHERE hidden = 1"), 1);

  tenant_.put("/contacts/" + contact_id(1), {{"department", "new"}});
  tenant_.put("/groups/" + group_id(1), {{"description", "new"}});
  const auto missing = [&](const std::string& id) {
    return json{{"service", "graph"},
                {"path", id},
                {"inner", true},
                {"times", -1},
                {"status", 404},
                {"body",
                 {{"error",
                   {{"code", "Request_ResourceNotFound"},
                    {"message", "Resource '" + id +
                                    "' does not exist or one of its queried "
                                    "reference-property objects are not present."}}}}}};
  };
  tenant_.fault(missing(contact_id(1)));
  tenant_.fault(missing(group_id(1)));
  tenant_.forget_requests();
  const auto report = gald.cycle();
  expect_complete(report);
  EXPECT_EQ(asked("/$batch"), 2);
  EXPECT_EQ(report.published.deleted, 0);
  EXPECT_EQ(gald.count("contacts WHERE department = 'new'"), 1);
  EXPECT_EQ(gald.count("groups WHERE description = 'new' AND status = 'active'"), 1);
  EXPECT_EQ(gald.count(manager), 1);
  EXPECT_EQ(gald.count("groups WHERE hidden = 1"), 1);
}

/// One contact of an on-premises directory.
class OnPremises final : public sync::Connector {
 public:
  explicit OnPremises(model::Change contact) : contact_(std::move(contact)) {}

  const std::string& name() const override { return name_; }

  model::ConnectorKind kind() const override { return model::ConnectorKind::active_directory; }

  const std::vector<sync::Collection>& collections() const override { return collections_; }

  std::unique_ptr<sync::Round> begin(const sync::Collection&, const model::Cursor&) override {
    class OnePage final : public sync::Round {
     public:
      explicit OnePage(const model::Change& contact) : contact_(contact) {}

      sync::Pull next(std::stop_token) override {
        return sync::Page{{contact_}, {}, model::Cursor{}, true, {}};
      }

     private:
      const model::Change& contact_;
    };

    return std::make_unique<OnePage>(contact_);
  }

  std::vector<sync::Finding> check(std::stop_token) override { return {}; }

 private:
  model::Change contact_;
  std::string name_ = "ad";
  std::vector<sync::Collection> collections_{{"directory", true, "fixed"}};
};

TEST_F(GraphTrap, AddressesAreWrittenAfterTheContact) {
  model::Change local;
  local.anchor = guid(9, 1);
  local.kind = model::RecordKind::contact;
  local.set = {{model::Attribute::display_name, {"Contact 000001"}},
               {model::Attribute::mail, {"contact1@fabrikam.test"}},
               {model::Attribute::proxy_addresses, {"SMTP:contact1@fabrikam.test"}}};
  json bare = {
      {"id", contact_id(1)}, {"displayName", "Contact 000001"}, {"onPremisesSyncEnabled", true}};
  tenant_.post("/bulk", {{"contacts", {bare}}});
  Gald gald = with_graph();
  gald.add(std::make_unique<OnPremises>(local));
  expect_complete(gald.cycle());
  EXPECT_EQ(gald.count("contacts WHERE status = 'active'"), 2) << "joined by nothing";
  EXPECT_EQ(gald.count("quarantined"), 0);

  tenant_.put("/contacts/" + contact_id(1), contact(1));
  expect_complete(gald.cycle());
  EXPECT_EQ(gald.sql("SELECT source, mail FROM contacts WHERE status = 'active'"),
            (Gald::Rows{{"hybrid", "contact1@fabrikam.test"}}));
}

TEST_F(GraphTrap, ContactsOfferNoDelta) {
  tenant_.settings({{"page_size", 5}});
  populate(3, 12, 1);
  Gald gald = with_graph();
  expect_complete(gald.cycle());

  // The offer ends: the link is refused, and so is the query.
  tenant_.settings({{"contacts_delta", false}});
  tenant_.remove("/contacts/" + contact_id(2));
  tenant_.put("/contacts/" + contact_id(3), {{"department", "new"}});
  tenant_.forget_requests();
  const auto listed = gald.cycle();
  expect_complete(listed);
  EXPECT_EQ(answered("/contacts/delta?$deltatoken", 400), 1);
  EXPECT_EQ(answered("/contacts/delta?$select", 400), 1);
  EXPECT_EQ(listed.published.deleted, 1);
  EXPECT_EQ(gald.count("contacts WHERE department = 'new'"), 1);
  EXPECT_EQ(gald.count("contacts WHERE kind = 'contact' AND status = 'active'"), 11);

  // As long as it lasts, every round is a list, compared with what is known.
  tenant_.post("/bulk", {{"contacts", {contact(13)}}});
  tenant_.remove("/contacts/" + contact_id(4));
  const auto again = gald.cycle();
  expect_complete(again);
  EXPECT_EQ(again.published.created, 1);
  EXPECT_EQ(again.published.deleted, 1);
  const auto quiet = gald.cycle();
  expect_complete(quiet);
  EXPECT_EQ(quiet.published.total(), 0);

  // And when it is back, so are the changes.
  tenant_.settings({{"contacts_delta", true}});
  expect_complete(gald.cycle());
  tenant_.remove("/contacts/" + contact_id(5));
  tenant_.forget_requests();
  const auto delta = gald.cycle();
  expect_complete(delta);
  EXPECT_FALSE(of(delta, "contacts").full);
  EXPECT_EQ(answered("/contacts/delta?$deltatoken", 200), 1);
  EXPECT_EQ(delta.published.deleted, 1);
}

// --- what a newer or an odd service sends --------------------------------------------------------

TEST_F(GraphTrap, ContextsPropertiesAndEnumMembersThatNobodyKnows) {
  tenant_.settings({{"surprises", true}, {"page_size", 5}});
  populate(12, 6, 4);
  tenant_.put("/contacts/" + contact_id(1),
              {{"phones", {{{"type", "business"}, {"number", "+49 30 1234567"}}}}});
  const json page = tenant_.graph("/contacts/delta?$select=id,phones");
  ASSERT_NE(page.at("@odata.context").get<std::string>().find("hologram"), std::string::npos);
  ASSERT_NE(page.at("value").dump().find("hologramQuality"), std::string::npos);
  ASSERT_NE(
      tenant_.graph("/groups/delta?$select=id,members").dump().find("#microsoft.graph.hologram\""),
      std::string::npos);
  Gald gald = with_graph();
  expect_complete(gald.cycle());
  expect_everybody(gald, 12, 6, 4);
  EXPECT_EQ(gald.sql("SELECT type, e164 FROM contact_phones"),
            (Gald::Rows{{"business", "+49301234567"}}));

  tenant_.remove("/users/" + user_id(12) + "?permanent=1");
  tenant_.put("/groups/" + group_id(1), {{"description", "new"}});
  const auto report = gald.cycle();
  expect_complete(report);
  EXPECT_EQ(report.published.deleted, 1);
  EXPECT_EQ(gald.count("groups WHERE description = 'new'"), 1);
  EXPECT_EQ(gald.count("quarantined"), 0);
}

TEST_F(GraphTrap, MembersOfHiddenTypesHaveNothingButTheirId) {
  tenant_.settings({{"hidden_types", {"user", "device", "servicePrincipal"}}});
  populate(3, 2);
  tenant_.post(
      "/bulk",
      {{"groups",
        {group(1, {member("user", user_id(1)), member("device", guid(7, 1)),
                   member("servicePrincipal", guid(8, 1)), member("contact", contact_id(1))})}}});
  const json page = tenant_.graph("/groups/delta?$select=id,members");
  ASSERT_NE(page.dump().find("#microsoft.graph.device"), std::string::npos) << page.dump(1);
  Gald gald = with_graph();
  expect_complete(gald.cycle());
  const std::set<std::string> known = {"Group 000001 > User 000001",
                                       "Group 000001 > Contact 000001"};
  EXPECT_EQ(gald.memberships(), known);
  EXPECT_EQ(gald.count("contacts WHERE status = 'active'"), 5);

  // A change of the group beside them, and one of them that goes.
  tenant_.post("/groups/" + group_id(1) + "/members", {{"remove", {member("device", guid(7, 1))}}});
  expect_complete(gald.cycle());
  EXPECT_EQ(gald.memberships(), known);
  EXPECT_EQ(gald.count("groups WHERE status = 'active'"), 1);
  EXPECT_EQ(gald.count("quarantined"), 0);
}

TEST_F(GraphTrap, MembersThatMayNoLongerBeReadStay) {
  populate(3, 2);
  tenant_.post(
      "/bulk",
      {{"groups", {group(1, {member("user", user_id(1)), member("contact", contact_id(1))})}}});
  Gald gald = with_graph();
  expect_complete(gald.cycle());
  const auto before = gald.memberships();
  ASSERT_EQ(before.size(), 2u);
  tenant_.settings({{"roles", {{"graph", {"User.Read.All", "Group.Read.All"}}}}});
  clock().advance(2h);  // tokens with the old roles are gone
  tenant_.put("/groups/" + group_id(1), {{"description", "new"}});
  const auto report = gald.cycle();
  EXPECT_EQ(report.outcome, Outcome::partial) << told(report);
  EXPECT_FALSE(of(report, "contacts").complete);
  EXPECT_TRUE(of(report, "groups").complete);
  EXPECT_EQ(gald.count("groups WHERE description = 'new'"), 1);
  EXPECT_EQ(gald.memberships(), before);
  EXPECT_EQ(gald.count("contacts WHERE status = 'active'"), 5);
}

TEST_F(GraphTrap, MembershipsAreNeverAskedForByPerson) {
  // getMemberGroups and its relatives end at 11,000 groups; members@delta does not.
  tenant_.settings({{"link_page_size", 100}});
  populate(450, 2, 12);
  Gald gald = with_graph();
  const auto report = gald.cycle();
  expect_complete(report);
  EXPECT_GE(of(report, "groups").pages, 10) << "the groups were not spread over pages";
  expect_everybody(gald, 450, 2, 12);
  for (const json& row : tenant_.requests("graph"))
    for (const char* limited : {"getMember", "checkMember", "emberOf", "transitive", "getByIds"})
      EXPECT_EQ(row.at("path").get<std::string>().find(limited), std::string::npos) << row;
}

TEST_F(GraphTrap, AGuestAndAContactShareAnAddress) {
  const std::string mail = "jane@fabrikam.test";
  json guest = user(1);
  guest["userType"] = "Guest";
  guest["displayName"] = "Jane (guest)";
  guest["mail"] = mail;
  guest["userPrincipalName"] = "jane_fabrikam.test#EXT#@contoso.onmicrosoft.com";
  guest["proxyAddresses"] = {"SMTP:" + mail};
  json twin = contact(1);
  twin["displayName"] = "Jane (contact)";
  twin["mail"] = mail;
  twin["proxyAddresses"] = {"SMTP:" + mail};
  tenant_.post("/bulk", {{"users", {guest}}, {"contacts", {twin}}});
  Gald gald = with_graph();
  expect_complete(gald.cycle());
  EXPECT_EQ(gald.everybody(),
            (std::set<std::string>{"Jane (contact) active", "Jane (guest) active"}));
  EXPECT_EQ(gald.reader().find(mail).size(), 2u);
  EXPECT_EQ(gald.count("contacts WHERE kind = 'guest'"), 1);

  tenant_.remove("/contacts/" + contact_id(1));
  expect_complete(gald.cycle());
  EXPECT_EQ(gald.everybody(),
            (std::set<std::string>{"Jane (contact) deleted", "Jane (guest) active"}));
  const auto found = gald.reader().find(mail);
  EXPECT_TRUE(std::any_of(found.begin(), found.end(), [](const model::Contact& each) {
    return each.entry.kind == model::EntryKind::guest && each.entry.status == model::Status::active;
  }));
}

TEST_F(GraphTrap, OneBadPropertyKillsTheList) {
  populate(3, 3, 3);
  ASSERT_EQ(tenant_.graph("/users/delta?$select=id,aboutMe").at("status"), 501);
  ASSERT_EQ(tenant_.graph("/contacts/delta?$select=id,nickName").at("status"), 400);
  Gald gald = with_graph();
  expect_complete(gald.cycle());
  for (const char* listing : {"/users/delta", "/contacts/delta", "/groups/delta"}) {
    EXPECT_EQ(asked(std::string(listing) + "?$select="), 1);
    EXPECT_EQ(answered(std::string(listing) + "?$select=", 200), 1);
  }
  expect_everybody(gald, 3, 3, 3);
}

// --- refusals ------------------------------------------------------------------------------------

TEST_F(GraphTrap, RefusalsBelowTheLimit) {
  tenant_.settings({{"page_size", 5}});
  populate(60, 20, 10);
  for (const char* form : {"seconds", "decimal", "date", "none"}) {
    SCOPED_TRACE(form);
    tenant_.remove("/violations");
    tenant_.remove("/faults");
    tenant_.forget_requests();
    tenant_.fault({{"service", "graph"},
                   {"status", 429},
                   {"share", 0.3},
                   {"times", -1},
                   {"retry_after", form},
                   {"between", {0.5, 8}}});
    Gald gald = with_graph();
    const auto report = gald.cycle();
    expect_complete(report);
    EXPECT_GE(answered("", 429), 3);
    EXPECT_GT(of(report, "users").waited, 0ms);
    expect_everybody(gald, 60, 20, 10);
    const json violations = tenant_.get("/violations");
    EXPECT_TRUE(violations.empty()) << violations.dump(1);
  }
}

TEST_F(GraphTrap, RetryAfterIsAlwaysTheSame) {
  // A date that only leads to the next refusal is not a promise: there is a least pause.
  populate(3);

  struct Case {
    const char* header;
    std::chrono::milliseconds least;
  };

  for (const Case& each : {Case{"1", 8s}, Case{"0.001", 800ms}, Case{"0", 800ms}}) {
    SCOPED_TRACE(each.header);
    tenant_.remove("/violations");
    tenant_.forget_requests();
    tenant_.fault({{"service", "graph"},
                   {"path", "/users/delta"},
                   {"status", 429},
                   {"times", 8},
                   {"headers", {{"Retry-After", each.header}}}});
    Gald gald(clock());
    gald.add(only("users"));
    const auto start = clock().now();
    expect_complete(gald.cycle());
    EXPECT_EQ(answered("", 429), 8);
    EXPECT_EQ(asked(""), 9);
    EXPECT_GE(clock().now() - start, each.least);
    expect_everybody(gald, 3);
  }
}

}  // namespace
}  // namespace gald::contract
