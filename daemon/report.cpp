#include "report.hpp"

#include <algorithm>
#include <cstdio>

#include "command_line.hpp"
#include "plan_text.hpp"
#include "text.hpp"

namespace gald::daemon {

namespace {

std::string right(const std::string& text, std::size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

std::string name_of(const model::CollectionReport& read) {
  return read.connector + "/" + read.collection;
}

std::string fixed(double number) {
  char text[40];
  std::snprintf(text, sizeof text, "%.2f", number);
  return text;
}

/// What it cost; empty for a quiet round, which is one request or a few.
std::string describe_effort(const model::CollectionReport& read) {
  std::string text;
  if (read.objects > 0)
    text = counted(read.objects, "object") + " told, " +
           fixed(static_cast<double>(read.requests) / static_cast<double>(read.objects)) +
           " requests each";
  if (read.objects > 0 && read.bytes >= 1024)
    text += ", " + grouped(static_cast<std::int64_t>(read.bytes / 1024)) + " KiB";
  if (read.objects > 0 && read.units > 0)
    text += ", " + counted(static_cast<std::int64_t>(read.units), "resource unit");
  if (read.waited.count() > 0)
    text += (text.empty() ? "waited " : "; waited ") + spoken(read.waited) + " for the source";
  return text;
}

std::string describe(const model::CollectionReport& read, std::size_t width) {
  std::string line = "  " + pad(name_of(read), width) + (read.full ? "  full   " : "  changes");
  line += right(grouped(read.staged.added), 9) + " added";
  line += right(grouped(read.staged.updated), 9) + " updated";
  line += right(grouped(read.staged.removed), 9) + " removed";
  line += right(counted(read.requests, "request"), 14);
  line += right(spoken(read.took), 12) + "\n";
  const std::string effort = describe_effort(read);
  if (!effort.empty())
    line += "      " + effort + "\n";
  if (read.staged.rejected > 0)
    line +=
        "      " + counted(read.staged.rejected, "object") + " could not be read: quarantined\n";
  if (!read.complete)
    line +=
        "      not complete: " + (read.error.empty() ? "stopped" : printable(read.error)) + "\n";
  if (!read.remedy.empty())
    line += "      remedy: " + printable(read.remedy) + "\n";
  return line;
}

std::string describe(const model::PublishedCounts& published) {
  return grouped(published.created) + " created, " + grouped(published.updated) + " updated, " +
         grouped(published.deleted) + " deleted, " + grouped(published.restored) + " restored, " +
         counted(published.memberships, "membership") + " changed";
}

}  // namespace

std::string describe(const model::RunReport& report) {
  std::string text = "Run " + std::to_string(report.id) + ": " +
                     std::string(to_string(report.outcome)) + " in " +
                     spoken(report.ended - report.started) + "\n";
  std::size_t width = 0;
  for (const model::CollectionReport& read : report.collections)
    width = std::max(width, display_width(name_of(read)));
  for (const model::CollectionReport& read : report.collections)
    text += describe(read, width);
  if (!report.damage.empty())
    text += "Damage: " + printable(report.damage) + "\n";
  if (!report.error.empty())
    text += "Failed: " + printable(report.error) + "\n";
  if (report.waiting_for.empty()) {
    text += "Published: " + describe(report.published) + "\n";
  } else {
    text +=
        "Published: nothing yet. Before the first publication, these have to be read completely:\n";
    for (const std::string& name : report.waiting_for)
      text += "  " + printable(name) + "\n";
  }
  return text + describe_open(report.plans);
}

std::string summarize(const model::RunReport& report) {
  std::string line =
      "Run " + std::to_string(report.id) + " " + std::string(to_string(report.outcome));
  if (!report.damage.empty())
    line += ": " + printable(report.damage);
  if (!report.error.empty())
    return line + ": " + printable(report.error);
  for (const model::CollectionReport& read : report.collections)
    if (!read.complete)
      line += "; " + printable(name_of(read) + ": " + read.error);
  if (!report.waiting_for.empty())
    return line + "; nothing published yet";
  line += "; " + describe(report.published);
  const auto held = std::count_if(report.plans.begin(), report.plans.end(), [](const auto& plan) {
    return plan.state == model::PlanState::open;
  });
  return held == 0 ? line : line + "; " + counted(held, "plan") + " held: gald plan list";
}

int exit_code_of(const model::RunReport& report) {
  switch (report.outcome) {
    case model::Outcome::complete:
      return exit_code::kComplete;
    case model::Outcome::partial:
      return exit_code::kPartial;
    case model::Outcome::failed:
      return exit_code::kFailed;
  }
  return exit_code::kFailed;
}

}  // namespace gald::daemon
