#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "api/metrics.hpp"
#include "api_world.hpp"

namespace gald::api {

using test::anchor;
using test::Attribute;

namespace {

class MetricsTest : public test::ApiWorld {
 protected:
  MetricsTest() {
    services_.metrics = &metrics_;
    services_.interval = std::chrono::minutes(30);
    services_.collections[0].complete_every = std::chrono::hours(24);
  }

  std::string scrape() {
    const net::ServerResponse response = get("/metrics");
    EXPECT_EQ(response.status, 200) << response.body;
    return response.body;
  }

  /// The value of a series as it is printed; empty: it is not there.
  static std::string value(const std::string& text, const std::string& series) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with(series + " "))
        return line.substr(series.size() + 1);
    return {};
  }

  std::string value(const std::string& series) { return value(scrape(), series); }

  ProcessFigures process_{.cpu_seconds = 1.5,
                          .resident_bytes = 1000,
                          .virtual_bytes = 2000,
                          .threads = 7,
                          .open_files = 20,
                          .most_open_files = 1024,
                          .started = clock_.now()};
  Metrics metrics_{services_.collections,
                   {.process = [this] { return process_; },
                    .load =
                        [] {
                          return net::HttpServer::Load{3, 1, 2};
                        }}};
};

/// The word between the first two backticks of each line of the table.
std::set<std::string> documented() {
  std::ifstream file(std::string(GALD_SOURCE_DIR) + "/docs/monitoring.md");
  std::set<std::string> names;
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("| `gald_") || line.starts_with("| `process_"))
      names.insert(line.substr(3, line.find('`', 3) - 3) + " " +
                   line.substr(line.find("` | ") + 4,
                               line.find(" |", line.find("` | ") + 4) - line.find("` | ") - 4));
  return names;
}

/// "name type" of each family.
std::set<std::string> families(const std::string& text) {
  std::set<std::string> names;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("# TYPE "))
      names.insert(line.substr(7));
  return names;
}

}  // namespace

TEST_F(MetricsTest, AreThoseOfTheDocumentation) {
  std::vector<model::Change> changes = users({1, 2});
  for (model::Change& change : changes)
    change.set[Attribute::proxy_addresses] = {"SMTP:shared@contoso.test"};
  changes[1].kind = model::RecordKind::contact;  // a conflict
  metrics_.run_ended(cycle(changes));
  index().note_credential("entra", "client secret", clock_.now() + std::chrono::hours(49));
  cycle({});
  metrics_.answered("/healthz", "GET", 200, std::chrono::microseconds(50), 100);
  live_.next_cycle(clock_.now() + std::chrono::minutes(29));
  std::set<std::string> told = families(scrape());
  live_.cycle_begun();
  clock_.advance(std::chrono::seconds(10));
  live_.moved({sync::Progress::Stage::reading, "entra", "users", 1, true});
  told.merge(families(scrape()));
  live_.moved({sync::Progress::Stage::publishing, {}, {}, 10, true, false, 20});
  told.merge(families(scrape()));
  EXPECT_EQ(told, documented());
}

TEST_F(MetricsTest, BeginAtZeroAndWithoutAnIndex) {
  const std::string text = scrape();
  EXPECT_EQ(value(text, "gald_published"), "0");
  EXPECT_EQ(value(text, "gald_index_readable"), "0");
  EXPECT_EQ(value(text, "gald_runs_total{outcome=\"failed\"}"), "0");
  EXPECT_EQ(value(text,
                  "gald_reads_total{collection=\"directory\",connector=\"ad\","
                  "outcome=\"failed\"}"),
            "0");
  EXPECT_EQ(value(text, "gald_changes_published_total{operation=\"created\"}"), "0");
  EXPECT_EQ(value(text, "gald_collection_failing{collection=\"directory\",connector=\"ad\"}"), "0");
  EXPECT_EQ(text.find("gald_collection_last_success"), std::string::npos) << "there was none";
}

TEST_F(MetricsTest, TellNothingOfAnIndexThatCannotBeRead) {
  cycle(users({1, 2}));
  index_.reset();
  std::filesystem::resize_file(file(), 0);
  std::ofstream(file()) << "no index at all, but long enough to be taken for a file of something";
  const std::string text = scrape();
  EXPECT_EQ(value(text, "gald_index_readable"), "0");
  for (const char* zero : {"gald_published", "gald_held_plans", "gald_last_change_number",
                           "gald_contacts", "gald_collection_failing", "gald_collection_records",
                           "gald_collection_quarantined_records", "gald_memberships"})
    EXPECT_EQ(text.find(zero), std::string::npos) << zero << " would say that all is well";
  EXPECT_EQ(value(text, "gald_activity{activity=\"idle\"}"), "1");
  EXPECT_NE(value(text, "gald_index_size_bytes"), "0");
  EXPECT_EQ(value(text, "gald_runs_total{outcome=\"failed\"}"), "0") << "what was counted stays";
}

TEST_F(MetricsTest, CountRuns) {
  model::RunReport report = cycle(users({1, 2}));
  report.collections[0].objects = 12;
  report.collections[0].requests = 3;
  report.collections[0].units = 7.5;
  report.collections[0].waited = std::chrono::milliseconds(1500);
  report.collections[0].throttled = 4;
  report.collections[0].staged.added = 2;
  metrics_.run_ended(report);
  metrics_.run_ended(cycle({}, "the source is on fire"));
  const std::string text = scrape();
  const std::string of_users = "{collection=\"users\",connector=\"entra\"";
  EXPECT_EQ(value(text, "gald_runs_total{outcome=\"complete\"}"), "1");
  EXPECT_EQ(value(text, "gald_runs_total{outcome=\"failed\"}"), "1");
  EXPECT_EQ(value(text, "gald_run_duration_seconds_count"), "2");
  EXPECT_EQ(value(text, "gald_run_duration_seconds_bucket{le=\"1\"}"), "2");
  EXPECT_EQ(value(text, "gald_changes_published_total{operation=\"created\"}"), "2");
  EXPECT_EQ(value(text, "gald_objects_read_total" + of_users + "}"), "12");
  EXPECT_EQ(value(text, "gald_source_requests_total" + of_users + "}"), "3");
  EXPECT_EQ(value(text, "gald_source_request_units_total" + of_users + "}"), "7.5");
  EXPECT_EQ(value(text, "gald_source_wait_seconds_total" + of_users + "}"), "1.5");
  EXPECT_EQ(value(text, "gald_source_throttled_total" + of_users + "}"), "4");
  EXPECT_EQ(value(text, "gald_reads_total" + of_users + ",outcome=\"failed\"}"), "1");
  EXPECT_EQ(value(text, "gald_collection_failing" + of_users + "}"), "1");
  EXPECT_EQ(value(text, "gald_last_run_outcome{outcome=\"failed\"}"), "1");
  EXPECT_EQ(value(text, "gald_last_run_outcome{outcome=\"complete\"}"), "0");
}

TEST_F(MetricsTest, TellWhatStandsInTheIndex) {
  const base::TimePoint start = clock_.now();
  cycle(users({1, 2, 3}));
  model::Change gone;
  gone.anchor = anchor(3);
  gone.presence = model::Presence::deleted;
  cycle({gone});
  const std::string text = scrape();
  EXPECT_EQ(value(text, "gald_contacts{kind=\"user\",source=\"cloud\",status=\"active\"}"), "2");
  EXPECT_EQ(value(text, "gald_contacts{kind=\"user\",source=\"cloud\",status=\"deleted\"}"), "1");
  EXPECT_EQ(value(text, "gald_index_readable"), "1");
  EXPECT_EQ(value(text, "gald_last_change_number"), "4");
  EXPECT_EQ(value(text, "gald_collection_records{collection=\"users\",connector=\"entra\"}"), "2");
  const double success = std::stod(value(text,
                                         "gald_collection_last_success_timestamp_seconds{"
                                         "collection=\"users\",connector=\"entra\"}"));
  EXPECT_EQ(success, std::chrono::duration<double>(start.time_since_epoch()).count() + 1);
  const double full = std::stod(value(text,
                                      "gald_collection_last_full_read_timestamp_seconds{"
                                      "collection=\"users\",connector=\"entra\"}"));
  EXPECT_EQ(full, success - 1) << "the second one read only what changed";
  EXPECT_EQ(std::stod(value(text,
                            "gald_collection_next_full_read_timestamp_seconds{"
                            "collection=\"users\",connector=\"entra\"}")),
            full + 24 * 3600);
  EXPECT_GT(std::stod(value(text, "gald_index_size_bytes")), 4096);
}

TEST_F(MetricsTest, SeeANewRunAndNothingInBetween) {
  cycle(users({1}));
  const std::string series = "gald_contacts{kind=\"user\",source=\"cloud\",status=\"active\"}";
  EXPECT_EQ(value(series), "1");
  cycle(users({2, 3}));
  EXPECT_EQ(value(series), "3");
}

TEST_F(MetricsTest, CountAnswersInABoundedNumberOfSeries) {
  metrics_.answered("/api/identity/contacts/{id}", "GET", 200, std::chrono::microseconds(300), 512);
  metrics_.answered("/api/identity/contacts/{id}", "GET", 200, std::chrono::microseconds(700), 512);
  for (int i = 0; i < 100; ++i)
    metrics_.answered("", "M" + std::to_string(i), 405, std::chrono::microseconds(10), 0);
  const std::string text = scrape();
  const std::string route = "route=\"/api/identity/contacts/{id}\"";
  EXPECT_EQ(value(text, "gald_api_requests_total{method=\"GET\"," + route + ",status=\"200\"}"),
            "2");
  EXPECT_EQ(value(text, "gald_api_requests_total{method=\"other\",route=\"other\",status=\"405\"}"),
            "100");
  EXPECT_EQ(value(text, "gald_api_request_duration_seconds_bucket{" + route + ",le=\"0.0005\"}"),
            "1");
  EXPECT_EQ(value(text, "gald_api_request_duration_seconds_count{" + route + "}"), "2");
  EXPECT_EQ(value(text, "gald_api_sent_bytes_total{" + route + "}"), "1024");
  EXPECT_EQ(value(text, "gald_api_connections"), "3");
}

TEST_F(MetricsTest, AreForThoseWhoMaySeeEverything) {
  cycle(users({1}));
  door_.who.permission.hidden = false;
  EXPECT_EQ(get("/metrics").status, 403);
  door_.who = {"nobody", Scope::none};
  EXPECT_EQ(get("/metrics").status, 401);
}

TEST_F(MetricsTest, OfConnectorsThatAreNotAskedAnyMoreNothingIsTold) {
  cycle(users({1}));
  services_.collections.erase(services_.collections.begin());
  EXPECT_EQ(scrape().find("connector=\"entra\",type"), std::string::npos);
}

}  // namespace gald::api
