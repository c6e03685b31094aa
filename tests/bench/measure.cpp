#include "measure.hpp"

#include <algorithm>
#include <ctime>
#include <stdexcept>

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace gald::bench {

namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double mebibytes(long kibibytes) {
  return static_cast<double>(kibibytes) / 1024;
}

template <typename... Values>
std::string formatted(const char* format, Values... values) {
  char text[512];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

bool is_above(const Row& row) {
  return row.ratio > row.limit || (row.p99_limit_ms > 0 && row.p99_ms > row.p99_limit_ms) ||
         row.recall < row.recall_limit;
}

}  // namespace

std::string to_text(const std::vector<Row>& rows) {
  std::string text;
  for (const Row& row : rows) {
    text += formatted("%-58s %7.2f s CPU %7.1f MiB %6.2f x  (limit %.2f)", row.what.c_str(),
                      row.cpu_s, row.peak_rss_mib, row.ratio, row.limit);
    if (row.p99_limit_ms > 0)
      text += formatted("  %.3f ms (limit %.1f)", row.p99_ms, row.p99_limit_ms);
    if (row.recall_limit > 0)
      text +=
          formatted("  right %.1f %% (at least %.0f)", 100 * row.recall, 100 * row.recall_limit);
    text += is_above(row) ? "  ABOVE\n" : "\n";
  }
  return text;
}

std::string to_json(const std::vector<Row>& rows) {
  std::string text = "[";
  for (const Row& row : rows) {
    text += formatted(
        "%s\n  {\"name\": \"%s\", \"ratio\": %.3f, \"limit\": %.3f, \"cpu_s\": %.3f, "
        "\"peak_rss_mib\": %.1f",
        text.size() > 1 ? "," : "", row.name.c_str(), row.ratio, row.limit, row.cpu_s,
        row.peak_rss_mib);
    if (row.p99_limit_ms > 0)
      text += formatted(", \"p99_ms\": %.3f, \"p99_limit_ms\": %.1f", row.p99_ms, row.p99_limit_ms);
    if (row.recall_limit > 0)
      text += formatted(", \"recall\": %.4f, \"recall_limit\": %.2f", row.recall, row.recall_limit);
    text += "}";
  }
  return text + "\n]\n";
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double peak_rss_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return mebibytes(usage.ru_maxrss);
}

Cost cost_of_program(const std::vector<std::string>& arguments,
                     const std::vector<std::string>& environment) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments)
    argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  std::vector<char*> variables;
  for (char** at = environ; *at != nullptr; ++at)
    variables.push_back(*at);
  for (const std::string& variable : environment)
    variables.push_back(const_cast<char*>(variable.c_str()));
  variables.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int code = posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), variables.data());
  posix_spawn_file_actions_destroy(&actions);
  if (code != 0)
    throw std::runtime_error(arguments.front() + " cannot be run");
  int status = 0;
  rusage usage{};
  if (wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw std::runtime_error(arguments.front() + " did not end well");
  return {seconds(usage.ru_utime) + seconds(usage.ru_stime), mebibytes(usage.ru_maxrss)};
}

Cost cheapest(const std::vector<Cost>& runs) {
  return *std::min_element(runs.begin(), runs.end(),
                           [](const Cost& a, const Cost& b) { return a.cpu_s < b.cpu_s; });
}

}  // namespace gald::bench
