#include "config.hpp"

#include <fstream>
#include <set>
#include <sstream>

#include <sys/stat.h>

#include "config_keys.hpp"
#include "secrets.hpp"
#include "support.hpp"

namespace gald::daemon {

namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Lines = std::vector<std::string>;

constexpr const char* kAd = R"(
[connector.ad]
type = "active-directory"
url = "ldaps://dc1.contoso.test"
bind_name = "svc-gald@contoso.test"
password_file = "ad-password"
)";

constexpr const char* kEntra = R"(
[connector.entra]
type = "entra"
tenant = "contoso.test"
client_id = "eb2bf6c4-512d-447f-8aa0-cf2499f6980f"
client_secret_file = "/etc/gald/entra-secret"
)";

ParsedConfig parse(const std::string& text) {
  return parse_config(text, "gald.toml");
}

/// The errors of a file that is fine but for `text` at its beginning.
Lines errors_with(const std::string& text) {
  return parse(text + kAd).errors;
}

std::string content_of(const std::filesystem::path& file) {
  std::ifstream stream(file);
  EXPECT_TRUE(stream) << file;
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

void write(const std::filesystem::path& file, const std::string& content, mode_t mode = 0600) {
  std::ofstream(file) << content;
  ::chmod(file.c_str(), mode);
}

const std::filesystem::path kSource = GALD_SOURCE_DIR;

TEST(Config, FillsInTheDefaults) {
  const ParsedConfig parsed = parse(std::string(kAd) + kEntra);
  ASSERT_EQ(parsed.errors, Lines());
  const Config& config = parsed.config;
  EXPECT_EQ(config.index_file, "/var/lib/gald/gald.db");
  EXPECT_EQ(config.interval, minutes(30));
  EXPECT_EQ(config.jitter, minutes(1));
  EXPECT_EQ(config.log_level, base::log::Level::info);
  ASSERT_EQ(config.connectors.size(), 2u);
  const ConnectorConfig& ad = config.connectors[0];
  EXPECT_EQ(ad.name, "ad");
  EXPECT_EQ(ad.kind, model::ConnectorKind::active_directory);
  EXPECT_TRUE(ad.enabled);
  EXPECT_EQ(ad.url, "ldaps://dc1.contoso.test");
  EXPECT_EQ(ad.bind_name, "svc-gald@contoso.test");
  EXPECT_EQ(ad.secret_file, "ad-password");
  EXPECT_EQ(ad.secret_line, 6);
  EXPECT_EQ(ad.connect_timeout, seconds(10));
  EXPECT_EQ(ad.answer_timeout, minutes(2));
  const ConnectorConfig& entra = config.connectors[1];
  EXPECT_EQ(entra.tenant, "contoso.test");
  EXPECT_EQ(entra.login_endpoint, "https://login.microsoftonline.com");
  EXPECT_EQ(entra.service_endpoint, "https://graph.microsoft.com");
}

TEST(Config, TakesWhatTheFileSays) {
  const ParsedConfig parsed = parse(
      "[index]\npath = \"there/gald.db\"\n[schedule]\ninterval = \"2h\"\njitter = \"90s\"\n"
      "[log]\nlevel = \"debug\"\n[connector.exchange-2]\ntype = \"exchange-online\"\n"
      "tenant = \"eb2bf6c4-512d-447f-8aa0-cf2499f6980f\"\nclient_secret_file = \"s\"\n"
      "client_id = \"eb2bf6c4-512d-447f-8aa0-cf2499f6980f\"\n"
      "exchange_endpoint = \"https://localhost:8443/\"\n");
  ASSERT_EQ(parsed.errors, Lines());
  EXPECT_EQ(parsed.config.index_file, "there/gald.db");
  EXPECT_EQ(parsed.config.interval, std::chrono::hours(2));
  EXPECT_EQ(parsed.config.jitter, seconds(90));
  EXPECT_EQ(parsed.config.log_level, base::log::Level::debug);
  EXPECT_EQ(parsed.config.connectors.at(0).service_endpoint, "https://localhost:8443");
}

TEST(Config, RelativeIndexStartsBesideTheFile) {
  const std::string text = std::string("[index]\npath = \"gald.db\"") + kAd;
  EXPECT_EQ(parse_config(text, "/srv/gald.toml").config.index_file, "/srv/gald.db");
}

TEST(Config, JitterIsNeverMoreThanTheInterval) {
  EXPECT_EQ(parse(std::string("[schedule]\ninterval = \"1s\"\n") + kAd).config.jitter, seconds(1));
}

TEST(Config, SuggestsTheKeyThatWasMeant) {
  const ParsedConfig parsed = parse(std::string(kAd) + "passwrd_file = \"x\"\n");
  EXPECT_EQ(parsed.errors,
            Lines{"gald.toml:7: connector.ad.passwrd_file: unknown key (did you mean "
                  "password_file?)"});
}

TEST(Config, UnknownSection) {
  EXPECT_EQ(errors_with("[schedul]\n"),
            Lines{"gald.toml:1: schedul: unknown section (did you mean schedule?)"});
  EXPECT_EQ(errors_with("[metrics]\n"), Lines{"gald.toml:1: metrics: unknown section"});
}

TEST(Config, KeyOutsideOfASection) {
  EXPECT_EQ(errors_with("interval = \"30m\"\n"),
            Lines{"gald.toml:1: interval: unknown key outside of a section"});
  EXPECT_EQ(errors_with("schedule = 5\n"),
            Lines{"gald.toml:1: schedule: expected a section [schedule]"});
}

TEST(Config, WrongTypes) {
  EXPECT_EQ(errors_with("[schedule]\ninterval = 30\n"),
            Lines{"gald.toml:2: schedule.interval: expected a duration such as \"30m\", found 30"});
  EXPECT_EQ(errors_with("[index]\npath = [\"a\"]\n"),
            Lines{"gald.toml:2: index.path: expected a file name, found a list"});
  EXPECT_EQ(parse(std::string(kAd) + "enabled = \"no\"\n").errors,
            Lines{"gald.toml:7: connector.ad.enabled: expected true or false, found \"no\""});
}

TEST(Config, Durations) {
  for (const char* wrong : {"30", "30 m", "m", "-1s", "1.5h", "1d", "", "99999999999s"})
    EXPECT_EQ(
        errors_with("[schedule]\ninterval = \"" + std::string(wrong) + "\"\n"),
        Lines{"gald.toml:2: schedule.interval: expected a duration such as \"30m\", found \"" +
              std::string(wrong) + "\""});
  EXPECT_EQ(errors_with("[schedule]\ninterval = \"0s\"\n"),
            Lines{"gald.toml:2: schedule.interval: must be between 1s and 24h, found 0s"});
  EXPECT_EQ(errors_with("[schedule]\njitter = \"2h\"\n"),
            Lines{"gald.toml:2: schedule.jitter: must be between 0s and 1h, found 2h"});
}

TEST(Config, Choices) {
  EXPECT_EQ(errors_with("[log]\nlevel = \"loud\"\n"),
            Lines{"gald.toml:2: log.level: expected one of \"debug\", \"info\", \"warning\", "
                  "\"error\", found \"loud\""});
}

TEST(Config, MissingKeysNameTheSection) {
  EXPECT_EQ(parse("\n[connector.ad]\ntype = \"active-directory\"\n").errors,
            (Lines{"gald.toml:2: connector.ad: missing key url: an ldaps:// address",
                   "gald.toml:2: connector.ad: missing key bind_name: a text in quotes",
                   "gald.toml:2: connector.ad: missing key password_file: a file name"}));
}

TEST(Config, WithoutATypeOnlyTheTypeIsMissing) {
  EXPECT_EQ(parse("[connector.x]\nurl = \"ldaps://dc\"\ntenant = \"t\"\n").errors,
            Lines{"gald.toml:1: connector.x: missing key type: one of \"active-directory\", "
                  "\"entra\", \"exchange-online\""});
}

TEST(Config, KeyOfAnotherType) {
  EXPECT_EQ(parse(std::string(kAd) + "tenant = \"contoso.test\"\n").errors,
            Lines{"gald.toml:7: connector.ad.tenant: not a key of this type of connector"});
}

TEST(Config, SecretsAreRefused) {
  const Lines errors = parse(std::string(kAd) + "password = \"hunter2\"\n").errors;
  EXPECT_EQ(errors, Lines{"gald.toml:7: connector.ad.password: no secrets in this file: write it "
                          "into a file of its own and name that in password_file"});
  EXPECT_EQ(parse(std::string(kEntra) + "client_secret = \"hunter2\"\n").errors.size(), 1u);
}

TEST(Config, PlainTextEndpointsAreRefused) {
  EXPECT_EQ(parse(std::string(kEntra) + "graph_endpoint = \"http://graph.test\"\n").errors,
            Lines{"gald.toml:7: connector.entra.graph_endpoint: only https:// is accepted, found "
                  "http://graph.test"});
  EXPECT_EQ(parse(std::string(kEntra) + "login_endpoint = \"https://a.test/path\"\n").errors,
            Lines{"gald.toml:7: connector.entra.login_endpoint: must end behind the host name and "
                  "the port"});
  const Lines errors =
      parse(std::string(kEntra) + "login_endpoint = \"https://me:hunter2@a.test\"\n").errors;
  EXPECT_EQ(errors, Lines{"gald.toml:7: connector.entra.login_endpoint: must not contain a name or "
                          "a password"});
}

TEST(Config, LdapWithoutTlsIsRefused) {
  std::string text = kAd;
  text.replace(text.find("ldaps://"), 8, "ldap://");
  EXPECT_EQ(parse(text).errors, Lines{"gald.toml:4: connector.ad.url: only ldaps:// is accepted, "
                                      "found ldap://dc1.contoso.test"});
}

TEST(Config, ConnectorNames) {
  EXPECT_EQ(errors_with("[connector.Main_AD]\ntype = \"entra\"\nenabled = false\n").front(),
            "gald.toml:1: connector.Main_AD: the name of a connector consists of a-z, 0-9 and -");
  EXPECT_EQ(errors_with("connector.x = 1\n"),
            Lines{"gald.toml:1: connector.x: expected a section [connector.x]"});
}

TEST(Config, AtLeastOneConnector) {
  const Lines expected{
      "gald.toml:1: connector: nothing to ask: no [connector.NAME] is there and enabled"};
  EXPECT_EQ(parse("").errors, expected);
  EXPECT_EQ(parse(std::string(kAd) + "enabled = false\n").errors, expected);
}

TEST(Config, SyntaxErrorsHaveLineAndColumn) {
  const Lines errors = parse("[index]\npath = \n").errors;
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].find("gald.toml:2:"), 0u) << errors[0];
}

TEST(Config, DuplicatesAreRefused) {
  const Lines twice = errors_with("[index]\npath = \"a\"\npath = \"b\"\n");
  ASSERT_EQ(twice.size(), 1u);
  EXPECT_EQ(twice[0].find("gald.toml:3:"), 0u) << twice[0];
  EXPECT_EQ(parse(std::string(kAd) + kAd).errors.size(), 1u);
}

TEST(Config, AllErrorsInOnePassInTheOrderOfTheFile) {
  const Lines errors = parse("[schedule]\njitter = 1\ninterval = 2\n[index]\npth = \"x\"\n").errors;
  ASSERT_EQ(errors.size(), 3u);
  EXPECT_EQ(errors[0].find("gald.toml:2: schedule.jitter"), 0u);
  EXPECT_EQ(errors[1].find("gald.toml:3: schedule.interval"), 0u);
  EXPECT_EQ(errors[2].find("gald.toml:5: index.pth"), 0u);
}

TEST(Config, MissingFileIsAnErrorLikeTheOthers) {
  EXPECT_EQ(load_config("/nowhere/gald.toml").errors,
            Lines{"/nowhere/gald.toml: cannot be read: No such file or directory"});
  EXPECT_EQ(load_config("/").errors, Lines{"/: cannot be read: it is a folder"});
}

// --- the example and the documentation -----------------------------------------------------------

/// The example with every optional key switched on.
std::string uncommented(const std::string& text) {
  std::istringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line);) {
    const bool key = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    result += (key ? line.substr(1) : line) + "\n";
  }
  return result;
}

/// "section key" of every "key = " line, connectors under their type.
std::set<std::string> keys_in(const std::string& text) {
  std::set<std::string> keys;
  std::istringstream lines(text);
  std::string section;
  std::string type;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("["))
      section = line.substr(1, line.find_first_of(".]") - 1);
    if (line.starts_with("type = "))
      type = line.substr(8, line.size() - 9);
    const std::size_t equals = line.find(" = ");
    if (!line.starts_with("#") && equals != line.npos)
      keys.insert(section + (section == "connector" ? " " + type : "") + " " +
                  line.substr(0, equals));
  }
  return keys;
}

std::set<std::string> declared_keys() {
  std::set<std::string> keys;
  for (const KeyInfo& key : config_keys())
    for (const auto kind : {model::ConnectorKind::active_directory, model::ConnectorKind::entra,
                            model::ConnectorKind::exchange_online})
      if (!key.only_for || *key.only_for == kind)
        keys.insert(std::string(key.section) +
                    (key.section == "connector" ? " " + std::string(to_string(kind)) : "") + " " +
                    std::string(key.name));
  return keys;
}

TEST(ConfigExample, IsValid) {
  EXPECT_EQ(load_config(kSource / "config/gald.toml").errors, Lines());
}

TEST(ConfigExample, HasEveryKey) {
  const std::string example = uncommented(content_of(kSource / "config/gald.toml"));
  EXPECT_EQ(parse(example).errors, Lines());
  EXPECT_EQ(keys_in(example), declared_keys());
}

TEST(ConfigExample, ShowsTheDefaults) {
  const std::string example = content_of(kSource / "config/gald.toml");
  for (const KeyInfo& key : config_keys()) {
    if (key.fallback.empty())
      continue;
    const std::string quote = key.type == KeyType::flag ? "" : "\"";
    const std::string line =
        "#" + std::string(key.name) + " = " + quote + std::string(key.fallback) + quote + "\n";
    EXPECT_NE(example.find(line), example.npos) << line;
  }
}

TEST(ConfigDocumentation, SaysWhatTheTableSays) {
  std::istringstream page(content_of(kSource / "docs/configuration.md"));
  Lines rows;
  for (std::string line; std::getline(page, line);)
    if (line.starts_with("| `"))
      rows.push_back(line);
  Lines declared;
  for (const KeyInfo& key : config_keys())
    declared.push_back(document_key(key));
  EXPECT_EQ(rows, declared);
}

TEST(ConfigDocumentation, ManualPageNamesEveryKey) {
  const std::string page = content_of(kSource / "docs/man/gald.toml.5");
  for (const KeyInfo& key : config_keys())
    EXPECT_NE(page.find(".B " + std::string(key.name) + "\n"), page.npos) << key.name;
}

TEST(ConfigKeys, RequiredKeysHaveNoDefault) {
  for (const KeyInfo& key : config_keys()) {
    EXPECT_FALSE(key.required && !key.fallback.empty()) << key.name;
    EXPECT_TRUE(key.fallback.empty() || check_text(key, key.fallback).error.empty()) << key.name;
  }
}

// --- secrets -------------------------------------------------------------------------------------

class SecretFiles : public testing::Test {
 protected:
  SecretFiles() {
    config_ = parse_config(kAd, folder_.path() / "gald.toml").config;
    std::filesystem::create_directory(credentials_);
  }

  base::Result<base::Secret> read() {
    return read_secret(config_.file, config_.connectors.at(0), credentials_);
  }

  std::string line(const std::string& reason) {
    return config_.file.string() + ":6: connector.ad.password_file: " + reason;
  }

  test::TemporaryDirectory folder_;
  const std::filesystem::path file_ = folder_.path() / "ad-password";
  const std::filesystem::path credentials_ = folder_.path() / "credentials";
  Config config_;
};

TEST_F(SecretFiles, LieBesideTheConfiguration) {
  write(file_, "pass word\n");
  const auto secret = read();
  ASSERT_TRUE(secret) << secret.error().what;
  EXPECT_EQ(secret->reveal(), "pass word");
}

TEST_F(SecretFiles, CredentialsOfTheServiceManagerComeFirst) {
  write(file_, "beside");
  write(credentials_ / "ad-password", "handed over\r\n");
  EXPECT_EQ(read()->reveal(), "handed over");
}

TEST_F(SecretFiles, OnlyOneLineEndIsDropped) {
  write(file_, " secret \n\n");
  EXPECT_EQ(read().error().what, line(file_.string() + " must hold the secret and nothing else, on "
                                                       "one line"));
  write(file_, " secret ");
  EXPECT_EQ(read()->reveal(), " secret ");
}

TEST_F(SecretFiles, MissingOrEmptyIsAnError) {
  EXPECT_EQ(read().error().what,
            line(file_.string() + " cannot be read: No such file or directory"));
  EXPECT_EQ(check_files(config_, credentials_).errors, Lines{read().error().what});
  write(file_, "\n");
  EXPECT_EQ(read().error().what, line(file_.string() + " is empty"));
  EXPECT_EQ(read().error().kind, base::ErrorKind::config);
}

TEST_F(SecretFiles, ReadableByOthersIsAWarning) {
  write(file_, "secret", 0640);
  const FileFindings findings = check_files(config_, {});
  EXPECT_EQ(findings.errors, Lines());
  EXPECT_EQ(findings.warnings,
            Lines{line(file_.string() + " can be read by others: chmod 600 it")});
  write(file_, "secret", 0600);
  EXPECT_EQ(check_files(config_, {}).warnings, Lines());
  write(credentials_ / "ad-password", "secret", 0644);
  EXPECT_EQ(check_files(config_, credentials_).warnings, Lines());
}

TEST_F(SecretFiles, DisabledConnectorsNeedNone) {
  config_.connectors.at(0).enabled = false;
  EXPECT_EQ(check_files(config_, {}).errors, Lines());
}

TEST_F(SecretFiles, CaFileMustBeReadable) {
  write(file_, "secret");
  config_.connectors.at(0).ca_file = "ca.pem";
  config_.connectors.at(0).ca_line = 9;
  EXPECT_EQ(check_files(config_, {}).errors,
            Lines{config_.file.string() +
                  ":9: connector.ad.ca_file: " + (folder_.path() / "ca.pem").string() +
                  " cannot be read: No such file or directory"});
}

}  // namespace

}  // namespace gald::daemon
