// A directory and a tenant of a few records, reconciled again and again like an index would.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "reconcile/reconcile.hpp"
#include "support.hpp"

namespace gald::test {

class ReconcileWorld {
 public:
  model::StagedRecord& ad(int number, model::RecordKind kind) {
    return add("ad", model::ConnectorKind::active_directory, number, kind);
  }

  model::StagedRecord& entra(int number, model::RecordKind kind) {
    return add("entra", model::ConnectorKind::entra, number, kind);
  }

  model::StagedRecord& exchange(int number, model::RecordKind kind) {
    return add("exchange", model::ConnectorKind::exchange_online, number, kind);
  }

  /// Reconciles everything and publishes the plan. The order of the records must not show.
  reconcile::Plan publish(const reconcile::Policy& policy = {}) {
    std::vector<model::StagedRecord> records;
    for (const auto& [unused, record] : records_)
      records.push_back(record);
    std::vector<model::Entry> entries;
    for (const auto& [unused, entry] : entries_)
      entries.push_back(entry);
    reconcile::Plan plan = reconcile::reconcile(records, entries, policy);
    std::reverse(records.begin(), records.end());
    const reconcile::Plan again = reconcile::reconcile(records, entries, policy);
    EXPECT_EQ(again.size(), plan.size());
    for (std::size_t i = 0; i < std::min(plan.size(), again.size()); ++i) {
      EXPECT_EQ(again[i].entry, plan[i].entry);
      EXPECT_EQ(again[i].records, plan[i].records);
    }
    for (const reconcile::PlannedEntry& planned : plan) {
      if (planned.operation == reconcile::Operation::merge)
        entries_.erase(planned.entry.id);
      else
        entries_[planned.entry.id] = planned.entry;
      for (const reconcile::PlannedLink& link : planned.records) {
        records_.at(static_cast<int>(link.record)).entry_id = planned.entry.id;
        records_.at(static_cast<int>(link.record)).joined_by = link.joined_by;
      }
    }
    for (auto& [unused, record] : records_)
      record.touched = false;
    return plan;
  }

  const model::Entry& entry_of(int number) const {
    return entries_.at(records_.at(number).entry_id);
  }

  const std::map<std::string, model::Entry>& entries() const { return entries_; }

  const model::StagedRecord& record(int number) const { return records_.at(number); }

  /// All that belong to the entry of this one.
  std::vector<model::StagedRecord> records_beside(int number) const {
    std::vector<model::StagedRecord> mine;
    for (const auto& [unused, record] : records_)
      if (record.entry_id == records_.at(number).entry_id)
        mine.push_back(record);
    return mine;
  }

 private:
  model::StagedRecord& add(const char* connector, model::ConnectorKind connector_kind, int number,
                           model::RecordKind kind) {
    model::StagedRecord& record = records_[number];
    if (record.id == 0) {
      record.id = number;
      record.connector = connector;
      record.connector_kind = connector_kind;
      record.anchor = anchor(number);
      record.kind = kind;
    }
    record.touched = true;
    return record;
  }

  std::map<int, model::StagedRecord> records_;
  std::map<std::string, model::Entry> entries_;
};

}  // namespace gald::test
