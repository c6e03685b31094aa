// What a benchmark says, and what a process costs.
#pragma once

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

namespace gald::bench {

/// One result. A ratio is ours to the floor that was measured beside it.
struct Row {
  std::string name;  ///< stable, for programs
  std::string what;  ///< for people
  double ratio = 0;
  double limit = 0;  ///< that the ratio is meant to stay below
  double cpu_s = 0;
  double peak_rss_mib = 0;

  double p99_ms = 0;        ///< of a question to the index: the slowest but for one of a hundred
  double p99_limit_ms = 0;  ///< 0: no such row
  double recall = 0;        ///< share of the questions that got the right answer
  double recall_limit = 0;  ///< that the share is meant to reach; 0: no such row
};

/// As a table for people, or as a JSON array of {name, ratio, limit, cpu_s, peak_rss_mib}, with
/// {p99_ms, p99_limit_ms} and {recall, recall_limit} in the rows that have them.
std::string to_text(const std::vector<Row>& rows);
std::string to_json(const std::vector<Row>& rows);

/// CPU time of this process so far.
double cpu_seconds();

/// The largest resident size of this process so far.
double peak_rss_mib();

struct Cost {
  double cpu_s = 0;
  double peak_rss_mib = 0;
};

/// Runs a program, found in PATH, to its end with its output thrown away. Throws
/// std::runtime_error when it does not end well.
Cost cost_of_program(const std::vector<std::string>& arguments,
                     const std::vector<std::string>& environment = {});

/// What the neighbours on the machine add is never negative: the cheapest run is the truest.
Cost cheapest(const std::vector<Cost>& runs);

}  // namespace gald::bench
