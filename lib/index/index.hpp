// The writer's side of the index file: staging, publication, runs. One process writes at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "model/plan.hpp"
#include "model/record.hpp"
#include "model/run.hpp"
#include "reconcile/guard.hpp"
#include "reconcile/policy.hpp"

namespace gald::index {

/// Where a round of a collection goes on.
struct Position {
  model::Cursor cursor;
  bool full = false;  ///< the round sees everything, and what it does not see is gone at its end
};

/// A collection in the eyes of staging.
struct CollectionKey {
  std::string connector;
  model::ConnectorKind connector_kind = model::ConnectorKind::entra;
  std::string collection;
  std::string fingerprint;
  bool lists_everything = false;
  std::optional<std::chrono::milliseconds> complete_every = {};
  double plausible_share = 0;
  std::vector<model::RecordKind> kinds_left_out = {};

  /// What the configuration leaves to read, as text; only compared. What comes or goes because it
  /// was changed becomes a plan.
  std::string scope = {};
};

/// How to publish.
struct Publication {
  reconcile::Policy policy = {};
  std::function<void(std::int64_t, std::int64_t)> progress = {};  ///< records done, and of how many

  /// How much may vanish unasked, and whether changes of scope and policy are asked about.
  /// Nothing: all is applied at once.
  std::optional<reconcile::GuardLimits> guard = {};

  std::optional<std::chrono::milliseconds> keep_deleted = {};  ///< entries; nothing: for ever
  std::optional<std::chrono::milliseconds> keep_history = {};  ///< changes; nothing: for ever
};

/// What became of a decision about a plan.
struct Decision {
  enum class Outcome {
    done,
    already,  ///< it was decided so before; what was left to publish of it is published now
    moved,    ///< it would do something else than was shown: plan.superseded_by says what
    closed,   ///< it is none to decide about any more, see plan.state
    unknown,  ///< there is no such plan
  };
  Outcome outcome = Outcome::unknown;
  model::HeldPlan plan = {};
  model::PublishedCounts published = {};
};

/// The file is not what SQLite wrote into it: what() names the file and says what was found.
class DamagedIndex : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Thread-safe: calls are serialised. Every call that writes is one or several transactions, each
/// of which leaves a consistent index behind; a crash at any point loses at most the open one.
/// Throws std::runtime_error naming the file when SQLite fails (disk full, read-only), DamagedIndex
/// when it finds damage.
class Index {
 public:
  /// Creates the file (mode 0640) or upgrades an older one. Throws std::runtime_error with one
  /// clear line for a directory that is missing, a file that is no index or one of a newer gald.
  Index(const std::filesystem::path& file, const base::Clock& clock);
  ~Index();
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;

  // --- staging ---------------------------------------------------------------------------------

  /// Where to go on. Starts a full round when the collection is new, when its fingerprint differs
  /// from the cursor's, when it lists everything in every round, or when a complete read is due.
  Position position(const CollectionKey& key);

  /// Starts a full round from an empty cursor; the records stay as they are until its end.
  Position restart(const CollectionKey& key);

  /// Stages the changes of one page and, if `next` is given, the cursor behind it: one
  /// transaction. With `last`, a full round sweeps what it did not see; one that saw implausibly
  /// little sweeps nothing, says so (StagedCounts::held) and begins anew next time. Applying the
  /// same page twice changes nothing.
  model::StagedCounts apply(const CollectionKey& key, std::vector<model::Change> changes,
                            const std::vector<model::Rejected>& rejected,
                            const std::optional<model::Cursor>& next, bool last);

  /// Those of `keys` that were never read completely.
  std::vector<std::string> never_complete(const std::vector<CollectionKey>& keys);

  // --- publication -----------------------------------------------------------------------------

  bool published_before();

  /// Reconciles every record that changed since the last publication and applies the difference,
  /// in short transactions; then what was deleted long enough ago is purged, and what was told long
  /// enough ago forgotten. Stops early, with the rest left for the next run, when asked to. What
  /// exceeds the guard, and what a change of scope or policy would do, becomes a plan: its records
  /// count as what they were published as until somebody decides.
  model::PublishedCounts publish(std::int64_t run, const Publication& how, std::stop_token stop);

  /// Those that are open after a run, and those that it closed.
  std::vector<model::HeldPlan> plans_of(std::int64_t run);

  /// Publishes what the plan holds, and nothing else, unless that is not what it was when it was
  /// made. A rejected plan can still be approved. Doing it twice does nothing twice.
  Decision approve(std::int64_t plan, std::int64_t run, std::stop_token stop);

  /// What the plan holds stays as it was published until its source says something else of it.
  Decision reject(std::int64_t plan, std::int64_t run);

  // --- runs ------------------------------------------------------------------------------------

  /// Returns the run's id.
  std::int64_t begin_run();

  /// When the run before this one began; nothing when it is the first.
  std::optional<base::TimePoint> began_before(std::int64_t run);

  /// Keeps what the connector signs in with and when that ends; nothing: it does not.
  void note_credential(const std::string& connector, const std::string& credential,
                       std::optional<base::TimePoint> ends);
  void end_run(const model::RunReport& report);

  // --- care of the file ------------------------------------------------------------------------

  /// Looks through the structure of the whole file when the last run did not end, or the last look
  /// is a day old; leaves it to the next cycle when told to stop. Throws DamagedIndex.
  void examine_if_due(std::stop_token stop);

  /// Whether damage was met in any call so far.
  bool damaged() const;

  /// After a run: gives back unused space and empties the write-ahead log, in steps. Logs what
  /// fails, as the run is over, and the next one tries again.
  void tidy(std::stop_token stop);

  /// Moves everything into the file itself, so that it can be moved. Throws std::runtime_error when
  /// a reader is in the way.
  void settle_file();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Held while a cycle runs, so that two processes never write the index at the same time. The
/// operating system releases it when the process dies.
class WriterLock {
 public:
  /// Tries once. Nothing when somebody else holds it.
  static std::optional<WriterLock> try_acquire(const std::filesystem::path& index_file);

  WriterLock(WriterLock&& other) noexcept;
  WriterLock& operator=(WriterLock&&) = delete;
  ~WriterLock();

 private:
  explicit WriterLock(int descriptor) : descriptor_(descriptor) {}

  int descriptor_;
};

}  // namespace gald::index
