// What the two mappings share: a page of JSON objects, and property values as attribute values.
// Included by lib/cloud/*_mapping.cpp only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

#include "base/result.hpp"
#include "model/record.hpp"

namespace gald::cloud {

/// Thrown while one object is read, caught by map_item: the object is rejected, the page lives on.
struct Unmappable {
  std::string reason;  ///< names the property and what was expected; no values
};

struct JsonPage {
  simdjson::dom::array items;  ///< valid until the next parse_page in this thread
  std::string next_link;       ///< empty when absent
  std::string delta_link;
};

/// Error (protocol) for what is no JSON object with an array `value`, or has a link that is no
/// text.
base::Result<JsonPage> parse_page(const std::string& json);

// Each of these throws Unmappable for a value of another type. null and "" are no values.
model::Values text_values(std::string_view name, const simdjson::dom::element& value);
model::Values list_values(std::string_view name, const simdjson::dom::element& value);
model::Values boolean_values(std::string_view name, const simdjson::dom::element& value);
simdjson::dom::array as_array(std::string_view name, const simdjson::dom::element& value);
simdjson::dom::object as_object(std::string_view name, const simdjson::dom::element& value);

/// Lower-case GUID text.
std::string read_guid(std::string_view name,
                      simdjson::simdjson_result<simdjson::dom::element> value);

/// Sets the attribute, or clears it when there are no values.
void put(model::Change& change, model::Attribute attribute, model::Values values);

/// Reads the anchor of one item, then lets `read(object, anchor)` make the change.
template <typename Read>
void map_item(const simdjson::dom::element& item, std::string_view anchor_name,
              std::vector<model::Change>& changes, std::vector<model::Rejected>& rejected,
              const Read& read) {
  std::string anchor;
  try {
    const simdjson::dom::object fields = as_object("value", item);
    anchor = read_guid(anchor_name, fields[anchor_name]);
    changes.push_back(read(fields, anchor));
  } catch (const Unmappable& unmappable) {
    rejected.push_back({anchor, unmappable.reason});
  }
}

}  // namespace gald::cloud
