#include <fstream>
#include <set>

#include <nlohmann/json.hpp>

#include "api_world.hpp"

namespace gald::api {

using Json = nlohmann::json;

namespace {

class HealthTest : public test::ApiWorld {
 protected:
  Json status() {
    const net::ServerResponse response = get("/api/identity/status");
    EXPECT_EQ(response.status, 200) << response.body;
    return Json::parse(response.body);
  }
};

}  // namespace

TEST_F(HealthTest, IsAliveWithoutATokenAndWithoutAnIndex) {
  door_.who.scope = Scope::none;
  const net::ServerResponse response = get("/healthz");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "ok\n");
  EXPECT_EQ(get("/api/identity/status").status, 401);
}

TEST_F(HealthTest, IsReadyOnceSomethingIsPublished) {
  door_.who.scope = Scope::none;
  const auto waits_for = [&] {
    const net::ServerResponse response = get("/readyz");
    EXPECT_EQ(response.status, 503);
    return Json::parse(response.body).at("waitingFor").get<std::vector<std::string>>();
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(waits_for(), (Names{"entra/users", "ad/directory"})) << "there is no index yet";
  cycle(users({1, 2}), {}, false);
  EXPECT_EQ(waits_for(), Names{"ad/directory"});
  cycle(users({1, 2}));
  const net::ServerResponse response = get("/readyz");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(Json::parse(response.body), Json({{"ready", true}}));
}

TEST_F(HealthTest, IsReadyForThoseWhoSeeNobodyToo) {
  services_.collections.pop_back();
  cycle(users({1, 2}));
  door_.who.permission.groups = std::set<std::string>{"00000000-0000-4000-8000-000000000000"};
  EXPECT_EQ(get("/readyz").status, 200);
  EXPECT_EQ(status().at("published"), true);
}

TEST_F(HealthTest, AnIndexThatCannotBeReadIsNotReadyAndItsFileIsNotTold) {
  index_.emplace(file(), clock_);
  index_.reset();
  std::filesystem::resize_file(file(), 0);
  std::ofstream(file()) << "no index at all, but long enough to be taken for a file of something";
  const net::ServerResponse response = get("/readyz");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body.find("gald.db"), std::string::npos) << response.body;
  const Json body = status();
  EXPECT_EQ(body.at("published"), false);
  EXPECT_EQ(body.at("ageSeconds"), nullptr);
  EXPECT_EQ(body.at("connectors").size(), 2U);
}

TEST_F(HealthTest, StatusBeforeTheFirstCycle) {
  const Json body = status();
  EXPECT_EQ(body.at("version"), "7.0");
  EXPECT_EQ(body.at("state"), "idle");
  EXPECT_EQ(body.at("published"), false);
  EXPECT_EQ(body.at("ageSeconds"), nullptr);
  EXPECT_EQ(body.at("connectors").size(), 2U);
  EXPECT_EQ(body.at("connectors")[1].at("collection"), "directory");
  EXPECT_EQ(body.at("connectors")[1].at("lastSuccess"), nullptr);
}

TEST_F(HealthTest, StatusTellsHowEverySourceDoes) {
  services_.collections.pop_back();
  cycle(users({1, 2, 3}));
  const std::string success = status().at("connectors")[0].at("lastSuccess");
  EXPECT_EQ(status().at("lastChange"), 3);
  EXPECT_EQ(status().at("ageSeconds"), 1);
  EXPECT_EQ(status().at("connectors")[0].at("liveRecords"), 3);
  EXPECT_EQ(status().at("connectors")[0].at("failingSince"), nullptr);
  clock_.advance(std::chrono::minutes(30));
  cycle({}, "the source is on fire");
  const Json line = status().at("connectors")[0];
  EXPECT_EQ(line.at("error"), "the source is on fire");
  EXPECT_EQ(line.at("lastSuccess"), success);
  EXPECT_GT(line.at("failingSince"), success);
  EXPECT_EQ(line.at("lastAttempt"), line.at("failingSince"));
  EXPECT_EQ(status().at("ageSeconds"), 30 * 60 + 2);
}

TEST_F(HealthTest, StatusEstimatesAReadThatWasCompleteBefore) {
  cycle(users({1, 2, 3, 4}));
  live_.cycle_begun();
  clock_.advance(std::chrono::seconds(10));
  live_.moved({sync::Progress::Stage::reading, "entra", "users", 1, true});
  const Json body = status();
  EXPECT_EQ(body.at("state"), "reading");
  ASSERT_EQ(body.at("progress").size(), 1U);
  EXPECT_EQ(body.at("progress")[0].at("objects"), 1);
  EXPECT_EQ(body.at("progress")[0].at("expected"), 4);
  EXPECT_EQ(body.at("estimateSeconds"), 30);
  live_.moved({sync::Progress::Stage::reading, "entra", "users", 1, true, false, 6});
  EXPECT_EQ(status().at("progress")[0].at("expected"), 6) << "the source knows better";
}

TEST_F(HealthTest, StatusTellsWhenCredentialsEnd) {
  services_.collections.pop_back();
  cycle(users({1}));
  index().note_credential("entra", "client secret", clock_.now() + std::chrono::hours(49));
  cycle(users({1}));
  const Json body = status();
  ASSERT_EQ(body.at("credentials").size(), 1U);
  EXPECT_EQ(body.at("credentials")[0].at("connector"), "entra");
  EXPECT_EQ(body.at("credentials")[0].at("daysLeft"), 2);
}

TEST_F(HealthTest, WhoSeesOnlySomeIsToldTheStateAndTheAge) {
  services_.collections.pop_back();
  cycle(users({1}));
  door_.who.permission.hidden = false;
  std::set<std::string> keys;
  const Json body = status();
  for (const auto& [key, value] : body.items())
    keys.insert(key);
  EXPECT_EQ(keys, (std::set<std::string>{"version", "state", "since", "nextCycleAt", "published",
                                         "ageSeconds"}));
  EXPECT_EQ(body.at("ageSeconds"), 1);
}

}  // namespace gald::api
