#include "sync/cycle.hpp"

#include <algorithm>
#include <exception>
#include <mutex>
#include <random>
#include <thread>
#include <variant>

#include "base/log.hpp"
#include "sync/expiry.hpp"
#include "sync/schedule.hpp"

namespace gald::sync {

using std::chrono::milliseconds;

namespace {

template <typename... Handlers>
struct Match : Handlers... {
  using Handlers::operator()...;
};

template <typename... Handlers>
Match(Handlers...) -> Match<Handlers...>;

/// Before any repetition that the source did not date.
constexpr milliseconds kLeastPause{200};

double random_share() {
  static thread_local std::minstd_rand generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0.0, 1.0)(generator);
}

/// Reads one collection to the end of its round, staging page by page. Used by one thread.
class Reading {
 public:
  Reading(Connector& connector, const Collection& collection, index::Index& index,
          const base::Clock& clock, const CycleOptions& options, std::mutex& progress_mutex)
      : connector_(connector),
        collection_(collection),
        key_{connector.name(),
             connector.kind(),
             collection.name,
             collection.fingerprint,
             collection.lists_everything,
             collection.complete_every,
             collection.plausible_share,
             collection.kinds_left_out,
             collection.scope},
        index_(index),
        clock_(clock),
        options_(options),
        progress_mutex_(progress_mutex) {
    report_.connector = connector.name();
    report_.collection = collection.name;
  }

  /// Throws what the index throws: without it nothing can go on.
  void run(std::stop_token stop) {
    const base::TimePoint start = clock_.now();
    last_page_ = start;
    begin(index_.position(key_));
    while (!over_) {
      Pull pull = ask(stop);
      std::visit(Match{
                     [&](Page& page) { stage(page); },
                     [&](const CursorRefused& refused) { start_over(refused); },
                     [&](const Throttled& throttled) { be_patient(throttled, stop); },
                     [&](const Failed& failed) { fail(failed.error); },
                 },
                 pull);
    }
    report_.took = clock_.now() - start;
  }

  const model::CollectionReport& report() const { return report_; }

 private:
  void begin(const index::Position& position) {
    report_.full = position.full;
    from_ = position.cursor;
    read_before_ = report_.objects;
    expected_.reset();
    round_.reset();
  }

  /// A connector that throws has failed like one that says so; the others go on.
  Pull ask(std::stop_token stop) {
    try {
      if (!round_)
        round_ = connector_.begin(collection_, from_);
      return round_->next(stop);
    } catch (const std::exception& error) {
      return Failed{{base::ErrorKind::protocol, key_.connector + ": " + error.what(), {}}};
    }
  }

  void stage(Page& page) {
    const std::size_t objects = page.changes.size() + page.rejected.size();
    const model::StagedCounts counts =
        index_.apply(key_, std::move(page.changes), page.rejected, page.next, page.last);
    report_.pages += 1;
    report_.requests += page.effort.requests;
    report_.units += page.effort.units;
    report_.bytes += page.effort.bytes;
    report_.waited += page.effort.paced;
    report_.objects += static_cast<std::int64_t>(objects);
    report_.staged.added += counts.added;
    report_.staged.updated += counts.updated;
    report_.staged.removed += counts.removed;
    report_.staged.unchanged += counts.unchanged;
    report_.staged.rejected += counts.rejected;
    attempts_ = 0;
    dated_ = milliseconds(0);
    last_page_ = clock_.now();
    if (page.expected)
      expected_ = read_before_ + *page.expected;
    if (options_.progress) {
      const std::lock_guard lock(progress_mutex_);
      options_.progress({Progress::Stage::reading, report_.connector, report_.collection,
                         report_.objects, report_.full, page.last, expected_});
    }
    if (counts.held > 0)
      hold(counts);
    else if (page.last) {
      report_.complete = true;
      over_ = true;
    }
  }

  /// Success is no proof of completeness: a replica that is not filled yet and an account that lost
  /// its rights both answer politely with very little.
  void hold(const model::StagedCounts& counts) {
    fail({base::ErrorKind::protocol,
          "a complete read did not see " + std::to_string(counts.held) + " of " +
              std::to_string(counts.known) + " known objects: nothing was removed",
          "gald check shows what the account sees; a complete read is made in every cycle until it "
          "sees at least " +
              std::to_string(static_cast<int>(collection_.plausible_share * 100)) + " % of them"});
  }

  /// A dead cursor is no error: everything is read anew, once.
  void start_over(const CursorRefused& refused) {
    if (restarted_) {
      fail({base::ErrorKind::protocol,
            "the source refused to go on, and then to begin anew: " + refused.reason,
            {}});
      return;
    }
    restarted_ = true;
    base::log::event(refused.routine ? base::log::Level::info : base::log::Level::warning,
                     refused.routine ? "collection.compare" : "cursor.refused",
                     refused.routine
                         ? "reading everything to compare"
                         : "the source no longer accepts our cursor; reading everything",
                     {{"connector", report_.connector},
                      {"collection", report_.collection},
                      {"reason", refused.reason}});
    begin(index_.restart(key_));
  }

  /// What bounds the repetitions is time: `patience` for all waits of the cycle, `grace` for errors
  /// without a page in between.
  void be_patient(const Throttled& throttled, std::stop_token stop) {
    report_.throttled += throttled.retry_after ? 1 : 0;
    milliseconds pause = throttled.retry_after.value_or(milliseconds(0));
    if (!throttled.retry_after) {
      // At least one more try, also after an answer that has been waited for in vain.
      if (attempts_ > 0 && fruitless() >= options_.grace) {
        fail({base::ErrorKind::network,
              "the source could not answer " + std::to_string(attempts_ + 1) +
                  " times in a row: " + throttled.reason,
              "nothing to do if it passes; the next cycle goes on from here"});
        return;
      }
      pause = backoff(++attempts_, random_share());
      // the last try is not put off beyond the grace, but is never made at once either
      pause = std::min(pause, std::max(kLeastPause, options_.grace - fruitless()));
    }
    if (report_.waited + pause > options_.patience) {
      fail({base::ErrorKind::network,
            "the source kept us waiting for longer than this cycle allows: " + throttled.reason,
            "nothing to do if it passes; the next cycle goes on from here"});
      return;
    }
    base::log::debug("source.throttled", throttled.reason,
                     {{"connector", report_.connector},
                      {"collection", report_.collection},
                      {"pause_ms", pause.count()}});
    const base::TimePoint start = clock_.now();
    const bool go_on = clock_.sleep(std::max(pause, milliseconds(1)), stop);
    const milliseconds slept = std::max(milliseconds(0), milliseconds(clock_.now() - start));
    report_.waited += slept;
    if (throttled.retry_after)
      dated_ += slept;
    if (!go_on)
      fail({base::ErrorKind::stopped, "stopped while waiting for the source", {}});
  }

  /// Time without a page for which the source gave no date.
  milliseconds fruitless() const { return clock_.now() - last_page_ - dated_; }

  void fail(const base::Error& error) {
    over_ = true;
    if (error.kind == base::ErrorKind::stopped)
      return;  // not complete, but nobody's failure
    report_.error = error.what;
    report_.remedy = error.remedy;
  }

  Connector& connector_;
  const Collection& collection_;
  const index::CollectionKey key_;
  index::Index& index_;
  const base::Clock& clock_;
  const CycleOptions& options_;
  std::mutex& progress_mutex_;

  model::CollectionReport report_;
  model::Cursor from_;
  std::int64_t read_before_ = 0;          ///< it began anew
  std::optional<std::int64_t> expected_;  ///< with that
  std::unique_ptr<Round> round_;
  int attempts_ = 0;           ///< since the last page, without a date to come back
  milliseconds dated_{0};      ///< waited since then because the source said so
  base::TimePoint last_page_;  ///< or the beginning
  bool restarted_ = false;
  bool over_ = false;
};

void log_collection(const model::CollectionReport& report) {
  const base::log::Fields fields = {{"connector", report.connector},
                                    {"collection", report.collection},
                                    {"round", report.full ? "full" : "delta"},
                                    {"added", report.staged.added},
                                    {"updated", report.staged.updated},
                                    {"removed", report.staged.removed},
                                    {"rejected", report.staged.rejected},
                                    {"requests", report.requests},
                                    {"units", report.units},
                                    {"bytes", report.bytes},
                                    {"throttled", report.throttled},
                                    {"waited_ms", report.waited.count()},
                                    {"took_ms", report.took.count()}};
  if (report.complete)
    base::log::info("collection.read", "read completely", fields);
  else if (report.error.empty())
    base::log::info("collection.stopped", "stopped before the end of its round", fields);
  else
    base::log::error("collection.failed", report.error, fields);
}

/// All collections side by side, each at its own pace. Staging is where they meet; when it breaks,
/// the reports say how far each came.
void read_all(const std::vector<std::unique_ptr<Connector>>& connectors, index::Index& index,
              const base::Clock& clock, const CycleOptions& options, std::stop_token stop,
              std::vector<model::CollectionReport>& reports) {
  struct Slot {
    model::CollectionReport report;
    std::exception_ptr broken;
  };

  std::vector<Slot> slots;
  for (const auto& connector : connectors)
    slots.resize(slots.size() + connector->collections().size());
  std::mutex progress_mutex;
  {
    std::vector<std::jthread> threads;
    std::size_t next = 0;
    for (const auto& connector : connectors)
      for (const Collection& collection : connector->collections()) {
        Slot& slot = slots[next++];
        threads.emplace_back([&, stop] {
          Reading reading(*connector, collection, index, clock, options, progress_mutex);
          try {
            reading.run(stop);
          } catch (...) {
            slot.broken = std::current_exception();
          }
          slot.report = reading.report();
        });
      }
  }
  std::exception_ptr broken;
  for (Slot& slot : slots) {
    if (slot.broken)
      broken = slot.broken;
    else
      log_collection(slot.report);
    reports.push_back(std::move(slot.report));
  }
  if (broken)
    std::rethrow_exception(broken);
}

/// What has to be read completely before the first publication.
std::vector<index::CollectionKey> awaited(const std::vector<std::unique_ptr<Connector>>& connectors,
                                          const std::vector<model::CollectionReport>& reports) {
  const auto has_failed = [&](const Connector& connector, const Collection& collection) {
    return std::any_of(reports.begin(), reports.end(), [&](const auto& report) {
      return report.connector == connector.name() && report.collection == collection.name &&
             !report.error.empty();
    });
  };
  std::vector<index::CollectionKey> keys;
  for (const auto& connector : connectors)
    for (const Collection& collection : connector->collections())
      if (!collection.only_adds || !has_failed(*connector, collection))
        keys.push_back({connector->name(), connector->kind(), collection.name,
                        collection.fingerprint, collection.lists_everything,
                        collection.complete_every, collection.plausible_share,
                        collection.kinds_left_out, collection.scope});
  return keys;
}

/// After the reading, when the connectors are known to the index.
void tell_of_expiry(const std::vector<std::unique_ptr<Connector>>& connectors, index::Index& index,
                    const base::Clock& clock, std::int64_t run) {
  const std::optional<base::TimePoint> last_look = index.began_before(run);
  for (const auto& connector : connectors) {
    const auto expiry = connector->credential_expiry();
    index.note_credential(connector->name(), expiry ? expiry->what : std::string(),
                          expiry ? std::optional(expiry->at) : std::nullopt);
    const auto left =
        expiry ? expiry_notice(expiry->at, last_look, clock.now()) : std::optional<int>();
    if (left)
      base::log::warning("credential.expires",
                         *left < 0 ? "a credential has expired" : "a credential will expire",
                         {{"connector", connector->name()},
                          {"credential", expiry->what},
                          {"ends_at", base::to_iso8601(expiry->at)},
                          {"days_left", *left}});
  }
}

model::Outcome outcome_of(const model::RunReport& report, bool stopped) {
  const auto complete = std::count_if(report.collections.begin(), report.collections.end(),
                                      [](const auto& read) { return read.complete; });
  if (!report.error.empty() || complete == 0)
    return model::Outcome::failed;
  return static_cast<std::size_t>(complete) == report.collections.size() && !stopped
             ? model::Outcome::complete
             : model::Outcome::partial;
}

/// Once as a warning, and then as a line in each cycle.
void log_plans(const model::RunReport& report) {
  for (const model::HeldPlan& plan : report.plans) {
    const base::log::Fields fields = {
        {"plan", plan.number},         {"reason", to_string(plan.reason)},
        {"connector", plan.connector}, {"records", plan.records},
        {"created", plan.created},     {"updated", plan.updated},
        {"deleted", plan.deleted}};
    switch (plan.state) {
      case model::PlanState::open:
        base::log::event(
            plan.run == report.id ? base::log::Level::warning : base::log::Level::info, "plan.held",
            plan.text + "; held until `gald plan approve` or `gald plan reject`", fields);
        break;
      case model::PlanState::dropped:
        base::log::info("plan.dropped", "nothing is left of it", fields);
        break;
      case model::PlanState::applied:
        base::log::info("plan.applied", "what was left of it is within the guard", fields);
        break;
      case model::PlanState::superseded:  // by one that is open
      case model::PlanState::approved:
      case model::PlanState::rejected:
        break;
    }
  }
}

void log_run(const model::RunReport& report) {
  const auto took = std::chrono::duration_cast<milliseconds>(report.ended - report.started);
  const base::log::Level level = report.outcome == model::Outcome::complete
                                     ? base::log::Level::info
                                     : base::log::Level::warning;
  base::log::event(level, "cycle.done", report.error.empty() ? "cycle ended" : report.error,
                   {{"run", report.id},
                    {"outcome", to_string(report.outcome)},
                    {"created", report.published.created},
                    {"updated", report.published.updated},
                    {"deleted", report.published.deleted},
                    {"restored", report.published.restored},
                    {"memberships", report.published.memberships},
                    {"took_ms", took.count()}});
}

}  // namespace

model::RunReport run_cycle(const std::vector<std::unique_ptr<Connector>>& connectors,
                           index::Index& index, const base::Clock& clock,
                           const CycleOptions& options, std::stop_token stop) {
  model::RunReport report;
  report.started = clock.now();
  try {
    report.id = index.begin_run();
    base::log::info("cycle.started", "asking every source what changed", {{"run", report.id}});
    read_all(connectors, index, clock, options, stop, report.collections);
    tell_of_expiry(connectors, index, clock, report.id);

    if (!index.published_before())
      report.waiting_for = index.never_complete(awaited(connectors, report.collections));
    if (report.waiting_for.empty() && !stop.stop_requested()) {
      report.published = index.publish(
          report.id,
          {.policy = options.policy,
           .progress =
               [&](std::int64_t done, std::int64_t all) {
                 if (options.progress)
                   options.progress(
                       {Progress::Stage::publishing, {}, {}, done, true, done >= all, all});
               },
           .guard = options.guard,
           .keep_deleted = options.keep_deleted,
           .keep_history = options.keep_history},
          stop);
      report.plans = index.plans_of(report.id);
      log_plans(report);
    }
  } catch (const std::exception& error) {
    report.error = error.what();
  }
  report.ended = clock.now();
  report.outcome = outcome_of(report, stop.stop_requested());
  try {
    if (report.id != 0)
      index.end_run(report);
  } catch (const std::exception& error) {
    if (report.error.empty())
      report.error = error.what();
    report.outcome = model::Outcome::failed;
  }
  log_run(report);
  return report;
}

}  // namespace gald::sync
