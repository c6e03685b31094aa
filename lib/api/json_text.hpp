// Answers put together from JSON that is text already.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "net/http_server.hpp"

namespace gald::api {

/// "[" and "]" around objects, with commas between them.
class JsonList {
 public:
  void add(std::string_view object) {
    text_ += text_.size() == 1 ? "" : ",";
    text_ += object;
  }

  std::string text() const { return text_ + "]"; }

 private:
  std::string text_ = "[";
};

/// What is true once: nobody keeps it.
inline net::ServerResponse fresh_answer(std::string json) {
  net::ServerResponse response;
  response.headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}};
  response.body = std::move(json);
  return response;
}

/// {"items":[...],"next":"CURSOR"|null}
inline std::string page_text(const JsonList& items, const std::string& next) {
  return R"({"items":)" + items.text() + R"(,"next":)" +
         (next.empty() ? "null" : '"' + next + '"') + "}";
}

}  // namespace gald::api
