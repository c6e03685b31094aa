#include <algorithm>

#include "api/assets.hpp"
#include "api/router.hpp"

namespace gald::api {

namespace {

/// What a console in a browser may do: load and ask where it came from, and nothing else. Markup
/// that a script would make of a string is refused by the browser, too.
Refused::Headers console_headers() {
  return {{"Content-Security-Policy",
           "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
           "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
           "require-trusted-types-for 'script'; trusted-types 'none'"},
          {"Referrer-Policy", "no-referrer"},
          {"Cross-Origin-Opener-Policy", "same-origin"},
          {"Cross-Origin-Resource-Policy", "same-origin"}};
}

net::ServerResponse description(Call& call) {
  return answer_with(asset("openapi.json"), call.request);
}

net::ServerResponse console(Call& call) {
  return answer_with(asset("console/index.html"), call.request, console_headers());
}

net::ServerResponse console_file(Call& call) {
  const std::string name = "console/" + call.path.front();
  const auto all = assets();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Asset& asset) { return asset.name == name; });
  if (found == all.end())
    throw Refused(404, "the console has no such file; it begins at /");
  return answer_with(*found, call.request, console_headers());
}

}  // namespace

void add_page_routes(Router& router) {
  router.add({"GET", "/", Scope::none, {}, console});
  router.add({"GET", "/console/{file}", Scope::none, {}, console_file});
  router.add({"GET", "/api/openapi.json", Scope::none, {}, description});
}

}  // namespace gald::api
