// How JSON is answered: with a tag, so that a client that has it already is told so.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/router.hpp"

namespace gald::api {

/// What depends on who asks is kept by the client only, and asked for again each time.
inline constexpr std::string_view kPrivate = "private, no-cache";

net::ServerResponse json_answer(std::string body);

/// With a strong ETag of the body, as whoever asks may see it: 304 if the client has that.
net::ServerResponse tagged_answer(const Call& call, std::string body);

/// What is true now and may not be a moment later: nobody keeps it.
net::ServerResponse fresh_answer(std::string body, int status = 200,
                                 std::string type = "application/json");

/// "[" and "]" around objects, with commas between them.
class JsonList {
 public:
  void add(std::string_view object) { (text_ += text_.size() == 1 ? "" : ",") += object; }

  std::string text() const { return text_ + "]"; }

 private:
  std::string text_ = "[";
};

/// `limit`: how many of a list are wanted at once.
int page_limit(const Parameters& parameters);

/// {"items":[...],"next":"CURSOR"|null}, with `rest` behind that (,"total":5), and a link to the
/// next page if there is one.
net::ServerResponse page_answer(const Call& call, const JsonList& items,
                                const std::optional<std::string>& next, std::string_view rest = {});
net::ServerResponse tagged_page_answer(const Call& call, const JsonList& items,
                                       const std::optional<std::string>& next);

/// `text` as a JSON text, and `null` if it is empty.
std::string json_text_or_null(const std::string& text);

/// The target of the request with another cursor, as `Link: <...>; rel="next"` has it. What says
/// where a first page begins is left out.
std::string link_to_next(const net::ServerRequest& request, std::string_view cursor);

/// "Sat, 28 Nov 2026 10:00:00 GMT"; nothing for what is no time.
std::string http_date(std::string_view iso8601);

}  // namespace gald::api
