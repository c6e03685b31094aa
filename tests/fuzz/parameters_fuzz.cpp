// The query of a request and its path, whatever somebody sends: taken apart or refused, never
// anything else.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "api/parameters.hpp"
#include "api/problem.hpp"
#include "api/router.hpp"
#include "base/text.hpp"
#include "model/entry.hpp"

namespace {

void require(bool holds) {
  if (!holds)
    std::abort();
}

void ask(const gald::api::Parameters& parameters) {
  using gald::api::Refused;
  const auto text = parameters.text("q");
  require(!text || (!text->empty() && gald::base::is_valid_utf8(*text)));
  const auto refusable = [](const auto& question) {
    try {
      question();
    } catch (const Refused& refused) {
      require(refused.status() == 400);
    }
  };
  refusable([&] {
    const auto limit = parameters.number("limit", 1, 1000);
    require(!limit || (*limit >= 1 && *limit <= 1000));
  });
  refusable([&] { parameters.flag("count"); });
  refusable([&] {
    parameters.word<gald::model::Status>("status", gald::model::status_named,
                                         "active, disabled or deleted");
  });
  for (const std::string& name : parameters.list("fields"))
    require(!name.empty() && name.find(',') == std::string::npos);
}

const gald::api::Router& router() {
  static const gald::api::Router all = [] {
    gald::api::Router made;
    add_contact_routes(made);
    add_change_routes(made);
    add_export_routes(made);
    add_operation_routes(made);
    add_health_routes(made);
    add_page_routes(made);
    return made;
  }();
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(input.find('?'), input.size());
  for (const std::string_view method : {"GET", "POST"})
    for (const std::string& name : router().find(method, input.substr(0, end)).path)
      require(gald::base::is_valid_utf8(name));
  try {
    ask(gald::api::Parameters(input.substr(std::min(end + 1, input.size())),
                              {"q", "limit", "count", "status", "fields"}));
  } catch (const gald::api::Refused& refused) {
    require(refused.status() == 400);
    const auto answer = gald::api::problem(refused.status(), refused.what());
    require(gald::base::is_valid_utf8(answer.body));
  }
  return 0;
}
