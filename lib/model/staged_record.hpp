// A record as staging hands it to the reconciler.
#pragma once

#include <cstdint>
#include <string>

#include "model/record.hpp"

namespace gald::model {

struct StagedRecord {
  std::int64_t id = 0;  ///< of its row in staging
  std::string connector;
  ConnectorKind connector_kind = ConnectorKind::entra;
  std::string anchor;
  RecordKind kind = RecordKind::contact;
  Presence presence = Presence::live;
  Attributes attributes;  ///< for AD, distinguished_name is rebuilt from the objects above

  bool expired = false;   ///< its account's end (account_expires) has passed
  bool touched = false;   ///< changed since the last publication
  bool was_live = false;  ///< stood for somebody at the last publication
  std::string entry_id;   ///< the entry it belongs to by an earlier decision; may be empty
  std::string joined_by;  ///< the key of that decision; empty when the record stood alone
};

}  // namespace gald::model
