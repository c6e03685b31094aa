#include "cloud/json_values.hpp"

#include <algorithm>
#include <tuple>

#include <nlohmann/json.hpp>

#include "base/guid.hpp"
#include "base/text.hpp"

namespace gald::cloud {

namespace {

using base::Error;
using base::ErrorKind;
using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

Unmappable expected(std::string_view name, const char* what) {
  return {std::string(name) + ": " + what + " expected"};
}

std::string checked_text(std::string_view name, std::string_view text) {
  if (!base::is_valid_utf8(text))
    throw Unmappable{std::string(name) + ": not valid UTF-8, or with U+0000"};
  return std::string(text);
}

/// "\ud83d" at `at`, with one of `third` after the d: 89ab opens a surrogate pair, cdef closes it.
bool is_surrogate(std::string_view json, std::size_t at, std::string_view third) {
  const auto escape = json.substr(std::min(at, json.size()), 6);
  return escape.size() == 6 && escape.starts_with("\\u") && (escape[2] | 0x20) == 'd' &&
         third.find(static_cast<char>(escape[3] | 0x20)) != std::string_view::npos;
}

/// JSON may escape half a surrogate pair; Unicode has no such character, and simdjson refuses the
/// whole document. They become U+0000, which checked_text refuses: so it costs one object.
std::string without_half_pairs(std::string json) {
  for (std::size_t at = 0; at < json.size(); ++at) {
    if (json[at] != '\\')
      continue;
    if (is_surrogate(json, at, "89ab") && is_surrogate(json, at + 6, "cdef")) {
      at += 11;
      continue;
    }
    if (is_surrogate(json, at, "89abcdef"))
      json.replace(at, 6, "\\u0000");
    ++at;  // the escaped character
  }
  return json;
}

/// simdjson does not tell where a document is broken; on this path there is time to find out.
std::string place_of_error(const std::string& json) {
  try {
    std::ignore = nlohmann::json::parse(json);
  } catch (const nlohmann::json::parse_error& error) {
    return " at byte " + std::to_string(error.byte) + " of " + std::to_string(json.size());
  } catch (const nlohmann::json::exception&) {
    return {};
  }
  return {};
}

std::optional<Error> read_link(const object& root, std::string_view name, std::string& link) {
  element value;
  std::string_view text;
  if (root[name].get(value) != simdjson::SUCCESS || value.is_null())
    return std::nullopt;
  if (value.get(text) != simdjson::SUCCESS || text.empty())
    return Error{ErrorKind::protocol, std::string(name) + " is not a text", {}};
  link = text;
  return std::nullopt;
}

}  // namespace

base::Result<JsonPage> parse_page(const std::string& json) {
  thread_local simdjson::dom::parser parser;  // keeps its buffers from page to page
  element document;
  if (parser.parse(json).get(document) != simdjson::SUCCESS &&
      parser.parse(without_half_pairs(json)).get(document) != simdjson::SUCCESS)
    return Error{ErrorKind::protocol, "the answer is not JSON: broken" + place_of_error(json), {}};
  object root;
  JsonPage page;
  if (document.get(root) != simdjson::SUCCESS || root["value"].get(page.items) != simdjson::SUCCESS)
    return Error{ErrorKind::protocol, "the answer has no array `value`", {}};
  if (auto error = read_link(root, "@odata.nextLink", page.next_link))
    return *error;
  if (auto error = read_link(root, "@odata.deltaLink", page.delta_link))
    return *error;
  return page;
}

model::Values text_values(std::string_view name, const element& value) {
  if (value.is_null())
    return {};
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS)
    throw expected(name, "a text");
  if (text.empty())
    return {};
  return {checked_text(name, text)};
}

model::Values list_values(std::string_view name, const element& value) {
  if (value.is_null())
    return {};
  model::Values values;
  for (const element& item : as_array(name, value))
    for (std::string& text : text_values(name, item))
      values.push_back(std::move(text));
  return values;
}

model::Values boolean_values(std::string_view name, const element& value) {
  if (value.is_null())
    return {};
  bool flag = false;
  if (value.get(flag) != simdjson::SUCCESS)
    throw expected(name, "true or false");
  return {flag ? "true" : "false"};
}

array as_array(std::string_view name, const element& value) {
  array items;
  if (value.get(items) != simdjson::SUCCESS)
    throw expected(name, "an array");
  return items;
}

object as_object(std::string_view name, const element& value) {
  object fields;
  if (value.get(fields) != simdjson::SUCCESS)
    throw expected(name, "an object");
  return fields;
}

std::string read_guid(std::string_view name, simdjson::simdjson_result<element> value) {
  std::string_view text;
  const auto guid = value.get(text) == simdjson::SUCCESS ? base::Guid::parse(text) : std::nullopt;
  if (!guid)
    throw expected(name, "a GUID");
  return guid->text();
}

void put(model::Change& change, model::Attribute attribute, model::Values values) {
  if (values.empty())
    change.cleared.push_back(attribute);
  else
    change.set[attribute] = std::move(values);
}

}  // namespace gald::cloud
