// Records in, plan out. Pure: no clock, no database, no order of input that matters.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/entry.hpp"
#include "model/staged_record.hpp"
#include "reconcile/policy.hpp"

namespace gald::reconcile {

enum class Operation {
  none,  ///< the entry is as it was; its records may have moved
  create,
  update,
  remove,   ///< its last live record is gone, or the policy wants it to go: status becomes deleted,
            ///< the values stay
  restore,  ///< it was deleted and is there again
  merge,    ///< it turned out to be another entry, to which its id now leads
};

struct PlannedLink {
  std::int64_t record;
  std::string joined_by;

  bool operator==(const PlannedLink&) const = default;
};

struct PlannedEntry {
  Operation operation = Operation::none;
  model::Entry entry;  ///< as it shall be published; for merge as it was
  std::vector<model::FieldChange> changes;
  std::vector<PlannedLink> records;  ///< all that belong to it from now on
  std::string forward_to;            ///< for merge: the surviving entry
};

using Plan = std::vector<PlannedEntry>;

/// REQUIRES: `records` is closed under shared join keys and shared entries; `published` holds
/// every entry that one of them belongs to.
Plan reconcile(std::span<const model::StagedRecord> records,
               std::span<const model::Entry> published, const Policy& policy = {});

/// The id of an entry that begins with this anchor: UUIDv5 in gald's namespace, so that an index
/// rebuilt from nothing gets the same ids.
std::string entry_id_for(std::string_view anchor);

}  // namespace gald::reconcile
