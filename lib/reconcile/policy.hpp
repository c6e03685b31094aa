// What the configuration decides about contacts. Values, which reconciliation obeys.
//
// The policy never decides who is who: records are joined by what the sources said, so that a
// change of it changes values and never an id.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/attribute.hpp"
#include "model/entry.hpp"

namespace gald::reconcile {

enum class Transform { trim, collapse_spaces, lower, upper };

/// One attribute of a connector's records as reconciliation shall see it.
struct FieldRule {
  model::Attribute target = model::Attribute::display_name;

  /// Where the values come from; nothing, and no constant: the attribute is ignored.
  std::optional<model::Attribute> from;
  std::optional<std::string> constant;
  std::vector<Transform> transforms;  ///< in their order

  bool operator==(const FieldRule&) const = default;
};

struct ConnectorPolicy {
  std::vector<FieldRule> mapping;

  /// ISO 3166-1 alpha-2 of the country whose national phone numbers its records hold, where they
  /// do not say their country themselves; empty: unknown.
  std::string region;

  bool operator==(const ConnectorPolicy&) const = default;
};

/// What to do with a new record that meets an existing contact by an address, or by name and
/// phone, and by no key that joins.
enum class Duplicates {
  report,   ///< two contacts, and a conflict that says so
  skip,     ///< the new record is not published
  merge,    ///< the new record joins the contact; the contact's values win
  replace,  ///< the new record joins the contact; its values win
};

/// What a disabled account means for its contact.
enum class DisabledAccount { mark, remove };

struct Policy {
  /// Connectors whose values win, first to last. A connector that is not named comes behind those
  /// that are, in the order that is right for a hybrid tenant.
  std::vector<std::string> precedence;
  std::map<model::Attribute, std::vector<std::string>> precedence_of;  ///< the same for one

  std::map<std::string, ConnectorPolicy> connectors;  ///< by name

  Duplicates duplicates = Duplicates::report;
  DisabledAccount disabled_account = DisabledAccount::mark;

  /// What consumers are told of a contact of which no source says whether it is hidden.
  std::optional<bool> hidden_if_unknown;

  /// Label → the groups whose direct members bear it, each named by display name or address.
  std::map<std::string, std::vector<std::string>> labels;

  bool operator==(const Policy&) const = default;
};

}  // namespace gald::reconcile
