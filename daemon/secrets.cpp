#include "secrets.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "api/tokens.hpp"
#include "net/credential.hpp"
#include "platform.hpp"
#include "serve.hpp"

namespace gald::daemon {

namespace {

namespace fs = std::filesystem;

/// A secret of this size is a mistake: somebody named the wrong file.
constexpr std::size_t kLongest = 64 * 1024;

std::string section_of(const ConnectorConfig& connector) {
  return "connector." + connector.name;
}

std::string position(const fs::path& config_file, const std::string& section,
                     const NamedFile& file) {
  return config_file.string() + ":" + std::to_string(file.line) + ": " + section + "." + file.key +
         ": ";
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

/// Content of at most kLongest bytes, or more: then it is one byte longer.
base::Result<base::Secret> read_any(const fs::path& config_file, const std::string& section,
                                    const NamedFile& named, const fs::path& credentials) {
  const fs::path file = find_secret(config_file, named.name, credentials).file;
  const std::string where = position(config_file, section, named) + file.string();
  if (const auto reason = unreadable(file))
    return base::Error{base::ErrorKind::config, position(config_file, section, named) + *reason};
  std::string content = content_of(file);
  if (content.find_first_not_of("\r\n") == content.npos)
    return base::Error{base::ErrorKind::config, where + " is empty"};
  return base::Secret(std::move(content));
}

/// Whoever reads a private key can be the app.
bool holds_private_key(const base::Secret& pem) {
  return pem.reveal().find("PRIVATE KEY-----") != std::string::npos;
}

base::Result<base::Secret> read_line(const fs::path& config_file, const std::string& section,
                                     const NamedFile& file, const fs::path& credentials) {
  auto read = read_any(config_file, section, file, credentials);
  if (!read)
    return read;
  std::string content = read->reveal();
  drop_line_end(content);
  if (content.size() > kLongest || content.find('\n') != content.npos ||
      content.find('\0') != content.npos)
    return base::Error{base::ErrorKind::config,
                       position(config_file, section, file) +
                           find_secret(config_file, file.name, credentials).file.string() +
                           " must hold the secret and nothing else, on one line"};
  return base::Secret(std::move(content));
}

/// Collects what is found in one section.
class Inspection {
 public:
  Inspection(const Config& config, std::string section, const fs::path& credentials,
             FileFindings& findings)
      : file_(config.file),
        section_(std::move(section)),
        credentials_(credentials),
        findings_(findings) {}

  void secret(const NamedFile& file) {
    if (file && accept(read_line(file_, section_, file, credentials_)))
      warn_if_open(file);
  }

  /// The platform that writes the token chooses its mode, so that is not the operator's business.
  void token(const NamedFile& file) {
    if (file)
      accept(read_line(file_, section_, file, credentials_));
  }

  /// `own_key_file` is empty when the key is in the file of the certificate.
  void key_pair(const NamedFile& certificate_file, const NamedFile& own_key_file) {
    if (!certificate_file)
      return;
    const bool together = !own_key_file;
    const NamedFile& key_file = together ? certificate_file : own_key_file;
    const auto certificate = accept(read_any(file_, section_, certificate_file, credentials_));
    const auto key =
        together ? certificate : accept(read_any(file_, section_, key_file, credentials_));
    if (!certificate || !key)
      return;
    if (holds_private_key(*certificate))
      warn_if_open(certificate_file);
    if (!together)
      warn_if_open(key_file);
    if (const auto problem = net::key_pair_problem(*certificate, *key)) {
      const NamedFile& wrong =
          problem->part == net::KeyPairPart::certificate ? certificate_file : key_file;
      fail(wrong, find_secret(file_, wrong.name, credentials_).file.string() + " " +
                      problem->reason +
                      (together && problem->part == net::KeyPairPart::private_key &&
                               !holds_private_key(*key)
                           ? ", and there is no private_key_file"
                           : ""));
    }
  }

  /// The first two bytes say what it is (MIT krb5, "Keytab file format").
  void keytab(const NamedFile& file) {
    if (!file)
      return;
    const auto content = accept(read_any(file_, section_, file, credentials_));
    if (!content)
      return;
    if (content->reveal().starts_with("\x05\x02"))
      warn_if_open(file);
    else
      fail(file, find_secret(file_, file.name, credentials_).file.string() + " is no keytab");
  }

  void certificates(const NamedFile& file) {
    if (!file)
      return;
    if (const auto reason = unreadable(beside(file_, file.name)))
      fail(file, *reason);
  }

  void server_certificate(const Config& config) {
    bool readable = true;
    for (const NamedFile* file :
         {&config.api.certificate_file, &config.api.key_file, &config.api.client_ca_file}) {
      if (!*file)
        continue;
      const auto content = accept(read_any(file_, section_, *file, credentials_));
      readable = readable && content;
      if (content && holds_private_key(*content))
        warn_if_open(*file);
    }
    if (!readable || !config.api.certificate_file)
      return;
    if (const auto problem = net::certificate_problem(server_options(config, credentials_)))
      fail(config.api.certificate_file, *problem);
  }

 private:
  std::optional<base::Secret> accept(base::Result<base::Secret> read) {
    if (read)
      return *std::move(read);
    findings_.errors.push_back(read.error().what);
    return std::nullopt;
  }

  void fail(const NamedFile& file, const std::string& what) {
    findings_.errors.push_back(position(file_, section_, file) + what);
  }

  void warn_if_open(const NamedFile& file) {
    const Found found = find_secret(file_, file.name, credentials_);
    if (!found.from_service_manager && readable_by_others(found.file))
      findings_.warnings.push_back(position(file_, section_, file) + found.file.string() +
                                   " can be read by others: chmod 600 it");
  }

  const fs::path& file_;
  const std::string section_;
  const fs::path& credentials_;
  FileFindings& findings_;
};

}  // namespace

fs::path beside(const fs::path& config_file, const std::string& name) {
  return config_file.parent_path() / name;
}

base::Result<base::Secret> read_secret(const fs::path& config_file,
                                       const ConnectorConfig& connector, const NamedFile& file,
                                       const fs::path& credentials) {
  return read_line(config_file, section_of(connector), file, credentials);
}

base::Result<base::Secret> read_pem(const fs::path& config_file, const ConnectorConfig& connector,
                                    const NamedFile& file, const fs::path& credentials) {
  return read_any(config_file, section_of(connector), file, credentials);
}

fs::path secret_path(const fs::path& config_file, const NamedFile& file,
                     const fs::path& credentials) {
  return find_secret(config_file, file.name, credentials).file;
}

const NamedFile& key_file_of(const ConnectorConfig& connector) {
  return connector.private_key_file ? connector.private_key_file : connector.certificate_file;
}

FileFindings check_files(const Config& config, const fs::path& credentials) {
  FileFindings findings;
  if (!config.index_group.empty() && !group_exists(config.index_group))
    findings.errors.push_back(config.file.string() + ":" + std::to_string(config.index_group_line) +
                              ": index.group: there is no group \"" + config.index_group +
                              "\": make it (groupadd), or leave the key out");
  for (const ConnectorConfig& connector : config.connectors) {
    if (!connector.enabled)
      continue;
    Inspection inspection(config, section_of(connector), credentials, findings);
    inspection.secret(connector.secret_file);
    inspection.key_pair(connector.certificate_file, connector.private_key_file);
    inspection.token(connector.federated_token_file);
    inspection.secret(connector.proxy_credentials_file);
    inspection.keytab(connector.keytab_file);
    inspection.certificates(connector.ca_file);
  }
  if (!config.api.listen.empty()) {
    Inspection inspection(config, "api", credentials, findings);
    inspection.server_certificate(config);
    try {
      static_cast<void>(api::TokenFile(config.api.tokens_file).read());
    } catch (
        const std::runtime_error& error) {  // whoever starts now has no tokens; the cycles go on
      findings.warnings.emplace_back(error.what());
    }
  }
  return findings;
}

}  // namespace gald::daemon
