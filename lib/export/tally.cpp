#include "export/tally.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "export/values.hpp"

namespace gald::exporting {

namespace {

constexpr std::array kTopics = {"source", "status", "kind", "hidden", "label"};

}  // namespace

void Tally::add(const model::Contact& contact) {
  ++contacts_;
  ++counts_[{0, std::string(to_string(contact.entry.source))}];
  ++counts_[{1, std::string(to_string(contact.entry.status))}];
  ++counts_[{2, std::string(to_string(contact.entry.kind))}];
  const std::string& hidden = value(contact, model::Attribute::hidden);
  ++counts_[{3, hidden.empty() ? "unknown" : hidden == "true" ? "yes" : "no"}];
  for (const std::string& label : contact.labels)
    ++counts_[{4, label}];
  for (const model::GroupReference& group : contact.groups) {
    auto& [name, count] = groups_[group.id];
    name = group.display_name.empty() ? group.id : group.display_name;
    ++count;
  }
}

std::vector<Total> Tally::totals() const {
  std::vector<Total> totals = {{"contacts", "all", contacts_}};
  for (const auto& [key, count] : counts_)
    totals.push_back({kTopics.at(static_cast<std::size_t>(key.first)), key.second, count});
  std::vector<std::pair<std::string, std::int64_t>> groups;
  for (const auto& [id, group] : groups_)
    groups.push_back(group);
  std::ranges::sort(groups);
  for (auto& [name, count] : groups)
    totals.push_back({"group", std::move(name), count});
  return totals;
}

}  // namespace gald::exporting
