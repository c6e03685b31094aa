// Lines of the history as somebody may be told of them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "index/entry_states.hpp"
#include "index/permission.hpp"
#include "index/query.hpp"
#include "model/entry.hpp"

namespace gald::index {

/// Told is what happened to whoever is permitted now, and was before and after the line: what a
/// contact was before it entered what is permitted, and since it left it, is not. REQUIRES: as for
/// EntryStates.
class ToldLines {
 public:
  /// `permission` outlives it.
  ToldLines(Statements& statements, const Permission& permission);

  /// The line without what is not permitted; nothing if that is all of it.
  std::optional<model::HistoryLine> told(model::HistoryLine line);

  /// What is told of the rows that are left, no more than `limit`.
  std::vector<model::HistoryLine> read(Query& query, int limit);

 private:
  /// The first and the last line of the entry that were told with this one.
  std::pair<std::int64_t, std::int64_t> moment_of(const model::HistoryLine& line);
  bool permitted_now(const std::string& id);
  bool may_name(EntryStates& then, const std::optional<std::string>& id);

  Statements& statements_;
  const Permission& permission_;
  EntryStates now_;
  std::map<std::string, bool> permitted_now_;  ///< those that were asked for last
};

}  // namespace gald::index
