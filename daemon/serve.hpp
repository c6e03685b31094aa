// The API beside the cycles of `gald run`.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "config.hpp"
#include "model/run.hpp"
#include "net/http_server.hpp"
#include "sync/connector.hpp"
#include "sync/live_status.hpp"

namespace gald::daemon {

net::ServerOptions server_options(const Config& config, const std::filesystem::path& credentials);

class ApiServer {
 public:
  /// `cycle_now` asks for a cycle, from any thread. What these refer to outlives the server.
  struct Parts {
    const Config& config;
    const base::Clock& clock;
    const std::vector<std::unique_ptr<sync::Connector>>& connectors;
    const sync::LiveStatus& live;
    std::function<void()> cycle_now;
  };

  /// Listens at once. Throws std::runtime_error with one line that names the address or file when
  /// it cannot where it was told to.
  explicit ApiServer(Parts parts);
  ~ApiServer();

  /// Thread-safe: there may be news for those who wait.
  void published();

  /// Thread-safe: what a run did is counted.
  void run_ended(const model::RunReport& report);

  /// Where it listens.
  std::vector<std::string> addresses() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gald::daemon
