// What somebody has to look at and decides: conflicts, held plans, runs, cycles.
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <stdexcept>
#include <thread>

#include <SQLiteCpp/SQLiteCpp.h>

#include "api_fixture.hpp"
#include "base/log.hpp"
#include "commands.hpp"
#include "decision.hpp"
#include "export/run_json.hpp"
#include "plan_world.hpp"

namespace gald::api {

namespace {

using index::search_world::named;
using world::header;
using world::json;

const std::string kBase = "/api/identity/";

/// Conflicts: pairs of contacts with one address.
class ApiConflicts : public world::ApiTest {
 protected:
  void add_pairs(int first, int last) {
    std::vector<model::Change> changes;
    for (int pair = first; pair <= last; ++pair)
      for (const int side : {0, 1}) {
        model::Change change = named(2 * pair + side, "Anna", "Number " + std::to_string(pair));
        change.set[model::Attribute::proxy_addresses] = {"smtp:p" + std::to_string(pair) +
                                                         "@x.test"};
        changes.push_back(std::move(change));
      }
    apply(std::move(changes));
    publish();
  }

  json all() const {
    json lines = json::array();
    index::Reader(file()).conflicts({}, [&](const index::ConflictLine& line) {
      lines.push_back(json::parse(exporting::to_json(line)));
      return true;
    });
    return lines;
  }
};

TEST_F(ApiConflicts, ComePageByPageWhateverIsPublishedMeanwhile) {
  add_pairs(1, 7);
  add_pairs(8, 12);
  const json before = all();
  ASSERT_GE(before.size(), 12U);
  EXPECT_EQ(get(kBase + "conflicts"), (json{{"items", before}, {"next", nullptr}}));

  json pages = json::array();
  std::string cursor;
  for (int page = 0; page == 0 || !cursor.empty(); ++page) {
    const net::ServerResponse response = ask(kBase + "conflicts?limit=2" + cursor);
    const json body = json::parse(response.body);
    pages.insert(pages.end(), body["items"].begin(), body["items"].end());
    cursor.clear();
    if (body["next"].is_string()) {
      cursor = "&cursor=" + body["next"].get<std::string>();
      EXPECT_EQ(header(response, "Link"),
                "</api/identity/conflicts?limit=2" + cursor + ">; rel=\"next\"");
    }
    add_pairs(20 + page, 20 + page);  // newer ones come first: they are missed, and nothing else
  }
  EXPECT_EQ(pages, before);
}

TEST_F(ApiConflicts, AreThoseOfAKindOrAContact) {
  add_pairs(1, 3);
  const std::string id = all()[0]["contact"]["id"];
  for (const json& line : get(kBase + "conflicts?contact=" + id)["items"])
    EXPECT_TRUE(line["contact"]["id"] == id || line["other"]["id"] == id);
  EXPECT_FALSE(get(kBase + "conflicts?contact=" + id)["items"].empty());
  EXPECT_EQ(get(kBase + "conflicts?kind=duplicate")["items"], all());
  EXPECT_EQ(get(kBase + "conflicts?kind=collision")["items"], json::array());
  EXPECT_EQ(refused(kBase + "conflicts?kind=war").substr(0, 29), "kind: expected one of collisi");
  EXPECT_EQ(refused(kBase + "conflicts?contact=me").substr(0, 28), "contact: expected the id of ");
  EXPECT_EQ(refused(kBase + "conflicts?cursor=abc").substr(0, 8), "cursor: ");
  const std::string cursor = get(kBase + "conflicts?limit=1")["next"];
  EXPECT_EQ(refused(kBase + "conflicts?kind=duplicate&cursor=" + cursor).substr(0, 8), "cursor: ");
}

// ---- plans --------------------------------------------------------------------------------------

class ApiPlans : public index::plan_world::PlanTest {
 protected:
  ApiPlans() {
    apply(index::plan_world::people(1, 60));
    publish();
    apply(index::plan_world::departures(1, 7));
    publish();
    services_.decide = [this](std::int64_t plan, Services::Decision decision) {
      decided_.push_back({plan, decision});
      return says_;
    };
  }

  net::ServerResponse ask(const std::string& method, const std::string& target,
                          world::Headers headers = {}, net::Peer peer = {}) {
    if (!api_)
      api_ = std::make_unique<Api>(file(), authority_, services_);
    return api_->answer({method, kBase + target, std::move(headers), {}, std::move(peer)});
  }

  net::ServerResponse post(const std::string& target) {
    return ask("POST", target, {{"Content-Type", "application/json; charset=utf-8"}});
  }

  json get(const std::string& target) {
    const net::ServerResponse response = ask("GET", target);
    EXPECT_EQ(response.status, 200) << response.body;
    return json::parse(response.body);
  }

  world::Anybody authority_;
  Services services_{clock_, "1.2.3"};
  Services::Decided says_;
  std::vector<std::pair<std::int64_t, Services::Decision>> decided_;
  std::unique_ptr<Api> api_;
};

TEST_F(ApiPlans, AreListedAndShownWithWhatTheyWouldDo) {
  const model::HeldPlan held = open();
  const json expected = json::parse(exporting::to_json(held));
  EXPECT_EQ(get("plans"), (json{{"items", {expected}}}));

  const std::string path = "plans/" + std::to_string(held.number);
  json shown = get(path);
  EXPECT_EQ(shown["changes"].size(), 7U);
  EXPECT_EQ(shown["more"], false);
  EXPECT_EQ(shown["changes"][0]["operation"], "deleted");
  const json some = get(path + "?limit=3");
  EXPECT_EQ(some["changes"].size(), 3U);
  EXPECT_EQ(some["more"], true);
  EXPECT_EQ(get(path + "?limit=7")["more"], false);
  EXPECT_TRUE(ask("GET", "plans").keep != nullptr);
  EXPECT_TRUE(ask("GET", path).keep == nullptr) << "what it would do goes by the clock";
  shown.erase("changes");
  shown.erase("more");
  EXPECT_EQ(shown, expected);

  approve(held.number);
  EXPECT_EQ(get("plans")["items"], json::array());
  EXPECT_EQ(get("plans?all=true")["items"][0]["state"], "approved");
  EXPECT_EQ(get(path)["changes"], json::array());
  for (const char* unknown : {"plans/99", "plans/x", "plans/1x", "plans/-1"})
    EXPECT_EQ(ask("GET", unknown).status, 404) << unknown;
}

TEST_F(ApiPlans, AreDecidedByTheServiceAndAnsweredAsTheyAreThen) {
  const std::int64_t number = open().number;
  const std::string path = "plans/" + std::to_string(number);
  services_.decide = [&](std::int64_t plan, Services::Decision decision) {
    decided_.push_back({plan, decision});
    approve(plan);
    return says_;
  };
  const net::ServerResponse response = post(path + "/approve");
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(json::parse(response.body)["state"], "approved");
  EXPECT_EQ(header(response, "Cache-Control"), "no-store");
  EXPECT_EQ(decided_.back(), std::pair(number, Services::Decision::approve));
  EXPECT_EQ(contacts().at("n1"), "deleted");
}

TEST_F(ApiPlans, AreNotDecidedWhenTheServiceSaysSo) {
  using Outcome = Services::Decided::Outcome;
  const std::int64_t number = open().number;
  const std::string path = "plans/" + std::to_string(number) + "/reject";
  for (const auto& [outcome, status] :
       {std::pair(Outcome::closed, 409), {Outcome::busy, 503}, {Outcome::unknown, 404}}) {
    says_ = {outcome, "a reason"};
    const net::ServerResponse response = post(path);
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(json::parse(response.body)["detail"], "a reason");
    EXPECT_EQ(header(response, "Retry-After"), outcome == Outcome::busy ? "10" : "");
    EXPECT_EQ(decided_.back(), std::pair(number, Services::Decision::reject));
  }
  EXPECT_EQ(post("plans/99/approve").status, 404);
  EXPECT_EQ(decided_.size(), 3U);
}

TEST_F(ApiPlans, ADecisionThatFailsIsToldOfToo) {
  const std::string path = "plans/" + std::to_string(open().number) + "/approve";
  services_.decide = [](std::int64_t, Services::Decision) -> Services::Decided {
    throw std::runtime_error("the disk is full");
  };
  base::log::start(base::log::Level::info);
  testing::internal::CaptureStderr();
  const net::ServerResponse response = post(path);
  const std::string log = testing::internal::GetCapturedStderr();
  base::log::start(base::log::Level::error);
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.route, "/api/identity/plans/{plan}/approve");
  EXPECT_EQ(response.body.find("disk"), std::string::npos) << response.body;
  EXPECT_NE(log.find("api.failed: the disk is full method=POST route=" + response.route),
            std::string::npos)
      << log;
  EXPECT_NE(log.find("api.audit"), std::string::npos) << log;
  EXPECT_NE(log.find("outcome=failed"), std::string::npos) << log;
}

TEST_F(ApiPlans, WhatTakesLongIsNotAllThatIsDone) {
  const std::string path = "plans/" + std::to_string(open().number) + "/approve";
  std::promise<void> go_on;
  const std::shared_future<void> told(go_on.get_future());
  std::atomic<int> under_way = 0;
  services_.decide = [&](std::int64_t, Services::Decision) {
    ++under_way;
    told.wait_for(std::chrono::seconds(20));
    return says_;
  };
  ask("GET", "me");  // makes the API
  std::vector<std::future<int>> decisions;
  for (int i = 0; i < 2; ++i)
    decisions.push_back(std::async(std::launch::async, [&] { return post(path).status; }));
  while (under_way < 2)
    std::this_thread::yield();
  for (const char* target : {"contacts/export?format=csv", "changes/snapshot", "contacts?at=1"}) {
    const net::ServerResponse refused = ask("GET", target);
    EXPECT_EQ(refused.status, 503) << target;
    EXPECT_EQ(header(refused, "Retry-After"), "10");
  }
  EXPECT_EQ(post(path).status, 503);
  EXPECT_EQ(ask("GET", "contacts").status, 200);
  go_on.set_value();
  for (std::future<int>& decision : decisions)
    EXPECT_EQ(decision.get(), 200);
  EXPECT_EQ(ask("GET", "contacts?at=1").status, 200);
}

TEST_F(ApiPlans, ARunWhoseDecisionFailsEndsAsFailed) {
  const std::int64_t number = open().number;
  index_.reset();
  daemon::Config config;
  config.index_file = file();
  {
    SQLite::Database database(file().string(), SQLite::OPEN_READWRITE);
    database.exec(
        "CREATE TRIGGER full BEFORE UPDATE ON plan BEGIN SELECT RAISE(ABORT, 'no room'); END");
  }
  std::vector<model::RunReport> runs;
  const auto keep = [&](const model::RunReport& report) { runs.push_back(report); };
  EXPECT_ANY_THROW(
      daemon::decide(config, clock_, {.plan = number, .approve = true, .on_run = keep}, {}));
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].outcome, model::Outcome::failed);
  const index::RunSummary last = index::Reader(file()).runs(1).at(0);
  EXPECT_EQ(last.outcome, "failed");
  EXPECT_FALSE(last.ended_at.empty());
  EXPECT_NE(last.error.find("no room"), std::string::npos) << last.error;
}

TEST_F(ApiPlans, AreToldOfWhenTheCommandLineDecides) {
  const std::int64_t number = open().number;
  index_.reset();
  daemon::Config config;
  config.index_file = file();
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  const auto reject = [&](std::int64_t plan) {
    return daemon::execute(
        daemon::PlanCommand{.action = daemon::PlanCommand::Action::reject, .number = plan},
        {config});
  };
  const int done = reject(number);
  const int unknown = reject(number + 1);
  const std::string log = testing::internal::GetCapturedStderr();
  testing::internal::GetCapturedStdout();
  base::log::start(base::log::Level::error);
  EXPECT_EQ(done, 0);
  EXPECT_NE(unknown, 0);
  const std::string what = "from=\"command line\" what=\"reject plan ";
  EXPECT_NE(log.find(what + std::to_string(number) + "\" outcome=done"), std::string::npos) << log;
  EXPECT_NE(log.find(what + std::to_string(number + 1) + "\" outcome=unknown"), std::string::npos)
      << log;
}

TEST_F(ApiPlans, ADecisionIsARunThatIsTold) {
  const std::int64_t number = open().number;
  index_.reset();
  daemon::Config config;
  config.index_file = file();
  std::vector<model::RunReport> runs;
  const auto decide = [&](std::int64_t plan, bool approve) {
    return daemon::decide(config, clock_,
                          {.plan = plan,
                           .approve = approve,
                           .on_run = [&](const model::RunReport& run) { runs.push_back(run); }},
                          {});
  };
  decide(number + 1, true);
  EXPECT_TRUE(runs.empty()) << "there is no such plan";
  decide(number, true);
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].published.deleted, 7);
  EXPECT_EQ(runs[0].outcome, model::Outcome::complete);
  EXPECT_EQ(runs[0].id, index::Reader(file()).runs(1).at(0).id);
}

TEST_F(ApiPlans, AreNothingForThoseWhoMayNotSeeEverything) {
  authority_.principal.permission.sources = {model::Source::cloud};
  const std::string path = "plans/" + std::to_string(open().number);
  for (const std::string& target :
       {std::string("plans"), path, std::string("plans/99"), std::string("runs")})
    EXPECT_EQ(ask("GET", target).status, 403) << target;
  EXPECT_EQ(post(path + "/approve").status, 403);
  EXPECT_TRUE(decided_.empty());
}

TEST_F(ApiPlans, TakeTheScopeOperate) {
  const std::string path = "plans/" + std::to_string(open().number);
  authority_.principal.scope = Scope::read;
  EXPECT_EQ(ask("GET", path).status, 200);
  EXPECT_EQ(post(path + "/approve").status, 403);
  EXPECT_EQ(post("sync").status, 403);
  authority_.principal.scope = Scope::operate;
  EXPECT_EQ(post("contacts").status, 403);
  EXPECT_TRUE(decided_.empty());
}

/// A form on a page of somebody else, sent by a browser that shows its certificate by itself.
TEST_F(ApiPlans, AreNotDecidedByAForgedRequest) {
  const std::string path = "plans/" + std::to_string(open().number) + "/approve";
  net::Peer local;
  local.user = 0;
  EXPECT_EQ(ask("POST", path).status, 403);
  for (const char* type : {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
                           "application/jsonx"})
    EXPECT_EQ(ask("POST", path, {{"Content-Type", type}, {"Authorization", "Bearer x"}}).status,
              415)
        << type;
  EXPECT_TRUE(decided_.empty());
  EXPECT_EQ(ask("POST", path, {{"Authorization", "Bearer x"}}).status, 200);
  EXPECT_EQ(ask("POST", path, {}, local).status, 200);
  EXPECT_EQ(ask("POST", path, {{"Content-Type", "Application/JSON"}}).status, 200);
  EXPECT_EQ(decided_.size(), 3U);
}

// ---- runs and cycles ----------------------------------------------------------------------------

TEST_F(ApiPlans, RunsSayWhatWasReadAndPublished) {
  model::RunReport report;
  report.id = index_->begin_run();
  report.started = report.ended = clock_.now();
  report.outcome = model::Outcome::partial;
  report.published.created = 3;
  report.collections.resize(2);
  report.collections[0].connector = "ad";
  report.collections[0].collection = "directory";
  report.collections[0].complete = true;
  report.collections[0].full = true;
  report.collections[0].staged.added = 60;
  report.collections[0].units = 1.5;
  report.collections[1].connector = "entra";
  report.collections[1].collection = "users";
  report.collections[1].error = "not now";
  index_->end_run(report);

  const json runs = get("runs");
  EXPECT_EQ(runs["next"], nullptr);
  ASSERT_EQ(runs["items"].size(), 3U);
  const json& last = runs["items"][0];
  EXPECT_EQ(last["run"], report.id);
  EXPECT_EQ(last["outcome"], "partial");
  EXPECT_EQ(last["published"]["created"], 3);
  ASSERT_EQ(last["collections"].size(), 2U);
  EXPECT_EQ(last["collections"][0]["round"], "full");
  EXPECT_EQ(last["collections"][0]["added"], 60);
  EXPECT_EQ(last["collections"][0]["units"], 1.5);
  EXPECT_EQ(last["collections"][0]["error"], nullptr);
  EXPECT_EQ(last["collections"][1]["error"], "not now");
  EXPECT_FALSE(last["collections"][1].contains("remedy"));

  json pages = json::array();
  std::string cursor;
  do {
    const json page = get("runs?limit=1" + cursor);
    pages.insert(pages.end(), page["items"].begin(), page["items"].end());
    cursor = page["next"].is_null() ? "" : "&cursor=" + page["next"].get<std::string>();
  } while (!cursor.empty());
  EXPECT_EQ(pages, runs["items"]);
}

TEST_F(ApiPlans, ACycleIsAskedForAndTheNextRunIsIt) {
  EXPECT_EQ(post("sync").status, 503);  // nobody is there who would do it
  api_.reset();
  int asked = 0;
  services_.cycle_now = [&] { ++asked; };
  const net::ServerResponse response = post("sync");
  EXPECT_EQ(response.status, 202);
  EXPECT_EQ(response.body, "{\"lastRun\":" + std::to_string(run_) + "}");
  EXPECT_EQ(asked, 1);
}

TEST_F(ApiPlans, ACycleMayBeAskedForBeforeThereIsAnIndex) {
  services_.cycle_now = [] {};
  const test::TemporaryDirectory empty;
  Api api(empty.path() / "gald.db", authority_, services_);
  const net::ServerResponse response =
      api.answer({"POST", kBase + "sync", {{"Content-Type", "application/json"}}, {}, {}});
  EXPECT_EQ(response.status, 202);
  EXPECT_EQ(response.body, R"({"lastRun":null})");
  EXPECT_FALSE(api.news());
}

/// All but its first page is not what was written.
TEST_F(ApiPlans, AnIndexThatCannotBeReadIsSaidOnceAndACycleStartsAllTheSame) {
  int asked = 0;
  services_.cycle_now = [&] { ++asked; };
  index_.reset();
  {
    std::fstream damaged(file(), std::ios::in | std::ios::out | std::ios::binary);
    damaged.seekp(4096);
    damaged << std::string(std::filesystem::file_size(file()) - 4096, '?');
  }
  base::log::start(base::log::Level::info);
  testing::internal::CaptureStderr();
  std::vector<net::ServerResponse> refused;
  for (const char* target : {"contacts",
                             "contacts/"
                             "00000000-0000-4000-8000-000000000001",
                             "contacts?q=n1", "changes/snapshot", "runs", "plans"})
    refused.push_back(ask("GET", target));
  const net::ServerResponse cycle = post("sync");
  const bool news = api_->news();
  const std::string log = testing::internal::GetCapturedStderr();
  base::log::start(base::log::Level::error);
  for (const net::ServerResponse& response : refused) {
    EXPECT_EQ(response.status, 503) << response.route;
    EXPECT_EQ(header(response, "Retry-After"), "60");
    EXPECT_EQ(response.body.find(file().filename()), std::string::npos) << response.body;
    EXPECT_NE(response.body.find("the index cannot be read"), std::string::npos) << response.body;
  }
  EXPECT_EQ(cycle.status, 202);
  EXPECT_EQ(cycle.body, R"({"lastRun":null})");
  EXPECT_EQ(asked, 1);
  EXPECT_FALSE(news);
  const std::size_t first = log.find("api.index_unreadable");
  EXPECT_NE(first, std::string::npos) << log;
  EXPECT_EQ(log.find("api.index_unreadable", first + 1), std::string::npos) << log;
}

TEST_F(ApiPlans, ContactsAreNotWrittenYet) {
  const std::string contact = "contacts/" + test::anchor(1);
  for (const auto& [method, target] : {std::pair<std::string, std::string>("POST", "contacts"),
                                       {"POST", "contacts/bulk"},
                                       {"PUT", contact},
                                       {"DELETE", contact}}) {
    const net::ServerResponse response =
        ask(method, target, {{"Content-Type", "application/json"}});
    EXPECT_EQ(response.status, 501) << method << " " << target;
    EXPECT_EQ(header(response, "Content-Type"), "application/problem+json");
    EXPECT_EQ(json::parse(response.body)["title"], "Not Implemented");
  }
}

}  // namespace

}  // namespace gald::api
