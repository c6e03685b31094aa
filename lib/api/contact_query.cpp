#include "api/contact_query.hpp"

#include <algorithm>
#include <limits>

namespace gald::api {

namespace {

constexpr std::string_view kTimes =
    "a time like 2026-11-28T10:00:00Z or 2026-11-28T10:00:00%2B01:00";

std::optional<index::Visibility> visibility_named(std::string_view word) {
  if (word == "true")
    return index::Visibility::hidden;
  if (word == "false")
    return index::Visibility::visible;
  if (word == "unknown")
    return index::Visibility::unknown;
  return std::nullopt;
}

}  // namespace

std::vector<std::string_view> filter_parameters(std::vector<std::string_view> others) {
  std::vector<std::string_view> names = {"source",        "status",        "kind",
                                         "group",         "label",         "hidden",
                                         "changed_since", "changed_after", "with_deleted"};
  names.insert(names.end(), others.begin(), others.end());
  return names;
}

index::ContactFilter filter_from(const Parameters& parameters) {
  index::ContactFilter filter;
  filter.source = parameters.word("source", model::source_named, "cloud, on_premises or hybrid");
  filter.status = parameters.word("status", model::status_named, "active, disabled or deleted");
  filter.kind = parameters.word("kind", model::entry_kind_named, "contact, user, guest or group");
  filter.with_deleted = parameters.flag("with_deleted").value_or(false);
  filter.group = parameters.text("group").value_or("");
  filter.label = parameters.text("label").value_or("");
  filter.visibility = parameters.word("hidden", visibility_named, "true, false or unknown");
  filter.changed_after =
      parameters.number("changed_after", 0, std::numeric_limits<std::int64_t>::max());
  filter.changed_since = parameters.word("changed_since", base::parse_iso8601, kTimes);
  return filter;
}

std::optional<index::Moment> moment_from(const Parameters& parameters, base::TimePoint now) {
  const std::optional<std::string> at = parameters.text("at");
  if (!at)
    return std::nullopt;
  if (std::all_of(at->begin(), at->end(), [](char c) { return c >= '0' && c <= '9'; }))
    return index::AfterRun{*parameters.number("at", 0, std::numeric_limits<std::int64_t>::max())};
  const std::optional<base::TimePoint> time = base::parse_iso8601(*at);
  if (!time)
    parameters.refuse("at", std::string(kTimes) + ", or the number of a run");
  if (*time > now)
    parameters.refuse("at", "a time that is not in the future");
  return *time;
}

}  // namespace gald::api
