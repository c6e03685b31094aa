// What the configuration file says, as values. Nothing outside this folder knows its keys.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "index/lookup.hpp"
#include "model/record.hpp"
#include "reconcile/guard.hpp"
#include "reconcile/policy.hpp"

namespace gald::daemon {

/// A file as it is written in the configuration: secrets.hpp says where it is looked up.
struct NamedFile {
  std::string key;   ///< that names it, for errors
  std::string name;  ///< empty: none
  int line = 0;

  explicit operator bool() const { return !name.empty(); }
};

/// One [connector.NAME]. The members of other types stay at their defaults.
struct ConnectorConfig {
  std::string name;
  model::ConnectorKind kind = model::ConnectorKind::entra;
  bool enabled = true;

  NamedFile secret_file;  ///< password_file or client_secret_file
  NamedFile ca_file;
  std::chrono::milliseconds complete_every{0};

  // active-directory
  std::string url;  ///< exactly one of url, servers and domain
  std::vector<std::string> servers;
  std::string domain;
  std::string site;
  std::string security;  ///< "ldaps" | "starttls" | "gssapi"
  std::string auth;      ///< "simple" | "kerberos"
  std::string bind_name;
  std::string principal;
  NamedFile keytab_file;
  std::string naming_context;
  std::vector<std::string> base;
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  std::string filter;
  std::vector<std::string> kinds;  ///< "contact" | "user" | "group"; empty: all
  std::string read_by;             ///< "auto" | "dirsync" | "polling"
  std::chrono::milliseconds compare_every{0};
  std::uint64_t photo_limit = 0;  ///< bytes
  std::chrono::milliseconds connect_timeout{0};
  std::chrono::milliseconds answer_timeout{0};

  // entra, exchange-online; exactly one credential: secret_file, certificate_file,
  // federated_token_file or managed_identity
  std::string tenant;
  std::string client_id;  ///< may be empty with managed_identity
  std::optional<std::chrono::sys_days> secret_expires;
  NamedFile certificate_file;
  NamedFile private_key_file;  ///< none: the key is in certificate_file
  std::string assertion;       ///< "PS256" | "RS256"
  NamedFile federated_token_file;
  bool managed_identity = false;
  std::string imds_endpoint;
  std::string cloud;  ///< "global" | "us-gov" | "us-gov-dod" | "china"
  std::string login_endpoint;
  std::string service_endpoint;  ///< graph_endpoint or exchange_endpoint
  std::string scope;
  std::string proxy;
  NamedFile proxy_credentials_file;
  std::uint64_t page_limit = 0;  ///< bytes
};

/// [api].
struct ApiConfig {
  std::vector<std::string> listen;
  int listen_line = 0;  ///< 0: the default
  NamedFile certificate_file;
  NamedFile key_file;  ///< none: the key is in certificate_file
  NamedFile client_ca_file;
  bool require_client_certificate = false;
  std::vector<std::string> hosts;
  std::int64_t requests_per_minute = 0;
  std::filesystem::path tokens_file;
  std::int64_t connections = 0;
};

struct Config {
  std::filesystem::path file;  ///< where this was read from; relative names start beside it
  std::filesystem::path index_file;
  std::string index_group;  ///< empty: that of whoever makes the file
  int index_group_line = 0;
  std::chrono::milliseconds interval{0};
  std::chrono::milliseconds jitter{0};
  std::chrono::milliseconds patience{0};
  base::log::Level log_level = base::log::Level::info;
  reconcile::GuardLimits guard;
  std::chrono::milliseconds keep_deleted{0};
  std::chrono::milliseconds keep_history{0};
  reconcile::Policy policy;
  index::LookupOptions lookup;
  ApiConfig api;
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
