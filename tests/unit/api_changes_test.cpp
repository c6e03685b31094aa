// What changed, as clients follow it: the feed in its three forms, the history, explanations.
#include <map>
#include <random>

#include "api/feed_stream.hpp"
#include "api/spool.hpp"
#include "api_fixture.hpp"
#include "base/text.hpp"
#include "export/explain_json.hpp"
#include "export/history_json.hpp"
#include "model/forms.hpp"

namespace gald::api {

namespace {

using index::search_world::gone;
using index::search_world::named;
using world::group;
using world::header;
using world::json;

const std::string kChanges = "/api/identity/changes";

/// All of a body, whichever way it is sent.
std::string text_of(const net::ServerResponse& response) {
  if (!response.stream)
    return response.body;
  std::string text;
  for (bool end = false; !end;) {
    const net::BodySource::Piece piece = response.stream->next();
    text += piece.bytes;
    end = piece.end;
  }
  EXPECT_EQ(text.size(), response.stream->length());
  return text;
}

/// Everything that is there, by id, as a snapshot tells it.
std::map<std::string, json> copied(const std::string& snapshot, std::string& position) {
  std::map<std::string, json> copy;
  for (const std::string_view line : base::split(snapshot, '\n')) {
    if (line.empty())
      continue;
    json item = json::parse(line);
    if (item.contains("position")) {
      position = item["position"];
      continue;
    }
    const std::string id = item["id"];
    item.erase("number");
    copy[id] = std::move(item);
  }
  return copy;
}

void apply_to(std::map<std::string, json>& copy, json item) {
  const std::string id = item.at("id");
  item.erase("number");
  if (item["action"] == "purge")
    copy.erase(id);
  else
    copy[id] = std::move(item);
}

/// The events of a stream, as far as it has any.
struct Event {
  std::string name;
  std::string id;
  std::string data;
};

std::vector<Event> events_in(const std::string& text) {
  std::vector<Event> events;
  Event event;
  for (const std::string_view line : base::split(text, '\n')) {
    const std::size_t colon = std::min(line.find(": "), line.size());
    const std::string_view field = line.substr(0, colon);
    const std::string value(line.substr(std::min(colon + 2, line.size())));
    if (field == "event")
      event.name = value;
    else if (field == "id")
      event.id = value;
    else if (field == "data")
      event.data = value;
    else if (line.empty() && !event.data.empty())
      events.push_back(std::exchange(event, {}));
  }
  return events;
}

class ApiChanges : public world::ApiTest {
 protected:
  std::string snapshot() {
    const net::ServerResponse response = ask(kChanges + "/snapshot");
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(header(response, "Content-Type"), "application/jsonl");
    return text_of(response);
  }

  std::string position() {
    std::string found;
    copied(snapshot(), found);
    return found;
  }

  /// What stands in the stream now, up to where it would wait.
  std::string ready(net::BodySource& stream, bool* ended = nullptr) {
    std::string text;
    for (;;) {
      const net::BodySource::Piece piece = stream.next();
      text += piece.bytes;
      if (ended != nullptr)
        *ended = piece.end;
      if (piece.end || (piece.bytes.empty() && piece.ask_again.count() > 0))
        return text;
    }
  }

  std::shared_ptr<net::BodySource> stream(const std::string& query, world::Headers headers = {}) {
    headers.emplace_back("Accept", "text/html, text/event-stream;q=0.9");
    const net::ServerResponse response = ask(kChanges + query, std::move(headers));
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(header(response, "Content-Type"), "text/event-stream");
    return response.stream;
  }

  /// Something is published, and then nobody remembers it.
  void forget_everything() {
    apply({named(900, "Late", "Comer")});
    publish();
    clock_.advance(std::chrono::hours(1000));
    index_->publish(index_->begin_run(), {.keep_history = std::chrono::hours(1)}, {});
  }
};

// ---- JSON ---------------------------------------------------------------------------------------

TEST_F(ApiChanges, AreTheLinesAfterAPosition) {
  apply({named(1, "Anna", "Berg"), named(2, "Carl", "Dahl")});
  publish();
  const std::string before = position();
  apply({named(1, "Anna", "Berg-Dahl"), gone(2)});
  publish();

  std::string expected;
  const index::FeedAnswer answer = index::Feed(file()).changes(
      *index::parse_feed_position(before), 100, [&](const model::HistoryLine& line) {
        expected += (expected.empty() ? "" : ",") + exporting::to_json(line);
      });
  const net::ServerResponse response = ask(kChanges + "?since=" + before);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(header(response, "Content-Type"), "application/json");
  EXPECT_EQ(header(response, "Cache-Control"), "no-store");
  EXPECT_FALSE(expected.empty());
  EXPECT_EQ(response.body, R"({"items":[)" + expected + R"(],"next":")" + to_string(answer.next) +
                               R"(","more":false})");

  const json first = get(kChanges + "?limit=1&since=" + before);
  EXPECT_EQ(first["items"].size(), 1U);
  EXPECT_EQ(first["more"], true);
  const json rest = get(kChanges + "?since=" + first["next"].get<std::string>());
  EXPECT_EQ(rest["next"], to_string(answer.next));
  EXPECT_EQ(get(kChanges + "?since=" + to_string(answer.next))["items"], json::array());
}

TEST_F(ApiChanges, OnceForEachContactSayWhatToDo) {
  apply({named(1, "Anna", "Berg"), named(2, "Carl", "Dahl")});
  publish();
  const std::string anna = id_of("Anna Berg");
  const std::string before = position();
  for (const char* surname : {"Falk", "Holm"}) {
    apply({named(1, "Anna", surname)});
    publish();
  }
  apply({gone(2)});
  publish();
  const json answer = get(kChanges + "?compact=true&since=" + before);
  ASSERT_EQ(answer["items"].size(), 2U);
  EXPECT_EQ(answer["items"][0]["action"], "put");
  EXPECT_EQ(answer["items"][0]["id"], anna);
  EXPECT_EQ(answer["items"][0]["contact"]["displayName"], "Anna Holm");
  EXPECT_EQ(answer["items"][1]["action"], "delete");
}

TEST_F(ApiChanges, NeedAPositionThatSaysOfWhichFeedItIs) {
  apply({named(1, "Anna", "Berg")});
  publish();
  for (const std::string query : {"", "?since=", "?since=abc", "?since=1", "?since=.1"})
    EXPECT_EQ(refused(kChanges + query).substr(0, 25), "since: expected the posit") << query;
  const std::string good = "?since=" + position();
  EXPECT_EQ(refused(kChanges + good + "&wait=61"),
            "wait: expected a number from 0 to 60, not \"61\"");
  EXPECT_EQ(refused(kChanges + good + "&limit=0"),
            "limit: expected a number from 1 to 10000, not \"0\"");
  EXPECT_EQ(refused(kChanges + good + "&compact=yes"),
            "compact: expected true or false, not \"yes\"");
}

TEST_F(ApiChanges, OfAPositionThatIsOfNoUseLeadToTheSnapshot) {
  apply({named(1, "Anna", "Berg")});
  publish();
  const std::string old = position();
  const json foreign = get(kChanges + "?since=0123456789abcdef.1", 410);
  EXPECT_EQ(foreign["snapshot"], kChanges + "/snapshot");
  EXPECT_EQ(foreign["status"], 410);
  EXPECT_NE(foreign["detail"].get<std::string>().find("not one of this index"), std::string::npos);
  EXPECT_EQ(get(kChanges + "?since=" + old.substr(0, 17) + "999999", 410)["title"], "Gone");
  forget_everything();
  const json late = get(kChanges + "?compact=true&since=" + old, 410);
  EXPECT_NE(late["detail"].get<std::string>().find("too old"), std::string::npos);
  EXPECT_EQ(late["snapshot"], kChanges + "/snapshot");
  EXPECT_EQ(ask(kChanges + "?since=" + old, {{"Accept", "text/event-stream"}}).status, 410);
}

TEST_F(ApiChanges, AreWaitedForWithoutAWorker) {
  apply({named(1, "Anna", "Berg")});
  publish();
  const std::string target = kChanges + "?wait=7&since=" + position();
  net::ServerRequest request{"GET", target, {}, {}, {}};
  EXPECT_EQ(api().answer(request).wait, std::chrono::seconds(7));
  api().news();
  EXPECT_FALSE(api().news());

  request.waited = true;
  const net::ServerResponse nothing = api().answer(request);
  EXPECT_FALSE(nothing.wait);
  EXPECT_EQ(json::parse(nothing.body)["items"], json::array());

  request.waited = false;
  apply({named(2, "Carl", "Dahl")});
  publish();
  EXPECT_TRUE(api().news());
  const net::ServerResponse something = api().answer(request);
  EXPECT_FALSE(something.wait);
  EXPECT_FALSE(json::parse(something.body)["items"].empty());
  EXPECT_FALSE(ask(kChanges + "?since=" + position()).wait);
}

TEST_F(ApiChanges, OfOneGroupMayBeMoreThanFitsIntoMemory) {
  std::vector<model::Change> people;
  std::vector<std::string> members;
  for (int number = 1; number <= 400; ++number) {
    people.push_back(named(number, "Anna", "Number" + std::to_string(number)));
    members.push_back(test::anchor(number));
  }
  people.push_back(group(1000, "Everyone", members));
  apply(people);
  publish();
  const std::string before = position();
  model::Change renamed;
  renamed.anchor = test::anchor(1000);
  renamed.kind = model::RecordKind::group;
  renamed.set[model::Attribute::display_name] = {"All of us"};
  apply({renamed});
  publish();
  const net::ServerResponse response = ask(kChanges + "?compact=true&limit=1&since=" + before);
  ASSERT_TRUE(response.stream);
  EXPECT_TRUE(response.body.empty());
  const json answer = json::parse(text_of(response));
  EXPECT_EQ(answer["items"].size(), 401U);
  EXPECT_EQ(answer["more"], false);

  const auto events = stream("?compact=true&since=" + before);
  const std::vector<Event> told = events_in(ready(*events));
  ASSERT_EQ(told.size(), 401U);
  for (std::size_t i = 0; i < 400; ++i)  // who breaks off before the last one has to begin anew
    EXPECT_EQ(told[i].id, "");
  EXPECT_EQ(told.back().id, answer["next"]);
}

// ---- server-sent events -------------------------------------------------------------------------

TEST_F(ApiChanges, ComeAsEventsAsTheyArePublished) {
  apply({named(1, "Anna", "Berg")});
  publish();
  const std::string before = position();
  const auto events = stream("?since=" + before);
  EXPECT_EQ(events->length(), std::nullopt);
  EXPECT_EQ(events->next().bytes, "retry: 2000\n\n");
  net::BodySource::Piece piece = events->next();
  EXPECT_EQ(piece.bytes, "");
  EXPECT_FALSE(piece.end);
  EXPECT_EQ(piece.ask_again, std::chrono::seconds(15));

  clock_.advance(std::chrono::seconds(10));
  EXPECT_EQ(events->next().ask_again, std::chrono::seconds(5));
  clock_.advance(std::chrono::seconds(5));
  EXPECT_EQ(events->next().bytes, ":\n\n");
  EXPECT_EQ(events->next().ask_again, std::chrono::seconds(15));

  apply({named(1, "Anna", "Holm")});
  index_->publish(index_->begin_run(), {}, {});
  const json expected = get(kChanges + "?since=" + before);
  const std::vector<Event> told = events_in(ready(*events));
  ASSERT_EQ(told.size(), expected["items"].size());
  for (std::size_t i = 0; i < told.size(); ++i) {
    EXPECT_EQ(told[i].name, "change");
    EXPECT_EQ(json::parse(told[i].data), expected["items"][i]);
    EXPECT_EQ(told[i].id,
              before.substr(0, 17) + std::to_string(expected["items"][i]["number"].get<int>()));
  }
  EXPECT_EQ(ready(*events), "");
}

TEST_F(ApiChanges, AsEventsGoOnBehindTheLastOne) {
  apply({named(1, "Anna", "Berg")});
  publish();
  const std::string before = position();
  apply({named(1, "Anna", "Holm"), named(2, "Carl", "Dahl")});
  publish();
  const std::vector<Event> all = events_in(ready(*stream("?since=" + before)));
  ASSERT_GT(all.size(), 2U);
  const auto rest = stream("?since=" + before, {{"Last-Event-ID", all[0].id}});
  EXPECT_EQ(events_in(ready(*rest)).size(), all.size() - 1);
  EXPECT_EQ(events_in(ready(*stream(""))).size(), 0U);  // from now on
  EXPECT_EQ(ask(kChanges, {{"Accept", "text/event-stream"}, {"Last-Event-ID", "x"}}).status, 400);
}

TEST_F(ApiChanges, AsEventsEndWhenThePositionBecomesTooOld) {
  apply({named(1, "Anna", "Berg")});
  publish();
  ReaderPool pool(file());
  const base::ManualClock clock(clock_.now());  // stands still
  const auto events = feed_stream(pool, {}, *index::parse_feed_position(position()), false, clock);
  EXPECT_EQ(ready(*events), "retry: 2000\n\n");
  forget_everything();
  bool ended = false;
  const std::vector<Event> told = events_in(ready(*events, &ended));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].name, "gone");
  EXPECT_EQ(json::parse(told[0].data)["snapshot"], kChanges + "/snapshot");
  EXPECT_TRUE(ended);
}

TEST_F(ApiChanges, AsEventsEndAfterAWhileSoThatWhoAsksIsLookedAtAnew) {
  apply({named(1, "Anna", "Berg")});
  publish();
  const auto events = stream("?since=" + position());
  bool ended = true;
  ready(*events, &ended);
  EXPECT_FALSE(ended);
  clock_.advance(std::chrono::minutes(5));
  ready(*events, &ended);
  EXPECT_TRUE(ended);
}

// ---- consumers ----------------------------------------------------------------------------------

/// A world that does something in every cycle.
class ApiFollowing : public ApiChanges {
 protected:
  void live() {
    std::vector<model::Change> changes;
    for (int i = 0; i < 4; ++i) {
      const int number = pick(30);
      const int what = pick(6);
      if (what == 0)
        changes.push_back(gone(number));
      else if (what == 1)
        changes.push_back(group(1000 + number % 3, "Group " + std::to_string(pick(5)),
                                {test::anchor(pick(30)), test::anchor(pick(30))}));
      else
        changes.push_back(named(number, "Name" + std::to_string(pick(9)), "Of the many"));
    }
    apply(std::move(changes));
    publish();
  }

  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }

  std::mt19937 random_{20'261'128};
};

TEST_F(ApiFollowing, TheFeedOnceForEachContactKeepsACopy) {
  live();
  std::string position;
  std::map<std::string, json> copy = copied(snapshot(), position);
  for (int cycle = 0; cycle < 50; ++cycle) {
    live();
    for (bool more = true; more;) {
      const json answer = get(kChanges + "?compact=true&limit=" + std::to_string(1 + pick(6)) +
                              "&since=" + position);
      for (const json& item : answer["items"])
        apply_to(copy, item);
      position = answer["next"];
      more = answer["more"];
    }
    std::string now;
    ASSERT_EQ(copy, copied(snapshot(), now)) << "cycle " << cycle;
    ASSERT_EQ(position, now);
  }
}

TEST_F(ApiFollowing, TheLinesTellEverythingOnce) {
  live();
  const std::string begin = position();
  std::string position = begin;
  std::map<std::string, std::map<std::string, json>> copy;  // id, field and value
  json lines = json::array();
  for (int cycle = 0; cycle < 50; ++cycle) {
    live();
    for (bool more = true; more;) {
      const json answer =
          get(kChanges + "?limit=" + std::to_string(1 + pick(6)) + "&since=" + position);
      for (json line : answer["items"]) {
        line.erase("displayName");  // as it is called now
        lines.push_back(line);
        if (line["field"].is_string())
          copy[line["id"]][line["field"]] = line["newValue"];
      }
      position = answer["next"];
      more = answer["more"];
    }
  }
  json again = get(kChanges + "?limit=10000&since=" + begin)["items"];
  for (json& line : again)
    line.erase("displayName");
  EXPECT_EQ(lines, again);
  int compared = 0;
  for (const auto& [id, item] : copied(snapshot(), position)) {
    const std::map<std::string, json>& told = copy[id];
    for (const char* field : {"displayName", "givenName", "status"}) {
      const auto last = told.find(field);
      EXPECT_TRUE(last == told.end() || last->second == item["contact"][field]) << id << field;
      compared += last == told.end() ? 0 : 1;
    }
  }
  EXPECT_GT(compared, 40);
}

TEST_F(ApiFollowing, TheEventsKeepACopyThroughBrokenConnections) {
  live();
  std::string position;
  std::map<std::string, json> copy = copied(snapshot(), position);
  for (int cycle = 0; cycle < 50; ++cycle) {
    live();
    for (bool whole = false; !whole;) {
      const auto events = stream("?compact=true", {{"Last-Event-ID", position}});
      std::vector<Event> told = events_in(ready(*events));
      whole = told.size() < 2 || pick(2) == 0;
      if (!whole)
        told.resize(static_cast<std::size_t>(pick(static_cast<int>(told.size()))));
      for (const Event& event : told) {
        apply_to(copy, json::parse(event.data));
        if (!event.id.empty())
          position = event.id;
      }
    }
    std::string now;
    ASSERT_EQ(copy, copied(snapshot(), now)) << "cycle " << cycle;
  }
}

TEST_F(ApiChanges, TheSnapshotIsOfOneMomentAndSaysOfWhich) {
  apply({named(1, "Anna", "Berg"), group(1000, "Sales", {test::anchor(1)})});
  publish();
  const net::ServerResponse response = ask(kChanges + "/snapshot");
  std::string position;
  EXPECT_EQ(copied(text_of(response), position).size(), 2U);
  EXPECT_EQ(header(response, "Feed-Position"), position);
  EXPECT_EQ(to_string(index::Feed(file()).newest()), position);
  const net::ServerResponse head = ask(kChanges + "/snapshot", {}, "HEAD");
  EXPECT_EQ(header(head, "Feed-Position"), position);
  EXPECT_TRUE(head.body.empty());
}

// ---- history and explanations -------------------------------------------------------------------

TEST_F(ApiChanges, TheHistoryOfAContactComesPageByPage) {
  model::Change anna = named(1, "Anna", "Berg");
  anna.set[model::Attribute::proxy_addresses] = {"SMTP:anna@x.test", "smtp:both@x.test"};
  model::Change carl = named(2, "Carl", "Dahl");
  carl.set[model::Attribute::proxy_addresses] = {"smtp:both@x.test"};
  apply({anna, carl});
  publish();
  const std::string id = id_of("Anna Berg");
  for (const char* surname : {"Falk", "Holm", "Lund"}) {
    apply({named(1, "Anna", surname)});
    publish();
  }
  const std::string target = "/api/identity/contacts/" + id + "/history";
  json expected = json::array();
  for (const model::HistoryLine& line : index::History(file()).lines(id, 1000))
    expected.push_back(json::parse(exporting::to_json(line)));
  ASSERT_GT(expected.size(), 6U);
  EXPECT_EQ(get(target), (json{{"items", expected}, {"next", nullptr}}));

  json pages = json::array();
  std::string cursor;
  do {
    const json page = get(target + "?limit=2" + cursor);
    EXPECT_LE(page["items"].size(), 2U);
    pages.insert(pages.end(), page["items"].begin(), page["items"].end());
    cursor = page["next"].is_null() ? "" : "&cursor=" + page["next"].get<std::string>();
  } while (!cursor.empty());
  EXPECT_EQ(pages, expected);

  EXPECT_EQ(get("/api/identity/contacts/anna%40x.test/history")["items"], expected);
  EXPECT_EQ(get("/api/identity/contacts/both@x.test/history", 409)["status"], 409);
  const std::string nobody = "there is no contact with this id or address";
  EXPECT_EQ(refused("/api/identity/contacts/Anna%20Lund/history", 404), nobody);
  EXPECT_EQ(refused("/api/identity/contacts/" + test::anchor(77) + "/history", 404), nobody);
  EXPECT_EQ(refused(target + "?cursor=x").substr(0, 17), "cursor: expected ");
}

TEST_F(ApiChanges, AreToldOfWhatWasPurged) {
  apply({named(1, "Anna", "Berg"), named(2, "Carl", "Dahl")});
  publish();
  const std::string id = id_of("Anna Berg");
  keep_deleted_ = std::chrono::hours(1);
  apply({gone(1)});
  publish();
  for (int i = 0; i < 4; ++i)
    publish();
  const json history = get("/api/identity/contacts/" + id + "/history");
  ASSERT_FALSE(history["items"].empty());
  EXPECT_EQ(history["items"][0]["operation"], "purged");
}

TEST_F(ApiChanges, AreExplainedToThoseWhoMaySeeEverything) {
  apply({named(1, "Anna", "Berg")});
  publish();
  const std::string id = id_of("Anna Berg");
  const std::string target = "/api/identity/contacts/" + id + "/explain";
  const index::Reader reader(file());
  EXPECT_EQ(ask(target).body, exporting::to_json(index::explain_report(
                                  reader, reader.find(id).at(0).entry, id, clock_.now())));
  EXPECT_EQ(get("/api/identity/contacts/nobody@x.test/explain", 404)["status"], 404);
  authority_.principal.permission.hidden = false;
  EXPECT_EQ(get(target, 403)["status"], 403);
  EXPECT_EQ(get("/api/identity/contacts/nobody@x.test/explain", 403)["status"], 403);
}

}  // namespace

}  // namespace gald::api
