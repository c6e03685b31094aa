#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cloud/graph_batch.hpp"
#include "cloud/graph_position.hpp"

namespace gald::cloud {

using model::Attribute;
using model::Change;

namespace {

constexpr const char* kId = "0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d01";
constexpr base::TimePoint kNow{std::chrono::hours(1)};

}  // namespace

TEST(GraphBatch, AsksRelativeToTheVersionRoot) {
  const auto body = nlohmann::json::parse(batch_body(
      {Detail{Detail::Kind::manager, kId}.url(), Detail{Detail::Kind::hidden, kId}.url()}));
  ASSERT_EQ(body.at("requests").size(), 2u);
  EXPECT_EQ(body["requests"][0],
            (nlohmann::json{{"id", "0"},
                            {"method", "GET"},
                            {"url", "/contacts/" + std::string(kId) + "/manager?$select=id"}}));
  EXPECT_EQ(body["requests"][1]["url"],
            "/groups/" + std::string(kId) + "?$select=id,hideFromAddressLists");
}

TEST(GraphBatch, AnswersComeInAnyOrder) {
  const auto answers = read_batch(R"({"responses":[
      {"id":"2","status":429,"headers":{"Retry-After":"2.5"},"body":{"error":{}}},
      {"id":"0","status":200,"headers":{},"body":{"id":"x"}},
      {"id":"9","status":200},{"id":"x","status":200},{"id":1,"status":200},{"id":"1"},7]})",
                                  3, kNow);
  ASSERT_TRUE(answers);
  ASSERT_EQ(answers->size(), 2u);
  EXPECT_EQ(answers->at(0).part, 2u);
  EXPECT_EQ(answers->at(0).retry_after, std::chrono::milliseconds(2500));
  EXPECT_EQ(answers->at(1).part, 0u);
  EXPECT_EQ(answers->at(1).body, R"({"id":"x"})");
  for (const char* wrong : {"", "[]", "{}", R"({"responses":{}})"})
    EXPECT_FALSE(read_batch(wrong, 1, kNow)) << wrong;
}

TEST(GraphBatch, WhatAnAnswerSaysOfItsObject) {
  const Detail manager{Detail::Kind::manager, kId};
  const auto read = [&manager](int status, const std::string& body, Change& change) {
    return read_detail(manager, status, body, change);
  };
  Change change;
  EXPECT_TRUE(read(200, R"({"id":"0B6AC1D5-8D2B-4C7C-9F7E-2F4B3C1A0D09"})", change));
  EXPECT_EQ(model::first_value(change.set, Attribute::manager),
            "0b6ac1d5-8d2b-4c7c-9f7e-2f4b3c1a0d09");
  Change none;
  EXPECT_TRUE(read(404, R"({"error":{"message":"Resource 'manager' does not exist"}})", none));
  EXPECT_EQ(none.cleared, std::vector<Attribute>{Attribute::manager});
  // Nothing is said of a manager by any of these.
  for (const auto& [status, body] :
       {std::pair(404,
                  R"({"error":{"message":"Resource ')" + std::string(kId) + R"(' does not"}})"),
        std::pair(403, std::string(R"({"error":{}})")), std::pair(200, std::string("{}")),
        std::pair(200, std::string("[]")), std::pair(404, std::string("{}"))}) {
    Change silent;
    EXPECT_FALSE(read(status, body, silent)) << status << body;
    EXPECT_TRUE(silent.set.empty() && silent.cleared.empty());
  }
  const Detail hidden{Detail::Kind::hidden, kId};
  Change group;
  EXPECT_TRUE(read_detail(hidden, 200, R"({"hideFromAddressLists":true})", group));
  EXPECT_EQ(model::flag(group.set, Attribute::hidden), true);
  EXPECT_FALSE(read_detail(hidden, 200, R"({"hideFromAddressLists":null})", group));
  EXPECT_FALSE(read_detail(hidden, 404, R"({"error":{}})", group));
}

TEST(GraphPosition, ThereAndBack) {
  using Phase = GraphPosition::Phase;
  for (const GraphPosition& position :
       {GraphPosition{Phase::delta, "https://g/1"}, GraphPosition{Phase::next, "https://g/2"},
        GraphPosition{Phase::next, "https://g/2", "https://g/1"},
        GraphPosition{Phase::list, "https://g/3"},
        GraphPosition{Phase::managers, "https://g/4", "https://g/1"}})
    EXPECT_EQ(parse_graph_position(to_text(position)), position) << to_text(position);
  for (const char* wrong : {"", "delta ", "x", "deltahttps://g/1", "next"})
    EXPECT_FALSE(parse_graph_position(wrong)) << wrong;
}

}  // namespace gald::cloud
