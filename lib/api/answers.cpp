#include "api/answers.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <utility>

#include <nlohmann/json.hpp>

#include "api/entity_tag.hpp"
#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "base/text.hpp"

namespace gald::api {

namespace {

std::string page_text(const JsonList& items, const std::optional<std::string>& next,
                      std::string_view rest = {}) {
  std::string text = R"({"items":)" + items.text();
  text += next ? R"(,"next":")" + *next + '"' : R"(,"next":null)";
  return text.append(rest).append("}");
}

net::ServerResponse linked(net::ServerResponse response, const Call& call,
                           const std::optional<std::string>& next) {
  if (next)
    response.headers.emplace_back("Link", link_to_next(call.request, *next));
  return response;
}

}  // namespace

net::ServerResponse json_answer(std::string body) {
  net::ServerResponse response;
  response.headers = {{"Content-Type", "application/json"},
                      {"Cache-Control", std::string(kPrivate)}};
  response.body = std::move(body);
  return response;
}

net::ServerResponse tagged_answer(const Call& call, std::string body) {
  std::string tag = '"' + base::sha256_hex(body).substr(0, 32) + '"';
  const std::optional<std::string_view> known = call.request.header("If-None-Match");
  net::ServerResponse response = json_answer(std::move(body));
  if (known && names_tag(*known, tag)) {
    response = {};
    response.status = 304;
    response.headers = {{"Cache-Control", std::string(kPrivate)}};
  }
  response.headers.emplace_back("ETag", std::move(tag));
  return response;
}

net::ServerResponse fresh_answer(std::string body, int status, std::string type) {
  net::ServerResponse response;
  response.status = status;
  response.headers = {{"Content-Type", std::move(type)}, {"Cache-Control", "no-store"}};
  response.body = std::move(body);
  return response;
}

int page_limit(const Parameters& parameters) {
  return static_cast<int>(parameters.number("limit", 1, 1000).value_or(100));
}

net::ServerResponse page_answer(const Call& call, const JsonList& items,
                                const std::optional<std::string>& next, std::string_view rest) {
  return linked(json_answer(page_text(items, next, rest)), call, next);
}

net::ServerResponse tagged_page_answer(const Call& call, const JsonList& items,
                                       const std::optional<std::string>& next) {
  return linked(tagged_answer(call, page_text(items, next)), call, next);
}

std::string json_text_or_null(const std::string& text) {
  return text.empty()
             ? "null"
             : nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string link_to_next(const net::ServerRequest& request, std::string_view cursor) {
  const std::string_view target = request.target;
  const std::size_t path = std::min(target.find('?'), target.size());
  std::string link = "<" + std::string(target.substr(0, path)) + "?";
  for (const std::string_view pair :
       base::split(target.substr(std::min(path + 1, target.size())), '&')) {
    const auto name = percent_decoded(pair.substr(0, pair.find('=')), true);
    if (!pair.empty() && name != "cursor" && name != "offset" && name != "count")
      link.append(pair).append("&");
  }
  return link.append("cursor=").append(cursor).append(">; rel=\"next\"");
}

std::string http_date(std::string_view iso8601) {
  const std::optional<base::TimePoint> time = base::parse_iso8601(iso8601);
  if (!time)
    return {};
  constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(*time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{std::chrono::floor<std::chrono::seconds>(*time - day)};
  char text[64];
  std::snprintf(text, sizeof text, "%s, %02u %s %04d %02d:%02d:%02d GMT",
                kDays[std::chrono::weekday(day).c_encoding()], static_cast<unsigned>(date.day()),
                kMonths[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

}  // namespace gald::api
