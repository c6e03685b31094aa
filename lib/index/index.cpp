#include "index/index.hpp"

#include <atomic>
#include <mutex>
#include <stdexcept>

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include "base/log.hpp"
#include "index/change_log.hpp"
#include "index/conflict_store.hpp"
#include "index/history.hpp"
#include "index/index_file.hpp"
#include "index/labels.hpp"
#include "index/plan_store.hpp"
#include "index/policy_json.hpp"
#include "index/publisher.hpp"
#include "index/purge.hpp"
#include "index/query.hpp"
#include "index/schema.hpp"
#include "index/search_index.hpp"
#include "index/staging.hpp"
#include "index/upkeep.hpp"

namespace gald::index {

namespace {

SQLite::Database open_for_writing(const std::filesystem::path& file) {
  create_index_file(file);
  // one caller at a time is our own promise, so that SQLite need not lock, nor count its memory
  static const int kUncounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(kUncounted);  // refused when SQLite is in use already: then it counts
  SQLite::Database database(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX, 10'000);
  // Read-only consumers need the -wal and -shm files even while no writer runs.
  int keep = 1;
  sqlite3_file_control(database.getHandle(), "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
  return database;
}

void configure(SQLite::Database& database) {
  database.exec("PRAGMA journal_mode = WAL");
  // WAL with NORMAL loses no consistency, at worst the last transactions of a power cut: pages are
  // read again, as the cursors go with them. What consumers follow must not be lost (OnDisk).
  database.exec("PRAGMA synchronous = NORMAL");
  database.exec("PRAGMA journal_size_limit = 67108864");
}

/// While it lives, nobody sees what is committed before it is on the disk: who follows the feed
/// would be behind a number that, lost in a power cut, is given to another change. And a decision
/// that somebody was told of would be open again.
class OnDisk {
 public:
  explicit OnDisk(SQLite::Database& database) : database_(database) {
    database_.exec("PRAGMA synchronous = FULL");
  }

  ~OnDisk() { database_.tryExec("PRAGMA synchronous = NORMAL"); }

  OnDisk(const OnDisk&) = delete;
  OnDisk& operator=(const OnDisk&) = delete;

 private:
  SQLite::Database& database_;
};

}  // namespace

class Index::Impl {
 public:
  Impl(const std::filesystem::path& path, const base::Clock& the_clock)
      : file(path.string()),
        clock(the_clock),
        database(open_for_writing(path)),
        statements(database) {
    // Says "file is not a database" for foreign files, before anything is written to them.
    database.execAndGet("SELECT count(*) FROM sqlite_schema");
    // Counts for a new file; an older one gets it when it is vacuumed as a whole (upkeep.cpp).
    if (database.execAndGet("PRAGMA auto_vacuum").getInt() == 0)
      database.exec("PRAGMA auto_vacuum = INCREMENTAL");
    prepare_schema(database, file);
    configure(database);
    log_limit.emplace(database);
    describe_conflicts(statements);
    staging.emplace(database, statements, clock);
    plans.emplace(database, statements, *staging, clock);
    upkeep.emplace(database, statements, clock, path);
  }

  /// One caller at a time; and SQLite's errors do not name the file.
  template <typename Work>
  auto guarded(Work work) {
    const std::lock_guard lock(mutex);
    try {
      return work();
    } catch (const SQLite::Exception& error) {
      const std::string text = describe(file, error, sqlite3_system_errno(database.getHandle()));
      if (!means_damage(error))
        throw std::runtime_error(text);
      damaged = true;
      throw DamagedIndex(text);
    }
  }

  void compare_clock() {
    const base::TimePoint now = clock.now();
    if (const base::TimePoint newest = next_moment(statements, now); newest - now > kClockTolerance)
      base::log::warning(
          "publish.ahead_of_clock",
          "the newest change was told with a time that is still to come: the clock was wrong then,"
          " or is now; what is published is told with that time",
          {{"newest", base::to_iso8601(newest)}});
  }

  void purge(std::optional<std::chrono::milliseconds> keep, std::int64_t run,
             std::stop_token stop) {
    const std::int64_t purged =
        keep ? index::purge(database, statements, clock, *keep, run, stop) : 0;
    if (purged != 0)
      base::log::info("publish.purged", "deleted contacts are purged", {{"contacts", purged}});
  }

  void forget(std::optional<std::chrono::milliseconds> keep, std::stop_token stop) {
    const std::int64_t forgotten =
        keep ? trim_history(database, statements, base::to_iso8601(clock.now() - *keep), stop) : 0;
    if (forgotten != 0)
      base::log::info("publish.forgotten", "what was told long enough ago has left the history",
                      {{"changes", forgotten}});
  }

  const std::string file;
  const base::Clock& clock;
  std::mutex mutex;
  SQLite::Database database;
  Statements statements;
  std::optional<LogLimit> log_limit;
  std::optional<Staging> staging;
  std::optional<PlanStore> plans;
  std::optional<Upkeep> upkeep;
  std::atomic<bool> damaged = false;
};

Index::Index(const std::filesystem::path& file, const base::Clock& clock) {
  if (lost_its_content(file))
    throw DamagedIndex(file.string() + ": is empty, though a write-ahead log lies beside it");
  const bool ours = was_written_by_us(file);
  try {
    impl_ = std::make_unique<Impl>(file, clock);
  } catch (const SQLite::Exception& error) {
    const std::string text = describe(file, error, 0);
    if (means_damage(error) && ours)
      throw DamagedIndex(text);
    throw std::runtime_error(
        means_damage(error)
            ? text + "; set index.path to another file, or move this one away if it was an index"
            : text);
  }
}

Index::~Index() = default;

Position Index::position(const CollectionKey& key) {
  return impl_->guarded([&] { return impl_->staging->position(key); });
}

Position Index::restart(const CollectionKey& key) {
  return impl_->guarded([&] { return impl_->staging->restart(key); });
}

model::StagedCounts Index::apply(const CollectionKey& key, std::vector<model::Change> changes,
                                 const std::vector<model::Rejected>& rejected,
                                 const std::optional<model::Cursor>& next, bool last) {
  return impl_->guarded(
      [&] { return impl_->staging->apply(key, std::move(changes), rejected, next, last); });
}

std::vector<std::string> Index::never_complete(const std::vector<CollectionKey>& keys) {
  return impl_->guarded([&] { return impl_->staging->never_complete(keys); });
}

bool Index::published_before() {
  return impl_->guarded([&] {
    return impl_->database.execAndGet("SELECT EXISTS (SELECT 1 FROM entry)").getInt() != 0;
  });
}

model::PublishedCounts Index::publish(std::int64_t run, const Publication& how,
                                      std::stop_token stop) {
  return impl_->guarded([&] {
    const OnDisk told(impl_->database);
    impl_->compare_clock();
    impl_->staging->settle();
    Publication actual = how;
    actual.policy = impl_->plans->policy_in_force(how);
    impl_->plans->judge(run, how);
    const model::PublishedCounts counts =
        Publisher(impl_->database, impl_->statements, impl_->clock, run).publish(actual, stop);
    if (stop.stop_requested())
      return counts;
    impl_->staging->finish_publication();
    impl_->plans->conclude(run, how);
    // a policy that changes no contact has come into force by now
    settle_labels(impl_->database, impl_->statements,
                  policy_from_json(active_policy(impl_->statements)).labels, run,
                  impl_->clock.now());
    build_search(impl_->database, impl_->statements, stop);
    impl_->purge(how.keep_deleted, run, stop);
    impl_->forget(how.keep_history, stop);
    return counts;
  });
}

std::vector<model::HeldPlan> Index::plans_of(std::int64_t run) {
  return impl_->guarded([&] { return impl_->plans->plans_of(run); });
}

Decision Index::approve(std::int64_t plan, std::int64_t run, std::stop_token stop) {
  return impl_->guarded([&] {
    const OnDisk told(impl_->database);
    Decision decision = impl_->plans->approve(plan, run);
    if (decision.outcome == Decision::Outcome::done ||
        decision.outcome == Decision::Outcome::already) {
      const reconcile::Policy policy = policy_from_json(active_policy(impl_->statements));
      decision.published = Publisher(impl_->database, impl_->statements, impl_->clock, run)
                               .publish({policy}, stop, true);
      settle_labels(impl_->database, impl_->statements, policy.labels, run, impl_->clock.now());
    }
    return decision;
  });
}

Decision Index::reject(std::int64_t plan, std::int64_t run) {
  return impl_->guarded([&] {
    const OnDisk told(impl_->database);
    return impl_->plans->reject(plan, run);
  });
}

std::int64_t Index::begin_run() {
  return impl_->guarded([&] {
    Query(impl_->statements, "INSERT INTO run (started_at) VALUES (?1)")
        .bind(base::to_iso8601(impl_->clock.now()))
        .run();
    return static_cast<std::int64_t>(impl_->database.getLastInsertRowid());
  });
}

std::optional<base::TimePoint> Index::began_before(std::int64_t run) {
  return impl_->guarded([&]() -> std::optional<base::TimePoint> {
    Query query(impl_->statements,
                "SELECT started_at FROM run WHERE id < ?1 ORDER BY id DESC LIMIT 1");
    query.bind(run);
    return query.next() ? base::parse_iso8601(query.text(0)) : std::nullopt;
  });
}

void Index::note_credential(const std::string& connector, const std::string& credential,
                            std::optional<base::TimePoint> ends) {
  impl_->guarded([&] {
    const std::optional<std::string> at =
        ends ? std::optional(base::to_iso8601(*ends)) : std::nullopt;
    return Query(impl_->statements,
                 "UPDATE connector SET credential = ?2, credential_ends_at = ?3 WHERE name = ?1"
                 " AND (credential <> ?2 OR credential_ends_at IS NOT ?3)")
        .bind(connector, credential, at)
        .run();
  });
}

void Index::end_run(const model::RunReport& report) {
  impl_->guarded([&] {
    SQLite::Transaction transaction(impl_->database, SQLite::TransactionBehavior::IMMEDIATE);
    Query(impl_->statements,
          "UPDATE run SET ended_at = ?2, outcome = ?3, error = ?4, created = ?5, updated = ?6,"
          " deleted = ?7, restored = ?8, memberships = ?9 WHERE id = ?1")
        .bind(report.id, base::to_iso8601(report.ended), to_string(report.outcome), report.error,
              report.published.created, report.published.updated, report.published.deleted,
              report.published.restored, report.published.memberships)
        .run();
    for (const model::CollectionReport& read : report.collections)
      Query(impl_->statements,
            "INSERT OR REPLACE INTO run_collection (run_id, connector, collection, complete,"
            " full_round, error, pages, requests, bytes, waited_ms, took_ms, added, updated,"
            " removed, unchanged, rejected, units, objects) VALUES"
            " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)")
          .bind(report.id, read.connector, read.collection, read.complete, read.full, read.error,
                read.pages, read.requests, read.bytes, read.waited.count(), read.took.count(),
                read.staged.added, read.staged.updated, read.staged.removed, read.staged.unchanged,
                read.staged.rejected, read.units, read.objects)
          .run();
    transaction.commit();
    return 0;
  });
}

void Index::examine_if_due(std::stop_token stop) {
  impl_->guarded([&] {
    if (!impl_->upkeep->examination_is_due())
      return;
    const std::vector<std::string> problems = impl_->upkeep->examine(std::move(stop));
    if (problems.empty())
      return;
    impl_->damaged = true;
    throw DamagedIndex(impl_->file + ": is damaged: " + problems.front());
  });
}

bool Index::damaged() const {
  return impl_->damaged;
}

void Index::tidy(std::stop_token stop) {
  try {
    impl_->guarded([&] { impl_->upkeep->tidy(std::move(stop)); });
  } catch (const std::exception& error) {
    base::log::warning("index.untidy", error.what());
  }
}

void Index::settle_file() {
  if (!impl_->guarded([&] { return impl_->upkeep->empty_log(); }))
    throw std::runtime_error(impl_->file + ": a reader keeps it from being moved");
}

}  // namespace gald::index
