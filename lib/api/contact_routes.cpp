// Contacts: lists, one of them, and how many there are.
#include <utility>

#include <nlohmann/json.hpp>

#include "api/answers.hpp"
#include "api/contact_lists.hpp"
#include "api/contact_query.hpp"
#include "api/meant.hpp"
#include "api/router.hpp"

namespace gald::api {

namespace {

using Json = nlohmann::ordered_json;

net::ServerResponse contacts(Call& call) {
  return list_contacts(call, filter_from(call.parameters));
}

net::ServerResponse contact(Call& call) {
  const std::string& asked = call.path.front();
  const auto moment = moment_from(call.parameters, call.services.clock.now());
  const auto fields = fields_from(call.parameters);
  return answer_for_one(
      asked,
      moment ? call.readers.history().find(*moment, asked) : call.readers.reader().find(asked),
      [&](const model::Contact& found) {
        net::ServerResponse response =
            tagged_answer(call, contact_text(found, fields, moment.has_value()));
        if (std::string changed = http_date(found.changed_at); !changed.empty())
          response.headers.emplace_back("Last-Modified", std::move(changed));
        // there is all of it, as it is now
        if (found.entry.id != asked && !moment && !fields)
          response.headers.emplace_back("Content-Location",
                                        "/api/identity/contacts/" + found.entry.id);
        return response;
      });
}

std::string as_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// How many of the lines are of each word, the words without any too.
template <typename Value>
Json sums(const index::Overview& overview, std::initializer_list<Value> values,
          Value index::Overview::Line::*member, bool with_deleted) {
  Json object = Json::object();
  for (const Value value : values) {
    std::int64_t sum = 0;
    for (const index::Overview::Line& line : overview.lines)
      if (line.*member == value && line.kind != model::EntryKind::group &&
          (with_deleted || line.status != model::Status::deleted))
        sum += line.count;
    object[std::string(to_string(value))] = sum;
  }
  return object;
}

net::ServerResponse overview(Call& call) {
  using model::EntryKind;
  using model::Source;
  using model::Status;
  using Line = index::Overview::Line;
  const index::Overview overview = call.readers.reader().overview();
  std::int64_t contacts = 0;
  std::int64_t groups = 0;
  Json totals = Json::array();
  for (const Line& line : overview.lines) {
    if (line.status != Status::deleted)
      (line.kind == EntryKind::group ? groups : contacts) += line.count;
    totals.push_back({{"kind", to_string(line.kind)},
                      {"source", to_string(line.source)},
                      {"status", to_string(line.status)},
                      {"count", line.count}});
  }
  Json conflicts = Json::object();
  for (const auto& [kind, count] : overview.conflicts)
    conflicts[kind] = count;
  return tagged_answer(
      call,
      as_text({{"published", overview.published},
               {"contacts", contacts},
               {"bySource", sums(overview, {Source::cloud, Source::on_premises, Source::hybrid},
                                 &Line::source, false)},
               {"byStatus", sums(overview, {Status::active, Status::disabled, Status::deleted},
                                 &Line::status, true)},
               {"byKind", sums(overview, {EntryKind::contact, EntryKind::user, EntryKind::guest},
                               &Line::kind, false)},
               {"hidden", overview.hidden},
               {"groups", groups},
               {"memberships", overview.memberships},
               {"conflicts", std::move(conflicts)},
               {"totals", std::move(totals)},
               {"lastChange", overview.last_change}}));
}

}  // namespace

void add_contact_routes(Router& router) {
  router.add(
      {"GET", "/api/identity/contacts", Scope::read,
       filter_parameters({"q", "sort", "limit", "cursor", "offset", "count", "fields", "at"}),
       contacts});
  router.add({"GET", "/api/identity/contacts/overview", Scope::read, {}, overview});
  router.add({"GET", "/api/identity/contacts/{id}", Scope::read, {"fields", "at"}, contact});
}

}  // namespace gald::api
