// Whose number, or whose address, is this?
#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "api/answers.hpp"
#include "api/problem.hpp"
#include "api/router.hpp"
#include "base/text.hpp"
#include "index/lookup.hpp"

namespace gald::api {

namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json hit_json(const index::LookupHit& hit) {
  return {{"match", hit.match},
          {"type", text_or_null(hit.type)},
          {"value", hit.value},
          {"e164", text_or_null(hit.e164)},
          {"extension", text_or_null(hit.extension)},
          {"until", text_or_null(hit.until)},
          {"contact",
           {{"id", hit.id},
            {"kind", to_string(hit.kind)},
            {"source", to_string(hit.source)},
            {"status", to_string(hit.status)},
            {"displayName", text_or_null(hit.display_name)},
            {"companyName", text_or_null(hit.company_name)},
            {"department", text_or_null(hit.department)}}}};
}

index::LookupOptions options_of(const Call& call) {
  index::LookupOptions options = call.services.lookup;
  if (const auto region = call.parameters.text("region")) {
    const auto is_letter = [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; };
    if (region->size() != 2 || !std::all_of(region->begin(), region->end(), is_letter))
      call.parameters.refuse("region", "the two letters of a country, like DE");
    std::string code = base::ascii_lower(*region);
    for (char& letter : code)
      letter = static_cast<char>(letter - 'a' + 'A');
    std::erase(options.regions, code);
    options.regions.insert(options.regions.begin(), std::move(code));
  }
  options.with_deleted = call.parameters.flag("with_deleted").value_or(options.with_deleted);
  options.limit = static_cast<int>(call.parameters.number("limit", 1, 100).value_or(options.limit));
  return options;
}

net::ServerResponse lookup(Call& call) {
  const auto phone = call.parameters.text("phone");
  const auto address = call.parameters.text("address");
  if (phone.has_value() == address.has_value())
    throw Refused(400, "expected either `phone` or `address`: whom to look for");
  std::vector<index::LookupHit> hits =
      call.readers.reader().lookup(phone ? *phone : *address, options_of(call));
  // a text can be taken for either; here it is said which
  std::erase_if(hits, [&](const index::LookupHit& hit) {
    return phone.has_value() == (hit.match == "current" || hit.match == "former");
  });
  Json items = Json::array();
  for (const index::LookupHit& hit : hits)
    items.push_back(hit_json(hit));
  return tagged_answer(
      call, Json{{"items", std::move(items)}}.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

void add_lookup_routes(Router& router) {
  router.add({"GET",
              "/api/identity/lookup",
              Scope::read,
              {"phone", "address", "region", "limit", "with_deleted"},
              lookup});
}

}  // namespace gald::api
