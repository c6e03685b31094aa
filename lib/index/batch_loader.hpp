// What the reconciler has to see to decide: some records, with all that share a key or an entry.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "index/query.hpp"
#include "model/entry.hpp"
#include "model/staged_record.hpp"

namespace gald::index {

/// Of records in one transaction: enough to make commits cheap, few enough to keep memory and the
/// time the write lock is held small.
inline constexpr int kBatch = 500;

struct Batch {
  std::vector<model::StagedRecord> records;
  std::map<std::int64_t, std::size_t> position_of;  ///< by record id
  std::map<std::string, std::int64_t> entry_rows;   ///< by entry id
  std::vector<model::Entry> entries;                ///< by id
  std::map<std::int64_t, std::int64_t> held;        ///< records that a plan holds, with its number
  std::set<std::int64_t> released;                  ///< those of the released plan

  /// As it is stored; nullptr when no record of the batch belongs to it.
  const model::Entry* entry(const std::string& id) const;
};

/// Only reads; on any connection.
class BatchLoader {
 public:
  /// Accounts that end before `now`, ISO 8601, have ended. Records that a plan holds appear as they
  /// were published, but for those of `released_plan`.
  BatchLoader(Statements& statements, std::string now, std::int64_t released_plan = 0)
      : statements_(statements), now_(std::move(now)), released_plan_(released_plan) {}

  Batch load(const std::vector<std::int64_t>& records);

  model::StagedRecord load_record(std::int64_t id);

 private:
  model::StagedRecord load_record(std::int64_t id, std::int64_t& plan);
  void show_as_published(model::StagedRecord& record);
  std::vector<std::int64_t> neighbours(const model::StagedRecord& record,
                                       std::set<std::string>& asked);
  std::string distinguished_name(std::int64_t connector, const model::Attributes& attributes);

  Statements& statements_;
  const std::string now_;
  const std::int64_t released_plan_;

  /// Distinguished names of containers, by connector and anchor: built once per publication.
  std::map<std::pair<std::int64_t, std::string>, std::string> container_names_;
};

}  // namespace gald::index
