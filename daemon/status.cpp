// `gald status`: what is published, and how every source is doing.
#include "status.hpp"

#include <algorithm>
#include <filesystem>
#include <map>

#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "export/run_json.hpp"
#include "index/rebuild.hpp"
#include "output.hpp"
#include "plan_text.hpp"
#include "sync/expiry.hpp"
#include "text.hpp"

namespace gald::daemon {

namespace {

using Json = nlohmann::ordered_json;
using model::EntryKind;
using model::Source;
using model::Status;
using Lines = std::vector<index::Overview::Line>;

constexpr int kRunsShown = 5;
constexpr int kPlansShown = 100;
constexpr std::size_t kGroupsShown = 5;

std::string name_of(const index::CollectionState& state) {
  return state.connector + "/" + state.collection;
}

std::string_view to_string(CollectionHealth health) {
  switch (health) {
    case CollectionHealth::ok:
      return "ok";
    case CollectionHealth::failing:
      return "failing";
    case CollectionHealth::late:
      return "late";
    case CollectionHealth::never_read:
      return "never read";
    case CollectionHealth::not_asked:
      return "not asked";
  }
  return {};
}

template <typename Matches>
std::int64_t sum(const Lines& lines, const Matches& matches) {
  std::int64_t count = 0;
  for (const auto& line : lines)
    if (matches(line))
      count += line.count;
  return count;
}

std::string cell(std::int64_t number) {
  const std::string text = grouped(number);
  return std::string(text.size() < 12 ? 12 - text.size() : 1, ' ') + text;
}

/// Nothing when there are none.
std::string describe_conflicts(const index::Overview& overview) {
  std::string text;
  for (const auto& [kind, count] : overview.conflicts)
    text += (text.empty() ? "Conflicts: " : ", ") + grouped(count) + " " + kind;
  return text.empty() ? text : text + "; `gald conflicts` lists them\n";
}

std::string describe_totals(const index::Overview& overview) {
  std::string text = "                     active    disabled     deleted\n";
  for (const Source source : {Source::cloud, Source::on_premises, Source::hybrid}) {
    text += pad(model::to_string(source), 15);
    for (const Status status : {Status::active, Status::disabled, Status::deleted})
      text += cell(sum(overview.lines, [&](const auto& line) {
        return line.kind != EntryKind::group && line.source == source && line.status == status;
      }));
    text += "\n";
  }
  text += "\nWithout the deleted ones: ";
  for (const EntryKind kind :
       {EntryKind::contact, EntryKind::user, EntryKind::guest, EntryKind::group}) {
    text += counted(
        sum(overview.lines,
            [&](const auto& line) { return line.kind == kind && line.status != Status::deleted; }),
        model::to_string(kind));
    text += ", ";
  }
  return text + counted(overview.memberships, "membership") + "; " + grouped(overview.hidden) +
         " hidden from address lists; last change " + std::to_string(overview.last_change) + "\n" +
         describe_conflicts(overview);
}

std::string describe_history(const index::HistoryState& history, base::TimePoint now) {
  if (history.changes == 0)
    return {};
  const std::string& since =
      history.complete_since.empty() ? history.oldest_at : history.complete_since;
  const std::string ahead = describe_ahead(history, now);
  return "History: " + counted(history.changes, "change") + " since " + spoken_time(since) +
         ", about " + grouped(history.bytes / 1024) + " KiB" +
         (ahead.empty() ? "\n" : "; " + ahead + ", see `gald check`\n");
}

std::string name_of(const index::GroupSize& group) {
  return group.display_name.empty() ? group.id : group.display_name;
}

std::string describe_largest(const std::vector<index::GroupSize>& groups) {
  std::string text;
  for (std::size_t i = 0; i < std::min(groups.size(), kGroupsShown); ++i)
    text += (text.empty() ? "Largest groups: " : ", ") + printable(name_of(groups[i])) + " " +
            grouped(groups[i].members);
  if (groups.size() > kGroupsShown)
    text += "; `gald status --groups` lists all";
  return text.empty() ? text : text + "\n";
}

std::string describe_groups(const std::vector<index::GroupSize>& groups) {
  std::string text = groups.empty() ? "" : "\nGroups\n";
  for (const index::GroupSize& group : groups)
    text += cell(group.members) + "  " + group.id + "  " + printable(group.display_name) + "\n";
  return text;
}

std::string describe_collection(const index::CollectionState& state, CollectionHealth health,
                                std::size_t width) {
  std::string text = "  " + pad(name_of(state), width) + "  " + pad(to_string(health), 10) +
                     "  last success " + pad(spoken_time(state.last_success), 20) + "  " +
                     counted(state.live_records, "record") + "\n";
  if (!state.failing_since.empty())
    text += "      failing since " + spoken_time(state.failing_since) + ", last attempt " +
            spoken_time(state.last_attempt) + ": " + printable(state.last_error) + "\n";
  if (state.quarantined > 0)
    text += "      " + counted(state.quarantined, "object") + " in quarantine\n";
  return text;
}

/// Only what has to be done something about.
std::string describe_credential(const StatusReport& report, const index::CredentialState& state,
                                base::TimePoint now) {
  const auto end = base::parse_iso8601(state.ends_at);
  if (!end || !report.enabled.contains(state.connector))
    return {};
  const int left = sync::days_left(*end, now);
  if (left > sync::kExpiryNoticeDays)
    return {};
  return "  " + printable(state.connector + ": " + state.credential) +
         (left < 0 ? " has expired on " : " expires on ") + state.ends_at.substr(0, 10) +
         (left < 0 ? "" : ", " + counted(left, "day") + " left") + "\n";
}

std::string describe_run(const index::RunSummary& run) {
  std::string text = "  " + std::to_string(run.id) + "  " + spoken_time(run.started_at) + "  ";
  text += run.ended_at.empty() ? "not ended: still running, or interrupted" : run.outcome;
  if (!run.error.empty())
    text += ": " + printable(run.error);
  return text + "\n";
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

std::string describe_file(const StatusReport& report) {
  std::string text;
  if (report.file) {
    const auto kibibytes = [](std::uintmax_t bytes) {
      return grouped(static_cast<std::int64_t>(bytes / 1024)) + " KiB";
    };
    text += "\nFile: " + kibibytes(report.file->bytes) + ", " +
            kibibytes(report.file->unused_bytes) + " of it unused; write-ahead log " +
            kibibytes(report.file->log_bytes) + "; last examined " +
            spoken_time(report.file->examined_at) + "\n";
    if (!report.file->log_held_since.empty())
      text += "  a reader has kept the log from being emptied since " +
              spoken_time(report.file->log_held_since) +
              (report.file->log_holder == 0
                   ? ""
                   : "; process " + std::to_string(report.file->log_holder) + " reads now") +
              "\n";
  }
  if (!report.kept_aside.empty())
    text +=
        "\nDamaged indexes that are kept aside; remove them when nobody wants to look into "
        "them any more:\n";
  for (const std::string& file : report.kept_aside)
    text += "  " + printable(file) + "\n";
  return text;
}

Json file_to_json(const std::optional<index::FileState>& file) {
  if (!file)
    return nullptr;
  return {{"bytes", file->bytes},
          {"unusedBytes", file->unused_bytes},
          {"logBytes", file->log_bytes},
          {"logHeldSince", text_or_null(file->log_held_since)},
          {"logHolder", file->log_holder == 0 ? Json(nullptr) : Json(file->log_holder)},
          {"examinedAt", text_or_null(file->examined_at)}};
}

StatusReport read_status(const Config& config) {
  StatusReport report;
  const index::Rebuild rebuild(config.index_file);
  report.damaged = rebuild.under_way();
  for (const std::filesystem::path& broken : index::kept_aside(config.index_file))
    report.kept_aside.push_back(broken.string());
  const std::filesystem::path& file = report.damaged ? rebuild.file() : config.index_file;
  std::error_code unknown;  // say, a folder that we may not look into: the reader names the reason
  if (std::filesystem::exists(file, unknown) || unknown) {
    report.file = index::look_at_file(file);
    const index::Reader reader(file);
    report.overview = reader.overview();
    report.collections = reader.collections();
    report.runs = reader.runs(kRunsShown);
    report.credentials = reader.credentials();
    report.plans = reader.plans(false, kPlansShown);
    report.history = index::History(file).state();
    report.groups = reader.group_sizes();
  }
  for (const ConnectorConfig& connector : config.connectors)
    if (connector.enabled)
      report.enabled.insert(connector.name);
  return report;
}

/// Enabled connectors of which the index knows nothing yet.
std::vector<std::string> never_asked(const StatusReport& report) {
  std::set<std::string> names = report.enabled;
  for (const index::CollectionState& state : report.collections)
    names.erase(state.connector);
  return {names.begin(), names.end()};
}

}  // namespace

CollectionHealth health_of(const StatusReport& report, const index::CollectionState& state,
                           base::TimePoint now, std::chrono::milliseconds interval) {
  if (!report.enabled.contains(state.connector))
    return CollectionHealth::not_asked;
  if (!state.failing_since.empty())
    return CollectionHealth::failing;
  const auto success = base::parse_iso8601(state.last_success);
  if (!success)
    return CollectionHealth::never_read;
  return now - *success > 3 * interval ? CollectionHealth::late : CollectionHealth::ok;
}

std::string describe_ahead(const index::HistoryState& history, base::TimePoint now) {
  const auto newest = base::parse_iso8601(history.newest_at);
  if (!newest || *newest - now <= index::kClockTolerance)
    return {};
  return "the newest change is of " + spoken_time(history.newest_at) + ", later than the clock";
}

std::vector<std::string> waiting_for(const StatusReport& report) {
  std::vector<std::string> names;
  if (report.overview.published)
    return names;
  for (const index::CollectionState& state : report.collections)
    if (state.last_success.empty() && report.enabled.contains(state.connector))
      names.push_back(name_of(state));
  for (std::string& name : never_asked(report))
    names.push_back(std::move(name));
  return names;
}

std::string describe(const StatusReport& report, base::TimePoint now,
                     std::chrono::milliseconds interval) {
  std::string text;
  if (report.damaged)
    text +=
        "The index is damaged. Another one is being made from the sources; until it is complete, "
        "what can be\nread of the old one is served. Of the one that is being made:\n\n";
  if (report.overview.published) {
    text += describe_totals(report.overview) + describe_history(report.history, now);
    text += report.all_groups ? describe_groups(report.groups) : describe_largest(report.groups);
  } else {
    text += "Nothing has been published yet.\n";
    for (const std::string& name : waiting_for(report))
      text += "  waiting for a first complete read of " + printable(name) + "\n";
  }
  std::size_t width = 0;
  for (const index::CollectionState& state : report.collections)
    width = std::max(width, display_width(name_of(state)));
  text += "\nSources\n";
  for (const index::CollectionState& state : report.collections)
    text += describe_collection(state, health_of(report, state, now, interval), width);
  for (const std::string& name : never_asked(report))
    text += "  " + name + "  not asked yet\n";
  for (const index::CredentialState& state : report.credentials)
    text += describe_credential(report, state, now);
  if (const std::string held = describe_open(report.plans); !held.empty())
    text += "\n" + held;
  text += report.runs.empty() ? "\nNo cycle has run yet.\n" : "\nLast runs\n";
  for (const index::RunSummary& run : report.runs)
    text += describe_run(run);
  return text + describe_file(report);
}

std::string to_json(const StatusReport& report, base::TimePoint now,
                    std::chrono::milliseconds interval) {
  Json totals = Json::array();
  for (const auto& line : report.overview.lines)
    totals.push_back({{"kind", model::to_string(line.kind)},
                      {"source", model::to_string(line.source)},
                      {"status", model::to_string(line.status)},
                      {"count", line.count}});
  Json conflicts = Json::object();
  for (const auto& [kind, count] : report.overview.conflicts)
    conflicts[kind] = count;
  Json groups = Json::array();
  for (const index::GroupSize& group : report.groups)
    groups.push_back({{"id", group.id},
                      {"displayName", text_or_null(group.display_name)},
                      {"members", group.members}});
  Json collections = Json::array();
  for (const index::CollectionState& state : report.collections)
    collections.push_back({{"connector", state.connector},
                           {"type", state.connector_kind},
                           {"collection", state.collection},
                           {"state", to_string(health_of(report, state, now, interval))},
                           {"lastAttempt", text_or_null(state.last_attempt)},
                           {"lastSuccess", text_or_null(state.last_success)},
                           {"failingSince", text_or_null(state.failing_since)},
                           {"lastError", text_or_null(state.last_error)},
                           {"liveRecords", state.live_records},
                           {"quarantined", state.quarantined}});
  Json credentials = Json::array();
  for (const index::CredentialState& state : report.credentials)
    credentials.push_back({{"connector", state.connector},
                           {"credential", state.credential},
                           {"endsAt", state.ends_at}});
  Json plans = Json::array();
  for (const model::HeldPlan& plan : report.plans)
    plans.push_back(Json::parse(exporting::to_json(plan)));
  Json runs = Json::array();
  for (const index::RunSummary& run : report.runs)
    runs.push_back({{"run", run.id},
                    {"startedAt", run.started_at},
                    {"endedAt", text_or_null(run.ended_at)},
                    {"outcome", text_or_null(run.outcome)},
                    {"error", text_or_null(run.error)}});
  const Json object = {{"published", report.overview.published},
                       {"waitingFor", waiting_for(report)},
                       {"neverAsked", never_asked(report)},
                       {"totals", totals},
                       {"hidden", report.overview.hidden},
                       {"memberships", report.overview.memberships},
                       {"lastChange", report.overview.last_change},
                       {"conflicts", conflicts},
                       {"history",
                        {{"changes", report.history.changes},
                         {"bytes", report.history.bytes},
                         {"oldestAt", text_or_null(report.history.oldest_at)},
                         {"completeSince", text_or_null(report.history.complete_since)}}},
                       {"groups", groups},
                       {"collections", collections},
                       {"credentials", credentials},
                       {"plans", plans},
                       {"runs", runs},
                       {"damaged", report.damaged},
                       {"keptAside", report.kept_aside},
                       {"file", file_to_json(report.file)}};
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

int execute(const StatusCommand& command, const Context& context) {
  StatusReport report = read_status(context.config);
  report.all_groups = command.groups;
  const base::TimePoint now = base::SystemClock().now();
  const auto interval = context.config.interval;
  print(command.json ? to_json(report, now, interval) + "\n" : describe(report, now, interval));
  return exit_code::kComplete;
}

}  // namespace gald::daemon
