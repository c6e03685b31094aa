#include <nlohmann/json.hpp>

#include "api/router.hpp"

namespace gald::api {

namespace {

net::ServerResponse me(Call& call) {
  const nlohmann::ordered_json body = {{"name", call.who.name},
                                       {"scope", to_string(call.who.scope)},
                                       {"restricted", !call.who.permission.everything()}};
  net::ServerResponse response;
  response.headers = {{"Content-Type", "application/json"}, {"Cache-Control", "private, no-cache"}};
  response.body = body.dump();
  return response;
}

}  // namespace

void add_me_routes(Router& router) {
  router.add({"GET", "/api/identity/me", Scope::read, {}, me});
}

}  // namespace gald::api
