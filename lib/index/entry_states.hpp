// Entries as they are told of, now or at a moment of the past.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "index/permission.hpp"
#include "index/query.hpp"
#include "model/past.hpp"

namespace gald::index {

struct StoredState {
  std::int64_t row = 0;
  model::EntryState state;
  std::string changed_at;          ///< ISO 8601; empty: before the history that is kept
  std::int64_t change_number = 0;  ///< 0: before the history that is kept
};

/// As of one change: what was told later is taken back. What is not permitted is not there: now, or
/// at that moment. REQUIRES: a connection that is not narrowed, a read transaction around all uses,
/// and a history that is complete behind the number.
class EntryStates {
 public:
  /// `permission` outlives it.
  EntryStates(Statements& statements, std::int64_t number, const Permission& permission)
      : statements_(statements), number_(number), permission_(permission) {}

  /// Nothing: it was not there.
  std::optional<StoredState> load(std::int64_t row);

  /// By id, which may have led elsewhere even then.
  std::optional<StoredState> load(const std::string& id);

  /// Whether it was there and permitted then, whatever it is now: as the kind it had. Nothing: not.
  std::optional<StoredState> permitted_then(std::int64_t row);

  /// Whether somebody who is permitted has the id, now and then.
  bool permitted(const std::string& id);

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

  /// Of what is permitted now, too, if that is wanted.
  std::optional<StoredState> stored(std::int64_t row, bool now_too);
  Other other(const std::string& id);
  std::int64_t row_of(const std::string& id);
  std::vector<std::string> labels_now(std::int64_t group);

  Statements& statements_;
  const std::int64_t number_;
  const Permission& permission_;
  std::map<std::string, Other> changed_;  ///< those that were asked for
};

/// Whether `a` comes before `b` in a list by name, as SQLite orders them without case.
bool comes_before(const std::string& name_a, const std::string& id_a, const std::string& name_b,
                  const std::string& id_b);

}  // namespace gald::index
