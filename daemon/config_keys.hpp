// The declaration of every configuration key: the one table behind parsing, checking and
// docs/configuration.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config.hpp"

namespace gald::daemon {

enum class KeyType {
  text,
  flag,            ///< true or false
  duration,        ///< "90s", "30m", "2h", "90d"
  size,            ///< "512KiB", "64MiB", "1GiB"
  count,           ///< 500
  date,            ///< "2027-03-01"
  choice,          ///< one of KeyInfo::allowed
  tenant,          ///< a GUID or a domain name
  https_url,       ///< "https://host[:port]"
  proxy_url,       ///< "http://host[:port]"
  imds_url,        ///< the same, of an address that is this machine's or its link's
  ldap_url,        ///< "ldaps://host[:port]" or "ldap://host[:port]"
  dns_name,        ///< a name in DNS, or a part of one
  region,          ///< a country: its ISO 3166-1 alpha-2 code
  file,            ///< a file name
  secret_file,     ///< the name of a file that holds a secret and nothing else
  pem_file,        ///< the name of a file with a certificate, a private key, or both
  keytab_file,     ///< the name of a file with Kerberos keys
  listen_address,  ///< "unix:/run/gald.sock", "127.0.0.1:8389"
};

/// A checked value. Which member counts follows from the type of its key.
struct KeyValue {
  std::string text;
  std::vector<std::string> texts;  ///< of a list
  bool flag = false;
  std::chrono::milliseconds duration{0};
  std::uint64_t size = 0;
  std::int64_t count = 0;
  std::chrono::sys_days date;
  int line = 0;  ///< 0: the default
};

struct KeyInfo {
  std::string_view section;  ///< "index", "schedule", ...; "connector" means [connector.NAME]
  std::optional<model::ConnectorKind> only_for;  ///< a key of this type of connector
  std::string_view name;
  KeyType type;
  std::string_view allowed;   ///< "a|b|c" of a choice, "1s..24h" of a duration, size or count
  std::string_view fallback;  ///< the default in its text form, "a|b" of a list; empty: none
  bool required;              ///< REQUIRES: no default
  std::string_view help;
  void (*store)(Config&, ConnectorConfig&, const KeyValue&);
  std::string_view follows = {};  ///< the key that the default comes from; no `fallback` then
  bool list = false;              ///< a list of values of `type`
  bool may_be_empty = false;      ///< that list

  /// The value may be a secret that was written where the name of its file belongs.
  bool secret() const {
    return type == KeyType::secret_file || type == KeyType::pem_file ||
           type == KeyType::keytab_file;
  }
};

/// In the order in which they are documented.
std::span<const KeyInfo> config_keys();

/// Checks a text (an element, where the key is a list) against the type of `key`. The error says
/// what was expected, and repeats the value unless that could be a secret.
struct CheckedText {
  KeyValue value;
  std::string error;  ///< empty: fine
};

CheckedText check_text(const KeyInfo& key, std::string_view text);

/// "a duration such as \"30m\"": for "expected ...".
std::string describe_type(const KeyInfo& key);

/// The key's row in docs/configuration.md, without a line end.
std::string document_key(const KeyInfo& key);

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// In bytes.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// What `cloud` and the endpoints leave open.
void fill_in_endpoints(ConnectorConfig& connector);

}  // namespace gald::daemon
