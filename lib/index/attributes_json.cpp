#include "index/attributes_json.hpp"

#include <unordered_map>
#include <vector>

#include <nlohmann/json.hpp>

#include "index/unreadable.hpp"

namespace gald::index {

using nlohmann::json;

namespace {

const std::unordered_map<std::string_view, model::Attribute>& by_name() {
  static const auto kByName = [] {
    std::unordered_map<std::string_view, model::Attribute> map;
    for (const model::AttributeInfo& info : model::attribute_schema())
      map.emplace(info.name, info.attribute);
    return map;
  }();
  return kByName;
}

json parse(std::string_view text) {
  json parsed = json::parse(text, nullptr, false);
  if (!parsed.is_object())
    throw Unreadable("damaged JSON in the index");
  return parsed;
}

}  // namespace

std::string to_json(const model::Attributes& attributes) {
  json object = json::object();
  for (const auto& [attribute, values] : attributes) {
    const model::AttributeInfo& info = model::info(attribute);
    if (info.multi_valued)
      object[std::string(info.name)] = std::vector<std::string>(values.begin(), values.end());
    else if (!values.empty())
      object[std::string(info.name)] = values.front();
  }
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

model::Attributes attributes_from_json(std::string_view text) {
  model::Attributes attributes;
  const json object = parse(text);
  for (const auto& [name, value] : object.items()) {
    const auto known = by_name().find(name);
    if (known == by_name().end())
      continue;
    if (value.is_string())
      attributes[known->second] = {value.get<std::string>()};
    else if (value.is_array())
      attributes[known->second] = value.get<std::vector<std::string>>();
  }
  return attributes;
}

std::string to_json(const std::map<std::string, std::string>& object) {
  return json(object).dump();
}

std::map<std::string, std::string> object_from_json(std::string_view text) {
  return parse(text).get<std::map<std::string, std::string>>();
}

}  // namespace gald::index
