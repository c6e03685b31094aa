// Why a contact is what it is, in words. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "model/entry.hpp"
#include "model/staged_record.hpp"
#include "reconcile/policy.hpp"

namespace gald::reconcile {

/// What decided: its name for programs, and a sentence for people.
struct Reason {
  std::string rule;
  std::string text;

  bool operator==(const Reason&) const = default;
};

/// One record of the contact, and why it belongs there.
struct ExplainedRecord {
  std::string connector;
  model::ConnectorKind connector_kind = model::ConnectorKind::entra;
  model::RecordKind kind = model::RecordKind::contact;
  std::string anchor;
  model::Presence presence = model::Presence::live;
  Reason joined;                  ///< rule: the key, or "first" for what the others joined
  std::vector<std::string> keys;  ///< the values that met
};

/// One published value, and what else there was to choose from.
struct ExplainedValue {
  struct Other {
    std::string connector;
    std::string value;
  };

  std::string attribute;  ///< "jobTitle"; of addresses and phones "addresses/smtp", "phones/mobile"
  std::string value;
  std::string connector;  ///< whose it is
  Reason reason;
  std::vector<Other> others;  ///< in the order in which they would follow, equal ones too
};

struct Explanation {
  model::Entry entry;  ///< as it was published
  Reason kind;
  Reason source;
  Reason status;
  Reason visibility;
  std::vector<ExplainedRecord> records;  ///< the strongest source first, those that are gone last
  std::vector<ExplainedValue> values;    ///< none of a deleted contact: nobody's record is left
  bool pending = false;  ///< the sources said something since that is not yet published
};

/// REQUIRES: `records` are all that belong to the entry, with the links of the last publication.
Explanation explain(const model::Entry& published, std::span<const model::StagedRecord> records,
                    const Policy& policy = {});

}  // namespace gald::reconcile
