// What becomes of a new contact that another source, or the same one, has already. Pure.
#pragma once

#include <span>
#include <vector>

#include "model/staged_record.hpp"
#include "reconcile/join.hpp"
#include "reconcile/policy.hpp"

namespace gald::reconcile {

/// Applies Policy::duplicates to what join() made of `records`. A contact is new when none of its
/// records was ever published; it meets another one by an SMTP address, or by name and phone. One
/// that meets several is left alone, as nobody can say which it is, and so is everybody who signs
/// in: users and guests never join a contact.
///
/// Records that were put together stay together, whatever the policy says later: joined_by of the
/// record tells ("duplicate" where the contact's values win, "replacement" where its own do), until
/// one side vanishes or a key joins it elsewhere.
std::vector<Cell> settle_duplicates(std::vector<Cell> cells,
                                    std::span<const model::StagedRecord> records,
                                    Duplicates policy);

}  // namespace gald::reconcile
