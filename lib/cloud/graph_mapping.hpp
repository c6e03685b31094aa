// Pages of Microsoft Graph's delta queries, as changes to records. Pure: text in, values out.
//
// Protocol: Graph documentation, "Use delta query to track changes" and the resource pages user,
// orgContact and group (v1.0).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/record.hpp"

namespace gald::cloud {

enum class GraphCollection { contacts, users, groups };

/// "contacts" | "users" | "groups": the path segment and gald's name of the collection.
std::string_view to_string(GraphCollection collection);

/// The value of $select: every property that is mapped. A change of this list or of the mapping
/// changes the cursor's fingerprint.
const std::string& graph_select(GraphCollection collection);

/// What each attribute is read from: "user.city", "contact.addresses.city".
std::vector<model::SourceAttribute> graph_source_attributes();

struct GraphPage {
  std::vector<model::Change> changes;
  std::vector<model::Rejected> rejected;
  std::string next_link;   ///< empty when absent
  std::string delta_link;  ///< empty when absent
};

/// A page of a delta query, or of the list that stands in for it. A property that is absent is not
/// mentioned in the change; null, "" and [] clear it. An object with an unreadable id or a property
/// of the wrong type is rejected, alone. An Error (protocol) is for a page that is no JSON object
/// with an array `value`; it names the place, never a value.
base::Result<GraphPage> read_graph_page(GraphCollection collection, const std::string& json);

/// A page of contacts with nothing but their managers: parts of objects.
base::Result<GraphPage> read_managers_page(const std::string& json);

}  // namespace gald::cloud
