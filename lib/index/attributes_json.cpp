#include "index/attributes_json.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <unordered_map>

#include <nlohmann/json.hpp>

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

/// Attributes by name.
struct NameOrder {
  std::array<model::Attribute, model::kAttributeCount> at_rank;
  std::array<std::size_t, model::kAttributeCount> rank_of;
};

const NameOrder& name_order() {
  static const NameOrder kOrder = [] {
    NameOrder order;
    for (std::size_t i = 0; i < model::kAttributeCount; ++i)
      order.at_rank[i] = static_cast<model::Attribute>(i);
    std::sort(order.at_rank.begin(), order.at_rank.end(),
              [](auto a, auto b) { return model::name(a) < model::name(b); });
    for (std::size_t i = 0; i < model::kAttributeCount; ++i)
      order.rank_of[static_cast<std::size_t>(order.at_rank[i])] = i;
    return order;
  }();
  return kOrder;
}

/// How many bytes at the beginning certainly need no escape; looks at eight at a time.
std::size_t plain_prefix(std::string_view text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHigh = 0x8080808080808080;
  // a byte below the subtrahend borrows, which its highest bit shows; one that has that bit itself,
  // as in UTF-8, needs no escape
  const auto any_below = [](std::uint64_t bytes, std::uint64_t least) {
    return ((bytes - kOnes * least) & ~bytes & kHigh) != 0;
  };
  std::size_t at = 0;
  for (; text.size() - at >= 8; at += 8) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, text.data() + at, sizeof eight);
    if (any_below(eight, 0x20) || any_below(eight ^ (kOnes * '"'), 1) ||
        any_below(eight ^ (kOnes * '\\'), 1))
      break;
  }
  return at;
}

/// A JSON string (RFC 8259 section 7); what is not ASCII stays as it is.
void append_string(std::string& text, std::string_view value) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  text += '"';
  std::size_t plain = 0;  // from here to where we are, nothing needs an escape
  for (std::size_t i = 0; i < value.size(); ++i) {
    i += plain_prefix(value.substr(i));
    if (i == value.size())
      break;
    const auto c = static_cast<unsigned char>(value[i]);
    if (c >= 0x20 && c != '"' && c != '\\')
      continue;
    text.append(value, plain, i - plain);
    plain = i + 1;
    text += '\\';
    switch (c) {
      case '"':
      case '\\':
        text += value[i];
        break;
      case '\b':
        text += 'b';
        break;
      case '\f':
        text += 'f';
        break;
      case '\n':
        text += 'n';
        break;
      case '\r':
        text += 'r';
        break;
      case '\t':
        text += 't';
        break;
      default:
        text.append("u00").append(1, kDigits[c >> 4]).append(1, kDigits[c & 0xf]);
    }
  }
  text.append(value, plain);
  text += '"';
}

json parse(std::string_view text) {
  json parsed = json::parse(text, nullptr, false);
  if (!parsed.is_object())
    throw std::runtime_error("damaged JSON in the index");
  return parsed;
}

}  // namespace

/// By hand, because every record of a first import passes here: the document of a general library
/// is some fifty allocations. The order of the names and the form are those that it would give.
void write_json(const model::Attributes& attributes, std::string& text) {
  std::array<const model::Values*, model::kAttributeCount> by_rank{};
  for (const auto& [attribute, values] : attributes)
    by_rank[name_order().rank_of[static_cast<std::size_t>(attribute)]] = &values;
  text = '{';
  for (std::size_t rank = 0; rank < by_rank.size(); ++rank) {
    if (by_rank[rank] == nullptr)
      continue;
    const model::AttributeInfo& info = model::info(name_order().at_rank[rank]);
    const model::Values& values = *by_rank[rank];
    if (!info.multi_valued && values.empty())
      continue;
    text += text.size() > 1 ? ",\"" : "\"";
    text.append(info.name).append("\":");
    if (!info.multi_valued) {
      append_string(text, values.front());
      continue;
    }
    text += '[';
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i > 0)
        text += ',';
      append_string(text, values[i]);
    }
    text += ']';
  }
  text += '}';
}

std::string to_json(const model::Attributes& attributes) {
  std::string text;
  write_json(attributes, text);
  return text;
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
