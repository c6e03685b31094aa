// People with names, and an index that can be searched for them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "index/index.hpp"
#include "index/reader.hpp"
#include "support.hpp"

namespace gald::index::search_world {

using model::RecordKind;
using test::Attribute;

inline const CollectionKey kCloud{"entra", model::ConnectorKind::entra, "contacts", "v1", false};

inline model::Change named(int number, const std::string& given, const std::string& surname,
                           const std::string& display_name = "") {
  model::Change change;
  change.anchor = test::anchor(number);
  change.kind = RecordKind::contact;
  change.set[Attribute::display_name] = {display_name.empty() ? given + " " + surname
                                                              : display_name};
  if (!given.empty())
    change.set[Attribute::given_name] = {given};
  if (!surname.empty())
    change.set[Attribute::surname] = {surname};
  return change;
}

inline model::Change gone(int number) {
  model::Change change;
  change.anchor = test::anchor(number);
  change.presence = model::Presence::deleted;
  return change;
}

class World : public testing::Test {
 protected:
  World() { reopen(); }

  std::filesystem::path file() const { return place_.path() / "gald.db"; }

  void reopen() {
    index_.reset();
    index_ = std::make_unique<Index>(file(), clock_);
  }

  void apply(std::vector<model::Change> changes, const CollectionKey& key = kCloud) {
    index_->position(key);
    index_->apply(key, std::move(changes), {}, model::Cursor{"c" + std::to_string(++cursor_), ""},
                  true);
  }

  model::PublishedCounts publish(std::stop_token stop = {}) {
    clock_.advance(std::chrono::minutes(30));
    return index_->publish(index_->begin_run(), {.policy = policy_, .keep_deleted = keep_deleted_},
                           stop);
  }

  test::TemporaryDirectory place_;
  base::ManualClock clock_{base::TimePoint(std::chrono::hours(24 * 365 * 50))};
  std::unique_ptr<Index> index_;
  reconcile::Policy policy_;
  std::optional<std::chrono::milliseconds> keep_deleted_;
  int cursor_ = 0;
};

}  // namespace gald::index::search_world
