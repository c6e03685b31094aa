// docs/attributes.md says of every attribute what the code says.
#include <algorithm>
#include <fstream>

#include "ad/mapping.hpp"
#include "cloud/exchange_mapping.hpp"
#include "cloud/graph_mapping.hpp"
#include "reconcile/field_mapping.hpp"
#include "reconcile/merge.hpp"
#include "support.hpp"

namespace gald {

namespace {

using model::Attribute;

std::string names_of(const std::vector<model::SourceAttribute>& sources, Attribute attribute) {
  std::string names;
  for (const model::SourceAttribute& source : sources)
    if (source.attribute == attribute)
      names += (names.empty() ? "" : ", ") + source.name;
  return names;
}

/// Where the value is found in a contact, or in a guest, of whom nothing else is known.
std::string published_as(Attribute attribute) {
  const std::vector<Attribute>& values = model::published_attributes();
  if (std::find(values.begin(), values.end(), attribute) != values.end())
    return "value";
  for (const model::RecordKind kind : {model::RecordKind::contact, model::RecordKind::user}) {
    model::StagedRecord record;
    record.kind = kind;
    record.attributes[Attribute::user_type] = {"Guest"};
    record.attributes[attribute] = {"1"};
    const model::StagedRecord* live[] = {&record};
    const model::Entry entry = reconcile::merge(live);
    if (!entry.addresses.empty())
      return "addresses";
    if (!entry.phones.empty())
      return "phones, " + entry.phones.front().type;
  }
  return "no";
}

std::string mapping_of(Attribute attribute) {
  if (reconcile::may_be_mapped(attribute))
    return "yes";
  return reconcile::may_be_taken(attribute) ? "as origin" : "no";
}

std::vector<std::string> rows() {
  const auto ad = ad::source_attributes();
  const auto graph = cloud::graph_source_attributes();
  const auto exchange = cloud::exchange_source_attributes();
  std::vector<std::string> rows;
  for (const model::AttributeInfo& info : model::attribute_schema()) {
    const std::string own[] = {names_of(ad, info.attribute), names_of(graph, info.attribute),
                               names_of(exchange, info.attribute)};
    if (std::all_of(std::begin(own), std::end(own), [](auto& name) { return name.empty(); }))
      continue;  // made by a connector from something that is no attribute
    std::string row = "| " + std::string(info.name) + " | " + published_as(info.attribute) + " | " +
                      mapping_of(info.attribute) + " |";
    for (const std::string& names : own)
      row += (names.empty() ? "" : " " + names) + " |";
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

TEST(AttributeTable, SaysWhatTheCodeSays) {
  std::ifstream page(std::string(GALD_SOURCE_DIR) + "/docs/attributes.md");
  std::vector<std::string> documented;
  for (std::string line; std::getline(page, line);)
    if (line.starts_with("| ") && !line.starts_with("| Attribute"))
      documented.push_back(line);
  const std::vector<std::string> expected = rows();
  for (std::size_t i = 0; i < std::max(expected.size(), documented.size()); ++i)
    EXPECT_EQ(i < documented.size() ? documented[i] : "", i < expected.size() ? expected[i] : "");
}

TEST(AttributeTable, EveryPublishedAttributeHasASource) {
  const std::vector<std::string> table = rows();
  for (const Attribute attribute : model::published_attributes()) {
    const std::string begin = "| " + std::string(model::name(attribute)) + " | value |";
    EXPECT_TRUE(std::any_of(table.begin(), table.end(), [&](const std::string& row) {
      return row.starts_with(begin);
    })) << model::name(attribute);
  }
}

}  // namespace gald
