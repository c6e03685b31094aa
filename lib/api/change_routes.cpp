// What changed: the feed, the history of a contact, and why it is what it is.
#include <chrono>
#include <limits>

#include "api/answers.hpp"
#include "api/feed_stream.hpp"
#include "api/meant.hpp"
#include "api/problem.hpp"
#include "api/router.hpp"
#include "api/spool.hpp"
#include "api/subscriptions.hpp"
#include "base/guid.hpp"
#include "base/text.hpp"
#include "export/explain_json.hpp"
#include "export/history_json.hpp"

namespace gald::api {

namespace {

using Standing = index::FeedAnswer::Standing;

constexpr std::string_view kPositions =
    "the position of an answer before, or of a snapshot (2f5c0a7d91e3b846.4711)";

/// Whether the header Accept names the type; what is said of quality does not matter here.
bool accepts(const net::ServerRequest& request, std::string_view type) {
  for (const std::string_view one : base::split(request.header("Accept").value_or(""), ','))
    if (base::ascii_iequals(base::trim(one.substr(0, one.find(';'))), type))
      return true;
  return false;
}

/// Nothing where the text is none, or does not say of which feed it is.
std::optional<index::FeedPosition> position_named(std::string_view text) {
  std::optional<index::FeedPosition> position = index::parse_feed_position(text);
  return position && !position->feed.empty() ? position : std::nullopt;
}

/// Without one, from now on.
index::FeedPosition first_position(Call& call) {
  if (const auto last = call.request.header("Last-Event-ID"); last && !last->empty()) {
    const std::optional<index::FeedPosition> position = position_named(*last);
    if (!position)
      throw Refused(400, "Last-Event-ID: expected the id of an event, or none");
    return *position;
  }
  const auto since = call.parameters.word("since", position_named, kPositions);
  return since ? *since : call.readers.feed().newest();
}

net::ServerResponse gone(Standing standing) {
  net::ServerResponse response = problem(410, gone_detail(standing));
  response.body = gone_body(standing);
  return response;
}

/// A limited token is told who has left its sight. Before it was made, nobody was in it.
bool is_before_the_token(Call& call, const index::FeedPosition& after) {
  if (call.who.permission.everything() || !call.who.made_at)
    return false;
  const index::FeedPosition first = call.readers.feed().newest_at(*call.who.made_at);
  return after.feed == first.feed && after.number < first.number;
}

net::ServerResponse events(Call& call) {
  const index::FeedPosition after = first_position(call);
  const bool compact = call.parameters.flag("compact").value_or(false);
  if (compact && is_before_the_token(call, after))
    return gone(Standing::too_old);
  const Standing standing =
      call.readers.feed().changes(after, 0, [](const model::HistoryLine&) {}).standing;
  if (standing != Standing::known)
    return gone(standing);
  net::ServerResponse response;
  response.headers = {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}};
  response.stream = feed_stream(call.pool, call.who, after, compact, call.services.clock);
  response.held = call.subscriptions.open(call.who.name);
  return response;
}

/// One change may concern many contacts, so that the answer may be large whatever the limit is.
net::ServerResponse feed_page(Call& call, const index::FeedPosition& after) {
  const Parameters& parameters = call.parameters;
  const int limit = static_cast<int>(parameters.number("limit", 1, 10'000).value_or(1000));
  const auto wait = std::chrono::seconds(parameters.number("wait", 0, 60).value_or(0));
  const bool compact = parameters.flag("compact").value_or(false);
  if (compact && is_before_the_token(call, after))
    return gone(Standing::too_old);
  const auto body = std::make_shared<Spool>(call.readers.index_file().parent_path(), call.who.name);
  bool any = false;
  const auto add = [&](const std::string& object) {
    body->write((any ? "," : R"({"items":[)") + object);
    any = true;
  };
  const index::Feed& feed = call.readers.feed();
  const index::FeedAnswer answer =
      compact ? feed.compacted(after, limit,
                               [&](const index::FeedItem& item) { add(exporting::to_json(item)); })
              : feed.changes(after, limit, [&](const model::HistoryLine& line) {
                  add(exporting::to_json(line));
                });
  if (answer.standing != Standing::known)
    return gone(answer.standing);
  if (!any && !answer.more && wait.count() > 0 && !call.request.waited) {
    net::ServerResponse later;
    later.wait = wait;
    later.held = call.request.held ? call.request.held : call.subscriptions.open(call.who.name);
    return later;
  }
  body->write(std::string(any ? "" : R"({"items":[)") + R"(],"next":")" +
              index::to_string(answer.next) + R"(","more":)" + (answer.more ? "true}" : "false}"));
  net::ServerResponse response = fresh_answer({});
  give_body(response, body);
  return response;
}

net::ServerResponse changes(Call& call) {
  if (accepts(call.request, "text/event-stream"))
    return events(call);
  const auto since = call.parameters.word("since", position_named, kPositions);
  if (!since)
    call.parameters.refuse("since", kPositions);
  return feed_page(call, *since);
}

net::ServerResponse history_of(Call& call, const std::string& id) {
  const int limit = page_limit(call.parameters);
  const auto before = call.parameters.number("cursor", 1, std::numeric_limits<std::int64_t>::max());
  // one more than wanted tells whether there are more
  std::vector<model::HistoryLine> lines = call.readers.history().lines(id, limit + 1, before);
  const bool more = lines.size() > static_cast<std::size_t>(limit);
  if (more)
    lines.pop_back();
  JsonList items;
  for (const model::HistoryLine& line : lines)
    items.add(exporting::to_json(line));
  std::optional<std::string> next;
  if (more)
    next = std::to_string(lines.back().number);
  return tagged_page_answer(call, items, next);
}

/// An id that was merged or purged has a history of its own; else of whoever is found by it.
net::ServerResponse history(Call& call) {
  const std::string& asked = call.path.at(0);
  if (const auto id = base::Guid::parse(asked))
    if (!call.readers.history().lines(id->text(), 1).empty())
      return history_of(call, id->text());
  return answer_for_one(asked, call.readers.reader().find(asked),
                        [&](const model::Contact& one) { return history_of(call, one.entry.id); });
}

net::ServerResponse explain(Call& call) {
  require_everything(call.who);  // it tells of records, which no permission names
  const std::string& asked = call.path.at(0);
  const index::Reader& reader = call.readers.reader();
  return answer_for_one(asked, reader.find(asked), [&](const model::Contact& one) {
    return tagged_answer(call, exporting::to_json(index::explain_report(
                                   reader, one.entry, asked, call.services.clock.now())));
  });
}

}  // namespace

void add_change_routes(Router& router) {
  const std::string contact = "/api/identity/contacts/{id}";
  router.add({"GET",
              "/api/identity/changes",
              Scope::read,
              {"since", "compact", "limit", "wait"},
              changes});
  router.add({"GET", contact + "/history", Scope::read, {"limit", "cursor"}, history});
  router.add({"GET", contact + "/explain", Scope::read, {}, explain, true});
}

}  // namespace gald::api
