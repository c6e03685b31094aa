// The description of the API says what its routes are, and nothing else.
#include <algorithm>
#include <filesystem>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/api.hpp"
#include "api/assets.hpp"
#include "api/authority.hpp"
#include "base/text.hpp"

namespace gald::api {
namespace {

using nlohmann::json;

class Nobody : public Authority {
 public:
  Principal admit(const net::ServerRequest&) const override { return {}; }
};

class Description : public testing::Test {
 protected:
  const base::SystemClock clock_;
  const Nobody nobody_;
  const Api api_{std::filesystem::path("none"), nobody_, Services{clock_, "1"}};
  const json document_ = json::parse(asset("openapi.json").bytes);

  const json& resolved(const json& value) const {
    return value.contains("$ref")
               ? document_.at(json::json_pointer(value.at("$ref").get<std::string>().substr(1)))
               : value;
  }

  /// nullptr: it is not described.
  const json* operation(const Route& route) const {
    const std::string method = base::ascii_lower(route.method);
    const auto path = document_.at("paths").find(route.pattern);
    return path != document_.at("paths").end() && path->contains(method) ? &path->at(method)
                                                                         : nullptr;
  }
};

/// Files for browsers, which describe themselves.
bool is_of_the_page(const Route& route) {
  return route.pattern == "/" || route.pattern.starts_with("/console/");
}

void collect_references(const json& value, std::set<std::string>& found) {
  if (value.is_object() && value.contains("$ref"))
    found.insert(value.at("$ref").get<std::string>());
  if (value.is_structured())
    for (const json& element : value)
      collect_references(element, found);
}

TEST_F(Description, HasEveryRoute) {
  for (const Route& route : api_.router().routes())
    EXPECT_EQ(operation(route) == nullptr, is_of_the_page(route))
        << route.method << " " << route.pattern;
}

TEST_F(Description, PromisesNoRouteThatIsNotThere) {
  for (const auto& [path, operations] : document_.at("paths").items())
    for (const auto& [method, operation] : operations.items()) {
      const std::vector<Route>& routes = api_.router().routes();
      EXPECT_TRUE(std::any_of(routes.begin(), routes.end(),
                              [&](const Route& route) {
                                return base::ascii_iequals(route.method, method) &&
                                       route.pattern == path;
                              }))
          << method << " " << path;
    }
}

TEST_F(Description, SaysWhichParametersTheRoutesTake) {
  for (const Route& route : api_.router().routes()) {
    const json* described = operation(route);
    if (described == nullptr)
      continue;
    std::set<std::string> names;
    for (const json& parameter : described->value("parameters", json::array()))
      if (const json& one = resolved(parameter); one.at("in") == "query")
        names.insert(one.at("name").get<std::string>());
    EXPECT_EQ(names, std::set<std::string>(route.parameters.begin(), route.parameters.end()))
        << route.method << " " << route.pattern;
  }
}

TEST_F(Description, SaysWhichScopeTheRoutesTake) {
  for (const Route& route : api_.router().routes()) {
    const json* described = operation(route);
    if (described == nullptr)
      continue;
    json expected = json::array();
    if (route.scope != Scope::none)
      for (const char* scheme : {"token", "certificate"})
        expected.push_back({{scheme, {to_string(route.scope)}}});
    EXPECT_EQ(described->at("security"), expected) << route.method << " " << route.pattern;
  }
}

TEST_F(Description, LeadsNowhereElse) {
  std::set<std::string> references;
  collect_references(document_, references);
  EXPECT_GT(references.size(), 50U);
  for (const std::string& reference : references)
    EXPECT_TRUE(document_.contains(json::json_pointer(reference.substr(1)))) << reference;
  for (const auto& [section, members] : document_.at("components").items())
    for (const auto& [name, member] : members.items())
      EXPECT_TRUE(section == "securitySchemes" ||
                  references.contains("#/components/" + section + "/" + name))
          << section << "/" << name << " is of no use";
}

TEST_F(Description, NamesEveryOperationOnce) {
  std::set<std::string> names;
  for (const auto& [path, operations] : document_.at("paths").items())
    for (const auto& [method, operation] : operations.items())
      EXPECT_TRUE(names.insert(operation.at("operationId").get<std::string>()).second)
          << method << " " << path;
}

}  // namespace
}  // namespace gald::api
