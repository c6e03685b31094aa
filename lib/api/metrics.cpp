#include "api/metrics.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <tuple>
#include <utility>

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "api/standing.hpp"

namespace gald::api {

namespace {

using Counters = prometheus::Family<prometheus::Counter>;
using Histograms = prometheus::Family<prometheus::Histogram>;
using Buckets = prometheus::Histogram::BucketBoundaries;
using prometheus::ClientMetric;
using prometheus::Labels;
using prometheus::MetricFamily;
using prometheus::MetricType;

Buckets seconds_of_runs() {
  return {1, 5, 15, 60, 300, 900, 1800, 3600, 10800};
}

Buckets seconds_of_answers() {
  return {0.0001, 0.0005, 0.001, 0.005, 0.02, 0.1, 0.5, 2, 10};
}

double seconds(std::chrono::microseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

double seconds(base::TimePoint time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

double number(std::int64_t value) {
  return static_cast<double>(value);
}

/// Clients may write any word there.
std::string_view known_method(std::string_view method) {
  constexpr std::array<std::string_view, 7> kKnown = {"GET",   "HEAD",   "POST",   "PUT",
                                                      "PATCH", "DELETE", "OPTIONS"};
  return std::find(kKnown.begin(), kKnown.end(), method) != kKnown.end() ? method : "other";
}

Counters& counters(prometheus::Registry& registry, const std::string& name,
                   const std::string& help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

Histograms& histograms(prometheus::Registry& registry, const std::string& name,
                       const std::string& help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

Labels of(const std::string& connector, const std::string& collection) {
  return {{"connector", connector}, {"collection", collection}};
}

Labels with(Labels labels, const std::string& name, std::string_view value) {
  labels[name] = value;
  return labels;
}

/// What cycles did.
class RunCounters {
 public:
  RunCounters(prometheus::Registry& registry, const std::vector<Services::Collection>& collections)
      : runs_(counters(registry, "gald_runs_total", "Runs that ended, by their outcome.")),
        run_seconds_(histograms(registry, "gald_run_duration_seconds", "How long runs took.")
                         .Add({}, seconds_of_runs())),
        published_(counters(registry, "gald_changes_published_total",
                            "What runs published, by what became of a contact, group or "
                            "membership.")),
        reads_(counters(registry, "gald_reads_total",
                        "Reads of a collection, one for each run, by how they ended.")),
        read_seconds_(counters(registry, "gald_read_seconds_total",
                               "Time in which a collection was read, waits included.")),
        objects_(counters(registry, "gald_objects_read_total",
                          "Objects that the source told, repetitions included.")),
        staged_(counters(registry, "gald_records_staged_total",
                         "What became of the records of these objects.")),
        requests_(counters(registry, "gald_source_requests_total", "Requests to the source.")),
        units_(counters(registry, "gald_source_request_units_total",
                        "Units of the source's rate limit, where it counts them.")),
        bytes_(counters(registry, "gald_source_received_bytes_total",
                        "Bytes of the source's answers as they came over the wire.")),
        waits_(counters(registry, "gald_source_wait_seconds_total",
                        "Time waited because the source throttled, or so that it need not.")),
        throttled_(counters(registry, "gald_source_throttled_total",
                            "How often the source refused to go on before a time that it "
                            "said.")) {
    for (const std::string_view outcome : {"complete", "partial", "failed"})
      runs_.Add({{"outcome", std::string(outcome)}});
    count(model::PublishedCounts());
    for (const Services::Collection& one : collections) {
      model::CollectionReport nothing;
      nothing.connector = one.connector;
      nothing.collection = one.name;
      for (const char* outcome : {"complete", "failed", "stopped"})
        reads_.Add(with(of(one.connector, one.name), "outcome", outcome));
      count(nothing);
    }
  }

  void count(const model::RunReport& report) {
    runs_.Add({{"outcome", std::string(to_string(report.outcome))}}).Increment();
    run_seconds_.Observe(seconds(report.ended - report.started));
    count(report.published);
    for (const model::CollectionReport& read : report.collections) {
      const char* outcome = read.complete ? "complete" : read.error.empty() ? "stopped" : "failed";
      reads_.Add(with(of(read.connector, read.collection), "outcome", outcome)).Increment();
      count(read);
    }
  }

 private:
  void count(const model::PublishedCounts& published) {
    const auto add = [&](const char* operation, std::int64_t count) {
      published_.Add({{"operation", operation}}).Increment(number(count));
    };
    add("created", published.created);
    add("updated", published.updated);
    add("deleted", published.deleted);
    add("restored", published.restored);
    add("membership", published.memberships);
  }

  void count(const model::CollectionReport& read) {
    const Labels labels = of(read.connector, read.collection);
    read_seconds_.Add(labels).Increment(seconds(read.took));
    objects_.Add(labels).Increment(number(read.objects));
    requests_.Add(labels).Increment(number(read.requests));
    units_.Add(labels).Increment(read.units);
    bytes_.Add(labels).Increment(static_cast<double>(read.bytes));
    waits_.Add(labels).Increment(seconds(read.waited));
    throttled_.Add(labels).Increment(read.throttled);
    const auto add = [&](const char* change, std::int64_t count) {
      staged_.Add(with(labels, "change", change)).Increment(number(count));
    };
    add("added", read.staged.added);
    add("updated", read.staged.updated);
    add("removed", read.staged.removed);
    add("unchanged", read.staged.unchanged);
    add("rejected", read.staged.rejected);
  }

  Counters& runs_;
  prometheus::Histogram& run_seconds_;
  Counters& published_;
  Counters& reads_;
  Counters& read_seconds_;
  Counters& objects_;
  Counters& staged_;
  Counters& requests_;
  Counters& units_;
  Counters& bytes_;
  Counters& waits_;
  Counters& throttled_;
};

/// What the API answered. Every answer passes here, on the thread that all of them share: a series
/// is looked up among few, without making its labels anew.
class AnswerCounters {
 public:
  explicit AnswerCounters(prometheus::Registry& registry)
      : requests_(counters(registry, "gald_api_requests_total",
                           "Requests that were answered; the route is other where there is "
                           "none, and for what was refused before it was known.")),
        took_(histograms(registry, "gald_api_request_duration_seconds",
                         "From the last byte of a request to the last of its answer; the feed's "
                         "long polls and streams included.")),
        sent_(counters(registry, "gald_api_sent_bytes_total", "Bytes of answers.")) {}

  void count(std::string_view route, std::string_view method, int status,
             std::chrono::microseconds took, std::uint64_t bytes) {
    const std::string_view name = route.empty() ? "other" : route;
    const std::lock_guard lock(mutex_);
    const Answer key{name, known_method(method), status};
    auto known = by_answer_.find(key);
    if (known == by_answer_.end())
      known = by_answer_
                  .emplace(key, &requests_.Add({{"route", std::string(name)},
                                                {"method", std::string(known_method(method))},
                                                {"status", std::to_string(status)}}))
                  .first;
    known->second->Increment();
    Route& of_route = route_of(name);
    of_route.took->Observe(seconds(took));
    of_route.sent->Increment(static_cast<double>(bytes));
  }

 private:
  using Answer = std::tuple<std::string, std::string, int>;

  struct Route {
    prometheus::Histogram* took = nullptr;
    prometheus::Counter* sent = nullptr;
  };

  Route& route_of(std::string_view name) {
    const auto known = by_route_.find(name);
    if (known != by_route_.end())
      return known->second;
    const Labels labels = {{"route", std::string(name)}};
    return by_route_
        .emplace(name, Route{&took_.Add(labels, seconds_of_answers()), &sent_.Add(labels)})
        .first->second;
  }

  Counters& requests_;
  Histograms& took_;
  Counters& sent_;
  std::mutex mutex_;
  std::map<Answer, prometheus::Counter*> by_answer_;    // guarded by mutex_
  std::map<std::string, Route, std::less<>> by_route_;  // guarded by mutex_
};

/// Values of this moment.
class Moment {
 public:
  /// More of the same name belong together, and come one after the other.
  void add(MetricType type, const char* name, const char* help, const Labels& labels,
           double value) {
    if (families_.empty() || families_.back().name != name)
      families_.push_back({name, help, type, {}});
    ClientMetric metric;
    for (const auto& [label, text] : labels)
      metric.label.push_back({label, text});
    (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    families_.back().metric.push_back(std::move(metric));
  }

  void gauge(const char* name, const char* help, const Labels& labels, double value) {
    add(MetricType::Gauge, name, help, labels, value);
  }

  /// Left out if there is none.
  void time(const char* name, const char* help, const Labels& labels, const std::string& iso8601) {
    if (const std::optional<base::TimePoint> time = base::parse_iso8601(iso8601))
      gauge(name, help, labels, seconds(*time));
  }

  const std::vector<MetricFamily>& families() const { return families_; }

 private:
  std::vector<MetricFamily> families_;
};

double size_of(const std::filesystem::path& file) {
  std::error_code missing;
  const std::uintmax_t size = std::filesystem::file_size(file, missing);
  return missing ? 0 : static_cast<double>(size);
}

void add_service(Moment& moment, const Services& services, const sync::LiveStatus::Snapshot& live) {
  moment.gauge("gald_build_info", "Always 1; the label says which version runs.",
               {{"version", services.version}}, 1);
  for (const sync::Activity activity : {sync::Activity::idle, sync::Activity::waiting,
                                        sync::Activity::reading, sync::Activity::publishing})
    moment.gauge("gald_activity", "1 for what the service does now, 0 for the others.",
                 {{"activity", std::string(sync::to_string(activity))}},
                 live.activity == activity ? 1 : 0);
  moment.gauge("gald_activity_start_timestamp_seconds", "Since when it does.", {},
               seconds(live.since));
  if (services.interval.count() > 0)
    moment.gauge("gald_cycle_interval_seconds", "How far apart cycles are, as configured.", {},
                 seconds(services.interval));
  if (live.next_cycle)
    moment.gauge("gald_next_cycle_timestamp_seconds", "When the next cycle is due.", {},
                 seconds(*live.next_cycle));
  for (const sync::LiveStatus::Step& step : live.steps)
    if (!step.connector.empty())
      moment.gauge("gald_progress_objects", "Objects read in the cycle under way.",
                   of(step.connector, step.collection), number(step.objects));
  for (const sync::LiveStatus::Step& step : live.steps)
    if (!step.connector.empty() && step.expected)
      moment.gauge("gald_progress_expected_objects",
                   "How many objects the cycle under way reads in all, as far as that is known.",
                   of(step.connector, step.collection), number(*step.expected));
  for (const sync::LiveStatus::Step& step : live.steps)
    if (step.connector.empty())
      moment.gauge("gald_progress_published_records",
                   "Records that the cycle under way is done with.", {}, number(step.objects));
  if (const auto left = sync::time_left(live, services.clock.now()))
    moment.gauge("gald_progress_left_seconds", "How long the activity may still take.", {},
                 number(left->count()));
}

void add_info(Moment& moment, const std::vector<index::CollectionState>& states) {
  for (const index::CollectionState& state : states)
    moment.gauge("gald_collection_info", "Always 1; the label says of which type the source is.",
                 with(of(state.connector, state.collection), "type", state.connector_kind), 1);
}

void add_collections(Moment& moment, const Services& services,
                     const std::vector<index::CollectionState>& states) {
  const auto of_each = [&](const auto& tell) {
    for (const index::CollectionState& state : states)
      tell(state, of(state.connector, state.collection));
  };
  of_each([&](const auto& state, const Labels& labels) {
    moment.time("gald_collection_last_attempt_timestamp_seconds",
                "When the last run that asked for it began.", labels, state.last_attempt);
  });
  of_each([&](const auto& state, const Labels& labels) {
    moment.time("gald_collection_last_success_timestamp_seconds",
                "When it was last read to the end.", labels, state.last_success);
  });
  of_each([&](const auto& state, const Labels& labels) {
    moment.gauge("gald_collection_failing", "1 while its last attempt has failed.", labels,
                 state.failing_since.empty() ? 0 : 1);
  });
  of_each([&](const auto& state, const Labels& labels) {
    moment.time("gald_collection_cursor_timestamp_seconds",
                "When the source gave the cursor from which the next read goes on; not there where "
                "everything is read each time.",
                labels, state.has_cursor ? state.last_success : std::string());
  });
  of_each([&](const auto& state, const Labels& labels) {
    moment.time("gald_collection_last_full_read_timestamp_seconds",
                "When everything was last read, not only what changed.", labels,
                state.last_full_read);
  });
  for (const Services::Collection& one : services.collections)
    for (const index::CollectionState& state : states)
      if (const auto last = base::parse_iso8601(state.last_full_read);
          last && one.complete_every && state.connector == one.connector &&
          state.collection == one.name)
        moment.gauge("gald_collection_next_full_read_timestamp_seconds",
                     "When everything is due to be read again.", of(one.connector, one.name),
                     seconds(*last + *one.complete_every));
  of_each([&](const auto& state, const Labels& labels) {
    moment.gauge("gald_collection_records", "Records that the source has.", labels,
                 number(state.live_records));
  });
  of_each([&](const auto& state, const Labels& labels) {
    moment.gauge("gald_collection_quarantined_records", "Objects that could not be understood.",
                 labels, number(state.quarantined));
  });
}

void add_last_run(Moment& moment, const std::vector<index::RunSummary>& runs) {
  const auto last =
      std::find_if(runs.begin(), runs.end(), [](const auto& run) { return !run.ended_at.empty(); });
  if (last == runs.end())
    return;
  moment.time("gald_last_run_start_timestamp_seconds", "When the last run that ended began.", {},
              last->started_at);
  moment.time("gald_last_run_end_timestamp_seconds", "When it ended.", {}, last->ended_at);
  for (const char* outcome : {"complete", "partial", "failed"})
    moment.gauge("gald_last_run_outcome", "1 for how it ended, 0 for the others.",
                 {{"outcome", outcome}}, last->outcome == outcome ? 1 : 0);
}

void add_index(Moment& moment, const index::Glance& glance, const index::Overview& overview) {
  moment.gauge("gald_published", "1 once a first publication has happened.", {},
               glance.published ? 1 : 0);
  moment.gauge("gald_last_change_number", "Number of the newest change that was published.", {},
               number(glance.last_change));
  moment.gauge("gald_held_plans", "Plans that wait for a decision.", {}, number(glance.open_plans));
  for (const index::Overview::Line& line : overview.lines)
    moment.gauge("gald_contacts", "Contacts and groups that are published.",
                 {{"kind", std::string(model::to_string(line.kind))},
                  {"source", std::string(model::to_string(line.source))},
                  {"status", std::string(model::to_string(line.status))}},
                 number(line.count));
  moment.gauge("gald_hidden_contacts", "Of them, those that address lists do not show.", {},
               number(overview.hidden));
  moment.gauge("gald_memberships", "Direct memberships in groups.", {},
               number(overview.memberships));
  for (const auto& [kind, count] : overview.conflicts)
    moment.gauge("gald_conflicts", "Contacts that contradict each other.", {{"kind", kind}},
                 number(count));
}

void add_index_file(Moment& moment, const std::filesystem::path& file, bool readable) {
  moment.gauge("gald_index_readable", "1 while the index can be read, else 0.", {},
               readable ? 1 : 0);
  moment.gauge("gald_index_size_bytes", "Size of the index file.", {}, size_of(file));
  moment.gauge("gald_index_log_size_bytes", "Size of its write-ahead log.", {},
               size_of(file.string() + "-wal"));
}

void add_process(Moment& moment, const ProcessFigures& process) {
  moment.add(MetricType::Counter, "process_cpu_seconds_total", "CPU time of the process.", {},
             process.cpu_seconds);
  const auto gauge = [&](const char* name, const char* help, std::uint64_t value) {
    moment.gauge(name, help, {}, static_cast<double>(value));
  };
  gauge("process_resident_memory_bytes", "Resident memory.", process.resident_bytes);
  gauge("process_virtual_memory_bytes", "Virtual memory.", process.virtual_bytes);
  gauge("process_threads", "Threads.", process.threads);
  gauge("process_open_fds", "Open file descriptors.", process.open_files);
  gauge("process_max_fds", "How many there may be.", process.most_open_files);
  moment.gauge("process_start_time_seconds", "When the process began.", {},
               seconds(process.started));
}

void add_load(Moment& moment, const net::HttpServer::Load& load) {
  const auto gauge = [&](const char* name, const char* help, std::size_t value) {
    moment.gauge(name, help, {}, static_cast<double>(value));
  };
  gauge("gald_api_connections", "Connections of clients.", load.connections);
  gauge("gald_api_waiting_requests", "Requests that wait for a worker.", load.waiting);
  gauge("gald_api_open_answers", "Answers under way: downloads, long polls, event streams.",
        load.streaming);
}

}  // namespace

class Metrics::Impl {
 public:
  Impl(const std::vector<Services::Collection>& collections, Asked asked_now)
      : asked(std::move(asked_now)), runs(registry, collections), answers(registry) {}

  const Asked asked;
  prometheus::Registry registry;
  RunCounters runs;
  AnswerCounters answers;
};

Metrics::Metrics(const std::vector<Services::Collection>& collections, Asked asked)
    : impl_(std::make_unique<Impl>(collections, std::move(asked))) {}

Metrics::~Metrics() = default;

void Metrics::run_ended(const model::RunReport& report) {
  impl_->runs.count(report);
}

void Metrics::answered(std::string_view route, std::string_view method, int status,
                       std::chrono::microseconds took, std::uint64_t bytes) {
  impl_->answers.count(route, method, status, took, bytes);
}

std::string Metrics::text(const Services& services, const std::filesystem::path& index_file,
                          const Known& known) const {
  const Figures& figures = *known.figures;
  const std::vector<index::CollectionState> states = states_of(services, figures.collections);
  Moment moment;
  add_service(moment, services, live_snapshot(services, states));
  add_info(moment, states);
  if (known.standing != Known::Standing::unreadable) {
    add_collections(moment, services, states);
    add_last_run(moment, figures.last_runs);
    add_index(moment, known.glance, figures.overview);
  }
  add_index_file(moment, index_file, known.standing == Known::Standing::read);
  for (const index::CredentialState& state : credentials_of(services, figures.credentials))
    moment.time("gald_credential_expiry_timestamp_seconds",
                "When a certificate, or a secret whose end is configured, expires.",
                {{"connector", state.connector}, {"credential", state.credential}}, state.ends_at);
  if (impl_->asked.load)
    add_load(moment, impl_->asked.load());
  if (impl_->asked.process)
    add_process(moment, impl_->asked.process());
  std::ostringstream out;
  const prometheus::TextSerializer serializer;
  serializer.Serialize(out, moment.families());
  serializer.Serialize(out, impl_->registry.Collect());
  return std::move(out).str();
}

}  // namespace gald::api
