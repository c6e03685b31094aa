#include "api/problem.hpp"

#include <nlohmann/json.hpp>

#include "net/http_answer.hpp"

namespace gald::api {

std::string_view reason_phrase(int status) {
  return net::reason_phrase(status);
}

net::ServerResponse problem(int status, std::string_view detail, Refused::Headers headers) {
  nlohmann::ordered_json body;
  body["type"] = "about:blank";
  body["title"] = reason_phrase(status);
  body["status"] = status;
  body["detail"] = detail;
  net::ServerResponse response;
  response.status = status;
  response.headers = std::move(headers);
  response.headers.emplace_back("Content-Type", "application/problem+json");
  response.headers.emplace_back("Cache-Control", "no-store");
  response.body = body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return response;
}

}  // namespace gald::api
