// The index in memory: staging and publication around reconcile(), as the promises of
// lib/index say, and nothing else. Thousands of worlds fit into seconds.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/staged_record.hpp"
#include "published.hpp"
#include "reconcile/reconcile.hpp"
#include "said.hpp"

namespace gald::simulation {

class MemoryIndex {
 public:
  /// Stages what was said. What is known already touches nothing.
  void tell(std::span<const Said> page);

  void tell(const Said& said) { tell(std::span(&said, 1)); }

  /// Reconciles what was touched, `batch` records with their neighbours at a time. With `most`, it
  /// dies after so many batches; the next call goes on. Returns the number of entries of which
  /// something was published. Throws std::logic_error when a plan breaks a promise.
  int publish(std::size_t batch = 500, std::size_t most = std::numeric_limits<std::size_t>::max());

  /// As if every record had changed.
  void touch_everything();

  Published published() const;

  /// The keys by which records were joined: "entra/2 proxy-addresses", sorted.
  std::vector<std::string> links() const;

 private:
  std::vector<model::StagedRecord> close(const std::vector<std::int64_t>& touched) const;
  int apply(const reconcile::Plan& plan, const std::vector<model::StagedRecord>& batch);
  void save(const reconcile::PlannedEntry& planned);
  void unlink(std::int64_t id);
  void link(const reconcile::PlannedLink& link, const std::string& entry);
  void change_keys(std::int64_t id, const std::vector<std::string>& before,
                   const std::vector<std::string>& now);

  std::map<std::int64_t, model::StagedRecord> records_;
  std::map<std::pair<std::string, std::string>, std::int64_t> ids_;
  std::map<std::string, std::set<std::int64_t>> by_key_;
  std::map<std::string, std::set<std::int64_t>> by_entry_;
  std::map<std::string, model::Entry> entries_;
  std::map<std::string, std::string> forwards_;
  std::set<std::int64_t> touched_;
};

}  // namespace gald::simulation
