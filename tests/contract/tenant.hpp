// The tenant simulator (tests/simulator) for the life of a test, the clock that it shares with the
// code under test, and a gald in front of it: connectors, cycle and index as the daemon has them.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cloud/exchange_connector.hpp"
#include "cloud/graph_connector.hpp"
#include "index/index.hpp"
#include "index/reader.hpp"
#include "net/http_client.hpp"
#include "sync/cycle.hpp"

namespace gald::contract {

using nlohmann::json;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "gald-tenant-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error("no temporary directory");
    path_ = pattern;
  }

  TemporaryDirectory(TemporaryDirectory&& other) noexcept
      : path_(std::exchange(other.path_, std::filesystem::path())) {}

  TemporaryDirectory& operator=(TemporaryDirectory&&) = delete;

  ~TemporaryDirectory() {
    std::error_code ignored;
    if (!path_.empty())
      std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// The simulator's control interface: plain HTTP on this machine. Thread-safe. Throws
/// std::runtime_error for an answer other than 200.
class Control {
 public:
  explicit Control(std::string origin) : origin_(std::move(origin)) {}

  json call(const std::string& method, const std::string& path, const json& body = nullptr) const {
    net::HttpRequest request;
    request.method = method;
    request.url = origin_ + path;
    request.body = body.is_null() ? std::string() : body.dump();
    const auto response = http_->send(request, std::chrono::minutes(2), {});
    if (!response)
      throw std::runtime_error(method + " " + path + ": " + response.error().what);
    if (response->status != 200)
      throw std::runtime_error(method + " " + path + ": " + response->body);
    return json::parse(response->body);
  }

 private:
  static net::HttpClientOptions options() {
    net::HttpClientOptions options;
    options.plain_http = true;
    options.body_limit = 1u << 30;
    return options;
  }

  std::string origin_;
  std::unique_ptr<net::HttpClient> http_ = std::make_unique<net::HttpClient>(options());
};

/// The virtual clock of the simulator, which stands still unless somebody sleeps on this one: waits
/// cost next to no time, and both sides judge a Retry-After by the same clock. Of several sleepers
/// the one that has to wake first moves it, when nobody else has looked at it for a while: whoever
/// is busy gets time to reach his own wait first. Nobody else may move it while a cycle runs.
class TenantClock final : public base::Clock {
 public:
  explicit TenantClock(const Control& control) : control_(control) {
    take(control_.call("GET", "/clock"));
  }

  base::TimePoint now() const override {
    const std::lock_guard lock(mutex_);
    looked_at_ = std::chrono::steady_clock::now();
    return now_;
  }

  bool sleep(std::chrono::milliseconds duration, std::stop_token stop) const override {
    std::unique_lock lock(mutex_);
    looked_at_ = std::chrono::steady_clock::now();
    const base::TimePoint until = now_ + duration;
    const auto mine = sleepers_.insert(until);
    while (now_ < until && !stop.stop_requested()) {
      if (until != *sleepers_.begin())
        moved_.wait_for(lock, std::chrono::milliseconds(20));
      else if (std::chrono::steady_clock::now() < looked_at_ + kQuiet)
        moved_.wait_until(lock, looked_at_ + kQuiet);
      else
        move(until);
    }
    sleepers_.erase(mine);
    moved_.notify_all();
    return !stop.stop_requested();
  }

  /// For a test whose cycle is over.
  void advance(std::chrono::milliseconds by) const {
    const std::lock_guard lock(mutex_);
    move(now_ + by);
  }

 private:
  /// REQUIRES: mutex_ is held.
  void move(base::TimePoint to) const {
    const double seconds = static_cast<double>(to.time_since_epoch().count()) / 1000.0;
    take(control_.call("POST", "/clock", {{"advance", std::max(0.0, seconds - theirs_)}}));
    now_ = std::max(now_, to);  // the rounding of fractions must not keep a sleeper here
    moved_.notify_all();
  }

  void take(const json& answer) const {
    theirs_ = answer.at("now").get<double>();
    now_ =
        base::TimePoint(std::chrono::milliseconds(static_cast<long>(std::floor(theirs_ * 1000))));
  }

  /// Real time, longer than an answer of the simulator takes.
  static constexpr std::chrono::milliseconds kQuiet{10};

  const Control& control_;
  mutable std::mutex mutex_;
  mutable std::condition_variable moved_;
  mutable std::chrono::steady_clock::time_point looked_at_;
  mutable base::TimePoint now_;
  mutable double theirs_ = 0;  ///< the simulator's own reading, in seconds
  mutable std::multiset<base::TimePoint> sleepers_;
};

/// One simulator process with a virtual clock and an empty tenant.
class Tenant {
 public:
  explicit Tenant(json settings = json::object()) {
    settings["clock"] = "virtual";
    settings["reaction_time"] = 0.5;  // machines that build at the same time are slow to react
    const std::string script = GALD_SOURCE_DIR "/tests/simulator/tenant";
    const std::string options = settings.dump();
    const std::string where = directory_.path().string();
    const pid_t parent = getpid();
    child_ = fork();
    if (child_ == 0) {
      // A test that dies takes its simulator along.
      prctl(PR_SET_PDEATHSIG, SIGTERM);
      if (getppid() == parent)
        execl("/usr/bin/python3", "python3", script.c_str(), "--dir", where.c_str(), "--settings",
              options.c_str(), nullptr);
      _exit(127);
    }
    for (int i = 0; i < 1500 && !std::filesystem::exists(directory_.path() / "tenant.json"); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    std::ifstream in(directory_.path() / "tenant.json");
    at_ = json::parse(in, nullptr, false);
    if (!at_.is_object())
      throw std::runtime_error("the tenant simulator did not start");
    control_ = std::make_unique<Control>(at("control"));
    clock_ = std::make_unique<TenantClock>(*control_);
  }

  ~Tenant() {
    if (child_ > 0) {
      kill(child_, SIGTERM);
      waitpid(child_, nullptr, 0);
    }
  }

  Tenant(const Tenant&) = delete;
  Tenant& operator=(const Tenant&) = delete;

  std::string at(const std::string& name) const { return at_.at(name).get<std::string>(); }

  const TenantClock& clock() const { return *clock_; }

  const std::filesystem::path& directory() const { return directory_.path(); }

  json get(const std::string& path) const { return control_->call("GET", path); }

  json post(const std::string& path, const json& body = json::object()) const {
    return control_->call("POST", path, body);
  }

  json put(const std::string& path, const json& body) const {
    return control_->call("PUT", path, body);
  }

  json remove(const std::string& path) const { return control_->call("DELETE", path); }

  void settings(const json& changes) const { post("/settings", changes); }

  void fault(const json& script) const { post("/faults", script); }

  /// What was asked, without the control calls; of one service, with `part` in path and query.
  std::vector<json> requests(const std::string& service, const std::string& part = {}) const {
    std::vector<json> found;
    for (json& row : get("/requests"))
      if (row.at("service") == service &&
          row.at("path").get<std::string>().find(part) != std::string::npos)
        found.push_back(std::move(row));
    return found;
  }

  /// How many of these met a scripted fault.
  int faults_met(const std::string& service, const std::string& part = {}) const {
    const auto rows = requests(service, part);
    return static_cast<int>(std::count_if(rows.begin(), rows.end(),
                                          [](const json& row) { return row.contains("fault"); }));
  }

  void forget_requests() const { remove("/requests"); }

  base::Result<base::Secret> secret() const {
    std::ifstream in(at("client_secret_file"));
    return base::Secret(std::string(std::istreambuf_iterator<char>(in), {}));
  }

  cloud::ServiceOptions graph_options() const {
    cloud::ServiceOptions options;
    common(options);
    options.name = "entra";
    options.endpoint = at("graph");
    return options;
  }

  cloud::ServiceOptions exchange_options() const {
    cloud::ServiceOptions options;
    common(options);
    options.name = "exchange";
    options.endpoint = at("exchange");
    return options;
  }

  /// Asks Graph itself, with a token of its own: what the service would tell. Forgets all
  /// violations, as the simulator takes the test and gald for one client.
  json graph(const std::string& path_and_query) const {
    net::HttpClientOptions http;
    http.ca_file = at("ca");
    net::HttpClient client(http);
    net::TokenOptions tokens;
    tokens.login_endpoint = at("login");
    tokens.tenant = at("tenant_id");
    tokens.client_id = at("client_id");
    tokens.credential = net::ClientSecret{[this] { return secret(); }};
    net::TokenSource source(client, tokens, *clock_);
    const auto token = std::get<net::Token>(source.token(at("graph") + "/.default", {}));
    net::HttpRequest request;
    request.url = at("graph") + "/v1.0" + path_and_query;
    request.headers = {{"Authorization", "Bearer " + token.value.reveal()}};
    const auto response = client.send(request, std::chrono::seconds(60), {});
    if (!response)
      throw std::runtime_error(response.error().what);
    json body = json::parse(response->body, nullptr, false);
    body["status"] = response->status;
    remove("/violations");
    forget_requests();
    return body;
  }

 private:
  template <typename Options>
  void common(Options& options) const {
    options.tenant = at("tenant_id");
    options.client_id = at("client_id");
    options.credential = net::ClientSecret{[this] { return secret(); }};
    options.login_endpoint = at("login");
    options.ca_file = at("ca");
  }

  TemporaryDirectory directory_;
  pid_t child_ = 0;
  json at_;
  std::unique_ptr<Control> control_;
  std::unique_ptr<TenantClock> clock_;
};

/// A connector seen through the test's eyes: some of its collections, asked for in other words.
class Lens final : public sync::Connector {
 public:
  /// Empty `only`: all collections. `words` is added to the fingerprints, as another $select would.
  Lens(std::unique_ptr<sync::Connector> inner, const std::set<std::string>& only,
       const std::string& words = {})
      : inner_(std::move(inner)) {
    for (const sync::Collection& collection : inner_->collections())
      if (only.empty() || only.contains(collection.name)) {
        collections_.push_back(collection);
        collections_.back().fingerprint += words;
      }
  }

  const std::string& name() const override { return inner_->name(); }

  model::ConnectorKind kind() const override { return inner_->kind(); }

  const std::vector<sync::Collection>& collections() const override { return collections_; }

  std::unique_ptr<sync::Round> begin(const sync::Collection& collection,
                                     const model::Cursor& from) override {
    for (const sync::Collection& theirs : inner_->collections())
      if (theirs.name == collection.name)
        return inner_->begin(theirs, from);
    throw std::invalid_argument(collection.name);
  }

  std::vector<sync::Finding> check(std::stop_token stop) override { return inner_->check(stop); }

 private:
  std::unique_ptr<sync::Connector> inner_;
  std::vector<sync::Collection> collections_;
};

/// A gald with an index of its own.
class Gald {
 public:
  using Connectors = std::vector<std::unique_ptr<sync::Connector>>;
  using Rows = std::vector<std::vector<std::string>>;

  /// With a copy of the index `file`, if one is named: as a process finds it that starts after a
  /// crash.
  explicit Gald(const base::Clock& clock, const std::filesystem::path& file = {}) : clock_(clock) {
    if (!file.empty())
      copy(file, path());
    index_ = std::make_unique<index::Index>(path(), clock_);
  }

  std::filesystem::path path() const { return directory_.path() / "gald.db"; }

  void add(std::unique_ptr<sync::Connector> connector) {
    connectors_.push_back(std::move(connector));
  }

  void forget_connectors() { connectors_.clear(); }

  model::RunReport cycle(const sync::CycleOptions& options = {}, std::stop_token stop = {}) {
    return sync::run_cycle(connectors_, *index_, clock_, options, stop);
  }

  std::vector<sync::Finding> check() { return connectors_.front()->check({}); }

  index::Reader reader() const { return index::Reader(path()); }

  Rows sql(const std::string& statement) const {
    SQLite::Database database(path().string(), SQLite::OPEN_READONLY);
    SQLite::Statement query(database, statement);
    Rows rows;
    while (query.executeStep()) {
      rows.emplace_back();
      for (int i = 0; i < query.getColumnCount(); ++i)
        rows.back().push_back(query.getColumn(i).getString());
    }
    return rows;
  }

  int count(const std::string& from_and_where) const {
    return std::stoi(sql("SELECT count(*) FROM " + from_and_where).at(0).at(0));
  }

  /// "name status" of everybody who was ever published, sorted.
  std::set<std::string> everybody() const {
    std::set<std::string> names;
    for (const auto& row : sql("SELECT display_name, status FROM contacts"))
      names.insert(row[0] + " " + row[1]);
    return names;
  }

  /// "group > member" of all memberships, sorted.
  std::set<std::string> memberships() const {
    std::set<std::string> found;
    for (const auto& row : sql("SELECT group_name, member_name FROM group_members"))
      found.insert(row[0] + " > " + row[1]);
    return found;
  }

  /// The file and its write-ahead log as a crash would leave them. REQUIRES: nobody writes.
  static void copy(const std::filesystem::path& from, const std::filesystem::path& to) {
    for (const char* part : {"", "-wal"})
      if (std::filesystem::exists(from.string() + part))
        std::filesystem::copy_file(from.string() + part, to.string() + part,
                                   std::filesystem::copy_options::overwrite_existing);
  }

 private:
  const base::Clock& clock_;
  TemporaryDirectory directory_;
  std::unique_ptr<index::Index> index_;
  Connectors connectors_;
};

/// A tenant for each test, and a gald that reads it. At the end of every test the simulator must
/// have seen nothing that a good client never does.
class TrapTest : public testing::Test {
 protected:
  void TearDown() override {
    const json violations = tenant_.get("/violations");
    EXPECT_TRUE(violations.empty()) << violations.dump(1).substr(0, 4000);
  }

  const TenantClock& clock() const { return tenant_.clock(); }

  std::unique_ptr<sync::Connector> graph(cloud::ServiceOptions options) const {
    return std::make_unique<cloud::GraphConnector>(std::move(options), clock());
  }

  std::unique_ptr<sync::Connector> graph() const { return graph(tenant_.graph_options()); }

  std::unique_ptr<sync::Connector> exchange() const {
    return std::make_unique<cloud::ExchangeConnector>(tenant_.exchange_options(), clock());
  }

  static json member(const std::string& type, const std::string& id) {
    return {{"type", type}, {"id", id}};
  }

  /// A GUID that is the same in every run.
  static std::string guid(int kind, int number) {
    char text[40];
    std::snprintf(text, sizeof text, "%08d-0000-4000-8000-%012d", kind, number);
    return text;
  }

  static std::string user_id(int number) { return guid(1, number); }

  static std::string contact_id(int number) { return guid(2, number); }

  static std::string group_id(int number) { return guid(3, number); }

  static std::string numbered(const char* what, int number) {
    char text[40];
    std::snprintf(text, sizeof text, "%s %06d", what, number);
    return text;
  }

  static json user(int number) {
    const std::string mail = "user" + std::to_string(number) + "@contoso.test";
    return {{"id", user_id(number)},
            {"displayName", numbered("User", number)},
            {"userPrincipalName", mail},
            {"mail", mail},
            {"userType", "Member"},
            {"accountEnabled", true},
            {"proxyAddresses", {"SMTP:" + mail}}};
  }

  static json contact(int number) {
    const std::string mail = "contact" + std::to_string(number) + "@fabrikam.test";
    return {{"id", contact_id(number)},
            {"displayName", numbered("Contact", number)},
            {"mail", mail},
            {"proxyAddresses", {"SMTP:" + mail}}};
  }

  /// A distribution list; `members` as member() makes them.
  static json group(int number, const json& members = json::array()) {
    const std::string mail = "group" + std::to_string(number) + "@contoso.test";
    return {{"id", group_id(number)},
            {"displayName", numbered("Group", number)},
            {"mail", mail},
            {"mailEnabled", true},
            {"securityEnabled", false},
            {"groupTypes", json::array()},
            {"proxyAddresses", {"SMTP:" + mail}},
            {"members", members}};
  }

  /// Numbered from 1. Group g has the users whose number is a multiple of g * spread, and contact
  /// g.
  void populate(int users, int contacts = 0, int groups = 0, int spread = 1) const {
    json world = {{"users", json::array()}, {"contacts", json::array()}, {"groups", json::array()}};
    for (int i = 1; i <= users; ++i)
      world["users"].push_back(user(i));
    for (int i = 1; i <= contacts; ++i)
      world["contacts"].push_back(contact(i));
    for (int g = 1; g <= groups; ++g) {
      json members = json::array();
      for (int i = g * spread; i <= users; i += g * spread)
        members.push_back(member("user", user_id(i)));
      if (g <= contacts)
        members.push_back(member("contact", contact_id(g)));
      world["groups"].push_back(group(g, members));
    }
    tenant_.post("/bulk", world);
  }

  /// Everybody of populate() is published once, and is active; nothing else is, or ever was.
  static void expect_everybody(const Gald& gald, int users, int contacts = 0, int groups = 0,
                               int spread = 1) {
    EXPECT_EQ(gald.count("contacts WHERE kind = 'user' AND status = 'active'"), users);
    EXPECT_EQ(gald.count("contacts WHERE kind = 'contact' AND status = 'active'"), contacts);
    EXPECT_EQ(gald.count("groups WHERE status = 'active'"), groups);
    EXPECT_EQ(gald.count("contacts"), users + contacts);
    EXPECT_EQ(gald.count("groups"), groups);
    EXPECT_EQ(gald.count("(SELECT DISTINCT display_name FROM contacts)"), users + contacts);
    EXPECT_EQ(gald.count("contact_records"), users + contacts + groups);
    EXPECT_EQ(gald.count("changes WHERE operation IN ('deleted', 'restored', 'merged')"), 0);
    EXPECT_EQ(gald.count("quarantined"), 0);
    int memberships = 0;
    for (int g = 1; g <= groups; ++g)
      memberships += users / (g * spread) + (g <= contacts ? 1 : 0);
    EXPECT_EQ(gald.count("group_members"), memberships);
  }

  static const model::CollectionReport& of(const model::RunReport& report,
                                           const std::string& collection) {
    for (const auto& each : report.collections)
      if (each.collection == collection)
        return each;
    throw std::invalid_argument(collection);
  }

  static std::string told(const model::RunReport& report) {
    std::string text = std::string(to_string(report.outcome)) + " " + report.error;
    for (const auto& each : report.collections)
      text += "\n" + each.collection + (each.complete ? " complete " : " incomplete ") +
              std::to_string(each.requests) + " requests, waited " +
              std::to_string(each.waited.count()) + " ms: " + each.error;
    return text;
  }

  static void expect_complete(const model::RunReport& report) {
    EXPECT_EQ(report.outcome, model::Outcome::complete) << told(report);
  }

  Tenant tenant_;
};

}  // namespace gald::contract
