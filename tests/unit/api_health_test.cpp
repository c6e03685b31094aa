#include <fstream>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/api.hpp"
#include "api/authority.hpp"
#include "index/index.hpp"
#include "support.hpp"

namespace gald::api {

using Json = nlohmann::json;
using test::anchor;
using test::Attribute;

namespace {

/// Lets in whoever it is told to.
class Door final : public Authority {
 public:
  Principal admit(const net::ServerRequest&) const override { return who; }

  Principal who{"test", Scope::read};
};

class HealthTest : public testing::Test {
 protected:
  static constexpr auto kUsers = "users";

  HealthTest() {
    services_.live = &live_;
    services_.collections = {{"entra", "entra", kUsers}, {"ad", "active-directory", "directory"}};
  }

  std::filesystem::path file() const { return directory_.path() / "gald.db"; }

  index::Index& index() {
    if (!index_)
      index_.emplace(file(), clock_);
    return *index_;
  }

  /// One cycle that reads some users completely, or fails to.
  void cycle(std::vector<int> numbers, const std::string& error = {}, bool publish = true) {
    const index::CollectionKey key{"entra", model::ConnectorKind::entra, kUsers, "v1", false};
    model::RunReport report;
    report.started = clock_.now();
    report.id = index().begin_run();
    std::vector<model::Change> changes;
    for (const int number : numbers) {
      model::Change change;
      change.anchor = anchor(number);
      change.kind = model::RecordKind::user;
      change.set[Attribute::display_name] = {"user " + std::to_string(number)};
      changes.push_back(std::move(change));
    }
    index().position(key);
    if (error.empty())
      index().apply(key, std::move(changes), {}, model::Cursor{std::to_string(report.id), ""},
                    true);
    if (publish && error.empty())
      report.published = index().publish(report.id, {}, {});
    model::CollectionReport read;
    read.connector = "entra";
    read.collection = kUsers;
    read.complete = error.empty();
    read.error = error;
    report.collections.push_back(read);
    clock_.advance(std::chrono::seconds(1));
    report.ended = clock_.now();
    report.outcome = error.empty() ? model::Outcome::complete : model::Outcome::failed;
    index().end_run(report);
  }

  net::ServerResponse get(const std::string& target) {
    if (!api_)
      api_.emplace(file(), door_, services_);
    net::ServerRequest request;
    request.method = "GET";
    request.target = target;
    return api_->answer(request);
  }

  Json status() {
    const net::ServerResponse response = get("/api/identity/status");
    EXPECT_EQ(response.status, 200) << response.body;
    return Json::parse(response.body);
  }

  test::TemporaryDirectory directory_;
  base::ManualClock clock_{base::TimePoint(std::chrono::hours(24 * 365 * 50))};
  sync::LiveStatus live_{clock_};
  Door door_;
  Services services_{.clock = clock_, .version = "7.0"};
  std::optional<index::Index> index_;
  std::optional<Api> api_;
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
  cycle({1, 2}, {}, false);
  EXPECT_EQ(waits_for(), Names{"ad/directory"});
  cycle({1, 2});
  const net::ServerResponse response = get("/readyz");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(Json::parse(response.body), Json({{"ready", true}}));
}

TEST_F(HealthTest, AnIndexThatCannotBeReadIsNotReadyAndItsFileIsNotTold) {
  index_.emplace(file(), clock_);
  index_.reset();
  std::filesystem::resize_file(file(), 0);
  std::ofstream(file()) << "no index at all, but long enough to be taken for a file of something";
  const net::ServerResponse response = get("/readyz");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body.find("gald.db"), std::string::npos) << response.body;
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
  cycle({1, 2, 3});
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
  cycle({1, 2, 3, 4});
  live_.cycle_begun();
  clock_.advance(std::chrono::seconds(10));
  live_.moved({sync::Progress::Stage::reading, "entra", kUsers, 1, true});
  const Json body = status();
  EXPECT_EQ(body.at("state"), "reading");
  ASSERT_EQ(body.at("progress").size(), 1U);
  EXPECT_EQ(body.at("progress")[0].at("objects"), 1);
  EXPECT_EQ(body.at("progress")[0].at("expected"), 4);
  EXPECT_EQ(body.at("estimateSeconds"), 30);
}

TEST_F(HealthTest, StatusTellsWhenCredentialsEnd) {
  services_.collections.pop_back();
  cycle({1});
  index().note_credential("entra", "client secret", clock_.now() + std::chrono::hours(49));
  cycle({1});
  const Json body = status();
  ASSERT_EQ(body.at("credentials").size(), 1U);
  EXPECT_EQ(body.at("credentials")[0].at("connector"), "entra");
  EXPECT_EQ(body.at("credentials")[0].at("daysLeft"), 2);
}

TEST_F(HealthTest, WhoSeesOnlySomeIsToldTheStateAndTheAge) {
  services_.collections.pop_back();
  cycle({1});
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
