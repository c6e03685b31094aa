// The totals of an export.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/entry.hpp"

namespace gald::exporting {

struct Total {
  std::string topic;  ///< "source", "group", ...
  std::string name;   ///< "hybrid", "Sales", ...
  std::int64_t count = 0;
};

/// Counts contacts as they go by. Grows with the number of groups and labels, not of contacts.
class Tally {
 public:
  void add(const model::Contact& contact);

  std::int64_t contacts() const { return contacts_; }

  /// All of them, then by source, status, kind, visibility, label and group, each by name.
  std::vector<Total> totals() const;

 private:
  std::int64_t contacts_ = 0;
  std::map<std::pair<int, std::string>, std::int64_t> counts_;          ///< by topic and name
  std::map<std::string, std::pair<std::string, std::int64_t>> groups_;  ///< by id: name and count
};

}  // namespace gald::exporting
