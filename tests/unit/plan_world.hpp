// A directory of users, their twins in the cloud, and an index that is guarded.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "index/index.hpp"
#include "index/reader.hpp"
#include "support.hpp"

namespace gald::index::plan_world {

using model::Change;
using model::HeldPlan;
using model::PlanReason;
using model::PlanState;
using model::Presence;
using model::RecordKind;
using test::anchor;
using test::Attribute;

inline const CollectionKey kCloud{"entra", model::ConnectorKind::entra, "users", "v1", false};

inline CollectionKey directory(const std::string& scope = "everything") {
  CollectionKey key{"ad", model::ConnectorKind::active_directory, "directory", "v1", false};
  key.plausible_share = 0.5;
  key.scope = scope;
  return key;
}

/// A user of the directory; its twin in the cloud is synced(number).
inline Change person(int number) {
  Change change;
  change.anchor = anchor(number);
  change.kind = RecordKind::user;
  change.set[Attribute::display_name] = {"n" + std::to_string(number)};
  change.set[Attribute::mail] = {"n" + std::to_string(number) + "@x.test"};
  change.set[Attribute::consistency_guid] = {"guid" + std::to_string(number)};
  return change;
}

inline Change synced(int number) {
  Change change;
  change.anchor = anchor(1000 + number);
  change.kind = RecordKind::user;
  change.set[Attribute::display_name] = {"cloud n" + std::to_string(number)};
  change.set[Attribute::mail] = {"n" + std::to_string(number) + "@x.test"};
  change.set[Attribute::immutable_id] = {"guid" + std::to_string(number)};
  change.set[Attribute::sync_enabled] = {"true"};
  return change;
}

inline Change gone(int number, Presence presence = Presence::deleted) {
  Change change;
  change.anchor = anchor(number);
  change.presence = presence;
  change.whole = true;
  return change;
}

inline std::vector<Change> people(int first, int last) {
  std::vector<Change> all;
  for (int i = first; i <= last; ++i)
    all.push_back(person(i));
  return all;
}

inline std::vector<Change> departures(int first, int last) {
  std::vector<Change> all;
  for (int i = first; i <= last; ++i)
    all.push_back(gone(i));
  return all;
}

class PlanTest : public testing::Test {
 protected:
  PlanTest() { reopen(); }

  std::filesystem::path file() const { return place_.path() / "gald.db"; }

  /// As a process that was killed and started again.
  void reopen() {
    index_.reset();
    index_ = std::make_unique<Index>(file(), clock_);
  }

  model::StagedCounts apply(std::vector<Change> changes, const CollectionKey& key = directory()) {
    index_->position(key);
    return index_->apply(key, std::move(changes), {},
                         model::Cursor{"c" + std::to_string(++cursor_), ""}, true);
  }

  model::StagedCounts read_all(std::vector<Change> changes,
                               const CollectionKey& key = directory()) {
    index_->position(key);
    index_->restart(key);
    return index_->apply(key, std::move(changes), {},
                         model::Cursor{"c" + std::to_string(++cursor_), ""}, true);
  }

  model::PublishedCounts publish(std::stop_token stop = {}) {
    clock_.advance(std::chrono::minutes(30));
    run_ = index_->begin_run();
    return index_->publish(run_, {.policy = policy_, .guard = guard_}, stop);
  }

  std::vector<HeldPlan> plans() { return index_->plans_of(run_); }

  /// The plan that is open. There must be exactly one.
  HeldPlan open() {
    std::vector<HeldPlan> found;
    for (HeldPlan& plan : plans())
      if (plan.state == PlanState::open)
        found.push_back(std::move(plan));
    EXPECT_EQ(found.size(), 1U);
    return found.empty() ? HeldPlan() : found.front();
  }

  std::optional<HeldPlan> plan(std::int64_t number) const { return Reader(file()).plan(number); }

  Decision approve(std::int64_t number, std::stop_token stop = {}) {
    return index_->approve(number, index_->begin_run(), stop);
  }

  /// Status of every contact by its name.
  std::map<std::string, std::string> contacts() const {
    std::map<std::string, std::string> found;
    ContactFilter everything;
    everything.with_deleted = true;
    Reader(file()).contacts(everything, [&](const model::Contact& contact) {
      const model::Entry& entry = contact.entry;
      found[entry.values.at(Attribute::display_name)] =
          entry.status == model::Status::deleted ? "deleted" : std::string(to_string(entry.source));
      return true;
    });
    return found;
  }

  std::int64_t count(const std::string& state) const {
    std::int64_t found = 0;
    for (const auto& [name, is] : contacts())
      found += is == state ? 1 : 0;
    return found;
  }

  /// What the plan would do, by name of the contact.
  std::map<std::string, std::string> shown(std::int64_t number) const {
    std::map<std::string, std::string> found;
    Reader(file()).planned(
        number, base::to_iso8601(clock_.now()), [&](const model::HeldChange& change) {
          found[change.entry.values.at(Attribute::display_name)] = change.operation;
        });
    return found;
  }

  test::TemporaryDirectory place_;
  base::ManualClock clock_{base::TimePoint(std::chrono::hours(24 * 365 * 50))};
  std::unique_ptr<Index> index_;
  reconcile::Policy policy_;
  std::optional<reconcile::GuardLimits> guard_ = reconcile::GuardLimits{};
  int cursor_ = 0;
  std::int64_t run_ = 0;
};

}  // namespace gald::index::plan_world
