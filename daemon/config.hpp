// What the configuration file says, as values. Nothing outside this folder knows its keys.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "model/record.hpp"

namespace gald::daemon {

/// One [connector.NAME]. The members of other types stay at their defaults.
struct ConnectorConfig {
  std::string name;
  model::ConnectorKind kind = model::ConnectorKind::entra;
  bool enabled = true;

  // files, as written: secrets.hpp says where they are looked up
  std::string secret_file;
  int secret_line = 0;
  std::string ca_file;
  int ca_line = 0;

  // active-directory
  std::string url;
  std::string bind_name;
  std::string naming_context;
  std::chrono::milliseconds connect_timeout{0};
  std::chrono::milliseconds answer_timeout{0};

  // entra, exchange-online
  std::string tenant;
  std::string client_id;
  std::string login_endpoint;
  std::string service_endpoint;  ///< graph_endpoint or exchange_endpoint
  std::string scope;
};

struct Config {
  std::filesystem::path file;  ///< where this was read from; relative names start beside it
  std::filesystem::path index_file;
  std::chrono::milliseconds interval{0};
  std::chrono::milliseconds jitter{0};
  base::log::Level log_level = base::log::Level::info;
  std::vector<ConnectorConfig> connectors;  ///< by name, the disabled ones too
};

/// `errors` are whole lines ("gald.toml:7: schedule.interval: ..."), in the order of the file. With
/// errors, `config` must not be used.
struct ParsedConfig {
  Config config;
  std::vector<std::string> errors;
};

/// Finds every error in one pass. Touches no file.
ParsedConfig parse_config(std::string_view text, const std::filesystem::path& file);

/// parse_config() of a file; a file that cannot be read is an error like the others.
ParsedConfig load_config(const std::filesystem::path& file);

}  // namespace gald::daemon
