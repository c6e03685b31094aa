#include <csignal>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "command_line.hpp"
#include "export/run_json.hpp"
#include "history_text.hpp"
#include "platform.hpp"
#include "report.hpp"
#include "service.hpp"
#include "status.hpp"
#include "support.hpp"
#include "text.hpp"

namespace gald::daemon {

namespace {

using namespace std::chrono_literals;

std::variant<CommandLine, Notice> parse(std::vector<const char*> words) {
  words.insert(words.begin(), "gald");
  return parse_command_line(static_cast<int>(words.size()), words.data());
}

template <typename C>
C command(std::vector<const char*> words) {
  const auto parsed = parse(std::move(words));
  if (const auto* notice = std::get_if<Notice>(&parsed))
    throw std::runtime_error(notice->text);
  return std::get<C>(std::get<CommandLine>(parsed).command);
}

Notice notice(std::vector<const char*> words) {
  return std::get<Notice>(parse(std::move(words)));
}

// --- the command line ----------------------------------------------------------------------------

TEST(CommandLine, ConfigurationFile) {
  ::unsetenv("GALD_CONFIG");
  EXPECT_EQ(std::get<CommandLine>(parse({"run"})).config_file, "/etc/gald/gald.toml");
  EXPECT_EQ(std::get<CommandLine>(parse({"--config", "/a", "run"})).config_file, "/a");
  EXPECT_EQ(std::get<CommandLine>(parse({"run", "--config", "/a"})).config_file, "/a");
  ::setenv("GALD_CONFIG", "/b", 1);
  EXPECT_EQ(std::get<CommandLine>(parse({"run"})).config_file, "/b");
  EXPECT_EQ(std::get<CommandLine>(parse({"--config", "/a", "run"})).config_file, "/a");
  ::unsetenv("GALD_CONFIG");
}

TEST(CommandLine, Token) {
  // each option takes one value, so that the name may come last
  const auto token = command<TokenCommand>(
      {"token", "add", "--group", "Sales", "--group", "A, B", "--attribute", "phones,displayName",
       "--source", "on-premises", "--no-hidden", "--expires", "90d", "crm"});
  EXPECT_EQ(token.action, TokenCommand::Action::add);
  EXPECT_EQ(token.name, "crm");
  EXPECT_EQ(token.scope, api::Scope::read);
  EXPECT_EQ(token.permission.groups, (std::set<std::string>{"A, B", "Sales"}));
  EXPECT_EQ(token.permission.attributes, (std::set<std::string>{"displayName", "phones"}));
  EXPECT_EQ(token.permission.sources, std::set{model::Source::on_premises});
  EXPECT_FALSE(token.permission.hidden);
  EXPECT_TRUE(token.expires);
  EXPECT_EQ(command<TokenCommand>({"token", "add", "x", "--scope", "operate"}).scope,
            api::Scope::operate);
  EXPECT_TRUE(command<TokenCommand>({"token", "list", "--json"}).json);
  EXPECT_EQ(command<TokenCommand>({"token", "revoke", "crm"}).action, TokenCommand::Action::revoke);
  EXPECT_THAT(notice({"token", "add", "x", "--scope", "admin", "--group", "y"}).text,
              testing::HasSubstr("take --scope read"));
  EXPECT_THAT(notice({"token", "add", "x", "--attribute", "labels"}).text,
              testing::HasSubstr("needs groups"));
}

TEST(CommandLine, List) {
  const auto list = command<ListCommand>(
      {"list", "--source", "on-premises", "--status", "disabled", "--kind", "guest", "--json"});
  EXPECT_EQ(list.filter.source, model::Source::on_premises);
  EXPECT_EQ(list.filter.status, model::Status::disabled);
  EXPECT_EQ(list.filter.kind, model::EntryKind::guest);
  EXPECT_FALSE(list.filter.with_deleted);
  EXPECT_TRUE(list.json);
  const auto more = command<ListCommand>(
      {"list", "--group", "Sales", "--label", "VIP", "--hidden", "no", "--changed-since", "17"});
  EXPECT_EQ(more.filter.group, "Sales");
  EXPECT_EQ(more.filter.label, "VIP");
  EXPECT_EQ(more.filter.visibility, index::Visibility::visible);
  EXPECT_EQ(more.filter.changed_after, 17);
  EXPECT_FALSE(more.filter.changed_since);
  const auto since = command<ListCommand>({"list", "--changed-since", "2026-11-21"}).filter;
  EXPECT_EQ(since.changed_since, base::parse_iso8601("2026-11-21T00:00:00Z"));
  EXPECT_FALSE(since.changed_after);
  const auto all = command<ListCommand>({"list", "--all", "--source", "on_premises"});
  EXPECT_EQ(all.filter.source, model::Source::on_premises);
  EXPECT_FALSE(all.filter.status);
  EXPECT_FALSE(all.filter.kind);
  EXPECT_TRUE(all.filter.with_deleted);
}

TEST(CommandLine, SearchTakesWordsFiltersAndALimit) {
  const auto search =
      command<SearchCommand>({"search", "anna", "muel", "--kind", "user", "--limit", "5"});
  EXPECT_EQ(search.query.text, "anna muel");
  EXPECT_EQ(search.query.filter.kind, model::EntryKind::user);
  EXPECT_EQ(search.query.limit, 5);
}

TEST(CommandLine, TheOthers) {
  EXPECT_TRUE(command<SyncCommand>({"sync", "--json"}).json);
  EXPECT_TRUE(command<SyncCommand>({"sync", "--quiet"}).quiet);
  EXPECT_TRUE(command<StatusCommand>({"status", "--json"}).json);
  EXPECT_EQ(command<ShowCommand>({"show", "jane@x"}).what, "jane@x");
  EXPECT_EQ(command<ChangesCommand>({"changes", "--run", "7", "--limit", "3"}).run, 7);
  EXPECT_EQ(command<ChangesCommand>({"changes"}).run, std::nullopt);
  EXPECT_EQ(command<LookupCommand>({"lookup", "+49 30 23125-110"}).what, "+49 30 23125-110");
  EXPECT_EQ(command<LookupCommand>({"lookup", "+49", "30", "23125", "--json"}).what,
            "+49 30 23125");
  EXPECT_EQ(command<LookupCommand>({"lookup", "-110", "--all"}).what, "-110");
  EXPECT_TRUE(command<LookupCommand>({"lookup", "--all", "jane@x"}).all);
  EXPECT_TRUE(command<StatusCommand>({"status", "--groups"}).groups);
  command<CheckCommand>({"check"});
  EXPECT_EQ(command<PlanCommand>({"plan", "list"}).action, PlanCommand::Action::list);
  EXPECT_TRUE(command<PlanCommand>({"plan", "list", "--all", "--json"}).all);
  const auto approve = command<PlanCommand>({"plan", "approve", "7", "--json"});
  EXPECT_EQ(approve.action, PlanCommand::Action::approve);
  EXPECT_EQ(approve.number, 7);
  EXPECT_TRUE(approve.json);
  EXPECT_EQ(command<PlanCommand>({"plan"}).action, PlanCommand::Action::preview);
  EXPECT_TRUE(std::get<CommandLine>(parse({"--verbose", "check"})).verbose);
}

TEST(CommandLine, Export) {
  using Format = ExportCommand::Format;
  const auto file = command<ExportCommand>({"export", "--format", "xlsx", "--output", "gal.xlsx",
                                            "--columns", "displayname, Labels", "--kind", "group"});
  EXPECT_EQ(file.format, Format::xlsx);
  EXPECT_EQ(file.output, "gal.xlsx");
  ASSERT_EQ(file.columns.size(), 2u);
  EXPECT_EQ(file.columns[1]->name, "Labels");
  EXPECT_EQ(file.filter.kind, model::EntryKind::group);
  const auto pipe = command<ExportCommand>({"export", "--format", "csv"});
  EXPECT_EQ(pipe.columns, exporting::visible_columns());
  EXPECT_EQ(command<ExportCommand>({"export", "--format", "csv", "--columns", "all"}).columns,
            exporting::all_columns());
  EXPECT_EQ(command<ExportCommand>({"export", "--format", "ldif", "--base", "dc=x"}).base, "dc=x");
  for (const std::vector<const char*>& wrong : std::vector<std::vector<const char*>>{
           {"export"},
           {"export", "--format", "xls"},
           {"export", "--format", "xlsx"},
           {"export", "--format", "csv", "--columns", "Fax"},
           {"export", "--format", "csv", "--columns", "Mail,mail"},
           {"export", "--format", "csv", "--columns", ""},
           {"export", "--format", "vcf", "--columns", "all"},
           {"export", "--format", "csv", "--base", "dc=x"},
           {"export", "--format", "ldif", "--base", "contoso"},
           {"export", "--format", "ldif", "--kind", "group"}})
    EXPECT_EQ(notice(wrong).code, exit_code::kBadUsage) << wrong.back();
}

TEST(CommandLine, BadUsage) {
  const std::vector<std::vector<const char*>> wrong = {{},
                                                       {"frobnicate"},
                                                       {"list", "--source", "moon"},
                                                       {"list", "extra"},
                                                       {"show"},
                                                       {"show", "a", "b"},
                                                       {"lookup"},
                                                       {"changes", "--limit", "0"},
                                                       {"run", "sync"},
                                                       {"--bogus"},
                                                       {"sync", "--config"},
                                                       {"changes", "--run", "minus"},
                                                       {"list", "--kind", ""},
                                                       {"list", "--hidden", "maybe"},
                                                       {"list", "--changed-since", "tuesday"},
                                                       {"list", "--changed-since", "-1"},
                                                       {"list", "--group", ""},
                                                       {"plan", "approve"},
                                                       {"token"},
                                                       {"token", "add"},
                                                       {"token", "add", "a b"},
                                                       {"token", "add", "x", "--scope", "none"},
                                                       {"token", "add", "x", "--source", "moon"},
                                                       {"token", "add", "x", "--attribute", "a"},
                                                       {"token", "add", "x", "--expires", "90"},
                                                       {"token", "revoke"},
                                                       {"plan", "undo", "7"},
                                                       {"plan", "show", "0"},
                                                       {"plan", "show", "1", "reject", "1"}};
  for (const auto& words : wrong) {
    const Notice said = notice(words);
    EXPECT_EQ(said.code, exit_code::kBadUsage);
    EXPECT_EQ(said.text.find("gald: "), 0u) << said.text;
  }
}

TEST(CommandLine, HelpAndVersion) {
  EXPECT_EQ(notice({"--version"}).text.find("gald "), 0u);
  EXPECT_EQ(notice({"--version"}).code, exit_code::kComplete);
  EXPECT_NE(notice({"--help"}).text.find("Exit codes"), std::string::npos);
  for (const char* name : {"run", "sync", "status", "list", "show", "changes", "check", "lookup"}) {
    const Notice help = notice({name, "--help"});
    EXPECT_EQ(help.code, exit_code::kComplete);
    EXPECT_NE(help.text.find("Example:\n  gald "), std::string::npos) << help.text;
  }
}

// --- text ----------------------------------------------------------------------------------------

class Text : public testing::Test {
 protected:
  Text() { std::setlocale(LC_CTYPE, "C.UTF-8"); }
};

TEST_F(Text, NothingThatATerminalObeys) {
  EXPECT_EQ(printable("red \x1b[31m"), "red ?[31m");
  EXPECT_EQ(printable("two\r\nlines\tand a tab"), "two lines and a tab");
  EXPECT_EQ(printable("\xff\xc0\x80 broken"), "??? broken");
  EXPECT_EQ(printable("a\u202Eb"), "a?b");    // would show the rest backwards
  EXPECT_EQ(printable("\u009b31m"), "?31m");  // an escape sequence in one character
}

TEST_F(Text, WidthIsInCells) {
  EXPECT_EQ(display_width("Jané"), 4u);
  EXPECT_EQ(display_width("王小明"), 6u);
  EXPECT_EQ(display_width("e\u0301"), 1u);
  EXPECT_EQ(fit("王小明", 7), "王小明 ");
  EXPECT_EQ(fit("王小明", 5), "王小…");
  EXPECT_EQ(fit("王小明", 4), "王… ");
  EXPECT_EQ(fit("abcdef", 4), "abc…");
  EXPECT_EQ(fit("abcd", 4), "abcd");
  EXPECT_EQ(fit("abcd", 0), "");
  EXPECT_EQ(pad("abcd", 2), "abcd");
}

TEST_F(Text, Numbers) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(grouped(-1234), "-1,234");
  EXPECT_EQ(counted(1, "request"), "1 request");
  EXPECT_EQ(counted(1000, "request"), "1,000 requests");
  EXPECT_EQ(spoken(47ms), "47 ms");
  EXPECT_EQ(spoken(3210ms), "3.2 s");
  EXPECT_EQ(spoken(42s), "42 s");
  EXPECT_EQ(spoken(185s), "3 min 5 s");
  EXPECT_EQ(spoken(62min), "1 h 2 min");
  EXPECT_EQ(spoken_time("2026-11-21T06:15:55.719Z"), "2026-11-21 06:15:55Z");
  EXPECT_EQ(spoken_time(""), "never");
}

// --- reports -------------------------------------------------------------------------------------

model::RunReport partial_report() {
  model::RunReport report;
  report.id = 12;
  report.started = *base::parse_iso8601("2026-11-21T06:00:00Z");
  report.ended = report.started + 3210ms;
  report.outcome = model::Outcome::partial;
  model::CollectionReport ad;
  ad.connector = "ad";
  ad.collection = "directory";
  ad.complete = true;
  ad.full = true;
  ad.requests = 4;
  ad.took = 1200ms;
  ad.staged.added = 1234;
  ad.staged.rejected = 2;
  ad.objects = 1236;
  ad.units = 4;
  ad.bytes = 2'048'000;
  ad.waited = 2s;
  model::CollectionReport entra;
  entra.connector = "entra";
  entra.collection = "users";
  entra.error = "403 Forbidden";
  entra.remedy = "grant User.Read.All";
  report.collections = {ad, entra};
  report.waiting_for = {"entra/users"};
  return report;
}

TEST(Report, SaysWhatHappened) {
  EXPECT_EQ(
      describe(partial_report()),
      "Run 12: partial in 3.2 s\n"
      "  ad/directory  full       1,234 added        0 updated        0 removed    4 requests"
      "       1.2 s\n"
      "      1,236 objects told, 0.00 requests each, 2,000 KiB, 4 resource units; waited 2.0 s for"
      " the source\n"
      "      2 objects could not be read: quarantined\n"
      "  entra/users   changes        0 added        0 updated        0 removed    0 requests"
      "        0 ms\n"
      "      not complete: 403 Forbidden\n"
      "      remedy: grant User.Read.All\n"
      "Published: nothing yet. Before the first publication, these have to be read completely:\n"
      "  entra/users\n");
}

TEST(Report, Json) {
  const auto object = nlohmann::json::parse(exporting::to_json(partial_report()));
  EXPECT_EQ(object.at("run"), 12);
  EXPECT_EQ(object.at("outcome"), "partial");
  EXPECT_EQ(object.at("collections").at(0).at("round"), "full");
  EXPECT_EQ(object.at("collections").at(0).at("added"), 1234);
  EXPECT_EQ(object.at("collections").at(0).at("units"), 4);
  EXPECT_NEAR(object.at("collections").at(0).at("requestsPerObject").get<double>(), 4 / 1236.,
              1e-9);
  EXPECT_TRUE(object.at("collections").at(1).at("requestsPerObject").is_null());
  EXPECT_EQ(object.at("collections").at(1).at("error"), "403 Forbidden");
  EXPECT_EQ(object.at("waitingFor").at(0), "entra/users");
  EXPECT_TRUE(object.at("error").is_null());
}

TEST(Report, ExitCodes) {
  model::RunReport report = partial_report();
  EXPECT_EQ(exit_code_of(report), 3);
  report.outcome = model::Outcome::complete;
  EXPECT_EQ(exit_code_of(report), 0);
  report.outcome = model::Outcome::failed;
  EXPECT_EQ(exit_code_of(report), 1);
}

TEST(Report, StatusLineOfTheServiceManagerIsOneLine) {
  model::RunReport report = partial_report();
  report.collections[1].error = "two\nlines";
  EXPECT_EQ(summarize(report), "Run 12 partial; entra/users: two lines; nothing published yet");
}

TEST(Status, ACredentialThatEndsSoonIsTold) {
  const base::TimePoint now = *base::parse_iso8601("2026-11-21T06:00:00Z");
  StatusReport report;
  report.enabled = {"entra"};
  report.credentials = {{"entra", "client secret", "2026-12-01T00:00:00.000Z"},
                        {"formerly", "client secret", "2026-12-01T00:00:00.000Z"}};
  EXPECT_NE(describe(report, now, 30min)
                .find("  entra: client secret expires on 2026-12-01, 9 days left\n"),
            std::string::npos);
  EXPECT_EQ(describe(report, now, 30min).find("formerly"), std::string::npos);
  EXPECT_EQ(describe(report, now - std::chrono::days(60), 30min).find("expires"),
            std::string::npos);
  EXPECT_NE(describe(report, now + std::chrono::days(60), 30min).find("has expired on 2026-12-01"),
            std::string::npos);
}

TEST(Status, TellsOfAClockThatWasWrong) {
  StatusReport report;
  report.overview.published = true;
  report.history = {5, 4096, "2026-11-21T05:30:00.000Z", "", "2031-01-01T00:00:00.000Z"};
  const base::TimePoint newest = base::parse_iso8601(report.history.newest_at).value();
  const std::string told =
      " KiB; the newest change is of 2031-01-01 00:00:00Z, later than the clock, see `gald check`";
  EXPECT_NE(describe(report, newest - 6min, 30min).find(told), std::string::npos);
  for (const base::TimePoint now : {newest - 5min, newest, newest + 5min})
    EXPECT_EQ(describe(report, now, 30min).find("newest change"), std::string::npos);
}

TEST(Status, NamesTheLargestGroups) {
  StatusReport report;
  report.overview.published = true;
  for (int i = 1; i <= 6; ++i)
    report.groups.push_back({"id-" + std::to_string(i), "Group " + std::to_string(i), 1201 - i});
  report.groups[1].display_name.clear();
  const std::string text = describe(report, {}, 30min);
  EXPECT_NE(text.find("Largest groups: Group 1 1,200, id-2 1,199, Group 3 1,198, Group 4 1,197, "
                      "Group 5 1,196; `gald status --groups` lists all\n"),
            std::string::npos)
      << text;
  report.all_groups = true;
  EXPECT_NE(describe(report, {}, 30min).find("1,195  id-6  Group 6\n"), std::string::npos);
  const auto json = nlohmann::json::parse(to_json(report, {}, 30min));
  EXPECT_EQ(json["groups"].size(), 6U);
  EXPECT_EQ(json["groups"][1],
            (nlohmann::json{{"id", "id-2"}, {"displayName", nullptr}, {"members", 1199}}));
}

TEST(Status, ShowsWhatWaitsForADecision) {
  StatusReport report;
  model::HeldPlan plan;
  plan.number = 7;
  plan.created_at = "2026-11-21T05:30:00.000Z";
  plan.text = "612 of 5,000 contacts of connector ad would vanish; the guard allows 500 and 10 %";
  plan.deleted = 600;
  plan.updated = 12;
  report.plans = {plan};
  report.plans.push_back(plan);
  report.plans.back().number = 6;
  report.plans.back().state = model::PlanState::rejected;
  const std::string text = describe(report, {}, 30min);
  EXPECT_NE(
      text.find("Held until somebody decides\n  Plan 7  open        2026-11-21 05:30:00Z  612 of "
                "5,000 contacts"),
      text.npos)
      << text;
  EXPECT_NE(
      text.find("600 would be deleted, 12 updated, 0 created\n      review it: gald plan show 7\n"),
      text.npos)
      << text;
  EXPECT_EQ(text.find("Plan 6"), text.npos);
  EXPECT_NE(to_json(report, {}, 30min).find(R"("plans":[{"plan":7,"state":"open")"), text.npos);
}

TEST(Status, HealthOfACollection) {
  const base::TimePoint now = *base::parse_iso8601("2026-11-21T06:00:00Z");
  StatusReport report;
  report.enabled = {"ad"};
  index::CollectionState state;
  state.connector = "ad";
  EXPECT_EQ(health_of(report, state, now, 30min), CollectionHealth::never_read);
  state.last_success = "2026-11-21T05:00:00.000Z";
  EXPECT_EQ(health_of(report, state, now, 30min), CollectionHealth::ok);
  EXPECT_EQ(health_of(report, state, now, 15min), CollectionHealth::late);
  state.failing_since = "2026-11-21T05:30:00.000Z";
  EXPECT_EQ(health_of(report, state, now, 30min), CollectionHealth::failing);
  state.connector = "formerly";
  EXPECT_EQ(health_of(report, state, now, 30min), CollectionHealth::not_asked);
}

TEST(Status, SaysWhatTheFirstPublicationWaitsFor) {
  StatusReport report;
  index::CollectionState users;
  users.connector = "entra";
  users.collection = "users";
  index::CollectionState formerly = users;
  formerly.connector = "formerly";
  report.collections = {users, formerly};
  report.enabled = {"ad", "entra"};
  EXPECT_EQ(waiting_for(report), (std::vector<std::string>{"entra/users", "ad"}));
  const std::string text = describe(report, {}, 30min);
  EXPECT_EQ(text.find("Nothing has been published yet.\n  waiting for a first complete read of "
                      "entra/users\n"),
            0u);
  EXPECT_NE(text.find("No cycle has run yet."), text.npos);
  report.overview.published = true;
  EXPECT_TRUE(waiting_for(report).empty());
}

TEST(History, DescribesChanges) {
  model::HistoryLine line;
  line.operation = "updated";
  line.change = {"jobTitle", std::nullopt, "Boss", "ad"};
  EXPECT_EQ(describe_change(line), "jobTitle: (nothing) → Boss (ad)");
  line.operation = "deleted";
  line.change = {"status", "active", "deleted", "entra"};
  EXPECT_EQ(describe_change(line), "deleted, status: active → deleted (entra)");
  line.operation = "created";
  line.change = {"status", std::nullopt, "active", ""};
  EXPECT_EQ(describe_change(line), "created, active");
}

// --- the service ---------------------------------------------------------------------------------

struct Loop {
  explicit Loop(std::chrono::milliseconds interval)
      : service({.schedule = {.interval = interval, .jitter = 0ms},
                 .clock = clock,
                 .random = [] { return 0.0; },
                 .cycle = [this](std::stop_token) { on_cycle(++cycles); },
                 .waiting = [this](base::TimePoint next) { on_wait(next); }}) {}

  base::ManualClock clock{base::TimePoint(1'000'000s)};
  int cycles = 0;
  std::function<void(int)> on_cycle = [](int) {};
  std::function<void(base::TimePoint)> on_wait = [](base::TimePoint) {};
  std::stop_source stop;
  Service service;
};

TEST(Service, CyclesByTheSchedule) {
  Loop loop(30min);
  std::vector<base::TimePoint> next;
  const base::TimePoint start = loop.clock.now();
  loop.on_wait = [&](base::TimePoint time) {
    next.push_back(time);
    loop.clock.advance(
        std::chrono::duration_cast<std::chrono::milliseconds>(time - loop.clock.now()));
  };
  loop.on_cycle = [&](int number) {
    loop.clock.advance(number == 2 ? 45min : 5min);
    if (number == 4)
      loop.stop.request_stop();
  };
  loop.service.loop(loop.stop.get_token());
  EXPECT_EQ(loop.cycles, 4);
  // The second cycle outlasted the interval: the third begins at once.
  EXPECT_EQ(next, (std::vector<base::TimePoint>{start + 30min, start + 75min, start + 105min}));
}

TEST(Service, RequestsDuringACycleBecomeOneBehindIt) {
  Loop loop(24h);
  loop.on_cycle = [&](int number) {
    if (number == 2)
      return loop.stop.request_stop(), void();
    loop.service.cycle_now();
    loop.service.cycle_now();
  };
  loop.service.loop(loop.stop.get_token());
  EXPECT_EQ(loop.cycles, 2);
}

TEST(Service, StopsWhileItWaits) {
  Loop loop(24h);
  std::thread other;
  loop.on_wait = [&](base::TimePoint) { other = std::thread([&] { loop.stop.request_stop(); }); };
  loop.service.loop(loop.stop.get_token());
  other.join();
  EXPECT_EQ(loop.cycles, 1);
}

TEST(Service, AClockSetBackDoesNotPutTheCycleOff) {
  Loop loop(30min);
  loop.on_wait = [&](base::TimePoint) { loop.clock.advance(-24h); };
  loop.on_cycle = [&](int number) {
    if (number == 2)
      loop.stop.request_stop();
  };
  loop.service.loop(loop.stop.get_token());
  EXPECT_EQ(loop.cycles, 2);
}

// --- the platform --------------------------------------------------------------------------------

class NotifySocket : public testing::TestWithParam<const char*> {};

TEST_P(NotifySocket, GetsOneDatagram) {
  const test::TemporaryDirectory folder;
  const bool abstract = GetParam()[0] == '@';
  const std::string name =
      abstract ? "@gald-test-" + std::to_string(::getpid()) : (folder.path() / GetParam()).string();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path, name.size());
  if (abstract)
    address.sun_path[0] = '\0';
  const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM, 0);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  ASSERT_EQ(::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), length), 0);
  ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  notify_service_manager("READY=1");
  char text[100];
  const auto size = ::recv(descriptor, text, sizeof text, MSG_DONTWAIT);
  EXPECT_EQ(std::string(text, size < 0 ? 0 : static_cast<std::size_t>(size)), "READY=1");
  ::close(descriptor);
  ::unsetenv("NOTIFY_SOCKET");
  notify_service_manager("nobody listens");
}

INSTANTIATE_TEST_SUITE_P(Platform, NotifySocket, testing::Values("notify", "@abstract"));

TEST(Platform, WatchdogLimit) {
  ::unsetenv("WATCHDOG_USEC");
  EXPECT_FALSE(watchdog_limit());
  ::setenv("WATCHDOG_USEC", "120000000", 1);
  EXPECT_EQ(watchdog_limit(), 120s);
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_FALSE(watchdog_limit());
  ::unsetenv("WATCHDOG_PID");
  ::setenv("WATCHDOG_USEC", "soon", 1);
  EXPECT_FALSE(watchdog_limit());
  ::unsetenv("WATCHDOG_USEC");
}

TEST(Platform, SignalsBecomeCalls) {
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  hold_signals();
  std::atomic<int> stops = 0;
  std::atomic<int> hang_ups = 0;
  {
    const Signals signals({.stop = [&] { ++stops; }, .hang_up = [&] { ++hang_ups; }});
    ::kill(::getpid(), SIGHUP);
    while (hang_ups == 0)
      std::this_thread::yield();
    ::kill(::getpid(), SIGTERM);
    while (stops == 0)
      std::this_thread::yield();
  }
  EXPECT_EQ(stops, 1);
  EXPECT_EQ(hang_ups, 1);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(Platform, SignalsTick) {
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  hold_signals();
  std::atomic<int> ticks = 0;
  {
    const Signals signals({.stop = [] {}, .tick = [&] { ++ticks; }, .every = 1ms});
    while (ticks < 3)
      std::this_thread::yield();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

/// Whoever owns the folder may put anything in it, and root runs `gald sync`.
TEST(Platform, NoLinkIsGivenToAGroup) {
  const test::TemporaryDirectory place;
  const std::filesystem::path other = place.path() / "other";
  std::ofstream(other) << "of somebody else";
  const auto group = [&] {
    struct stat state {};

    EXPECT_EQ(::stat(other.c_str(), &state), 0);
    return state.st_gid;
  };
  const gid_t before = group();
  const std::filesystem::path link = place.path() / "link";
  std::filesystem::create_symlink(other, link);
  EXPECT_THROW(give_to_group(link, "daemon"), std::runtime_error);
  std::filesystem::remove(link);
  std::filesystem::create_hard_link(other, link);
  EXPECT_THROW(give_to_group(link, "daemon"), std::runtime_error);
  EXPECT_EQ(group(), before);
  std::filesystem::remove(link);
  give_to_group(link, "daemon");  // is not there
  if (::geteuid() == 0) {
    give_to_group(other, "daemon");
    EXPECT_NE(group(), before);
  }
}

}  // namespace

}  // namespace gald::daemon
