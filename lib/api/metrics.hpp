// What Prometheus is told: what was counted since the process began, and what stands in the index.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/figures.hpp"
#include "api/services.hpp"
#include "base/clock.hpp"
#include "index/reader.hpp"
#include "model/run.hpp"
#include "net/http_server.hpp"

namespace gald::api {

/// What the operating system knows of this process.
struct ProcessFigures {
  double cpu_seconds = 0;  ///< of all threads, in user and system mode
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t threads = 0;
  std::uint64_t open_files = 0;
  std::uint64_t most_open_files = 0;
  base::TimePoint started;
};

/// Thread-safe.
class Metrics {
 public:
  /// Asked for each scrape; where one is empty, what it would tell is left out.
  struct Asked {
    std::function<ProcessFigures()> process = {};
    std::function<net::HttpServer::Load()> load = {};
  };

  /// `collections` are those that are read: their counters begin at zero.
  Metrics(const std::vector<Services::Collection>& collections, Asked asked);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void run_ended(const model::RunReport& report);

  /// As net::Handler::answered(). What is counted is bounded, whatever clients ask.
  void answered(std::string_view route, std::string_view method, int status,
                std::chrono::microseconds took, std::uint64_t bytes);

  /// Everything, in Prometheus' text format 0.0.4. Of an index that cannot be read nothing is told
  /// but that: a zero would say that all is well.
  std::string text(const Services& services, const std::filesystem::path& index_file,
                   const Known& known) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gald::api
