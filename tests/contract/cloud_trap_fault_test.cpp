// One broken answer on any page of a large read: the same cycle ends complete, with everybody.
#include "tenant.hpp"

namespace gald::contract {
namespace {

using model::Outcome;

struct Fault {
  const char* name;
  json script;
};

void PrintTo(const Fault& fault, std::ostream* out) {
  *out << fault.name;
}

constexpr int kUsers = 10'000;
constexpr int kContacts = 600;
constexpr int kGroups = 40;
constexpr int kSpread = 10;  ///< 4,279 memberships, 500 to a page

class FaultTrap : public TrapTest, public testing::WithParamInterface<Fault> {
 protected:
  void SetUp() override { populate(kUsers, kContacts, kGroups, kSpread); }

  void script(const std::string& path, int skip) {
    json fault = {{"service", "graph"}, {"path", path}, {"skip", skip}};
    fault.update(GetParam().script);
    tenant_.fault(fault);
  }

  int requests(const std::string& path) const {
    return static_cast<int>(tenant_.requests("graph", path).size());
  }

  /// Reads with an index of its own and compares it with the truth.
  model::RunReport read(bool users_only = false) {
    tenant_.remove("/violations");
    tenant_.forget_requests();
    Gald gald(clock());
    gald.add(std::make_unique<Lens>(
        graph(), users_only ? std::set<std::string>{"users"} : std::set<std::string>{}));
    auto report = gald.cycle();
    expect_complete(report);
    expect_everybody(gald, kUsers, users_only ? 0 : kContacts, users_only ? 0 : kGroups, kSpread);
    return report;
  }
};

TEST_P(FaultTrap, EveryPageFailsOnce) {
  const auto undisturbed = read();
  const std::vector<std::pair<std::string, std::string>> listings = {
      {"/users/delta", "users"},
      {"/groups/delta", "groups"},
      {"/contacts/delta", "contacts"},
      {"/contacts?", "contacts"}};
  // Of scripts that skip 0, 1, 2, ... requests each, every other request meets one: a page fails,
  // comes, the next one fails.
  std::map<std::string, int> pages;
  for (const auto& [path, collection] : listings) {
    pages[path] = requests(path);
    ASSERT_GE(pages[path], 1) << path;
    for (int page = 0; page < pages[path]; ++page)
      script(path, page);
  }
  EXPECT_EQ(pages["/users/delta"], kUsers / 200);
  const auto report = read();
  for (const auto& [path, collection] : listings) {
    EXPECT_EQ(tenant_.faults_met("graph", path), pages[path]) << path;
    EXPECT_EQ(requests(path), 2 * pages[path]) << path << ": more than the failed pages again";
    EXPECT_EQ(of(report, collection).pages, of(undisturbed, collection).pages);
    EXPECT_EQ(of(report, collection).objects, of(undisturbed, collection).objects);
  }
}

TEST_P(FaultTrap, OnePageFails) {
  const int last = kUsers / 200 - 1;
  for (const int page : {0, last / 2, last}) {
    SCOPED_TRACE(page);
    script("/users/delta", page);
    const auto report = read(true);
    EXPECT_EQ(tenant_.faults_met("graph"), 1);
    EXPECT_EQ(requests("/users/delta"), last + 2);
    EXPECT_EQ(of(report, "users").objects, kUsers);
  }
}

INSTANTIATE_TEST_SUITE_P(Graph, FaultTrap,
                         testing::Values(Fault{"Status503", {{"status", 503}}},
                                         Fault{"Status500", {{"status", 500}}},
                                         Fault{"Status502", {{"status", 502}}},
                                         Fault{"Status504", {{"status", 504}}},
                                         Fault{"Reset", {{"action", "reset"}}},
                                         Fault{"TruncatedBody", {{"action", "truncate"}}},
                                         Fault{"InvalidJson", {{"action", "malformed"}}}),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace gald::contract
