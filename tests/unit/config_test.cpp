#include "config.hpp"

#include <fstream>
#include <set>
#include <sstream>

#include <sys/stat.h>

#include "base/text.hpp"
#include "config_keys.hpp"
#include "net_keys.hpp"
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
  EXPECT_EQ(config.guard.deletes, 500);
  EXPECT_EQ(config.guard.percent, 10);
  ASSERT_EQ(config.connectors.size(), 2u);
  const ConnectorConfig& ad = config.connectors[0];
  EXPECT_EQ(ad.name, "ad");
  EXPECT_EQ(ad.kind, model::ConnectorKind::active_directory);
  EXPECT_TRUE(ad.enabled);
  EXPECT_EQ(ad.url, "ldaps://dc1.contoso.test");
  EXPECT_EQ(ad.bind_name, "svc-gald@contoso.test");
  EXPECT_EQ(ad.secret_file.name, "ad-password");
  EXPECT_EQ(ad.secret_file.line, 6);
  EXPECT_EQ(ad.security, "ldaps");
  EXPECT_EQ(ad.auth, "simple");
  EXPECT_EQ(ad.connect_timeout, seconds(10));
  EXPECT_EQ(ad.answer_timeout, minutes(2));
  const ConnectorConfig& entra = config.connectors[1];
  EXPECT_EQ(entra.tenant, "contoso.test");
  EXPECT_EQ(entra.login_endpoint, "https://login.microsoftonline.com");
  EXPECT_EQ(entra.service_endpoint, "https://graph.microsoft.com");
  EXPECT_EQ(entra.scope, "https://graph.microsoft.com/.default");
  EXPECT_EQ(entra.secret_file.key, "client_secret_file");
  EXPECT_EQ(entra.complete_every, std::chrono::hours(168));
  EXPECT_EQ(entra.page_limit, 64u << 20);
  EXPECT_FALSE(entra.secret_expires);
  EXPECT_FALSE(entra.managed_identity);
  EXPECT_EQ(entra.proxy, "");
}

TEST(Config, TakesWhatTheFileSays) {
  const ParsedConfig parsed = parse(
      "[index]\npath = \"there/gald.db\"\n[schedule]\ninterval = \"2h\"\njitter = \"90s\"\n"
      "[log]\nlevel = \"debug\"\n[guard]\ndeletes = 50\npercent = 0\n[connector.exchange-2]\ntype "
      "= \"exchange-online\"\n"
      "tenant = \"eb2bf6c4-512d-447f-8aa0-cf2499f6980f\"\nclient_secret_file = \"s\"\n"
      "client_id = \"eb2bf6c4-512d-447f-8aa0-cf2499f6980f\"\n"
      "exchange_endpoint = \"https://localhost:8443/\"\n");
  ASSERT_EQ(parsed.errors, Lines());
  EXPECT_EQ(parsed.config.index_file, "there/gald.db");
  EXPECT_EQ(parsed.config.interval, std::chrono::hours(2));
  EXPECT_EQ(parsed.config.jitter, seconds(90));
  EXPECT_EQ(parsed.config.log_level, base::log::Level::debug);
  EXPECT_EQ(parsed.config.guard.deletes, 50);
  EXPECT_EQ(parsed.config.guard.percent, 0);
  EXPECT_EQ(parsed.config.connectors.at(0).service_endpoint, "https://localhost:8443");
}

TEST(Config, RelativeIndexStartsBesideTheFile) {
  const std::string text = std::string("[index]\npath = \"gald.db\"") + kAd;
  const Config config = parse_config(text, "/srv/gald.toml").config;
  EXPECT_EQ(config.index_file, "/srv/gald.db");
  EXPECT_EQ(config.api.tokens_file, "/srv/gald.tokens");
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
  for (const char* wrong : {"30", "30 m", "m", "-1s", "1.5h", "1w", "", "99999999999s"})
    EXPECT_EQ(
        errors_with("[schedule]\ninterval = \"" + std::string(wrong) + "\"\n"),
        Lines{"gald.toml:2: schedule.interval: expected a duration such as \"30m\", found \"" +
              std::string(wrong) + "\""});
  EXPECT_EQ(errors_with("[schedule]\ninterval = \"0s\"\n"),
            Lines{"gald.toml:2: schedule.interval: must be between 1s and 24h, found 0s"});
  EXPECT_EQ(errors_with("[schedule]\njitter = \"2h\"\n"),
            Lines{"gald.toml:2: schedule.jitter: must be between 0s and 1h, found 2h"});
  EXPECT_EQ(errors_with("[guard]\npercent = 101\n"),
            Lines{"gald.toml:2: guard.percent: must be between 0 and 100, found 101"});
  EXPECT_EQ(errors_with("[guard]\ndeletes = -1\n"),
            Lines{"gald.toml:2: guard.deletes: expected a number such as 500, found \"-1\""});
  EXPECT_EQ(errors_with("[guard]\ndeletes = \"500\"\n"),
            Lines{"gald.toml:2: guard.deletes: expected a number such as 500, found \"500\""});
}

TEST(Config, Choices) {
  EXPECT_EQ(errors_with("[log]\nlevel = \"loud\"\n"),
            Lines{"gald.toml:2: log.level: expected one of \"debug\", \"info\", \"warning\", "
                  "\"error\", found \"loud\""});
}

TEST(Config, MissingKeysNameTheSection) {
  EXPECT_EQ(parse("\n[connector.ad]\ntype = \"active-directory\"\n").errors,
            (Lines{"gald.toml:2: connector.ad: missing key: one of url, servers, domain",
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

/// kEntra with other lines in place of its credential.
std::string entra_with(const std::string& lines) {
  const std::string text = kEntra;
  return text.substr(0, text.find("client_secret_file")) + lines;
}

TEST(Config, EachCredential) {
  const auto connector = [](const std::string& text) {
    const ParsedConfig parsed = parse(text);
    EXPECT_EQ(parsed.errors, Lines()) << text;
    return parsed.errors.empty() ? parsed.config.connectors.at(0) : ConnectorConfig();
  };
  const ConnectorConfig secret =
      connector(entra_with("client_secret_file = \"s\"\nclient_secret_expires = \"2027-03-01\"\n"));
  EXPECT_EQ(secret.secret_file.name, "s");
  EXPECT_EQ(secret.secret_expires,
            std::chrono::sys_days(std::chrono::year(2027) / std::chrono::March / 1));
  const ConnectorConfig pair =
      connector(entra_with("certificate_file = \"c\"\nprivate_key_file = \"k\"\n"));
  EXPECT_EQ(pair.certificate_file.name, "c");
  EXPECT_EQ(key_file_of(pair).name, "k");
  EXPECT_EQ(pair.assertion, "PS256");
  const ConnectorConfig together =
      connector(entra_with("certificate_file = \"c\"\nassertion = \"RS256\"\n"));
  EXPECT_EQ(key_file_of(together).name, "c");
  EXPECT_EQ(together.assertion, "RS256");
  EXPECT_EQ(connector(entra_with("federated_token_file = \"f\"\n")).federated_token_file.line, 6);
  const ConnectorConfig identity = connector(
      "[connector.entra]\ntype = \"entra\"\ntenant = \"contoso.test\"\nmanaged_identity = true\n");
  EXPECT_TRUE(identity.managed_identity);
  EXPECT_EQ(identity.client_id, "");
  EXPECT_EQ(identity.imds_endpoint, "http://169.254.169.254");
  EXPECT_EQ(
      connector(entra_with("managed_identity = true\nimds_endpoint = \"http://127.0.0.1:81/\"\n"))
          .imds_endpoint,
      "http://127.0.0.1:81");
}

TEST(Config, ExactlyOneCredential) {
  const std::string where = "gald.toml:2: connector.entra: ";
  const std::string missing =
      where +
      "missing credential: one of client_secret_file, certificate_file, federated_token_file, "
      "managed_identity = true";
  EXPECT_EQ(parse(entra_with("")).errors, Lines{missing});
  EXPECT_EQ(parse(entra_with("managed_identity = false\n")).errors, Lines{missing});
  EXPECT_EQ(parse(entra_with("certificate_fil = \"c\"\n")).errors,
            (Lines{missing,
                   "gald.toml:6: connector.entra.certificate_fil: unknown key (did you "
                   "mean certificate_file?)"}));
  EXPECT_EQ(parse(std::string(kEntra) + "certificate_file = \"c\"\n").errors,
            Lines{"gald.toml:7: connector.entra.certificate_file: only one credential, and there "
                  "is client_secret_file already"});
  EXPECT_EQ(parse(std::string(kEntra) + "managed_identity = true\n").errors.size(), 1u);
  // A value that is wrong is there all the same: one error is enough.
  EXPECT_EQ(parse(entra_with("federated_token_file = 7\n")).errors,
            Lines{"gald.toml:6: connector.entra.federated_token_file: expected a file name"});
}

TEST(Config, KeysThatNeedAnother) {
  const auto error = [](const std::string& line, const std::string& key, const std::string& other) {
    EXPECT_EQ(parse(std::string(kEntra) + line + "\n").errors,
              Lines{"gald.toml:7: connector.entra." + key + ": has no meaning without " + other});
  };
  error("private_key_file = \"k\"", "private_key_file", "certificate_file");
  error("assertion = \"RS256\"", "assertion", "certificate_file");
  error("imds_endpoint = \"http://127.0.0.1\"", "imds_endpoint", "managed_identity");
  error("proxy_credentials_file = \"p\"", "proxy_credentials_file", "proxy");
  EXPECT_EQ(
      parse(entra_with("federated_token_file = \"f\"\nclient_secret_expires = \"2027-03-01\"\n"))
          .errors,
      Lines{"gald.toml:7: connector.entra.client_secret_expires: has no meaning without "
            "client_secret_file"});
  EXPECT_EQ(
      parse("[connector.e]\ntype = \"entra\"\ntenant = \"t\"\nclient_secret_file = \"s\"\n").errors,
      Lines{"gald.toml:1: connector.e: missing key client_id: a text in quotes"});
}

TEST(Config, PlainHttpIsForProxiesAndTheMachineItself) {
  const std::string where = "gald.toml:7: connector.entra.";
  const std::string base = std::string(kEntra);
  EXPECT_EQ(parse(base + "proxy = \"http://proxy.contoso.test:8080\"\n").errors, Lines());
  EXPECT_EQ(parse(base + "proxy = \"proxy.contoso.test:8080\"\n").errors,
            Lines{where + "proxy: only http:// is accepted, found proxy.contoso.test:8080"});
  EXPECT_EQ(parse(base + "proxy = \"http://me:hunter2@proxy\"\n").errors,
            Lines{where + "proxy: must not contain a name or a password"});
  for (const char* outside : {"http://10.0.0.1", "http://169.255.0.1", "http://0177.0.0.1",
                              "http://imds.example", "http://127.0.0.1.example"})
    EXPECT_EQ(parse(entra_with("managed_identity = true\nimds_endpoint = \"" +
                               std::string(outside) + "\"\n"))
                  .errors,
              Lines{where +
                    "imds_endpoint: must be an address of this machine or its link (127.0.0.1, "
                    "169.254.169.254), found " +
                    outside});
}

TEST(Config, Clouds) {
  const auto endpoints = [](const std::string& type, const std::string& lines) {
    const ParsedConfig parsed = parse("[connector.x]\ntype = \"" + type +
                                      "\"\ntenant = \"t\"\nmanaged_identity = true\n" + lines);
    EXPECT_EQ(parsed.errors, Lines());
    if (!parsed.errors.empty())
      return std::string();
    const ConnectorConfig& connector = parsed.config.connectors.at(0);
    return connector.login_endpoint + " " + connector.service_endpoint + " " + connector.scope;
  };
  EXPECT_EQ(endpoints("entra", "cloud = \"us-gov\"\n"),
            "https://login.microsoftonline.us https://graph.microsoft.us "
            "https://graph.microsoft.us/.default");
  EXPECT_EQ(endpoints("entra", "cloud = \"us-gov-dod\"\n"),
            "https://login.microsoftonline.us https://dod-graph.microsoft.us "
            "https://dod-graph.microsoft.us/.default");
  EXPECT_EQ(endpoints("exchange-online", "cloud = \"us-gov-dod\"\n"),
            "https://login.microsoftonline.us https://outlook-dod.office365.us "
            "https://outlook-dod.office365.us/.default");
  EXPECT_EQ(endpoints("exchange-online",
                      "cloud = \"china\"\nexchange_endpoint = \"https://outlook.office365.cn\"\n"),
            "https://login.partner.microsoftonline.cn https://outlook.office365.cn "
            "https://partner.outlook.cn/.default");
  EXPECT_EQ(endpoints("entra",
                      "login_endpoint = \"https://a.test\"\ngraph_endpoint = "
                      "\"https://b.test:8443/\"\n"),
            "https://a.test https://b.test:8443 https://b.test:8443/.default");
  EXPECT_EQ(endpoints("exchange-online", "scope = \"https://c.test/.default\"\n"),
            "https://login.microsoftonline.com https://outlook.office365.com "
            "https://c.test/.default");
  EXPECT_EQ(parse(std::string(kEntra) + "cloud = \"mars\"\n").errors,
            Lines{"gald.toml:7: connector.entra.cloud: expected one of \"global\", \"us-gov\", "
                  "\"us-gov-dod\", \"china\", found \"mars\""});
}

TEST(Config, SizesAndDates) {
  const std::string where = "gald.toml:7: connector.entra.";
  const std::string base = std::string(kEntra);
  EXPECT_EQ(parse(base + "page_limit = \"1GiB\"\n").config.connectors.at(0).page_limit, 1u << 30);
  EXPECT_EQ(parse(base + "page_limit = \"2048KiB\"\n").config.connectors.at(0).page_limit,
            2u << 20);
  for (const char* wrong : {"64", "64MB", "MiB", "-1MiB", "1.5MiB", "", "64 MiB", "99999999999GiB"})
    EXPECT_EQ(
        parse(base + "page_limit = \"" + wrong + "\"\n").errors,
        Lines{where + "page_limit: " +
              (*wrong ? "expected a size such as \"64MiB\", found \"" + std::string(wrong) + "\""
                      : "must not be empty")});
  EXPECT_EQ(parse(base + "page_limit = \"512KiB\"\n").errors,
            Lines{where + "page_limit: must be between 1MiB and 1GiB, found 512KiB"});
  for (const char* wrong : {"2027-02-29", "2027-3-1", "01.03.2027", "2027-13-01", "+027-01-01"})
    EXPECT_EQ(parse(base + "client_secret_expires = \"" + wrong + "\"\n").errors,
              Lines{where +
                    "client_secret_expires: expected a date such as \"2027-03-01\", found "
                    "\"" +
                    wrong + "\""});
  EXPECT_EQ(parse(base + "complete_every = \"0s\"\n").errors, Lines());
  EXPECT_EQ(parse(base + "complete_every = \"721h\"\n").errors,
            Lines{where + "complete_every: must be between 0s and 720h, found 721h"});
}

/// A connector of active-directory with these lines behind its type, which is in line 2.
std::string ad_with(const std::string& lines) {
  return "[connector.ad]\ntype = \"active-directory\"\n" + lines;
}

constexpr const char* kPassword = "bind_name = \"a@b\"\npassword_file = \"p\"\n";
constexpr const char* kKeytab = "auth = \"kerberos\"\nprincipal = \"a@B\"\nkeytab_file = \"k\"\n";

TEST(ConfigDirectory, OneWayToNameTheControllers) {
  const auto connector = [](const std::string& lines) {
    const ParsedConfig parsed = parse(ad_with(lines) + kPassword);
    EXPECT_EQ(parsed.errors, Lines()) << lines;
    return parsed.errors.empty() ? parsed.config.connectors.at(0) : ConnectorConfig();
  };
  EXPECT_EQ(connector("url = \"LDAPS://dc1/\"\n").url, "LDAPS://dc1");
  EXPECT_EQ(connector("servers = [\"ldaps://dc1\", \"ldaps://dc2:10636/\"]\n").servers,
            (std::vector<std::string>{"ldaps://dc1", "ldaps://dc2:10636"}));
  const ConnectorConfig domain = connector("domain = \"contoso.com\"\nsite = \"Paris-1\"\n");
  EXPECT_EQ(domain.domain, "contoso.com");
  EXPECT_EQ(domain.site, "Paris-1");
  EXPECT_EQ(domain.security, "ldaps");

  const std::string where = "gald.toml:3: connector.ad.";
  EXPECT_EQ(parse(ad_with("url = \"ldaps://a\"\ndomain = \"b\"\n") + kPassword).errors,
            Lines{"gald.toml:4: connector.ad.domain: only one of url, servers and domain, and "
                  "there is url already"});
  EXPECT_EQ(parse(ad_with("site = \"Paris\"\nurl = \"ldaps://a\"\n") + kPassword).errors,
            Lines{where + "site: has no meaning without domain"});
  const std::string list =
      "expected a list in brackets, each element an ldaps:// or ldap:// address, found ";
  EXPECT_EQ(parse(ad_with("servers = \"ldaps://a\"\n") + kPassword).errors,
            Lines{where + "servers: " + list + "\"ldaps://a\""});
  EXPECT_EQ(parse(ad_with("servers = []\n") + kPassword).errors,
            Lines{where + "servers: " + list + "an empty list"});
  EXPECT_EQ(parse(ad_with("servers = [\"ldaps://a\",\n 7]\n") + kPassword).errors,
            Lines{"gald.toml:4: connector.ad.servers: " + list + "7 in it"});
  EXPECT_EQ(parse(ad_with("servers = [\"ldaps://a\", \"ldaps://me@b\"]\n") + kPassword).errors,
            Lines{where + "servers: must not contain a name or a password"});
  EXPECT_EQ(parse(ad_with("domain = \"contoso com\"\n") + kPassword).errors,
            Lines{where + "domain: expected a name of letters, digits, dots and hyphens, found "
                          "\"contoso com\""});
  EXPECT_EQ(parse(ad_with("url = \"dc1\"\n") + kPassword).errors,
            Lines{where + "url: expected an ldaps:// or ldap:// address, found \"dc1\""});
}

TEST(ConfigDirectory, SecurityFollowsFromTheAddress) {
  const auto security = [](const std::string& lines) {
    const ParsedConfig parsed = parse(ad_with(lines));
    EXPECT_EQ(parsed.errors, Lines()) << lines;
    return parsed.errors.empty() ? parsed.config.connectors.at(0).security : std::string();
  };
  const std::string password = kPassword;
  const std::string keytab = kKeytab;
  EXPECT_EQ(security(password + "url = \"ldaps://a\"\n"), "ldaps");
  EXPECT_EQ(security(password + "url = \"ldap://a\"\nsecurity = \"starttls\"\n"), "starttls");
  EXPECT_EQ(security(password + "domain = \"a.b\"\nsecurity = \"starttls\"\n"), "starttls");
  EXPECT_EQ(security(keytab + "url = \"ldaps://a\"\n"), "ldaps");
  EXPECT_EQ(security(keytab + "url = \"ldap://a\"\n"), "gssapi");
  EXPECT_EQ(security(keytab + "domain = \"a.b\"\n"), "gssapi");
  EXPECT_EQ(security(keytab + "servers = [\"ldap://a\"]\nsecurity = \"starttls\"\n"), "starttls");
}

TEST(ConfigDirectory, NoPasswordInClearText) {
  const std::string refused =
      "a simple bind over ldap:// would send the password in clear text: write ldaps://, or add "
      "security = \"starttls\"";
  EXPECT_EQ(parse(ad_with("url = \"ldap://a\"\n") + kPassword).errors,
            Lines{"gald.toml:3: connector.ad.url: " + refused});
  EXPECT_EQ(parse(ad_with("servers = [\"ldap://a\"]\n") + kPassword).errors,
            Lines{"gald.toml:3: connector.ad.servers: " + refused});
  EXPECT_EQ(parse(ad_with("security = \"gssapi\"\nurl = \"ldap://a\"\n") + kPassword).errors,
            Lines{"gald.toml:3: connector.ad.security: \"gssapi\" has no meaning without auth = "
                  "\"kerberos\""});
  EXPECT_EQ(parse(ad_with("security = \"ldaps\"\nurl = \"ldap://a\"\n") + kPassword).errors,
            Lines{"gald.toml:3: connector.ad.security: \"ldaps\" needs ldaps:// addresses"});
}

TEST(ConfigDirectory, WhatDoesNotFitTogether) {
  EXPECT_EQ(parse(ad_with("security = \"starttls\"\nurl = \"ldaps://a\"\n") + kPassword).errors,
            Lines{"gald.toml:3: connector.ad.security: \"starttls\" needs ldap:// addresses"});
  EXPECT_EQ(parse(ad_with("servers = [\"ldaps://a\", \"ldap://b\"]\n") + kPassword).errors,
            Lines{"gald.toml:3: connector.ad.servers: ldaps:// and ldap:// cannot be mixed"});
  EXPECT_EQ(parse(ad_with("ca_file = \"c\"\nurl = \"ldap://a\"\n") + kKeytab).errors,
            Lines{"gald.toml:3: connector.ad.ca_file: has no meaning with security = \"gssapi\": "
                  "there is no certificate"});
  EXPECT_EQ(parse(ad_with("url = \"ldaps://a\"\n") + kPassword + "principal = \"a@B\"\n").errors,
            Lines{"gald.toml:6: connector.ad.principal: has no meaning with auth = \"simple\""});
  EXPECT_EQ(parse(ad_with("auth = \"kerberos\"\nurl = \"ldaps://a\"\nbind_name = \"a\"\n")).errors,
            (Lines{"gald.toml:1: connector.ad: missing key principal: a text in quotes",
                   "gald.toml:1: connector.ad: missing key keytab_file: a file name",
                   "gald.toml:5: connector.ad.bind_name: has no meaning with auth = "
                   "\"kerberos\""}));
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

// --- [api] ---------------------------------------------------------------------------------------

std::string with_api(const std::string& keys) {
  return std::string(kAd) + "[api]\n" + keys;
}

TEST(ConfigApi, ListensWhereItIsToldTo) {
  const Config defaults = parse(kAd).config;
  EXPECT_EQ(defaults.api.listen, (Lines{"unix:/run/gald/gald.sock", "127.0.0.1:8389"}));
  EXPECT_EQ(defaults.api.listen_line, 0);
  EXPECT_EQ(defaults.api.connections, 4000);
  EXPECT_TRUE(parse(with_api("listen = []\n")).config.api.listen.empty());
  const auto beside =
      parse_config(with_api("listen = [\"unix:gald.sock\", \"[::1]:0\"]\n"), "/x/y.toml");
  EXPECT_EQ(beside.config.api.listen, (Lines{"unix:/x/gald.sock", "[::1]:0"}));
}

TEST(ConfigApi, AnAddressIsAnAddress) {
  for (const char* wrong : {"localhost:8389", "8389", "127.0.0.1", "127.0.0.1:99999",
                            "unix:", "::1:80", "http://127.0.0.1:80"}) {
    const Lines errors = parse(with_api("listen = [\"" + std::string(wrong) + "\"]\n")).errors;
    ASSERT_EQ(errors.size(), 1u) << wrong;
    EXPECT_NE(
        errors[0].find("api.listen: expected a list in brackets, each element an address with "
                       "a port such as"),
        std::string::npos)
        << errors[0];
  }
}

TEST(ConfigApi, OtherMachinesNeedTls) {
  for (const char* address : {"0.0.0.0:8389", "192.0.2.1:443", "[::]:8389"}) {
    const std::string listen = "listen = [\"127.0.0.1:1\", \"" + std::string(address) + "\"]\n";
    const Lines errors = parse(with_api(listen)).errors;
    ASSERT_EQ(errors.size(), 1u) << address;
    EXPECT_NE(errors[0].find(std::string(address) + " can be reached from other machines"),
              std::string::npos)
        << errors[0];
    EXPECT_EQ(parse(with_api(listen + "certificate_file = \"server.pem\"\n")).errors, Lines());
  }
}

TEST(ConfigApi, KeysThatNeedAnother) {
  EXPECT_EQ(parse(with_api("key_file = \"k\"\nclient_ca_file = \"c\"\n")).errors.size(), 2u);
  EXPECT_EQ(parse(with_api("client_certificates = \"required\"\n")).errors.size(), 1u);
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

/// "section key" of every "key = " line, connectors under their type. Keys that are names of
/// something are declared nowhere.
std::set<std::string> keys_in(const std::string& text) {
  std::set<std::string> keys;
  std::istringstream lines(text);
  std::string section;
  std::string type;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("["))
      section = line.substr(1, line.find_first_of(".]") - 1);
    if (section == "precedence" || section == "labels" || line.ends_with(".mapping]"))
      section.clear();
    if (line.starts_with("type = "))
      type = line.substr(8, line.size() - 9);
    const std::size_t equals = line.find(" = ");
    if (!section.empty() && !line.starts_with("#") && equals != line.npos)
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
  // With all of it switched on there is more than one credential, and nothing else is wrong.
  int others = 0;
  for (const std::string& error : parse(example).errors) {
    EXPECT_TRUE(error.find("only one") != error.npos ||
                error.find("has no meaning with auth") != error.npos ||
                error.find("imds_endpoint: has no meaning without") != error.npos)
        << error;
    ++others;
  }
  EXPECT_EQ(others, 2 * 3 + 2 + 2);
  EXPECT_EQ(keys_in(example), declared_keys());
}

TEST(ConfigExample, ShowsTheDefaults) {
  const std::string example = content_of(kSource / "config/gald.toml");
  for (const KeyInfo& key : config_keys()) {
    if (key.fallback.empty())
      continue;
    const bool bare = key.type == KeyType::flag || key.type == KeyType::count;
    const std::string quote = bare ? "" : "\"";
    std::string value = quote + std::string(key.fallback) + quote;
    if (key.list) {
      value = "[";
      for (const std::string_view element : base::split(key.fallback, '|'))
        value += (value == "[" ? "\"" : ", \"") + std::string(element) + "\"";
      value += "]";
    }
    const std::string line = "#" + std::string(key.name) + " = " + value + "\n";
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
    if (key.fallback.empty())
      continue;
    for (const std::string_view element : base::split(key.fallback, key.list ? '|' : '\n'))
      EXPECT_EQ(check_text(key, element).error, "") << key.name;
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
    const ConnectorConfig& connector = config_.connectors.at(0);
    return read_secret(config_.file, connector, connector.secret_file, credentials_);
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

class CertificateFiles : public SecretFiles {
 protected:
  CertificateFiles() {
    config_ = parse_config(entra_with("certificate_file = \"entra.pem\"\n"
                                      "private_key_file = \"entra.key\"\n"),
                           folder_.path() / "gald.toml")
                  .config;
  }

  Lines errors() { return check_files(config_, credentials_).errors; }

  Lines key_error(const std::string& reason) {
    return {config_.file.string() + ":7: connector.entra.private_key_file: " + key_.string() + " " +
            reason};
  }

  const std::filesystem::path certificate_ = folder_.path() / "entra.pem";
  const std::filesystem::path key_ = folder_.path() / "entra.key";
};

TEST_F(CertificateFiles, APairThatFits) {
  write(certificate_, test::kCertificate, 0644);  // no secret
  write(key_, test::kPrivateKey);
  EXPECT_EQ(errors(), Lines());
  EXPECT_EQ(check_files(config_, {}).warnings, Lines());
  write(key_, test::kPrivateKey, 0644);
  EXPECT_EQ(check_files(config_, {}).warnings,
            Lines{config_.file.string() + ":7: connector.entra.private_key_file: " + key_.string() +
                  " can be read by others: chmod 600 it"});
  write(credentials_ / "entra.key", test::kOtherKey);  // comes first
  EXPECT_EQ(errors().size(), 1u);
}

TEST_F(CertificateFiles, APairThatDoesNotFit) {
  write(certificate_, test::kCertificate);
  EXPECT_EQ(errors(), key_error("cannot be read: No such file or directory"));
  write(key_, "\n");
  EXPECT_EQ(errors(), key_error("is empty"));
  write(key_, test::kCertificate);
  EXPECT_EQ(errors(), key_error("holds no private key in PEM form"));
  write(key_, test::kOtherKey);
  EXPECT_EQ(errors(), key_error("holds a private key that does not belong to the certificate"));
  write(key_, test::kEcKey);
  EXPECT_EQ(errors(),
            key_error("holds a private key that is not RSA, which Entra ID does not take"));
  write(key_, test::kEncryptedKey);
  EXPECT_EQ(errors(), key_error("holds a private key behind a passphrase, which a service cannot "
                                "type"));
  write(certificate_, test::kPrivateKey);
  EXPECT_EQ(errors(), Lines{config_.file.string() + ":6: connector.entra.certificate_file: " +
                            certificate_.string() + " holds no certificate in PEM form"});
}

TEST_F(CertificateFiles, BothInOneFile) {
  config_.connectors.at(0).private_key_file = {};
  write(certificate_, std::string(test::kPrivateKey) + test::kCertificate, 0640);
  EXPECT_EQ(errors(), Lines());
  EXPECT_EQ(check_files(config_, {}).warnings.size(), 1u);
  write(certificate_, test::kCertificate);
  EXPECT_EQ(errors(), Lines{config_.file.string() +
                            ":6: connector.entra.certificate_file: " + certificate_.string() +
                            " holds no private key in PEM form, and there is no private_key_file"});
}

TEST_F(SecretFiles, ATokenOfThePlatformMayBeReadable) {
  config_ = parse_config(entra_with("federated_token_file = \"ad-password\"\n"),
                         folder_.path() / "gald.toml")
                .config;
  EXPECT_EQ(check_files(config_, {}).errors.size(), 1u);
  write(file_, "a.b.c", 0644);
  const FileFindings findings = check_files(config_, {});
  EXPECT_EQ(findings.errors, Lines());
  EXPECT_EQ(findings.warnings, Lines());
}

TEST_F(SecretFiles, ProxyCredentialsAreASecret) {
  config_ = parse_config(std::string(kEntra) +
                             "proxy = \"http://p\"\n"
                             "proxy_credentials_file = \"ad-password\"\n",
                         folder_.path() / "gald.toml")
                .config;
  config_.connectors.at(0).secret_file = {};
  EXPECT_EQ(check_files(config_, {}).errors.size(), 1u);
  write(file_, "me:hunter2", 0644);
  const FileFindings findings = check_files(config_, {});
  EXPECT_EQ(findings.errors, Lines());
  EXPECT_EQ(findings.warnings.size(), 1u);
}

TEST_F(SecretFiles, AKeytabIsASecretOfItsOwnForm) {
  config_ =
      parse_config(ad_with("url = \"ldap://a\"\n") + kKeytab, folder_.path() / "gald.toml").config;
  const std::filesystem::path keytab = folder_.path() / "k";
  const std::string where = config_.file.string() + ":6: connector.ad.keytab_file: ";
  EXPECT_EQ(check_files(config_, credentials_).errors,
            Lines{where + keytab.string() + " cannot be read: No such file or directory"});
  write(keytab, "hunter2");
  EXPECT_EQ(check_files(config_, credentials_).errors,
            Lines{where + keytab.string() + " is no keytab"});
  write(keytab, std::string("\x05\x02\0\0\0\x01", 6), 0644);
  EXPECT_EQ(check_files(config_, credentials_).errors, Lines());
  EXPECT_EQ(check_files(config_, credentials_).warnings,
            Lines{where + keytab.string() + " can be read by others: chmod 600 it"});
  write(credentials_ / "k", "\x05\x02");
  EXPECT_EQ(secret_path(config_.file, config_.connectors.at(0).keytab_file, credentials_),
            credentials_ / "k");
}

TEST_F(SecretFiles, CaFileMustBeReadable) {
  write(file_, "secret");
  config_.connectors.at(0).ca_file = {"ca_file", "ca.pem", 9};
  EXPECT_EQ(check_files(config_, {}).errors,
            Lines{config_.file.string() +
                  ":9: connector.ad.ca_file: " + (folder_.path() / "ca.pem").string() +
                  " cannot be read: No such file or directory"});
}

}  // namespace

}  // namespace gald::daemon
