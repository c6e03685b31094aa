// Answers that are sent again as they are: only while nothing has changed, and only to whom they
// belong.
#include <memory>

#include "api/answer_cache.hpp"
#include "api_fixture.hpp"
#include "index/watch.hpp"

namespace gald::api::world {
namespace {

using index::search_world::named;

std::shared_ptr<const net::ReadyAnswer> answer_of(std::size_t size, std::string route = {}) {
  return std::make_shared<net::ReadyAnswer>(
      net::ReadyAnswer{std::string(size, 'x'), 200, std::move(route)});
}

TEST(AnswerCache, KeepsWhatWasAskedForLast) {
  AnswerCache cache(64 * 1024);
  for (int i = 0; i < 100; ++i) {
    cache.put(std::to_string(i), 1, answer_of(1000));
    EXPECT_NE(cache.find("0", 1), nullptr) << i;
  }
  EXPECT_NE(cache.find("99", 1), nullptr);
  EXPECT_EQ(cache.find("1", 1), nullptr);
  cache.put("large", 1, answer_of(32 * 1024));
  EXPECT_EQ(cache.find("large", 1), nullptr);
}

TEST(AnswerCache, ForgetsAllWhenTheStateIsOver) {
  AnswerCache cache(64 * 1024);
  cache.put("a", 1, answer_of(10));
  EXPECT_EQ(cache.find("a", 2), nullptr);
  cache.put("a", 1, answer_of(10));  // it was on its way
  EXPECT_EQ(cache.find("a", 2), nullptr);
  EXPECT_EQ(cache.find("a", 1), nullptr);
  cache.put("a", 2, answer_of(20));
  EXPECT_EQ(cache.find("a", 2)->message.size(), 20u);
}

/// Whoever shows a name has it.
class ByName final : public Authority {
 public:
  Principal admit(const net::ServerRequest& request) const override {
    return *of(request.header("Authorization").value_or(""));
  }

  std::shared_ptr<const Principal> known(const net::RequestHead& head) const override {
    return of(head.authorization);
  }

  bool may_ask(const Principal&, const net::RequestHead&) const override { return may_ask_; }

  bool may_ask_ = true;

 private:
  std::shared_ptr<const Principal> of(std::string_view name) const {
    auto who = std::make_shared<Principal>(Principal{std::string(name), Scope::read, {}});
    if (name.starts_with("sales"))
      who->permission.groups = {{"sales"}};
    if (name == "clouds")
      who->permission.sources = {{model::Source::cloud}};
    return who;
  }
};

class ApiCache : public index::search_world::World {
 protected:
  static constexpr const char* kTarget = "/api/openapi.json";

  net::ServerResponse ask(const std::string& target, Headers headers = {}) {
    return api().answer({"GET", target, std::move(headers), {}, {}});
  }

  /// As the server does it. False: the answer is not one to be kept.
  bool ask_and_keep(const std::string& target, Headers headers = {}) {
    net::ServerResponse response = ask(target, std::move(headers));
    if (response.keep)
      response.keep(answer_of(100, response.route));
    return response.keep != nullptr;
  }

  bool is_ready(const std::string& target, const std::string& who = "",
                const std::string& if_none_match = "", const std::string& accept_encoding = "") {
    const net::Peer peer;
    return api().ready({"GET", target, who, if_none_match, accept_encoding, "", peer}) != nullptr;
  }

  Api& api() {
    if (!api_)
      api_ = std::make_unique<Api>(file(), authority_, Services{clock_, "1.2.3"});
    return *api_;
  }

  ByName authority_;

 private:
  std::unique_ptr<Api> api_;
};

TEST_F(ApiCache, SendsAgainWhatIsStillTrue) {
  publish();
  EXPECT_FALSE(is_ready(kTarget));
  EXPECT_TRUE(ask_and_keep(kTarget));
  EXPECT_TRUE(is_ready(kTarget));
  EXPECT_FALSE(is_ready("/api/openapi.json?x=1"));
  EXPECT_FALSE(is_ready(kTarget, "", "\"7\""));
  EXPECT_FALSE(is_ready(kTarget, "", "", "gzip"));
  EXPECT_FALSE(ask_and_keep("/api/identity/me")) << "has no ETag";
  EXPECT_FALSE(ask_and_keep("/nothing"));
}

TEST_F(ApiCache, WhoSeesSomethingElseGetsSomethingElse) {
  publish();
  EXPECT_TRUE(ask_and_keep(kTarget, {{"Authorization", "sales"}}));
  EXPECT_TRUE(is_ready(kTarget, "sales"));
  EXPECT_TRUE(is_ready(kTarget, "sales too")) << "sees the same";
  EXPECT_FALSE(is_ready(kTarget, "everybody"));
  EXPECT_FALSE(is_ready(kTarget, "clouds"));
}

TEST_F(ApiCache, WhoAsksTooOftenIsNotAnsweredFromIt) {
  publish();
  const std::string counted = "/api/identity/contacts/overview";
  EXPECT_TRUE(ask_and_keep(counted));
  EXPECT_TRUE(ask_and_keep(kTarget));
  authority_.may_ask_ = false;
  EXPECT_FALSE(is_ready(counted));
  EXPECT_TRUE(is_ready(kTarget)) << "is for everybody";
}

TEST_F(ApiCache, NobodyWhoHasSeenAChangeGetsAnAnswerFromBefore) {
  apply({named(1, "Jane", "Doe")});
  publish();
  int last = 1;
  const auto seen_by = [&](const std::string& target, Headers headers) {
    EXPECT_TRUE(ask_and_keep(kTarget));
    EXPECT_TRUE(is_ready(kTarget));
    ++last;
    apply({named(last, "Somebody", std::to_string(last))});
    publish();
    ask(target, std::move(headers));
    EXPECT_FALSE(is_ready(kTarget)) << target;
  };
  seen_by("/api/identity/me", {});
  seen_by("/nothing", {});
  seen_by(kTarget, {{"If-None-Match", "*"}});
}

TEST_F(ApiCache, ContactsAndWhoCallsAreSentAgainButNothingThatGoesByTheClock) {
  model::Change jane = named(1, "Jane", "Doe");
  jane.set[model::Attribute::mail] = {"jane@contoso.test"};
  apply({jane});
  publish();
  const std::string contact =
      "/api/identity/contacts/" + index::Reader(file()).find("Jane Doe").at(0).entry.id;
  const std::string lookup = "/api/identity/lookup?address=jane@contoso.test";
  for (const std::string& target : {contact, contact + "?fields=displayName", lookup}) {
    EXPECT_TRUE(ask_and_keep(target)) << target;
    EXPECT_TRUE(is_ready(target)) << target;
  }
  EXPECT_FALSE(ask_and_keep(contact + "?at=now"));
  EXPECT_EQ(ask(contact + "/explain").status, 200);
  EXPECT_FALSE(ask_and_keep(contact + "/explain")) << "says for how long records are kept";
  apply({index::search_world::gone(1)});
  publish();
  EXPECT_EQ(ask("/api/identity/contacts/jane@contoso.test").status, 200) << "deleted, still told";
  EXPECT_FALSE(is_ready(contact));
  EXPECT_FALSE(is_ready(lookup));
}

TEST_F(ApiCache, ThereIsNewsOnceForEachChange) {
  publish();
  api().news();
  EXPECT_FALSE(api().news());
  EXPECT_TRUE(ask_and_keep(kTarget));
  apply({named(1, "Jane", "Doe")});
  publish();
  EXPECT_TRUE(api().news());
  EXPECT_FALSE(is_ready(kTarget));
  EXPECT_FALSE(api().news());
}

TEST_F(ApiCache, NothingIsSentAgainWhenNobodyHasLookedForNews) {
  publish();
  EXPECT_TRUE(ask_and_keep(kTarget));
  clock_.advance(std::chrono::seconds(2));
  EXPECT_TRUE(is_ready(kTarget));
  apply({named(1, "Jane", "Doe")});
  index_->publish(index_->begin_run(), {.policy = policy_}, {});
  clock_.advance(std::chrono::milliseconds(500));
  EXPECT_FALSE(is_ready(kTarget)) << "what was read is over, and nobody has noticed";
  api().news();
  EXPECT_TRUE(ask_and_keep(kTarget));
  EXPECT_TRUE(is_ready(kTarget));
}

TEST_F(ApiCache, AnotherFileIsAnotherState) {
  publish();
  index::Watch watch(file());
  EXPECT_TRUE(watch.changed());
  EXPECT_FALSE(watch.changed());
  std::filesystem::copy_file(file(), file().string() + ".copy");
  std::filesystem::rename(file().string() + ".copy", file());
  EXPECT_TRUE(watch.changed());
  std::filesystem::remove(file());
  EXPECT_TRUE(watch.changed());
}

}  // namespace
}  // namespace gald::api::world
