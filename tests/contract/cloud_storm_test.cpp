// Half of all answers are refusals for ten minutes of the simulated clock: the read ends, nobody is
// asked before the time it named, next to no request is wasted, and nothing is lost or doubled.
#include <iostream>
#include <map>

#include "tenant.hpp"

namespace gald::contract {
namespace {

using namespace std::chrono_literals;
using model::Outcome;

class StormTrap : public TrapTest {
 protected:
  static constexpr std::chrono::seconds kStorm = 10min;

  static json refusals(const std::string& service, const std::string& retry_after,
                       std::chrono::seconds lasting = kStorm) {
    return {{"service", service}, {"status", 429},          {"share", 0.5},
            {"times", -1},        {"for", lasting.count()}, {"retry_after", retry_after},
            {"between", {1, 30}}};
  }

  /// What became of the requests to a service.
  struct Tally {
    int requests = 0;
    int refused = 0;  ///< cannot be avoided by those who were allowed to ask
    int early = 0;    ///< sent although a Retry-After was running and known
    int again = 0;    ///< for what had been delivered before

    double wasted() const { return requests == 0 ? 1.0 : 1.0 * (early + again) / requests; }
  };

  static std::chrono::milliseconds time_of(const json& row) {
    std::string text = row.at("t").get<std::string>();
    text = text.substr(0, text.find('+')) + "Z";
    return base::parse_iso8601(text).value().time_since_epoch();
  }

  /// `readers` collections ask the service side by side, so that the others may each have a request
  /// under way when one of them is refused.
  Tally tally(const std::string& service, int readers) const {
    Tally tally;
    std::set<std::string> delivered;
    const auto rows = tenant_.requests(service);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const json& row = rows[i];
      if (const double wait = row.value("retry_after", 0.0); wait > 0) {
        const auto over =
            time_of(row) + std::chrono::milliseconds(static_cast<int>(wait * 1000) - 20);
        int meanwhile = 0;
        for (std::size_t j = i + 1; j < rows.size() && time_of(rows[j]) < over; ++j)
          ++meanwhile;
        tally.early += std::max(0, meanwhile - (readers - 1));
      }
      ++tally.requests;
      const int status = row.at("status").get<int>();
      tally.refused += status == 429 ? 1 : 0;
      const std::string what = row.at("path").get<std::string>() + row.value("cmdlet", "");
      tally.again += delivered.contains(what) ? 1 : 0;
      if (status == 200 && service != "login")
        delivered.insert(what);
    }
    std::cout << service << ": " << tally.requests << " requests, "
              << 100.0 * tally.refused / std::max(1, tally.requests) << " % refused, "
              << tally.early << " too early, " << tally.again << " again, " << 100 * tally.wasted()
              << " % wasted\n";
    return tally;
  }

  /// What is clearly too early is a violation, of which TrapTest suffers none. Here counts, too,
  /// what a thread sent in the moment in which another one learned of a refusal.
  void expect_little_waste(const std::string& service, int readers) const {
    const Tally tally = this->tally(service, readers);
    EXPECT_GE(tally.refused, 20) << "there was no storm";
    EXPECT_LT(tally.wasted(), 0.02);
  }
};

TEST_F(StormTrap, AHundredThousandUsersWhileHalfOfAllAnswersAreRefusals) {
  constexpr int kUsers = 100'000;
  populate(kUsers, 200, 20, 100);
  // Two minutes and a half of each form of Retry-After.
  std::vector<std::string> forms = {"none", "seconds", "date", "decimal"};
  const auto start = clock().now();
  const auto turn = [&] {
    const auto passed = std::chrono::duration_cast<std::chrono::seconds>(clock().now() - start);
    const auto next = kStorm / 4 * (4 - static_cast<int>(forms.size()));
    if (forms.empty() || passed < next || passed >= kStorm)
      return;
    tenant_.remove("/faults");
    tenant_.fault(refusals("graph", forms.back(), kStorm - passed));
    forms.pop_back();
  };
  turn();
  Gald gald(clock());
  gald.add(graph());
  sync::CycleOptions options;
  options.progress = [&](const sync::Progress&) { turn(); };
  const auto report = gald.cycle(options);
  expect_complete(report);
  EXPECT_TRUE(forms.empty()) << forms.size() << " forms of Retry-After were not met";
  EXPECT_GE(clock().now() - start, kStorm) << "it was over before the storm was";
  EXPECT_GE(of(report, "users").waited, kStorm / 2);
  expect_little_waste("graph", 3);
  expect_everybody(gald, kUsers, 200, 20, 100);
}

class FormsOfStormTrap : public StormTrap, public testing::WithParamInterface<const char*> {};

TEST_P(FormsOfStormTrap, HalfOfAllAnswersAreRefusals) {
  populate(20'000, 200, 20, 10);
  tenant_.fault(refusals("graph", GetParam()));
  Gald gald(clock());
  gald.add(graph());
  const auto start = clock().now();
  const auto report = gald.cycle();
  expect_complete(report);
  // Who is not told when to come back may be done before the storm is.
  if (std::string(GetParam()) != "none") {
    EXPECT_GE(clock().now() - start, kStorm);
  }
  expect_little_waste("graph", 3);
  expect_everybody(gald, 20'000, 200, 20, 10);
}

INSTANTIATE_TEST_SUITE_P(RetryAfter, FormsOfStormTrap,
                         testing::Values("decimal", "date", "seconds", "none"),
                         [](const auto& each) { return std::string(each.param); });

TEST_F(StormTrap, HalfOfAllAnswersOfExchangeAreRefusals) {
  tenant_.settings({{"exchange_page_size", 50}});
  json world = {{"mailcontacts", json::array()}};
  for (int i = 1; i <= 3000; ++i) {
    const std::string mail = "mc" + std::to_string(i) + "@fabrikam.test";
    world["mailcontacts"].push_back({{"Guid", guid(4, i)},
                                     {"DisplayName", numbered("Contact", i)},
                                     {"ExternalEmailAddress", "SMTP:" + mail}});
  }
  tenant_.post("/bulk", world);
  tenant_.fault(refusals("exchange", "seconds"));
  Gald gald(clock());
  gald.add(std::make_unique<Lens>(
      std::make_unique<cloud::ExchangeConnector>(tenant_.exchange_options(), clock()),
      std::set<std::string>{"mailcontacts"}));
  const auto report = gald.cycle();
  expect_complete(report);
  expect_little_waste("exchange", 1);
  EXPECT_EQ(gald.count("contacts WHERE status = 'active'"), 3000);
  EXPECT_EQ(gald.count("(SELECT DISTINCT display_name FROM contacts)"), 3000);
}

TEST_F(StormTrap, HalfOfAllAnswersOfTheTokenEndpointAreRefusals) {
  tenant_.settings({{"token_lifetime", 60}});
  populate(20, 4, 2);
  for (const char* form : {"seconds", "decimal", "date", "none"}) {
    SCOPED_TRACE(form);
    tenant_.remove("/violations");
    tenant_.remove("/faults");
    tenant_.forget_requests();
    tenant_.fault(refusals("login", form));
    Gald gald(clock());
    gald.add(graph());
    const auto start = clock().now();
    int cycles = 0;
    for (; clock().now() - start < kStorm; ++cycles) {
      expect_complete(gald.cycle());
      clock().advance(50s);
    }
    const Tally login = tally("login", 3);
    EXPECT_GE(login.refused, 2);
    EXPECT_EQ(login.requests - login.refused, cycles) << "a token for each cycle";
    expect_everybody(gald, 20, 4, 2);
  }
}

}  // namespace
}  // namespace gald::contract
