// One entry from the live records of a cell: whose value wins, what the source and the status are.
// Pure.
#pragma once

#include <span>

#include "model/entry.hpp"
#include "model/staged_record.hpp"
#include "reconcile/policy.hpp"

namespace gald::reconcile {

/// REQUIRES: `live` is not empty, all of one cell, strongest source first. The result has no id.
///
/// Precedence: on-premises values win for what is synchronized, the cloud's for what once was and
/// is now mastered there (onPremisesSyncEnabled false); behind them whoever has a value. One live
/// side that says disabled, or whose account has ended, makes it disabled, one that says hidden
/// makes it hidden. References (is_reference) say nothing; at least one of `live` is none.
model::Entry merge(std::span<const model::StagedRecord* const> live, const Policy& policy = {});

}  // namespace gald::reconcile
