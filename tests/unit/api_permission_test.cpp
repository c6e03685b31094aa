// Somebody who may see one group asks everything that can be asked.
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/api.hpp"
#include "api/token_authority.hpp"
#include "api/tokens.hpp"
#include "base/text.hpp"
#include "permitted_world.hpp"

namespace gald::api {
namespace {

using nlohmann::json;
using testing::HasSubstr;
namespace world = index::permitted_world;

using Texts = std::vector<std::string>;

std::string encoded(const std::string& text) {
  return base::percent_encode(text);
}

std::string replaced(std::string text, const std::string& what) {
  if (what.size() >= 4)
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
      text.replace(at, what.size(), "?");
  return text;
}

/// As it stands in a body of JSON.
std::string in_json(const std::string& text) {
  const std::string quoted = json(text).dump(-1, ' ', false, json::error_handler_t::replace);
  return quoted.substr(1, quoted.size() - 2);
}

/// Everything by which somebody can be meant, in the same order for everybody.
Texts names_of(int number) {
  const std::string mark = world::mark(number);
  return {world::id_of(number),
          test::anchor(number),
          world::address_of(number),
          world::former_address_of(number),
          "upn-" + mark + "@contoso.test",
          "+" + world::phone_digits(number),
          world::phone_digits(number).substr(4),
          mark,
          "Name " + mark,
          "Group " + mark,
          "Label " + mark,
          "title " + mark};
}

struct Question {
  std::string method;
  std::string target;
  std::vector<std::pair<std::string, std::string>> headers = {};
  Texts typed = {};   ///< what an answer may repeat of it
  bool named = true;  ///< is about somebody
};

class PermittedApiTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { world_ = std::make_unique<world::World>(); }

  static void TearDownTestSuite() { world_.reset(); }

  PermittedApiTest() {
    ours_ = add("ours", {.groups = std::set<std::string>{world::id_of(world::kOurs)}});
    everything_ = add("everything", {});
    authority_.emplace(TokenAuthority::Options{.tokens_file = file_.path(),
                                               .index_file = world_->file(),
                                               .requests_per_minute = 1'000'000'000},
                       world_->clock());
    api_.emplace(world_->file(), *authority_, Services{world_->clock(), "1.2.3"});
  }

  std::string add(const std::string& name, index::Permission permission,
                  base::TimePoint made_at = {}) {
    Token token;
    token.name = name;
    token.created = base::to_iso8601(made_at);
    token.permission = std::move(permission);
    const base::Secret secret = give_secret(token);
    file_.change([&](std::vector<Token>& tokens) { tokens.push_back(token); }, world_->file());
    return secret.reveal();
  }

  net::ServerResponse answer(const std::string& token, const Question& question) {
    net::ServerRequest request{question.method, question.target, question.headers, "", {}};
    request.peer.address = "192.0.2.1";
    request.headers.emplace_back("Authorization", "Bearer " + token);
    request.waited = true;  // long polls have an answer now
    return api_->answer(request);
  }

  /// All bytes of an answer, but for how long a stream is idle.
  std::string told(const std::string& token, const Question& question) {
    const net::ServerResponse response = answer(token, question);
    std::string text = std::to_string(response.status) + "\n";
    for (const auto& [name, value] : response.headers)
      text += name + ": " + value + "\n";
    text += "\n" + response.body;
    if (response.stream)
      for (int pieces = 0; pieces < 1000; ++pieces) {
        const net::BodySource::Piece piece = response.stream->next();
        text += piece.bytes;
        if (piece.end || (piece.bytes.empty() && piece.ask_again.count() > 0))
          break;
      }
    // what was typed may come back, as it is or as JSON has it
    for (const std::string& typed : question.typed)
      text = replaced(replaced(replaced(text, typed), in_json(typed)), encoded(typed));
    return text;
  }

  /// What a parameter may be, for somebody or something that is meant by `names`.
  static Texts values_of(std::string_view parameter, const Texts& names) {
    static const std::map<std::string_view, Texts> kFixed = {
        {"source", {"cloud", "hybrid", "on_premises", "nowhere"}},
        {"status", {"active", "disabled", "deleted", "gone"}},
        {"kind", {"user", "group", "contact", "collision", "other"}},
        {"hidden", {"true", "false", "unknown"}},
        {"with_deleted", {"true", "false", "perhaps"}},
        {"compact", {"true", "false"}},
        {"all", {"true", "false"}},
        {"count", {"true", "false"}},
        {"region", {"DE", "XX"}},
        {"changed_since", {"1970-01-01T00:00:00Z", "2019-12-20T03:00:00Z", "never"}},
        {"changed_after", {"0", "10", "60", "999999", "-1"}},
        {"limit", {"1", "2", "1000", "0"}},
        {"offset", {"0", "3", "1000000"}},
        {"wait", {"0", "1"}},
        {"sort",
         {"displayName", "-displayName", "mail", "changedAt", "-changedAt", "department",
          "companyName", "nothing"}},
        {"fields", {"id,displayName", "phones,addresses,manager,groups,labels,records", "nothing"}},
        {"columns", {"all", "visible", "DisplayName,Mail"}},
        // a workbook is compressed, has the time in it, and is written from the same contacts
        {"format", {"csv", "jsonl", "vcf", "vcf3", "ldif", "pdf"}},
    };
    if (const auto fixed = kFixed.find(parameter); fixed != kFixed.end())
      return fixed->second;
    if (parameter == "since") {
      Texts positions = {"0", "999999", "0123456789abcdef.7", "soon"};
      for (const index::FeedPosition& position : world_->positions())
        positions.push_back(
            to_string(index::FeedPosition{world_->positions().back().feed, position.number}));
      return positions;
    }
    if (parameter == "at") {
      Texts moments = {"1", "2", "4", "5", "6", "999"};
      for (const base::TimePoint moment : world_->moments())
        moments.push_back(base::to_iso8601(moment));
      return moments;
    }
    for (const std::string_view name :
         {"group", "label", "q", "phone", "address", "contact", "cursor"})
      if (parameter == name)
        return names;
    ADD_FAILURE() << "no values for the parameter \"" << parameter
                  << "\": add them, so that strangers are looked for behind it";
    return {};
  }

  static Texts segments_of(std::string_view placeholder, const Texts& names) {
    if (placeholder == "{id}")
      return names;
    if (placeholder == "{plan}")
      return {"1", "2", "999", "x"};
    if (placeholder == "{file}")
      return {"app.js", "nothing"};
    ADD_FAILURE() << "no values for the segment " << placeholder << ": add them";
    return {};
  }

  /// The pattern with all that can stand for its segments.
  static std::vector<std::pair<std::string, Texts>> paths_of(const Route& route,
                                                             const Texts& names) {
    std::vector<std::pair<std::string, Texts>> paths = {{"", {}}};
    for (const std::string_view segment :
         base::split(std::string_view(route.pattern).substr(1), '/')) {
      std::vector<std::pair<std::string, Texts>> longer;
      for (const auto& [path, typed] : paths) {
        if (!segment.starts_with('{')) {
          longer.emplace_back(path + "/" + std::string(segment), typed);
          continue;
        }
        for (const std::string& value : segments_of(segment, names)) {
          Texts more = typed;
          more.push_back(value);
          longer.emplace_back(path + "/" + encoded(value), std::move(more));
        }
      }
      paths = std::move(longer);
    }
    return paths;
  }

  /// What a parameter narrows by becomes more visible with these.
  static constexpr std::string_view kTogether[] = {
      "with_deleted=true", "at=5",         "at=3",      "kind=group",
      "compact=true",      "format=jsonl", "format=csv"};

  /// Every route, by everything that means this one.
  std::vector<Question> questions(const Texts& names) const {
    std::vector<Question> questions;
    for (const Route& route : api_->router().routes())
      for (const auto& [path, typed] : paths_of(route, names)) {
        const auto ask = [&](const std::string& query, Texts more) {
          more.insert(more.end(), typed.begin(), typed.end());
          Question question{route.method, path + query, {}, std::move(more)};
          question.named = std::any_of(
              question.typed.begin(), question.typed.end(), [&](const std::string& text) {
                return std::find(names.begin(), names.end(), text) != names.end();
              });
          questions.push_back(question);
          if (route.pattern.ends_with("/changes") && query.size() < 30) {
            question.headers = {{"Accept", "text/event-stream"}};
            questions.push_back(question);
          }
        };
        ask("", {});
        ask("?nothing=" + encoded(names.front()), {names.front()});
        for (const std::string_view parameter : route.parameters)
          for (const std::string& value : values_of(parameter, names)) {
            const std::string one = "?" + std::string(parameter) + "=" + encoded(value);
            ask(one, {value});
            for (const std::string_view more : kTogether) {
              const std::string_view name = more.substr(0, more.find('='));
              if (name != parameter && std::find(route.parameters.begin(), route.parameters.end(),
                                                 name) != route.parameters.end())
                ask(one + "&" + std::string(more), {value});
            }
          }
      }
    return questions;
  }

  static std::unique_ptr<world::World> world_;
  test::TemporaryDirectory place_;
  TokenFile file_{place_.path() / "tokens"};
  std::optional<TokenAuthority> authority_;
  std::optional<Api> api_;
  std::string ours_;
  std::string everything_;
};

std::unique_ptr<world::World> PermittedApiTest::world_;

TEST_F(PermittedApiTest, NoAnswerHasAByteOfAStrangerNorTellsThatThereIsOne) {
  const std::vector<Question> of_nobody = questions(names_of(world::kNobody));
  ASSERT_GT(of_nobody.size(), 100U);
  Texts expected;
  for (const Question& question : of_nobody)
    expected.push_back(told(ours_, question));
  std::size_t seen_by_others = 0;
  for (const int number : world::kForeign) {
    const std::vector<Question> of_stranger = questions(names_of(number));
    ASSERT_EQ(of_stranger.size(), of_nobody.size());
    for (std::size_t i = 0; i < of_stranger.size(); ++i) {
      if (!of_stranger[i].named && number != world::kForeign.front())
        continue;
      const std::string text = told(ours_, of_stranger[i]);
      const std::string& target = of_stranger[i].target;
      // who left is told of as removed to whoever saw them: by id, and by nothing else
      const bool feed = target.find("/identity/changes") != std::string::npos;
      std::string looked_at = text;
      if (feed)
        for (const int left : {world::kFormerMember, world::kDeletedMember, world::kPassedThrough})
          looked_at = replaced(looked_at, world::id_of(left));
      ASSERT_EQ(world::World::foreign_in(looked_at), "") << target << "\n" << text;
      ASSERT_EQ(text, expected[i]) << target;
      if (number == world::kForeign.front() && of_stranger[i].method == "GET" &&
          !world::World::foreign_in(told(everything_, of_stranger[i])).empty())
        ++seen_by_others;
    }
  }
  EXPECT_GT(seen_by_others, 50U);  // the questions are good ones
}

TEST_F(PermittedApiTest, AnEtagOfAStrangerIsWorthNothing) {
  for (const Route& route : api_->router().routes()) {
    if (route.method != "GET" || route.pattern.find("{id}") == std::string::npos)
      continue;
    for (const int number : {world::kStranger, world::kFormerMember}) {
      const auto path_of = [&](int of) {
        std::string path = route.pattern;
        return path.replace(path.find("{id}"), 4, world::id_of(of));
      };
      std::string etag = "\"*\"";
      for (const auto& [name, value] : answer(everything_, {"GET", path_of(number)}).headers)
        if (name == "ETag")
          etag = value;
      for (const std::string& known : {etag, std::string("*"), "W/" + etag})
        EXPECT_EQ(told(ours_, {"GET", path_of(number), {{"If-None-Match", known}}}),
                  told(ours_, {"GET", path_of(world::kNobody), {{"If-None-Match", known}}}))
            << route.pattern;
    }
  }
}

TEST_F(PermittedApiTest, PagesOfOthersLeadNowhere) {
  // cursors that were given to somebody who sees everything
  std::set<std::string> cursors;
  for (const Route& route : api_->router().routes())
    if (route.method == "GET" && std::find(route.parameters.begin(), route.parameters.end(),
                                           "cursor") != route.parameters.end())
      for (const auto& [path, typed] : paths_of(route, names_of(world::kTheirs))) {
        std::string cursor;
        for (int page = 0; page < 5; ++page) {
          const net::ServerResponse response = answer(
              everything_,
              {"GET", path + "?limit=1" + (cursor.empty() ? "" : "&cursor=") + encoded(cursor)});
          const json body = json::parse(response.body, nullptr, false);
          if (!body.is_object() || !body.contains("next") || !body["next"].is_string())
            break;
          cursor = body["next"].get<std::string>();
          const std::string target = path + "?limit=3&cursor=" + encoded(cursor);
          // the client's own cursor may come back to it
          EXPECT_EQ(world::World::foreign_in(told(ours_, {"GET", target, {}, {cursor}})), "")
              << target;
          cursors.insert(cursor);
        }
      }
  EXPECT_GT(cursors.size(), 5U);
}

TEST_F(PermittedApiTest, WhatIsUnderWayEndsWithTheToken) {
  const net::ServerResponse events =
      answer(ours_, {"GET", "/api/identity/changes", {{"Accept", "text/event-stream"}}});
  const net::ServerResponse others =
      answer(everything_, {"GET", "/api/identity/changes", {{"Accept", "text/event-stream"}}});
  ASSERT_TRUE(events.stream && others.stream);
  EXPECT_FALSE(events.stream->next().end);
  EXPECT_FALSE(events.stream->next().end);
  file_.change(
      [](std::vector<Token>& tokens) {
        std::erase_if(tokens, [](const Token& token) { return token.name == "ours"; });
      },
      world_->file());
  world_->clock().advance(std::chrono::seconds(1));
  const net::BodySource::Piece last = events.stream->next();
  EXPECT_TRUE(last.end);
  EXPECT_EQ(last.bytes, "");
  EXPECT_FALSE(others.stream->next().end);
}

TEST_F(PermittedApiTest, WhatIsUnderWayEndsWithTheTimeOfTheToken) {
  const auto expire = [&](const std::string& at) {
    file_.change([&](std::vector<Token>& tokens) { tokens.at(0).expires = at; }, world_->file());
  };
  expire(base::to_iso8601(world_->clock().now() + std::chrono::seconds(10)));
  world_->clock().advance(std::chrono::seconds(1));
  const net::ServerResponse events =
      answer(ours_, {"GET", "/api/identity/changes", {{"Accept", "text/event-stream"}}});
  ASSERT_TRUE(events.stream);
  EXPECT_FALSE(events.stream->next().end);
  world_->clock().advance(std::chrono::seconds(9));
  EXPECT_TRUE(events.stream->next().end);
}

TEST_F(PermittedApiTest, WhoLeftBeforeATokenWasMadeIsNobodyToIt) {
  const index::Permission ours{.groups = std::set<std::string>{world::id_of(world::kOurs)}};
  const std::string late = add("late", ours, world_->moments().at(5));
  const auto since = [&](std::size_t publication, bool as_events) {
    const index::FeedPosition position{world_->positions().back().feed,
                                       world_->positions().at(publication).number};
    Question question{"GET", "/api/identity/changes?compact=true&since=" + to_string(position)};
    if (as_events)
      question.headers = {{"Accept", "text/event-stream"}};
    return question;
  };
  for (const bool as_events : {false, true}) {
    EXPECT_THAT(told(ours_, since(4, as_events)), HasSubstr(world::id_of(world::kPassedThrough)));
    for (const std::size_t publication : {3U, 4U})
      EXPECT_THAT(told(late, since(publication, as_events)), testing::StartsWith("410\n"));
    const std::string text = told(late, since(5, as_events));
    EXPECT_THAT(text, testing::StartsWith("200\n"));
    EXPECT_THAT(text, HasSubstr(world::id_of(world::kEntered)));
  }
}

TEST_F(PermittedApiTest, WhoIsPermittedIsTold) {
  for (const int number : world::kPermitted) {
    const std::string text = told(ours_, {"GET", "/api/identity/contacts/" + world::id_of(number)});
    EXPECT_THAT(text, testing::StartsWith("200\n"));
    EXPECT_THAT(text, HasSubstr(world::phone_digits(number)));
  }
  // by routes of all kinds
  std::set<std::string> routes;
  std::vector<Question> asked = questions(names_of(world::kMember));
  for (Question& question : questions({world::id_of(world::kOurs)}))
    asked.push_back(std::move(question));
  for (Question& question : asked) {
    question.typed.clear();
    const std::string text = told(ours_, question);
    if (text.starts_with("200\n") && text.find(world::mark(world::kMember)) != std::string::npos)
      routes.insert(question.target.substr(0, question.target.find('?')));
  }
  const std::string contact = "/api/identity/contacts/" + world::id_of(world::kMember);
  for (const std::string& route :
       {std::string("/api/identity/contacts"), std::string("/api/identity/contacts/export"),
        std::string("/api/identity/changes"), std::string("/api/identity/changes/snapshot"),
        std::string("/api/identity/lookup"),
        "/api/identity/groups/" + world::id_of(world::kOurs) + "/members", contact,
        contact + "/history"})
    EXPECT_THAT(routes, testing::Contains(route));
}

}  // namespace
}  // namespace gald::api
