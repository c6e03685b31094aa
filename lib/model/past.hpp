// An entry as it was: what its history says, taken back from what it is. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/entry.hpp"

namespace gald::model {

/// Everything of an entry that its history tells.
struct EntryState {
  Entry entry;
  std::string manager_id;               ///< of the manager's entry; empty: none
  std::set<std::string> groups;         ///< ids of those that it is a direct member of
  std::set<std::string> member_labels;  ///< of a group: the labels that it gives its members
  std::string forward_to;  ///< the id of the entry this one turned out to be; empty: none
};

/// One line of the history of an entry, with what its texts do not say.
struct PastChange {
  std::int64_t number = 0;
  std::string operation;
  FieldChange change;
  std::optional<Status> former_status;              ///< of what was merged
  std::optional<std::vector<Phone>> former_phones;  ///< in the first line of a step about phones
};

/// Takes the changes back, in their order: the newest first, as many as one wants. Nothing: the
/// entry was not there before.
///
/// What the history does not tell is left empty: which connector a value came from.
std::optional<EntryState> taken_back(EntryState state, const std::vector<PastChange>& newest_first);

/// `state` without what the history does not tell, so that it compares with a state of the past.
EntryState told_of(EntryState state);

}  // namespace gald::model
