// An API over an index of its own, whose cycles are told and not read.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "api/api.hpp"
#include "api/authority.hpp"
#include "index/index.hpp"
#include "support.hpp"

namespace gald::test {

/// Lets in whoever it is told to.
class Door final : public api::Authority {
 public:
  api::Principal admit(const net::ServerRequest&) const override { return who; }

  api::Principal who{"test", api::Scope::read};
};

class ApiWorld : public testing::Test {
 protected:
  ApiWorld() {
    services_.live = &live_;
    services_.collections = {{"entra", "entra", "users"}, {"ad", "active-directory", "directory"}};
  }

  std::filesystem::path file() const { return directory_.path() / "gald.db"; }

  index::Index& index() {
    if (!index_)
      index_.emplace(file(), clock_);
    return *index_;
  }

  /// A user for each number.
  static std::vector<model::Change> users(const std::vector<int>& numbers) {
    std::vector<model::Change> changes;
    for (const int number : numbers) {
      model::Change change;
      change.anchor = anchor(number);
      change.kind = model::RecordKind::user;
      change.set[Attribute::display_name] = {"user " + std::to_string(number)};
      changes.push_back(std::move(change));
    }
    return changes;
  }

  /// A cycle of a second that reads changes of entra/users to the end, or fails to.
  model::RunReport cycle(std::vector<model::Change> changes, const std::string& error = {},
                         bool publish = true) {
    const index::CollectionKey key{"entra", model::ConnectorKind::entra, "users", "v1", false};
    model::RunReport report;
    report.started = clock_.now();
    report.id = index().begin_run();
    index().position(key);
    if (error.empty())
      index().apply(key, std::move(changes), {}, model::Cursor{std::to_string(report.id), ""},
                    true);
    if (publish && error.empty())
      report.published = index().publish(report.id, {}, {});
    model::CollectionReport read;
    read.connector = key.connector;
    read.collection = key.collection;
    read.complete = error.empty();
    read.error = error;
    report.collections.push_back(read);
    clock_.advance(std::chrono::seconds(1));
    report.ended = clock_.now();
    report.outcome = error.empty() ? model::Outcome::complete : model::Outcome::failed;
    index().end_run(report);
    return report;
  }

  net::ServerResponse get(const std::string& target) {
    if (!api_)
      api_.emplace(file(), door_, services_);
    net::ServerRequest request;
    request.method = "GET";
    request.target = target;
    return api_->answer(request);
  }

  TemporaryDirectory directory_;
  base::ManualClock clock_{base::TimePoint(std::chrono::hours(24 * 365 * 50))};
  sync::LiveStatus live_{clock_};
  Door door_;
  api::Services services_{.clock = clock_, .version = "7.0"};
  std::optional<index::Index> index_;
  std::optional<api::Api> api_;
};

}  // namespace gald::test
