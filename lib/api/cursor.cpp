#include "api/cursor.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "api/problem.hpp"
#include "base/encoding.hpp"

namespace gald::api {

namespace {

using nlohmann::json;

/// Enough to tell the lists of one client apart.
std::string digest(std::string_view list) {
  return base::sha256_hex(list).substr(0, 12);
}

/// base64 as RFC 4648 section 5 has it for URLs, without padding.
std::string for_url(std::string text) {
  text.erase(std::min(text.find('='), text.size()));
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

std::string from_url(std::string_view url) {
  std::string text(url);
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  return text.append((4 - text.size() % 4) % 4, '=');
}

}  // namespace

std::string cursor_text(std::string_view list, const std::vector<std::string>& position) {
  json parts = {digest(list)};
  for (const std::string& part : position)
    parts.push_back(part);
  return for_url(base::base64_encode(parts.dump(-1, ' ', false, json::error_handler_t::replace)));
}

std::vector<std::string> cursor_position(std::string_view list, std::string_view text) {
  const std::optional<std::string> decoded = base::base64_decode(from_url(text));
  const json parts = json::parse(decoded.value_or(""), nullptr, false);
  if (!parts.is_array() || parts.empty() ||
      !std::all_of(parts.begin(), parts.end(), [](const json& part) { return part.is_string(); }))
    refuse_cursor();
  std::vector<std::string> position = parts;
  if (position.front() != digest(list))
    throw Refused(400,
                  "cursor: is of another list: expected the filters and the order of the page that"
                  " answered it; begin anew without it");
  position.erase(position.begin());
  return position;
}

void refuse_cursor() {
  throw Refused(400, "cursor: expected the `next` of a page, as it was answered");
}

}  // namespace gald::api
