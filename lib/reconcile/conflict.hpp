// What an operator has to know of how records became contacts: contradictions, doubts and states
// in between. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/entry.hpp"
#include "model/staged_record.hpp"

namespace gald::reconcile {

enum class ConflictKind {
  collision,            ///< one address in AD and in the cloud, not synchronized
  ambiguous_key,        ///< synchronized, but several AD objects could be its other side
  duplicate_anchor,     ///< two objects of a source claim one identity
  person_and_contact,   ///< a user or guest and a contact have one address
  duplicate,            ///< two contacts with one address, or one name and phone
  ad_not_seen,          ///< synchronized, says the cloud, but no connector sees the AD object
  moved_to_cloud,       ///< once synchronized, now mastered in the cloud, the AD object still there
  quarantined_address,  ///< Entra ID withholds a value that another object has
  skipped,              ///< a duplicate of it is not published, as Policy::duplicates wants
};

std::string_view to_string(ConflictKind kind);  // "collision", "ambiguous-key", ...
std::optional<ConflictKind> conflict_kind_named(std::string_view name);
std::span<const ConflictKind> conflict_kinds();

/// What to do about it, in a sentence or two.
std::string_view remedy(ConflictKind kind);

struct Conflict {
  ConflictKind kind = ConflictKind::collision;
  std::string contact_id;
  std::string other_id;  ///< empty: it concerns one contact only
  std::string evidence;  ///< what was seen, in words, with the values

  auto operator<=>(const Conflict&) const = default;
};

/// A published entry that is not deleted, with its live records, references (is_reference) left
/// out.
struct Party {
  const model::Entry* entry = nullptr;
  std::vector<const model::StagedRecord*> live;
  bool lost_ad = false;  ///< an AD record of it is gone
};

/// Every conflict of the parties, each pair once, in an order that does not depend on theirs.
/// `skipped` are the live records of contacts that are not published. Complete for a party when
/// whoever shares a join key or an SMTP address with it is among them.
std::vector<Conflict> find_conflicts(std::span<const Party> parties,
                                     std::span<const model::StagedRecord* const> skipped = {});

}  // namespace gald::reconcile
