#include "api/assets.hpp"
#include "api/router.hpp"

namespace gald::api {

namespace {

net::ServerResponse description(Call& call) {
  return answer_with(asset("openapi.json"), call.request);
}

}  // namespace

void add_page_routes(Router& router) {
  router.add({"GET", "/api/openapi.json", Scope::none, {}, description});
}

}  // namespace gald::api
