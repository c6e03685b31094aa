// Entries as they are told of, now or at a moment of the past.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "index/query.hpp"
#include "model/past.hpp"

namespace gald::index {

struct StoredState {
  std::int64_t row = 0;
  model::EntryState state;
  std::string changed_at;          ///< ISO 8601; empty: before the history that is kept
  std::int64_t change_number = 0;  ///< 0: before the history that is kept
};

/// As of one change: what was told later is taken back. REQUIRES: a read transaction around all
/// uses, and a history that is complete behind the number.
class EntryStates {
 public:
  EntryStates(Statements& statements, std::int64_t number)
      : statements_(statements), number_(number) {}

  /// Nothing: it was not there.
  std::optional<StoredState> load(std::int64_t row);

  /// By id, which may have led elsewhere even then.
  std::optional<StoredState> load(const std::string& id);

  /// With the names of that moment; without records and connectors, of which the history does not
  /// tell. Whoever is purged since is not in it.
  model::Contact contact(const StoredState& stored);

  /// Empty: it was not there, or had no name.
  std::string name_of(const std::string& id) { return other(id).name; }

 private:
  /// What is told of an entry in the contact of another: of a group, or a manager.
  struct Other {
    bool there = false;
    std::string name;
    std::vector<std::string> labels;
  };

  Other other(const std::string& id);
  std::vector<std::string> labels_now(std::int64_t group);

  Statements& statements_;
  const std::int64_t number_;
  std::map<std::string, Other> changed_;  ///< those that were asked for
};

/// Whether `a` comes before `b` in a list by name, as SQLite orders them without case.
bool comes_before(const std::string& name_a, const std::string& id_a, const std::string& name_b,
                  const std::string& id_b);

}  // namespace gald::index
