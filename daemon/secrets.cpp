#include "secrets.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

namespace gald::daemon {

namespace {

namespace fs = std::filesystem;

/// A secret of this size is a mistake: somebody named the wrong file.
constexpr std::size_t kLongest = 64 * 1024;

std::string position(const fs::path& config_file, int line, const ConnectorConfig& connector,
                     const std::string& key) {
  return config_file.string() + ":" + std::to_string(line) + ": connector." + connector.name + "." +
         key + ": ";
}

std::string secret_position(const fs::path& config_file, const ConnectorConfig& connector) {
  const bool ad = connector.kind == model::ConnectorKind::active_directory;
  return position(config_file, connector.secret_line, connector,
                  ad ? "password_file" : "client_secret_file");
}

struct Found {
  fs::path file;
  bool from_service_manager = false;
};

Found find_secret(const fs::path& config_file, const std::string& name,
                  const fs::path& credentials) {
  std::error_code ignored;
  if (!credentials.empty() && fs::path(name).is_relative()) {
    const fs::path handed_over = credentials / name;
    if (fs::exists(handed_over, ignored))
      return {handed_over, true};
  }
  return {beside(config_file, name), false};
}

/// Why the file cannot be read; nothing when it can.
std::optional<std::string> unreadable(const fs::path& file) {
  std::error_code ignored;
  errno = 0;
  const std::ifstream stream(file, std::ios::binary);
  if (!stream)
    return file.string() + " cannot be read: " + std::strerror(errno);
  if (fs::is_directory(file, ignored))
    return file.string() + " is a folder";
  return std::nullopt;
}

std::string content_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string content(kLongest + 1, '\0');
  stream.read(content.data(), static_cast<std::streamsize>(content.size()));
  content.resize(static_cast<std::size_t>(stream.gcount()));
  return content;
}

void drop_line_end(std::string& text) {
  if (text.ends_with('\n'))
    text.pop_back();
  if (text.ends_with('\r'))
    text.pop_back();
}

bool readable_by_others(const fs::path& file) {
  std::error_code failed;
  const fs::perms mode = fs::status(file, failed).permissions();
  return !failed && (mode & (fs::perms::group_read | fs::perms::others_read)) != fs::perms::none;
}

}  // namespace

fs::path beside(const fs::path& config_file, const std::string& name) {
  return config_file.parent_path() / name;
}

base::Result<base::Secret> read_secret(const fs::path& config_file,
                                       const ConnectorConfig& connector,
                                       const fs::path& credentials) {
  const auto refuse = [&](const std::string& reason) {
    return base::Error{base::ErrorKind::config, secret_position(config_file, connector) + reason};
  };
  const fs::path file = find_secret(config_file, connector.secret_file, credentials).file;
  if (const auto reason = unreadable(file))
    return refuse(*reason);
  std::string content = content_of(file);
  drop_line_end(content);
  if (content.empty())
    return refuse(file.string() + " is empty");
  if (content.size() > kLongest || content.find('\n') != content.npos ||
      content.find('\0') != content.npos)
    return refuse(file.string() + " must hold the secret and nothing else, on one line");
  return base::Secret(std::move(content));
}

FileFindings check_files(const Config& config, const fs::path& credentials) {
  FileFindings findings;
  for (const ConnectorConfig& connector : config.connectors) {
    if (!connector.enabled)
      continue;
    const auto secret = read_secret(config.file, connector, credentials);
    const Found found = find_secret(config.file, connector.secret_file, credentials);
    if (!secret)
      findings.errors.push_back(secret.error().what);
    else if (!found.from_service_manager && readable_by_others(found.file))
      findings.warnings.push_back(secret_position(config.file, connector) + found.file.string() +
                                  " can be read by others: chmod 600 it");
    if (connector.ca_file.empty())
      continue;
    if (const auto reason = unreadable(beside(config.file, connector.ca_file)))
      findings.errors.push_back(position(config.file, connector.ca_line, connector, "ca_file") +
                                *reason);
  }
  return findings;
}

}  // namespace gald::daemon
