// Which contacts are meant: the same for lists, exports and search.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "base/clock.hpp"
#include "model/entry.hpp"

namespace gald::index {

class Query;
class Statements;

/// Whether address lists show a contact.
enum class Visibility { hidden, visible, unknown };

/// Empty members do not restrict. Deleted contacts are left out unless asked for by `status` or
/// `with_deleted`.
struct ContactFilter {
  std::optional<model::Source> source = {};
  std::optional<model::Status> status = {};
  std::optional<model::EntryKind> kind = {};  ///< nothing: all kinds but groups
  bool with_deleted = false;
  std::string group = {};  ///< direct members of the group with this id, address or name
  std::string label = {};
  std::optional<Visibility> visibility = {};
  std::optional<std::int64_t> changed_after = {};  ///< whose last change has a greater number
  std::optional<base::TimePoint> changed_since = {};
};

/// No group is what the filter says.
class NoSuchGroup : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A filter as SQL, for whichever query has the table `entry` as `e`.
class ContactCondition {
 public:
  /// Looks the group up: throws NoSuchGroup. Of several with one name, the members of all.
  ContactCondition(Statements& statements, const ContactFilter& filter);

  /// Parenthesized. The same text for the same members of a filter, whatever their values, so that
  /// the statement can be kept. Its parameters have names that begin with ":filter_".
  const std::string& sql() const { return sql_; }

  /// REQUIRES: the query contains sql(), and does not outlive this object.
  void bind(Query& query) const;

 private:
  std::string sql_;
  std::optional<std::int64_t> source_;
  std::optional<std::int64_t> status_;
  std::optional<std::int64_t> kind_;
  std::optional<std::string> groups_;  ///< their rows, as a JSON array
  std::optional<std::string> label_;
  std::optional<std::int64_t> changed_after_;
  std::optional<std::int64_t> changed_since_;
  std::optional<std::int64_t> told_before_;  ///< number of the last change before that
};

}  // namespace gald::index
