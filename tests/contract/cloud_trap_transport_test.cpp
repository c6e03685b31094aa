// The known traps of the way to the services: connections that break, stick or were cut while
// nobody looked. Against the tenant simulator, over TLS.
#include <sstream>

#include "tenant.hpp"

namespace gald::contract {
namespace {

using namespace std::chrono_literals;
using model::Outcome;

class TransportTrap : public TrapTest {
 protected:
  Gald with_graph() {
    Gald gald(clock());
    gald.add(graph());
    return gald;
  }

  /// Established TCP connections whose far end is this origin, by /proc/net/tcp.
  static int connections_to(const std::string& origin) {
    char port[8];
    std::snprintf(port, sizeof port, ":%04X", std::stoi(origin.substr(origin.rfind(':') + 1)));
    std::ifstream in("/proc/self/net/tcp");
    int found = 0;
    std::string line;
    while (std::getline(in, line)) {
      std::istringstream fields(line);
      std::string slot, local, remote, state;
      fields >> slot >> local >> remote >> state;
      found += remote.ends_with(port) && state == "01" ? 1 : 0;
    }
    return found;
  }

  void script(const json& what) {
    json fault = {{"service", "graph"}, {"path", "/users/delta?$skiptoken"}};
    fault.update(what);
    tenant_.fault(fault);
  }
};

TEST_F(TransportTrap, A503SticksToItsConnection) {
  tenant_.settings({{"page_size", 10}});
  populate(60, 3, 3);
  Gald gald(clock());
  gald.add(std::make_unique<Lens>(graph(), std::set<std::string>{"users"}));
  script({{"status", 503}, {"sticky", true}});
  expect_complete(gald.cycle());
  EXPECT_EQ(tenant_.faults_met("graph"), 1) << "the connection was used again";
  expect_everybody(gald, 60);

  // With others under way at the same time.
  tenant_.remove("/violations");
  tenant_.forget_requests();
  script({{"status", 503}, {"sticky", true}});
  Gald three = with_graph();
  expect_complete(three.cycle());
  EXPECT_GE(tenant_.faults_met("graph"), 1);
  EXPECT_LE(tenant_.faults_met("graph"), 3);
  expect_everybody(three, 60, 3, 3);
}

TEST_F(TransportTrap, BurstsOfServerErrorsAndResets) {
  tenant_.settings({{"page_size", 20}});
  populate(60, 3, 3);
  for (const int status : {502, 503, 504})
    script({{"status", status}});
  for (const char* action : {"reset", "truncate"})
    script({{"action", action}});
  Gald gald = with_graph();
  expect_complete(gald.cycle());
  EXPECT_EQ(tenant_.faults_met("graph"), 5);
  expect_everybody(gald, 60, 3, 3);
}

TEST_F(TransportTrap, EveryFourthConnectionIsReset) {
  tenant_.settings({{"page_size", 2}});
  populate(60, 12, 12);
  tenant_.fault({{"service", "graph"}, {"action", "reset"}, {"share", 0.25}, {"times", -1}});
  Gald gald = with_graph();
  expect_complete(gald.cycle());
  EXPECT_GE(tenant_.faults_met("graph"), 5);
  expect_everybody(gald, 60, 12, 12);
}

TEST_F(TransportTrap, IdleConnectionsAreResetBetweenCycles) {
  EXPECT_LT(net::HttpClientOptions().idle_timeout, 100s) << "the service cuts after two minutes";

  tenant_.settings({{"idle_timeout", 0.6}});
  populate(5, 2, 1);
  Gald gald = with_graph();
  expect_complete(gald.cycle());
  ASSERT_GE(connections_to(tenant_.at("graph")), 1) << "no connection was kept";
  for (int i = 6; i <= 8; ++i) {
    SCOPED_TRACE(i);
    // Real time: it is the simulator's sockets that are idle.
    for (int n = 0; n < 100 && connections_to(tenant_.at("graph")) > 0; ++n)
      std::this_thread::sleep_for(50ms);
    ASSERT_EQ(connections_to(tenant_.at("graph")), 0) << "the connections were not reset";
    tenant_.post("/bulk", {{"users", {user(i)}}});
    const auto report = gald.cycle();
    expect_complete(report);
    for (const auto& collection : report.collections)
      EXPECT_EQ(collection.waited, 0ms) << collection.collection;
    EXPECT_EQ(gald.count("contacts WHERE kind = 'user' AND status = 'active'"), i);
  }
}

TEST_F(TransportTrap, ALinkLeadsToAStranger) {
  tenant_.settings({{"page_size", 20}});
  populate(60, 3, 3);
  Gald gald = with_graph();
  expect_complete(gald.cycle());
  for (const json& what :
       {json{{"action", "strangerlink"}}, json{{"status", 410}, {"stranger_location", true}},
        json{{"status", 429}, {"stranger_location", true}}}) {
    SCOPED_TRACE(what.dump());
    tenant_.forget_requests();
    json fault = {{"service", "graph"}, {"path", "/users/delta?$deltatoken"}};
    fault.update(what);
    tenant_.fault(fault);
    tenant_.put("/users/" + user_id(1), {{"department", what.dump()}});
    gald.cycle();
    EXPECT_EQ(tenant_.faults_met("graph"), 1);
    EXPECT_TRUE(tenant_.requests("stranger").empty()) << tenant_.requests("stranger").front();
    expect_complete(gald.cycle());
    EXPECT_EQ(gald.count("contacts WHERE department <> ''"), 1);
    expect_everybody(gald, 60, 3, 3);
  }
}

}  // namespace
}  // namespace gald::contract
