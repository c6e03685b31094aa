// Which records mean one contact. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/staged_record.hpp"

namespace gald::reconcile {

/// Whether the record can stand for somebody now: its object is there, is no container and is not
/// one of the directory's own (isCriticalSystemObject).
bool is_live(const model::StagedRecord& record);

/// Whether the record only points at an object that other sources have (Attribute::reference), and
/// says nothing of it.
bool is_reference(const model::StagedRecord& record);

/// Whether the record only adds to what Entra says of the object: references, and Exchange's
/// mailboxes, which are users there. It joins that object's Entra record and nothing else, and
/// alone it stands for nobody.
bool only_adds(const model::StagedRecord& record);

/// Every key under which a live record can meet another one, prefixed by its kind. Two records
/// without a key in common are never joined, so that a change needs only the records it shares a
/// key or an entry with. Of what is gone only AD objects have one. The keys "person:" of contacts,
/// a name with a phone number, let duplicates be found and join nobody.
std::vector<std::string> join_keys(const model::StagedRecord& record);

/// The kind of the keys that are an anchor, the record's own or one that it names.
inline constexpr std::string_view kObjectKey = "object:";

/// The order of records within a contact: the strongest source first (AD, Entra, Exchange), then by
/// connector and anchor.
bool comes_before(const model::StagedRecord& a, const model::StagedRecord& b);

/// The values on which a record meets another one under the key that Cell::Member::joined_by names;
/// empty when it does not.
std::vector<std::string> shared_values(std::string_view joined_by,
                                       const model::StagedRecord& record,
                                       const model::StagedRecord& other);

/// Records that mean one object, as positions in the input.
struct Cell {
  struct Member {
    std::size_t record;
    std::string joined_by;  ///< empty for the record that the others were joined to
  };

  std::vector<Member> live;  ///< strongest source first: AD, Entra, Exchange; then by anchor
  std::vector<std::size_t> gone;

  /// The entry it carries on; empty: a new one.
  std::string entry_id;

  /// Entries that turned out to be this one.
  std::vector<std::string> merged_entry_ids;
};

/// Parts `records` into cells. REQUIRES: whoever shares a key or an entry with one of `records` is
/// among them. The result does not depend on their order.
///
/// Users: onPremisesImmutableId = base64 of mS-DS-ConsistencyGuid, else of objectGUID (Entra
/// Connect design concepts). Groups: onPremisesSecurityIdentifier = objectSid. Users and groups of
/// several AD connectors with one key are one that moves between forests, and so is an AD object
/// that is gone from one connector and new in another. Contacts, whose
/// anchor Graph does not show: the ladder of keys below, only where the cloud says that the object
/// is or was synchronized, and only where a key points to exactly one object on either side. A
/// decided link between contacts is kept until a stronger key contradicts it.
///
/// A cloud contact whose AD record is gone stays bound to it: another AD object with the same
/// address is another contact. Not so one that took the place of a deleted cloud contact: both
/// sides were made anew, it goes with the new AD object and leaves the old contact behind.
std::vector<Cell> join(std::span<const model::StagedRecord> records);

}  // namespace gald::reconcile
