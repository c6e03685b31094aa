#include <algorithm>
#include <set>

#include <SQLiteCpp/SQLiteCpp.h>

#include "api/contact_query.hpp"
#include "api/problem.hpp"
#include "api_fixture.hpp"

namespace gald::api {

namespace {

using gald::test::anchor;
using index::Visibility;
using index::search_world::gone;
using index::search_world::named;
using model::Attribute;
using world::group;
using world::header;
using world::json;

// --- what is asked for ---------------------------------------------------------------------------

constexpr base::TimePoint kNow{std::chrono::hours(24 * 365 * 50)};

index::ContactFilter filter_of(std::string_view query) {
  return filter_from(Parameters(query, filter_parameters()));
}

std::string refusal(std::string_view query) {
  try {
    const Parameters parameters(query, filter_parameters({"at"}));
    filter_from(parameters);
    moment_from(parameters, kNow);
  } catch (const Refused& refused) {
    EXPECT_EQ(refused.status(), 400);
    return refused.what();
  }
  return {};
}

std::optional<index::Moment> moment_of(std::string_view query) {
  return moment_from(Parameters(query, {"at"}), kNow);
}

TEST(ContactQuery, NamesWhatAFilterHas) {
  const index::ContactFilter filter = filter_of(
      "source=hybrid&status=disabled&kind=guest&group=Sales%20%26%20Co&label=VIP&hidden=unknown"
      "&changed_since=2019-12-01T01:00:00%2B01:00&changed_after=17&with_deleted=true");
  EXPECT_EQ(filter.source, model::Source::hybrid);
  EXPECT_EQ(filter.status, model::Status::disabled);
  EXPECT_EQ(filter.kind, model::EntryKind::guest);
  EXPECT_EQ(filter.group, "Sales & Co");
  EXPECT_EQ(filter.label, "VIP");
  EXPECT_EQ(filter.visibility, Visibility::unknown);
  EXPECT_EQ(filter.changed_since, base::parse_iso8601("2019-12-01T00:00:00Z"));
  EXPECT_EQ(filter.changed_after, 17);
  EXPECT_TRUE(filter.with_deleted);
  EXPECT_EQ(filter_of("hidden=true").visibility, Visibility::hidden);
  EXPECT_EQ(filter_of("hidden=false").visibility, Visibility::visible);
}

TEST(ContactQuery, WhatIsNotSaidDoesNotRestrict) {
  for (const char* query : {"", "source=&status=&kind=&group=&hidden=&changed_since="}) {
    const index::ContactFilter filter = filter_of(query);
    EXPECT_FALSE(filter.source || filter.status || filter.kind || filter.visibility ||
                 filter.changed_after || filter.changed_since || filter.with_deleted);
    EXPECT_EQ(filter.group + filter.label, "");
  }
}

TEST(ContactQuery, WhatIsWrongIsNamed) {
  EXPECT_EQ(refusal("source=ad"), "source: expected cloud, on_premises or hybrid, not \"ad\"");
  EXPECT_NE(refusal("status=gone").find("active, disabled or deleted"), std::string::npos);
  EXPECT_NE(refusal("kind=person").find("contact, user, guest or group"), std::string::npos);
  EXPECT_NE(refusal("hidden=yes").find("true, false or unknown"), std::string::npos);
  EXPECT_NE(refusal("changed_since=yesterday").find("2026-11-28T10:00:00Z"), std::string::npos);
  EXPECT_NE(refusal("changed_after=-1").find("changed_after"), std::string::npos);
  EXPECT_NE(refusal("with_deleted=1").find("true or false"), std::string::npos);
  EXPECT_NE(refusal("at=99999999999999999999").find("at: "), std::string::npos);
  EXPECT_NE(refusal("at=noon").find("the number of a run"), std::string::npos);
  EXPECT_NE(refusal("at=2099-01-01T00:00:00Z").find("future"), std::string::npos);
}

TEST(ContactQuery, Moments) {
  EXPECT_EQ(moment_of(""), std::nullopt);
  EXPECT_EQ(std::get<index::AfterRun>(moment_of("at=12").value()).run, 12);
  EXPECT_EQ(std::get<base::TimePoint>(moment_of("at=2001-01-01T00:00:00Z").value()),
            base::parse_iso8601("2001-01-01T00:00:00Z"));
}

// --- lists ---------------------------------------------------------------------------------------

const std::string kContacts = "/api/identity/contacts";

/// Ann, Bob, Cem and Dan; Ann and Bob are in Sales, Bob and Cem in the Board; Ann is hidden.
class ContactsOfTheApi : public world::ApiTest {
 protected:
  ContactsOfTheApi() {
    services_.lookup.regions = {"DE"};
    model::Change ann = named(1, "Ann", "Arendt");
    ann.set[Attribute::hidden] = {"true"};
    ann.set[Attribute::mail] = {"ann@contoso.test"};
    ann.set[Attribute::proxy_addresses] = {"SMTP:ann@contoso.test", "smtp:desk@contoso.test"};
    ann.set[Attribute::business_phones] = {"+49 30 23125-110"};
    model::Change bob = named(2, "Bob", "Brecht");
    bob.set[Attribute::proxy_addresses] = {"SMTP:bob@contoso.test", "smtp:desk@contoso.test"};
    model::Change sales = group(10, "Sales", {anchor(1), anchor(2)});
    sales.set[Attribute::mail] = {"sales@contoso.test"};
    sales.set[Attribute::proxy_addresses] = {"SMTP:sales@contoso.test"};
    apply({ann, bob, named(3, "Cem", "Celan"), named(4, "Dan", "Defoe"), sales,
           group(11, "Board", {anchor(2), anchor(3)})});
    publish();
  }

  std::vector<std::string> names(const std::string& target) {
    std::vector<std::string> found;
    const json body = get(target);
    for (const json& item : body.at("items"))
      found.push_back(item.at("displayName"));
    return found;
  }

  /// All pages, one after the other.
  std::vector<std::string> walk(const std::string& target) {
    std::vector<std::string> found;
    std::string page = target;
    while (found.size() < 1000) {
      const net::ServerResponse response = ask(page);
      EXPECT_EQ(response.status, 200) << response.body;
      const json body = json::parse(response.body);
      for (const json& item : body.at("items"))
        found.push_back(item.at("displayName"));
      if (body.at("next").is_null()) {
        EXPECT_EQ(header(response, "Link"), "");
        break;
      }
      const std::string link = header(response, "Link");
      EXPECT_TRUE(link.starts_with("</") && link.ends_with(">; rel=\"next\"")) << link;
      page = link.substr(1, link.find('>') - 1);
      EXPECT_NE(page.find("cursor=" + body.at("next").get<std::string>()), std::string::npos);
    }
    return found;
  }

  using Names = std::vector<std::string>;
  const Names all_{"Ann Arendt", "Bob Brecht", "Cem Celan", "Dan Defoe"};
  const Names backwards_{all_.rbegin(), all_.rend()};
};

TEST_F(ContactsOfTheApi, AreListedByName) {
  const net::ServerResponse response = ask(kContacts);
  EXPECT_EQ(header(response, "Content-Type"), "application/json");
  EXPECT_EQ(header(response, "Cache-Control"), "private, no-cache");
  const json body = json::parse(response.body);
  EXPECT_EQ(body.size(), 2u) << body;
  EXPECT_TRUE(body.at("next").is_null());
  EXPECT_EQ(names(kContacts), all_);
  EXPECT_EQ(body.at("items")[0].at("mail"), "ann@contoso.test");
  EXPECT_EQ(body.at("items")[0].at("records").size(), 1u);
}

TEST_F(ContactsOfTheApi, AreFiltered) {
  EXPECT_EQ(names(kContacts + "?hidden=true"), Names{"Ann Arendt"});
  EXPECT_EQ(names(kContacts + "?group=Sales"), (Names{"Ann Arendt", "Bob Brecht"}));
  EXPECT_EQ(names(kContacts + "?kind=group"), (Names{"Board", "Sales"}));
  EXPECT_EQ(names(kContacts + "?source=hybrid"), Names{});
  EXPECT_EQ(names(kContacts + "?changed_since=" + base::to_iso8601(clock_.now())), all_);
  apply({gone(4)});
  publish();
  EXPECT_EQ(names(kContacts + "?status=deleted"), Names{"Dan Defoe"});
  EXPECT_EQ(names(kContacts + "?changed_since=" + base::to_iso8601(clock_.now())), Names{});
  EXPECT_EQ(names(kContacts + "?with_deleted=true&changed_since=" + base::to_iso8601(clock_.now())),
            Names{"Dan Defoe"});
}

TEST_F(ContactsOfTheApi, AreFilteredByTimesOfAForgottenHistoryToo) {
  const auto since = [&](base::TimePoint time) {
    return names(kContacts + "?changed_since=" + base::to_iso8601(time));
  };
  std::vector<base::TimePoint> published = {clock_.now()};
  for (const int number : {1, 2, 3}) {
    apply({named(number, "Changed", std::to_string(number))});
    publish();
    published.push_back(clock_.now());
  }
  for (const bool forgotten : {false, true}) {
    SCOPED_TRACE(forgotten);
    for (std::size_t i = 0; i < published.size(); ++i) {
      EXPECT_EQ(since(published[i]).size(), 4 - i);
      EXPECT_EQ(since(published[i] + std::chrono::milliseconds(1)).size(), 3 - i);
    }
    index_->publish(index_->begin_run(), {.keep_history = clock_.now() - published[2]}, {});
  }
  EXPECT_EQ(get(kContacts + "/" + id_of("Dan Defoe") + "/history").at("items").size(), 0u);
}

TEST_F(ContactsOfTheApi, ComePageByPageInEveryOrder) {
  for (const std::string limit : {"1", "2", "3", "4", "1000"}) {
    EXPECT_EQ(walk(kContacts + "?limit=" + limit), all_);
    EXPECT_EQ(walk(kContacts + "?sort=-displayName&limit=" + limit), backwards_);
    EXPECT_EQ(walk(kContacts + "?sort=changedAt&limit=" + limit).size(), 4u);
    Names changed = walk(kContacts + "?sort=changedAt&limit=" + limit);
    std::reverse(changed.begin(), changed.end());
    EXPECT_EQ(walk(kContacts + "?sort=-changedAt&limit=" + limit), changed);
    EXPECT_EQ(walk(kContacts + "?group=Sales&fields=displayName&limit=" + limit),
              (Names{"Ann Arendt", "Bob Brecht"}));
    EXPECT_EQ(walk(kContacts + "?changed_after=0&limit=" + limit), all_);
    EXPECT_EQ(walk(kContacts + "?changed_after=0&sort=-displayName&limit=" + limit), backwards_);
  }
}

TEST_F(ContactsOfTheApi, AreListedAsFarAsTheyArePermitted) {
  const std::string sales = id_of("Sales");
  const std::string since = "&changed_since=2001-01-01T00:00:00Z";
  const std::string tag = header(ask(kContacts + "/bob@contoso.test"), "ETag");
  authority_.principal = {"test", Scope::read, {.groups = std::set<std::string>{sales}}};
  const Names members = {"Ann Arendt", "Bob Brecht"};
  for (const std::string order : {"displayName", "changedAt"})
    for (const std::string& filter : {std::string(), since, std::string("&changed_after=0")}) {
      const std::string target = kContacts + "?count=true&limit=1&sort=" + order + filter;
      EXPECT_EQ(get(target).at("total"), 2) << target;
      EXPECT_EQ(walk(target).size(), 2u) << target;
    }
  EXPECT_EQ(walk(kContacts + "?limit=1"), members);
  EXPECT_EQ(names(kContacts + "?offset=1"), Names{"Bob Brecht"});
  EXPECT_EQ(names("/api/identity/groups"), Names{"Sales"});
  EXPECT_NE(header(ask(kContacts + "/bob@contoso.test"), "ETag"), tag) << "it names one group";
  EXPECT_EQ(get(kContacts + "/overview").at("contacts"), 2);
  refused(kContacts + "?group=Board", 404);
  authority_.principal.permission = {.attributes = std::set<std::string>{"mail"}};
  const json page = get(kContacts + "?limit=2");
  EXPECT_TRUE(page.at("items")[0].at("displayName").is_null());
  EXPECT_EQ(
      get(kContacts + "?limit=2&cursor=" + page.at("next").get<std::string>()).at("items").size(),
      2u);
}

TEST_F(ContactsOfTheApi, NamesakesAndTheNamelessComeOnce) {
  std::vector<model::Change> changes;
  for (int i = 20; i < 30; ++i)
    changes.push_back(named(i, "", "", i % 2 == 0 ? "eve e." : "Eve E."));
  for (int i = 30; i < 35; ++i) {
    changes.push_back(named(i, "", "", "x"));
    changes.back().set[Attribute::display_name] = {};
    changes.back().set[Attribute::mail] = {"x" + std::to_string(i) + "@contoso.test"};
  }
  apply(changes);
  publish();
  for (const std::string order : {"displayName", "-displayName"}) {
    std::vector<std::string> ids;
    std::string cursor;
    do {
      const json page = get(kContacts + "?limit=3&fields=id&sort=" + order +
                            (cursor.empty() ? "" : "&cursor=" + cursor));
      for (const json& item : page.at("items"))
        ids.push_back(item.at("id"));
      cursor = page.at("next").is_null() ? "" : page.at("next").get<std::string>();
    } while (!cursor.empty());
    EXPECT_EQ(ids.size(), 19u) << order;
    EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), 19u) << order;
    std::vector<std::string> whole;
    const json list = get(kContacts + "?sort=" + order);
    for (const json& item : list.at("items"))
      whole.push_back(item.at("id"));
    EXPECT_EQ(ids, whole) << order;
  }
}

TEST_F(ContactsOfTheApi, AreCountedAndJumpedOver) {
  const json body = get(kContacts + "?offset=1&limit=2&count=true");
  EXPECT_EQ(body.at("total"), 4);
  EXPECT_EQ(names(kContacts + "?offset=1&limit=2"), (Names{"Bob Brecht", "Cem Celan"}));
  EXPECT_EQ(walk(kContacts + "?offset=1&limit=2"), (Names{"Bob Brecht", "Cem Celan", "Dan Defoe"}));
  EXPECT_EQ(names(kContacts + "?offset=4"), Names{});
  EXPECT_EQ(names(kContacts + "?sort=-displayName&offset=3"), Names{"Ann Arendt"});
  EXPECT_EQ(get(kContacts + "?hidden=true&count=true&limit=1").at("total"), 1);
  EXPECT_EQ(get(kContacts + "?group=Board&count=true").at("total"), 2);
}

TEST_F(ContactsOfTheApi, HaveTheFieldsThatAreAskedFor) {
  const json item = get(kContacts + "?limit=1&fields=displayName,phones").at("items")[0];
  EXPECT_EQ(item.size(), 3u) << item;
  EXPECT_EQ(item.at("id"), id_of("Ann Arendt"));
  EXPECT_EQ(item.at("phones").size(), 1u);
  const std::string detail = refused(kContacts + "?fields=displayName,secret");
  EXPECT_NE(detail.find("\"secret\""), std::string::npos);
  EXPECT_NE(detail.find("givenName"), std::string::npos);
}

TEST_F(ContactsOfTheApi, AreSearched) {
  const json exact = get(kContacts + "?q=arendt");
  EXPECT_EQ(exact.at("items").size(), 1u);
  EXPECT_EQ(exact.at("items")[0].at("similar"), false);
  EXPECT_EQ(exact.at("more"), false);
  EXPECT_TRUE(exact.at("next").is_null());
  const json similar = get(kContacts + "?q=brehct&fields=displayName");
  ASSERT_EQ(similar.at("items").size(), 1u);
  EXPECT_EQ(similar.at("items")[0].at("similar"), true);
  EXPECT_EQ(similar.at("items")[0].at("displayName"), "Bob Brecht");
  EXPECT_EQ(get(kContacts + "?q=arendt&hidden=false").at("items").size(), 0u);
}

TEST_F(ContactsOfTheApi, AreGuessedForThoseWhoSeeEverybody) {
  // whose names are like what was typed, the guesses tell, whoever may be seen
  const std::string sales = id_of("Sales");
  for (const index::Permission& permission :
       {index::Permission{.groups = std::set<std::string>{sales}},
        index::Permission{.sources = std::set{model::Source::cloud}},
        index::Permission{.hidden = false}}) {
    authority_.principal = {"test", Scope::read, permission};
    EXPECT_EQ(get(kContacts + "?q=brehct").at("items").size(), 0u);
    EXPECT_EQ(get(kContacts + "?q=brecht").at("items").size(), 1u);
  }
  authority_.principal.permission = {};
  EXPECT_EQ(get(kContacts + "?q=brehct").at("items").size(), 1u);
}

TEST_F(ContactsOfTheApi, AreAsTheyWere) {
  const std::string then = base::to_iso8601(clock_.now());
  apply({named(1, "Ann", "Zweig"), gone(2), named(5, "Eve", "Eco")});
  publish();
  EXPECT_EQ(walk(kContacts + "?limit=2"),
            (Names{"Ann Zweig", "Cem Celan", "Dan Defoe", "Eve Eco"}));
  EXPECT_EQ(names(kContacts + "?at=" + then), all_);
  EXPECT_EQ(walk(kContacts + "?limit=1&at=1"), all_);
  EXPECT_EQ(names(kContacts + "?group=Sales&at=" + then), (Names{"Ann Arendt", "Bob Brecht"}));
  const std::string ann = kContacts + "/" + id_of("Ann Zweig");
  EXPECT_EQ(get(ann).at("surname"), "Zweig");
  EXPECT_EQ(get(ann + "?at=" + then).at("surname"), "Arendt");
  EXPECT_FALSE(get(ann + "?at=" + then).contains("records"));
  EXPECT_EQ(get(ann + "?at=1&fields=surname").size(), 2u);
}

TEST_F(ContactsOfTheApi, AsTheyWereComeByIdWhereTheirNamesAreNotTold) {
  const std::string then = base::to_iso8601(clock_.now());
  // by name they come the other way round
  std::vector<std::pair<std::string, int>> ids;
  for (int i = 0; i < 4; ++i)
    ids.emplace_back(id_of(all_[static_cast<std::size_t>(i)]), i + 1);
  std::sort(ids.rbegin(), ids.rend());
  std::vector<model::Change> renamed;
  for (std::size_t i = 0; i < ids.size(); ++i)
    renamed.push_back(named(ids[i].second, std::string(1, static_cast<char>('A' + i)), "Named"));
  apply(std::move(renamed));
  publish();
  const std::string renamed_at = base::to_iso8601(clock_.now());
  apply({named(ids[1].second, "Z", "Named")});  // told from its changes, the others as they are
  publish();
  authority_.principal = {
      "test", Scope::read, {.attributes = std::set<std::string>{"mail", "groups"}}};
  std::sort(ids.begin(), ids.end());
  for (const std::string& at : {then, renamed_at, base::to_iso8601(clock_.now())}) {
    std::vector<std::string> told;
    std::string cursor;
    do {
      const json page = get(kContacts + "?limit=1&at=" + at + cursor);
      for (const json& item : page.at("items"))
        told.push_back(item.at("id"));
      cursor = page.at("next").is_null() ? "" : "&cursor=" + page.at("next").get<std::string>();
    } while (!cursor.empty() && told.size() < 10);
    ASSERT_EQ(told.size(), ids.size()) << at;
    for (std::size_t i = 0; i < ids.size(); ++i)
      EXPECT_EQ(told[i], ids[i].first) << at;
  }
}

TEST_F(ContactsOfTheApi, WhatIsWrongIsRefusedByItsName) {
  const std::string cursor = get(kContacts + "?limit=1").at("next");
  const auto names_it = [&](const std::string& query, const std::string& word) {
    EXPECT_NE(refused(kContacts + query).find(word), std::string::npos)
        << query << ": " << refused(kContacts + query);
  };
  names_it("?limit=0", "limit: expected a number from 1 to 1000");
  names_it("?limit=1001", "limit");
  names_it("?limit=ten", "limit");
  names_it("?offset=-1", "offset");
  names_it("?count=yes", "count");
  names_it("?sort=surname", "sort: expected displayName, -displayName, changedAt or -changedAt");
  names_it("?colour=red", "\"colour\"");
  names_it("?source=a&source=b", "more than once");
  names_it("?cursor=" + cursor + "&offset=1", "offset");
  names_it("?cursor=" + cursor + "&kind=user", "another list");
  names_it("?cursor=" + cursor + "&sort=-displayName", "another list");
  names_it("?q=ann&cursor=" + cursor, "cursor");
  names_it("?q=ann&sort=displayName", "sort");
  names_it("?at=1&q=ann", "q: does not go together with `at`");
  names_it("?at=1&offset=2", "offset");
  names_it("?at=1&count=true", "count");
  for (const char* made_up : {"x", "AAAA", "W10", "WyJhIl0", "bnVsbA", "e30", "%00", "%C3%28"})
    EXPECT_EQ(get(kContacts + "?cursor=" + made_up, 400).at("status"), 400) << made_up;
  EXPECT_NE(refused(kContacts + "?group=Marketing", 404).find("group"), std::string::npos);
}

TEST_F(ContactsOfTheApi, ACursorOfAnotherFileIsRefused) {
  const std::string cursor = get(kContacts + "?limit=1").at("next");
  SQLite::Database(file().string(), SQLite::OPEN_READWRITE)
      .exec("UPDATE history SET feed_id = 'another'");
  EXPECT_NE(refused(kContacts + "?cursor=" + cursor).find("cursor"), std::string::npos);
}

// --- one of them ---------------------------------------------------------------------------------

TEST_F(ContactsOfTheApi, OneHasATagOfWhatIsAnswered) {
  const std::string path = kContacts + "/" + id_of("Ann Arendt");
  const net::ServerResponse first = ask(path);
  EXPECT_EQ(first.status, 200);
  const std::string tag = header(first, "ETag");
  EXPECT_TRUE(tag.starts_with('"') && tag.ends_with('"')) << tag;
  EXPECT_EQ(header(first, "Last-Modified").substr(3, 2), ", ");
  EXPECT_EQ(header(first, "Content-Location"), "");
  const net::ServerResponse same = ask(path, {{"If-None-Match", "\"x\", " + tag}});
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(same.body, "");
  EXPECT_EQ(header(same, "ETag"), tag);
  EXPECT_NE(header(ask(path + "?fields=mail"), "ETag"), tag);
  apply({group(12, "Chess", {anchor(1)})});
  publish();
  const net::ServerResponse later = ask(path, {{"If-None-Match", tag}});
  EXPECT_EQ(later.status, 200) << "whose groups are others";
  EXPECT_NE(header(later, "ETag"), tag);
}

TEST_F(ContactsOfTheApi, OneIsMeantByItsIdOrAddress) {
  const net::ServerResponse found = ask(kContacts + "/ANN%40contoso.test");
  EXPECT_EQ(found.status, 200);
  EXPECT_EQ(json::parse(found.body).at("id"), id_of("Ann Arendt"));
  EXPECT_EQ(header(found, "Content-Location"), kContacts + "/" + id_of("Ann Arendt"));
  for (const char* part : {"?fields=mail", "?at=now"})
    EXPECT_EQ(header(ask(kContacts + "/ANN%40contoso.test" + part), "Content-Location"), "")
        << part;
  const json several = get(kContacts + "/desk@contoso.test", 409);
  EXPECT_EQ(std::set<std::string>(several.at("ids")),
            (std::set<std::string>{id_of("Ann Arendt"), id_of("Bob Brecht")}));
  EXPECT_EQ(several.dump().find("Arendt"), std::string::npos);
  const net::ServerResponse unknown = ask(kContacts + "/" + anchor(77));
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(ask(kContacts + "/Ann%20Arendt").body, unknown.body) << "a name is no address";
  EXPECT_EQ(ask(kContacts + "/nobody@contoso.test").body, unknown.body);
}

TEST_F(ContactsOfTheApi, AnAddressMeansWhoHasItNow) {
  const std::string ann = id_of("Ann Arendt");
  const std::string bob = id_of("Bob Brecht");
  apply({gone(2)});
  publish();
  ASSERT_EQ(get(kContacts + "/" + bob).at("status"), "deleted");
  EXPECT_EQ(get(kContacts + "/desk@contoso.test").at("id"), ann);
  apply({gone(1)});
  publish();
  EXPECT_EQ(get(kContacts + "/desk@contoso.test", 409).at("ids").size(), 2u);
}

// --- groups --------------------------------------------------------------------------------------

const std::string kGroups = "/api/identity/groups";

TEST_F(ContactsOfTheApi, GroupsAreListedWithTheirSize) {
  const json body = get(kGroups);
  ASSERT_EQ(body.at("items").size(), 2u);
  EXPECT_EQ(body.at("items")[1], (json{{"id", id_of("Sales")},
                                       {"displayName", "Sales"},
                                       {"mail", "sales@contoso.test"},
                                       {"members", 2}}));
  EXPECT_TRUE(body.at("items")[0].at("mail").is_null());
  EXPECT_EQ(names(kGroups + "?q=s"), Names{"Sales"});
  EXPECT_EQ(names(kGroups + "?q=%25"), Names{});
  EXPECT_EQ(walk(kGroups + "?limit=1"), (Names{"Board", "Sales"}));
  const std::string cursor = get(kGroups + "?limit=1").at("next");
  EXPECT_NE(refused(kGroups + "?q=s&cursor=" + cursor).find("another list"), std::string::npos);
}

TEST_F(ContactsOfTheApi, AGroupHasMembers) {
  const std::string sales = kGroups + "/" + id_of("Sales");
  EXPECT_EQ(get(sales).at("members"), 2);
  EXPECT_EQ(ask(sales, {{"If-None-Match", header(ask(sales), "ETag")}}).status, 304);
  EXPECT_EQ(get(kGroups + "/sales@contoso.test"), get(sales));
  EXPECT_EQ(walk(sales + "/members?limit=1&fields=displayName"),
            (Names{"Ann Arendt", "Bob Brecht"}));
  EXPECT_EQ(get(sales + "/members?count=true&offset=1").at("total"), 2);
  const std::string cursor = get(sales + "/members?limit=1").at("next");
  refused(kGroups + "/" + id_of("Board") + "/members?cursor=" + cursor);
  EXPECT_EQ(refused(kGroups + "/" + id_of("Ann Arendt"), 404),
            refused(kGroups + "/" + anchor(77) + "/members", 404));
  EXPECT_EQ(names(kContacts + "/" + id_of("Bob Brecht") + "/groups"), (Names{"Board", "Sales"}));
  EXPECT_EQ(names(kContacts + "/" + id_of("Dan Defoe") + "/groups"), Names{});
  refused(kContacts + "/" + anchor(77) + "/groups", 404);
}

// --- how many, and who calls ---------------------------------------------------------------------

TEST_F(ContactsOfTheApi, AnOverviewAddsUp) {
  apply({gone(4)});
  publish();
  const std::string path = kContacts + "/overview";
  const json body = get(path);
  EXPECT_EQ(body.at("contacts"), 3);
  EXPECT_EQ(body.at("hidden"), 1);
  EXPECT_EQ(body.at("groups"), 2);
  EXPECT_EQ(body.at("memberships"), 4);
  EXPECT_EQ(body.at("bySource"), (json{{"cloud", 3}, {"on_premises", 0}, {"hybrid", 0}}));
  EXPECT_EQ(body.at("byStatus"), (json{{"active", 3}, {"disabled", 0}, {"deleted", 1}}));
  EXPECT_EQ(body.at("byKind"), (json{{"contact", 3}, {"user", 0}, {"guest", 0}}));
  EXPECT_EQ(body.at("totals").size(), 3u) << body.at("totals");
  EXPECT_EQ(body.at("published"), true);
  EXPECT_EQ(ask(path, {{"If-None-Match", header(ask(path), "ETag")}}).status, 304);
}

TEST_F(ContactsOfTheApi, WhoCallsIsLookedUp) {
  const std::string path = "/api/identity/lookup";
  const json caller = get(path + "?phone=030%2023125110").at("items");
  ASSERT_EQ(caller.size(), 1u);
  EXPECT_EQ(caller[0].at("match"), "exact");
  EXPECT_EQ(caller[0].at("e164"), "+493023125110");
  EXPECT_EQ(caller[0].at("contact").at("displayName"), "Ann Arendt");
  EXPECT_TRUE(caller[0].at("contact").at("companyName").is_null());
  EXPECT_EQ(get(path + "?phone=3023125110&region=de").at("items").size(), 1u);
  EXPECT_EQ(get(path + "?address=desk@contoso.test&limit=1").at("items").size(), 1u);
  EXPECT_EQ(get(path + "?address=desk@contoso.test").at("items").size(), 2u);
  EXPECT_EQ(get(path + "?phone=desk@contoso.test").at("items").size(), 0u);
  EXPECT_EQ(get(path + "?address=030%2023125110").at("items").size(), 0u);
  EXPECT_NE(refused(path).find("`phone` or `address`"), std::string::npos);
  EXPECT_NE(refused(path + "?phone=1&address=2").find("`phone` or `address`"), std::string::npos);
  EXPECT_NE(refused(path + "?phone=1&region=Germany").find("region"), std::string::npos);
  EXPECT_NE(refused(path + "?phone=1&limit=101").find("limit"), std::string::npos);
  const std::string asked = path + "?phone=03023125110";
  EXPECT_EQ(ask(asked, {{"If-None-Match", header(ask(asked), "ETag")}}).status, 304);
}

}  // namespace

}  // namespace gald::api
