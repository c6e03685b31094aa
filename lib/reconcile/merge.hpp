// One entry from the live records of a cell: whose value wins, what the source and the status are.
// Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/entry.hpp"
#include "model/staged_record.hpp"
#include "reconcile/policy.hpp"

namespace gald::reconcile {

/// REQUIRES: `live` is not empty, all of one cell, strongest source first. The result has no id.
///
/// For each attribute the first of candidates() is published, the status is that of
/// decide_status(): `deleted` when the policy removes the contact although records of it are live.
/// References (is_reference) say nothing; at least one of `live` stands for somebody (only_adds).
model::Entry merge(std::span<const model::StagedRecord* const> live, const Policy& policy = {});

// --- whose value wins ----------------------------------------------------------------------------

/// The rule that put the candidates of an attribute into their order.
enum class Precedence {
  on_premises,   ///< AD masters what is synchronized: AD, then Entra, then Exchange
  cloud,         ///< once synchronized, now mastered in the cloud: Entra, Exchange, then AD
  directory,     ///< the place in AD is AD's to tell, also of what is mastered in the cloud
  visibility,    ///< AD and Exchange know whether a contact is hidden, Graph has a copy; of those
                 ///< that know, one that says hidden wins
  connectors,    ///< Policy::precedence
  of_attribute,  ///< Policy::precedence_of
};

struct Candidate {
  const model::StagedRecord* record = nullptr;
  std::string value;  ///< as it would be published

  /// The attribute of the record that the value is from: another one than was asked for when the
  /// mapping says so, and for a display name that had to be taken from the RDN.
  model::Attribute from = model::Attribute::display_name;
  const FieldRule* mapped = nullptr;  ///< of the policy; null: as the source said it
};

struct Candidates {
  Precedence by = Precedence::on_premises;
  std::vector<Candidate> list;  ///< best first: the first one is published
};

/// REQUIRES: as merge(); `attribute` is one of published_attributes(). The result points into
/// `live` and `policy`.
Candidates candidates(model::Attribute attribute, std::span<const model::StagedRecord* const> live,
                      const Policy& policy = {});

/// Whether a precedence of its own can be configured for it: what is published as one value, the
/// addresses (proxyAddresses), and the numbers of a type (by the first of its attributes).
bool has_precedence(model::Attribute attribute);

// --- status --------------------------------------------------------------------------------------

/// What decided a status.
enum class StatusRule {
  // no record is live
  deleted,           ///< gone for good (Graph "deleted", AD tombstone)
  soft_deleted,      ///< gone, and the source can bring it back
  absent,            ///< a complete read did not contain it
  out_of_scope,      ///< still there, where the configuration does not look
  directory_object,  ///< AD's own object, which is nobody's contact
  // at least one is
  mailbox,           ///< the account is disabled, as that of a shared, room, equipment or linked
                     ///< mailbox is by design
  account_disabled,  ///< accountEnabled false, userAccountControl ACCOUNTDISABLE
  account_ended,     ///< accountExpires has passed
  in_use,            ///< nothing speaks against it
};

std::string_view to_string(StatusRule rule);  // "account-disabled"

struct StatusDecision {
  model::Status status = model::Status::active;
  StatusRule rule = StatusRule::in_use;
  std::string connector;  ///< whose record said so

  bool operator==(const StatusDecision&) const = default;
};

/// Of all records of a contact, those that are gone too, strongest source first. REQUIRES: one.
StatusDecision decide_status(std::span<const model::StagedRecord* const> records,
                             const Policy& policy = {});

}  // namespace gald::reconcile
