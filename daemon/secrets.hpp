// The files that the configuration names: where they are, what is in them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "config.hpp"

namespace gald::daemon {

/// Reads a secret that `file` of the connector names. A relative name is looked up in `credentials`
/// (what systemd hands over; may be empty) first, then beside the configuration file. One line end
/// behind the secret is dropped. Errors are of kind config and begin like those of parse_config().
base::Result<base::Secret> read_secret(const std::filesystem::path& config_file,
                                       const ConnectorConfig& connector, const NamedFile& file,
                                       const std::filesystem::path& credentials);

/// The same for a file with certificates or keys, which have many lines.
base::Result<base::Secret> read_pem(const std::filesystem::path& config_file,
                                    const ConnectorConfig& connector, const NamedFile& file,
                                    const std::filesystem::path& credentials);

/// Where the file of a secret is, for those who read it themselves.
std::filesystem::path secret_path(const std::filesystem::path& config_file, const NamedFile& file,
                                  const std::filesystem::path& credentials);

/// The file that the private key is in: it may be that of the certificate.
const NamedFile& key_file_of(const ConnectorConfig& connector);

struct FileFindings {
  std::vector<std::string>
      errors;  ///< a file that is missing, empty, not readable, or not what it should be
  std::vector<std::string> warnings;  ///< a secret that others on this machine can read
};

/// Looks at the secrets, the certificate with its key and the ca_file of every enabled connector,
/// at the certificates of the API, and whether there is the group of the index.
FileFindings check_files(const Config& config, const std::filesystem::path& credentials);

/// Relative names start beside the configuration file.
std::filesystem::path beside(const std::filesystem::path& config_file, const std::string& name);

}  // namespace gald::daemon
