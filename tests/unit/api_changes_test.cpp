// What changed, as clients follow it: the feed in its three forms, the history, explanations.
#include "api/feed_stream.hpp"
#include "api_feed.hpp"
#include "export/explain_json.hpp"
#include "export/history_json.hpp"

namespace gald::api {

namespace {

using index::search_world::gone;
using index::search_world::named;
using namespace world;  // NOLINT(google-build-using-namespace): this file is about it

using ApiChanges = FeedTest;

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
  EXPECT_EQ(events->next().bytes, "retry: 2000\nid: " + before + "\n\n");
  net::BodySource::Piece piece = events->next();
  EXPECT_EQ(piece.bytes, "");
  EXPECT_FALSE(piece.end);
  EXPECT_EQ(piece.ask_again, std::chrono::seconds(15));

  clock_.advance(std::chrono::seconds(10));
  EXPECT_EQ(events->next().ask_again, std::chrono::seconds(5));
  clock_.advance(std::chrono::seconds(5));
  EXPECT_EQ(events->next().bytes, ":\nid: " + before + "\n\n");
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
  clock_.advance(std::chrono::seconds(15));
  EXPECT_EQ(events->next().bytes, ":\nid: " + position() + "\n\n");
}

TEST_F(ApiChanges, AsEventsFromNowOnMissNothingBetweenTwoConnections) {
  apply({named(1, "Anna", "Berg")});
  publish();
  const std::string told = ready(*stream(""));  // and it breaks off before anything happens
  apply({named(2, "Carl", "Dahl")});
  publish();
  const std::size_t id = told.find("\nid: ");
  ASSERT_NE(id, std::string::npos) << told;
  const std::string last = told.substr(id + 5, told.find('\n', id + 5) - id - 5);
  EXPECT_FALSE(events_in(ready(*stream("", {{"Last-Event-ID", last}}))).empty());
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
  EXPECT_EQ(events_in(ready(*events)).size(), 0U);
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
  const json several = get("/api/identity/contacts/both@x.test/history", 409);
  EXPECT_EQ(several["ids"].size(), 2U);
  const std::string nobody = "nothing here has this id or address";
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

/// Each keeps a connection, of which there are not so many for all.
TEST_F(ApiChanges, OneReaderHasSoManyOpenAndOthersTheirOwn) {
  apply({named(1, "Anna", "Ahrens")});
  publish();
  const std::string target = kChanges + "?wait=30&since=" + position();
  const auto open = [&](bool stream, std::shared_ptr<void> held = nullptr) {
    net::ServerRequest request{"GET", target, {}, {}, {}};
    if (stream) {
      request.target = kChanges;
      request.headers = {{"Accept", "text/event-stream"}};
    }
    request.again = held != nullptr;
    request.held = std::move(held);
    return api().answer(request);
  };
  std::vector<net::ServerResponse> opened;
  for (int i = 0; i < 100; ++i)
    opened.push_back(open(i % 2 == 0));
  EXPECT_TRUE(opened.front().stream);
  EXPECT_TRUE(opened.back().wait);
  for (const bool stream : {true, false}) {
    const net::ServerResponse refused = open(stream);
    EXPECT_EQ(refused.status, 429) << refused.body;
    EXPECT_EQ(header(refused, "Retry-After"), "15");
  }
  EXPECT_EQ(open(false, opened.back().held).held, opened.back().held) << "it was let in before";
  EXPECT_EQ(ask(kChanges + "?since=" + position()).status, 200) << "it keeps nothing open";
  authority_.principal.name = "another";
  EXPECT_TRUE(open(false).wait);
  authority_.principal.name = "test";
  opened.pop_back();
  EXPECT_EQ(open(true).status, 200);
  opened.push_back(open(true));
  EXPECT_EQ(open(true).status, 429);
}

}  // namespace

}  // namespace gald::api
