// The known traps of tokens and permissions, against the tenant simulator.
#include "tenant.hpp"

namespace gald::contract {
namespace {

using namespace std::chrono_literals;
using model::Outcome;

class TokenTrap : public TrapTest {
 protected:
  void grant(const json& roles) { tenant_.settings({{"roles", {{"graph", roles}}}}); }

  int tokens_asked_for() const { return static_cast<int>(tenant_.requests("login").size()); }
};

TEST_F(TokenTrap, ContactsReadIsNotOrgContactReadAll) {
  populate(3, 2, 1);
  grant({"Contacts.Read", "User.Read.All", "Group.Read.All"});
  Gald gald(clock());
  gald.add(graph());
  const auto report = gald.cycle();
  EXPECT_EQ(report.outcome, Outcome::partial) << told(report);
  EXPECT_TRUE(of(report, "users").complete);
  EXPECT_TRUE(of(report, "groups").complete);
  const auto& contacts = of(report, "contacts");
  EXPECT_FALSE(contacts.complete);
  EXPECT_NE(contacts.error.find("OrgContact.Read.All"), std::string::npos) << contacts.error;
  EXPECT_NE(contacts.remedy.find("OrgContact.Read.All"), std::string::npos) << contacts.remedy;
  EXPECT_EQ(report.waiting_for, std::vector<std::string>{"entra/contacts"});

  const auto findings = gald.check();
  const auto named = std::find_if(findings.begin(), findings.end(), [](const auto& finding) {
    return finding.level == sync::Finding::Level::problem && finding.check == "permission";
  });
  ASSERT_NE(named, findings.end());
  EXPECT_NE(named->what.find("OrgContact.Read.All"), std::string::npos) << named->what;
  EXPECT_NE(named->remedy.find("OrgContact.Read.All"), std::string::npos) << named->remedy;
  EXPECT_EQ(std::count_if(
                findings.begin(), findings.end(),
                [](const auto& finding) { return finding.level == sync::Finding::Level::problem; }),
            2)
      << "the permission, and the collection that needs it";
}

TEST_F(TokenTrap, ARoleIsGrantedWhileATokenIsCached) {
  populate(3, 2, 1);
  grant({"OrgContact.Read.All", "Group.Read.All"});
  Gald gald(clock());
  gald.add(graph());
  const auto before = gald.cycle();
  EXPECT_EQ(before.outcome, Outcome::partial) << told(before);
  EXPECT_NE(of(before, "users").remedy.find("User.Read.All"), std::string::npos) << told(before);
  EXPECT_EQ(tokens_asked_for(), 2) << "one, and one more because of the 403";

  grant({"OrgContact.Read.All", "Group.Read.All", "User.Read.All"});
  tenant_.forget_requests();
  const auto after = gald.cycle();  // no time has passed: the token in hand is as good as new
  expect_complete(after);
  EXPECT_EQ(tokens_asked_for(), 1);
  expect_everybody(gald, 3, 2, 1);
}

TEST_F(TokenTrap, ARoleThatIsMissingIsNotAskedForAgainAndAgain) {
  populate(3, 2, 1);
  grant(json::array());
  Gald gald(clock());
  gald.add(graph());
  const auto report = gald.cycle();
  EXPECT_EQ(report.outcome, Outcome::failed) << told(report);
  for (const char* collection : {"users", "contacts", "groups"})
    EXPECT_EQ(tenant_.requests("graph", collection).size(), 2u) << collection;
  EXPECT_LE(tokens_asked_for(), 4);
}

TEST_F(TokenTrap, ATokenEndsInTheMiddleOfARound) {
  tenant_.settings({{"page_size", 10}, {"token_lifetime", 600}});
  populate(60);
  Gald gald(clock());
  gald.add(std::make_unique<Lens>(graph(), std::set<std::string>{"users"}));
  sync::CycleOptions options;
  options.progress = [&](const sync::Progress& progress) {
    if (progress.stage == sync::Progress::Stage::reading)
      clock().advance(500s);
  };
  const auto report = gald.cycle(options);
  expect_complete(report);
  EXPECT_EQ(tokens_asked_for(), 6) << "each page found the token at the end of its life";
  for (const json& row : tenant_.requests("graph"))
    EXPECT_EQ(row.at("status"), 200) << row;
  expect_everybody(gald, 60);
}

TEST_F(TokenTrap, AChallengeWantsATokenWithItsClaims) {
  populate(3, 2, 1);
  Gald gald(clock());
  gald.add(graph());
  expect_complete(gald.cycle());
  tenant_.post("/challenge", {{"service", "graph"}});
  tenant_.post("/bulk", {{"users", {user(4)}}});
  tenant_.forget_requests();
  expect_complete(gald.cycle());
  EXPECT_EQ(tokens_asked_for(), 1);
  const auto rows = tenant_.requests("graph");
  EXPECT_GE(std::count_if(rows.begin(), rows.end(),
                          [](const json& row) { return row.at("status") == 401; }),
            1);
  EXPECT_TRUE(gald.everybody().contains("User 000004 active"));
}

}  // namespace
}  // namespace gald::contract
