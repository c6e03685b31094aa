// `gald plan`: what a cycle would do, what is held back, and the decision about it.
#include <chrono>
#include <filesystem>
#include <stop_token>
#include <thread>

#include "audit.hpp"
#include "base/log.hpp"
#include "commands.hpp"
#include "compose.hpp"
#include "decision.hpp"
#include "export/history_json.hpp"
#include "export/run_json.hpp"
#include "history_text.hpp"
#include "index/backup.hpp"
#include "index/rebuild.hpp"
#include "one_cycle.hpp"
#include "output.hpp"
#include "plan_text.hpp"
#include "platform.hpp"
#include "report.hpp"

namespace gald::daemon {

namespace {

using Action = PlanCommand::Action;

constexpr int kPlansShown = 1000;
constexpr std::string_view kNoPlan = "No plan waits for a decision.";
constexpr int kChangesShown = 100'000;

/// A quiet cycle is over sooner; during a long one the decision has time.
constexpr std::chrono::seconds kPatience{30};

std::string text_of(const model::HeldPlan& plan, bool json) {
  return json ? exporting::to_json(plan) + "\n" : describe(plan);
}

int list(const PlanCommand& command, const Config& config) {
  // one more than is shown tells whether there are more
  auto plans = index::Reader(config.index_file).plans(command.all, kPlansShown + 1);
  const bool more = plans.size() > kPlansShown;
  if (more)
    plans.pop_back();
  for (const model::HeldPlan& plan : plans)
    print(text_of(plan, command.json));
  flush_output();
  if (more)
    complain("there are older ones, too; those that are shown are the newest");
  if (plans.empty() && !command.json)
    print_line(kNoPlan);
  return exit_code::kComplete;
}

int unknown(std::int64_t number) {
  complain("there is no plan " + std::to_string(number) + "; `gald plan list --all` lists them");
  return exit_code::kFailed;
}

void show_contacts(const index::Reader& reader, std::int64_t number, bool json) {
  reader.planned(number, base::to_iso8601(base::SystemClock().now()),
                 [&](const model::HeldChange& change) {
                   print(json ? exporting::to_json(change) + "\n" : describe(change));
                 });
}

void show_plan(const index::Reader& reader, const model::HeldPlan& plan, bool json) {
  print(text_of(plan, json));
  if (plan.state == model::PlanState::open || plan.state == model::PlanState::rejected)
    show_contacts(reader, plan.number, json);
}

int show(const PlanCommand& command, const Config& config) {
  const index::Reader reader(config.index_file);
  if (command.number != 0) {
    const auto plan = reader.plan(command.number);
    if (!plan)
      return unknown(command.number);
    show_plan(reader, *plan, command.json);
    return exit_code::kComplete;
  }
  bool any = false;
  for (const model::HeldPlan& plan : reader.plans(false, kPlansShown))
    if (plan.state == model::PlanState::open) {
      any = true;
      show_plan(reader, plan, command.json);
    }
  if (!any && !command.json)
    print_line(kNoPlan);
  return exit_code::kComplete;
}

std::string_view outcome_of(const DecisionOutcome& decided) {
  switch (decided.kind) {
    case DecisionOutcome::Kind::done:
      return "done";
    case DecisionOutcome::Kind::unknown:
      return "unknown";
    case DecisionOutcome::Kind::closed:
      return "closed";
    case DecisionOutcome::Kind::busy:
      break;
  }
  return "busy";
}

int decide_on(const PlanCommand& command, const Context& context) {
  hold_signals();
  base::log::start(context.verbose ? base::log::Level::info : base::log::Level::warning);
  std::stop_source stopping;
  const Signals signals({.stop = [&] { stopping.request_stop(); }});
  const bool approve = command.action == Action::approve;
  const std::string what =
      (approve ? "approve plan " : "reject plan ") + std::to_string(command.number);
  const DecisionOutcome outcome = [&] {
    try {
      return decide(context.config, base::SystemClock(),
                    {.plan = command.number,
                     .approve = approve,
                     .patience = kPatience,
                     .on_wait = [] { complain("a cycle is under way; waiting for its end"); }},
                    stopping.get_token());
    } catch (...) {
      audit(what, "failed");
      throw;
    }
  }();
  audit(what, outcome_of(outcome));
  if (outcome.kind != DecisionOutcome::Kind::done) {
    complain(outcome.why);
    return exit_code::kFailed;
  }
  if (command.json)
    print_line(exporting::to_json(outcome.report));
  else if (approve)
    print(describe(outcome.report));
  else
    print_line("Plan " + std::to_string(command.number) +
               " is rejected: what it holds stays as it is until its source says something else.");
  return exit_code_of(outcome.report);
}

/// A copy of the index beside it, which nobody needs afterwards.
class Copy {
 public:
  /// Stops early, with less than a copy, when it is told to.
  Copy(const std::filesystem::path& index_file, std::stop_token stop)
      : file_(index_file.string() + ".preview"), lock_(index::WriterLock::try_acquire(file_)) {
    if (!lock_)
      throw std::runtime_error("another preview is under way");
    if (index::Rebuild(index_file).under_way())
      throw std::runtime_error(index_file.string() +
                               ": is damaged and being made anew; see `gald status`");
    remove();  // one that was killed
    if (!std::filesystem::exists(index_file))
      return;
    try {
      index::copy_index(index_file, file_, std::move(stop));
    } catch (...) {
      remove();  // where the disk is full, the index needs the room
      throw;
    }
  }

  ~Copy() { remove(); }

  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;

  const std::filesystem::path& file() const { return file_; }

 private:
  void remove() const {
    std::error_code ignored;
    for (const char* suffix : {"", "-wal", "-shm"})
      std::filesystem::remove(file_.string() + suffix, ignored);
  }

  const std::filesystem::path file_;
  const std::optional<index::WriterLock> lock_;
};

int preview(const PlanCommand& command, const Context& context) {
  hold_signals();
  base::log::start(context.verbose ? base::log::Level::info : base::log::Level::error);
  const base::SystemClock clock;
  const Connectors connectors = connectors_or_complaints(context.config, clock);
  if (connectors.empty())
    return exit_code::kBadConfiguration;
  std::stop_source stopping;
  const Signals signals({.stop = [&] { stopping.request_stop(); }});
  const Copy copy(context.config.index_file, stopping.get_token());
  if (stopping.stop_requested())
    return exit_code::kFailed;
  const model::RunReport report = trial_cycle(copy.file(), connectors, clock,
                                              cycle_options(context.config), stopping.get_token());
  print(command.json ? exporting::to_json(report) + "\n" : describe(report));
  const index::Reader reader(copy.file());
  auto lines = reader.changes_of_run(report.id, kChangesShown + 1);
  const bool more = lines.size() > static_cast<std::size_t>(kChangesShown);
  if (more)
    lines.pop_back();
  for (const model::HistoryLine& line : lines)
    print_line(command.json ? exporting::to_json(line) : describe_in_run(line));
  for (const model::HeldPlan& plan : report.plans)
    if (plan.run == report.id && plan.state == model::PlanState::open)
      show_contacts(reader, plan.number, command.json);
  flush_output();
  if (more)
    complain("there are more changes than are shown");
  return exit_code_of(report);
}

}  // namespace

int execute(const PlanCommand& command, const Context& context) {
  switch (command.action) {
    case Action::list:
      return list(command, context.config);
    case Action::show:
      return show(command, context.config);
    case Action::approve:
    case Action::reject:
      return decide_on(command, context);
    case Action::preview:
      return preview(command, context);
  }
  return exit_code::kFailed;
}

}  // namespace gald::daemon
