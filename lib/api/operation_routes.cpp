// What somebody has to look at, and what they decide: conflicts, held plans, runs, cycles.
#include <charconv>
#include <filesystem>
#include <limits>

#include "api/answers.hpp"
#include "api/audit.hpp"
#include "api/cursor.hpp"
#include "api/index_trouble.hpp"
#include "api/problem.hpp"
#include "api/router.hpp"
#include "api/spool.hpp"
#include "base/guid.hpp"
#include "export/run_json.hpp"
#include "index/entry_states.hpp"
#include "index/unreadable.hpp"
#include "reconcile/conflict.hpp"

namespace gald::api {

namespace {

using Decision = Services::Decision;
using Outcome = Services::Decided::Outcome;

// ---- conflicts ----------------------------------------------------------------------------------

std::string conflict_kind_names() {
  std::string names;
  for (const reconcile::ConflictKind kind : reconcile::conflict_kinds())
    (names += names.empty() ? "" : ", ") += to_string(kind);
  return names;
}

/// Where a conflict is in their order: by kind, the newest first, by name.
std::vector<std::string> place_of(const index::ConflictLine& line) {
  return {line.kind, line.since, line.contact.display_name, line.contact.id, line.other.id};
}

bool is_behind(const std::vector<std::string>& place, const std::vector<std::string>& other) {
  if (place[0] != other[0])
    return place[0] > other[0];
  if (place[1] != other[1])
    return place[1] < other[1];
  if (place[2] != other[2] || place[3] != other[3])
    return index::comes_before(other[2], other[3], place[2], place[3]);
  return place[4] > other[4];
}

index::ConflictFilter conflict_filter(const Parameters& parameters) {
  index::ConflictFilter filter;
  if (const auto kind = parameters.word("kind", reconcile::conflict_kind_named,
                                        "one of " + conflict_kind_names()))
    filter.kind = to_string(*kind);
  if (const auto id = parameters.word("contact", base::Guid::parse, "the id of a contact"))
    filter.contact_id = id->text();
  return filter;
}

/// Who is there from the first page to the last comes exactly once, whatever is published
/// meanwhile.
net::ServerResponse conflicts(Call& call) {
  const index::ConflictFilter filter = conflict_filter(call.parameters);
  const std::string list = "conflicts " + filter.kind + " " + filter.contact_id;
  std::optional<std::vector<std::string>> last;
  if (const auto cursor = call.parameters.text("cursor"))
    last = cursor_position(list, *cursor);
  if (last && last->size() != 5)
    refuse_cursor();
  const int limit = page_limit(call.parameters);
  JsonList items;
  int count = 0;
  bool more = false;
  call.readers.reader().conflicts(filter, [&](const index::ConflictLine& line) {
    const std::vector<std::string> place = place_of(line);
    if (last && !is_behind(place, *last) && (count == 0 || place != *last))
      return true;
    // some differ in what was seen and in nothing else: those stay on one page
    more = count >= limit && place != *last;
    if (more)
      return false;
    items.add(exporting::to_json(line));
    ++count;
    last = place;
    return true;
  });
  std::optional<std::string> next;
  if (more)
    next = cursor_text(list, *last);
  return tagged_page_answer(call, items, next);
}

// ---- plans --------------------------------------------------------------------------------------

model::HeldPlan plan_of(Call& call) {
  const std::string& text = call.path.at(0);
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc() && parsed == end)
    if (std::optional<model::HeldPlan> plan = call.readers.reader().plan(number))
      return *std::move(plan);
  throw Refused(404, "there is no plan with this number; /api/identity/plans?all=true has all");
}

net::ServerResponse plans(Call& call) {
  require_everything(call.who);
  const bool all = call.parameters.flag("all").value_or(false);
  JsonList items;
  for (const model::HeldPlan& plan : call.readers.reader().plans(all, page_limit(call.parameters)))
    items.add(exporting::to_json(plan));
  return tagged_answer(call, R"({"items":)" + items.text() + "}");
}

/// What the plan would do, as JSON, and whether that is not all.
std::pair<std::string, bool> planned(Call& call, const model::HeldPlan& plan, int limit) {
  struct Enough {};  // a plan of the policy is about everything: the rest is not even looked up

  JsonList changes;
  int visited = 0;
  try {
    call.readers.reader().planned(plan.number, base::to_iso8601(call.services.clock.now()),
                                  [&](const model::HeldChange& change) {
                                    if (visited++ == limit)
                                      throw Enough();
                                    changes.add(exporting::to_json(change));
                                  });
  } catch (const Enough&) {
    return {changes.text(), true};
  }
  return {changes.text(), false};
}

net::ServerResponse plan(Call& call) {
  require_everything(call.who);
  const model::HeldPlan found = plan_of(call);
  const bool undecided =
      found.state == model::PlanState::open || found.state == model::PlanState::rejected;
  const int limit = page_limit(call.parameters);
  const auto [changes, more] =
      undecided ? planned(call, found, limit) : std::pair<std::string, bool>("[]", false);
  std::string body = exporting::to_json(found);
  body.pop_back();
  body += R"(,"changes":)" + changes + R"(,"more":)" + (more ? "true}" : "false}");
  return tagged_answer(call, std::move(body));
}

std::string_view spoken(Decision decision) {
  return decision == Decision::approve ? "approve plan " : "reject plan ";
}

net::ServerResponse decide(Call& call, Decision decision) {
  require_everything(call.who);
  const model::HeldPlan before = plan_of(call);
  if (!call.services.decide)
    throw Refused(503, "nothing can be decided here: no service is running behind this",
                  {{"Retry-After", "60"}});
  const std::string what = std::string(spoken(decision)) + std::to_string(before.number);
  const Places::Place place(call.places);
  const Services::Decided decided = [&] {
    try {
      return call.services.decide(before.number, decision);
    } catch (...) {
      audit(call, what, "failed");
      throw;
    }
  }();
  switch (decided.outcome) {
    case Outcome::done:
      audit(call, what, "done");
      return fresh_answer(exporting::to_json(plan_of(call)));
    case Outcome::unknown:
      audit(call, what, "unknown");
      throw Refused(404, decided.detail);
    case Outcome::closed:
      audit(call, what, "closed");
      throw Refused(409, decided.detail);
    case Outcome::busy:
      audit(call, what, "busy");
      break;
  }
  throw Refused(503, decided.detail, {{"Retry-After", "10"}});
}

// ---- runs and cycles ----------------------------------------------------------------------------

net::ServerResponse runs(Call& call) {
  require_everything(call.who);
  const index::Reader& reader = call.readers.reader();
  const int limit = page_limit(call.parameters);
  const auto before = call.parameters.number("cursor", 1, std::numeric_limits<std::int64_t>::max());
  // one more than wanted tells whether there are more
  std::vector<index::RunSummary> found = reader.runs(limit + 1, before);
  const bool more = found.size() > static_cast<std::size_t>(limit);
  if (more)
    found.pop_back();
  JsonList items;
  for (const index::RunSummary& run : found)
    items.add(exporting::to_json(run, reader.read_by_run(run.id)));
  std::optional<std::string> next;
  if (more)
    next = std::to_string(found.back().id);
  return tagged_page_answer(call, items, next);
}

/// The newest there is; "null" without one, or where the index cannot be read: it is a cycle that
/// makes it, and mends it.
std::string last_run(Call& call) {
  if (!std::filesystem::exists(call.readers.index_file()))
    return "null";
  try {
    const std::vector<index::RunSummary> newest = call.readers.reader().runs(1);
    return newest.empty() ? "null" : std::to_string(newest.front().id);
  } catch (const index::Unreadable& error) {
    call.trouble.tell(error.what());
    return "null";
  }
}

net::ServerResponse sync(Call& call) {
  if (!call.services.cycle_now)
    throw Refused(503, "no cycle can be started here: no service is running behind this",
                  {{"Retry-After", "60"}});
  const std::string before = last_run(call);  // so that the one that starts has a greater number
  call.services.cycle_now();
  audit(call, "sync", "done");
  return fresh_answer(R"({"lastRun":)" + before + "}", 202);
}

// ---- what is still to come ----------------------------------------------------------------------

net::ServerResponse no_writing(Call&) {
  throw Refused(501,
                "contacts cannot be changed through gald: it only reads from the sources; change "
                "them in Active Directory, Entra ID or Exchange, and the next cycle publishes it");
}

}  // namespace

void add_operation_routes(Router& router) {
  const std::string base = "/api/identity/";
  router.add(
      {"GET", base + "conflicts", Scope::read, {"kind", "contact", "limit", "cursor"}, conflicts});
  router.add({"GET", base + "plans", Scope::read, {"all", "limit"}, plans});
  router.add({"GET", base + "plans/{plan}", Scope::read, {"limit"}, plan, true});
  router.add({"POST", base + "plans/{plan}/approve", Scope::operate, {}, [](Call& call) {
                return decide(call, Decision::approve);
              }});
  router.add({"POST", base + "plans/{plan}/reject", Scope::operate, {}, [](Call& call) {
                return decide(call, Decision::reject);
              }});
  router.add({"GET", base + "runs", Scope::read, {"limit", "cursor"}, runs});
  router.add({"POST", base + "sync", Scope::operate, {}, sync});
  router.add({"POST", base + "contacts", Scope::admin, {}, no_writing});
  router.add({"POST", base + "contacts/bulk", Scope::admin, {}, no_writing});
  router.add({"PUT", base + "contacts/{id}", Scope::admin, {}, no_writing});
  router.add({"DELETE", base + "contacts/{id}", Scope::admin, {}, no_writing});
}

}  // namespace gald::api
