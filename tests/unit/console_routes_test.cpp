// The console's page and files as they are served, and who somebody is told to be.
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/api.hpp"
#include "api/assets.hpp"
#include "api/authority.hpp"

namespace gald::api {
namespace {

class Somebody : public Authority {
 public:
  Principal who;

  Principal admit(const net::ServerRequest&) const override { return who; }
};

class ConsoleRoutes : public testing::Test {
 protected:
  const base::SystemClock clock_;
  Somebody somebody_;
  Api api_{std::filesystem::path("none"), somebody_, Services{clock_, "1"}};

  net::ServerResponse get(const std::string& target) {
    net::ServerRequest request;
    request.method = "GET";
    request.target = target;
    return api_.answer(request);
  }
};

std::string header(const net::ServerResponse& response, std::string_view name) {
  for (const auto& [known, value] : response.headers)
    if (known == name)
      return value;
  return {};
}

TEST_F(ConsoleRoutes, ThePageIsForEverybodyAndMayDoNothingElse) {
  const net::ServerResponse page = get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(header(page, "Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(page.body, asset("console/index.html").bytes);
  const std::string policy = header(page, "Content-Security-Policy");
  EXPECT_TRUE(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; "))
      << policy;
  EXPECT_EQ(policy.find("unsafe"), std::string::npos) << policy;
  EXPECT_EQ(header(page, "Referrer-Policy"), "no-referrer");
  EXPECT_EQ(header(page, "Cross-Origin-Opener-Policy"), "same-origin");
}

TEST_F(ConsoleRoutes, EveryFileIsServedUnderItsName) {
  int files = 0;
  for (const Asset& one : assets()) {
    if (!one.name.starts_with("console/"))
      continue;
    ++files;
    const net::ServerResponse file = get("/" + std::string(one.name));
    EXPECT_EQ(file.status, 200) << one.name;
    EXPECT_EQ(file.body, one.bytes) << one.name;
    EXPECT_NE(header(file, "Content-Security-Policy"), "") << one.name;
  }
  EXPECT_GT(files, 10);
}

TEST_F(ConsoleRoutes, NothingElseIs) {
  for (const std::string name :
       {"nothing.js", "..%2Fopenapi.json", "openapi.json", "%2e%2e%2fopenapi.json"})
    EXPECT_EQ(get("/console/" + name).status, 404) << name;
}

TEST_F(ConsoleRoutes, TellsWhoAsks) {
  EXPECT_EQ(get("/api/identity/me").status, 401);

  somebody_.who = {"token crm", Scope::read, {}};
  somebody_.who.permission.hidden = false;
  EXPECT_EQ(get("/api/identity/me").body,
            R"({"name":"token crm","scope":"read","restricted":true})");

  somebody_.who = {"account root", Scope::admin, {}};
  EXPECT_EQ(get("/api/identity/me").body,
            R"({"name":"account root","scope":"admin","restricted":false})");
}

}  // namespace
}  // namespace gald::api
