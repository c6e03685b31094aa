#include "config_keys.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <vector>

#include "base/text.hpp"
#include "config_api.hpp"
#include "model/region.hpp"
#include "net/http_server.hpp"
#include "net/url.hpp"

namespace gald::daemon {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Kind = model::ConnectorKind;
using Connector = ConnectorConfig;

constexpr auto kAd = Kind::active_directory;
constexpr auto kEntra = Kind::entra;
constexpr auto kExchange = Kind::exchange_online;

/// Where the services of a cloud are ("National clouds" and "Microsoft Graph national cloud
/// deployments").
struct Cloud {
  std::string_view name;
  std::string_view login;
  std::string_view graph;
  std::string_view exchange;
};

constexpr auto kClouds = std::to_array<Cloud>({
    {"global", "https://login.microsoftonline.com", "https://graph.microsoft.com",
     "https://outlook.office365.com"},
    {"us-gov", "https://login.microsoftonline.us", "https://graph.microsoft.us",
     "https://outlook.office365.us"},
    {"us-gov-dod", "https://login.microsoftonline.us", "https://dod-graph.microsoft.us",
     "https://outlook-dod.office365.us"},
    {"china", "https://login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn",
     "https://partner.outlook.cn"},
});

void store_ca_file(Config&, Connector& connector, const KeyValue& value) {
  connector.ca_file = {"ca_file", value.text, value.line};
}

std::vector<KeyInfo> common_keys() {
  return {
      KeyInfo{
          "index",
          {},
          "path",
          KeyType::file,
          "",
          "/var/lib/gald/gald.db",
          false,
          "The index file. Its folder must exist and be writable for gald; SQLite keeps two more "
          "files beside it.",
          [](Config& config, Connector&, const KeyValue& value) {
            config.index_file = value.text;
          }},
      KeyInfo{
          "index",
          {},
          "group",
          KeyType::text,
          "",
          "",
          false,
          "The group whose members may read the index. gald's account has to be a member of it. "
          "Without it, the group of that account.",
          [](Config& config, Connector&, const KeyValue& value) {
            config.index_group = value.text;
            config.index_group_line = value.line;
          }},
      KeyInfo{"schedule",
              {},
              "interval",
              KeyType::duration,
              "1s..24h",
              "30m",
              false,
              "From the start of one cycle to the start of the next.",
              [](Config& config, Connector&, const KeyValue& value) {
                config.interval = value.duration;
              }},
      KeyInfo{
          "schedule",
          {},
          "patience",
          KeyType::duration,
          "10s..24h",
          "15m",
          false,
          "How long a cycle waits for a source that asks to come back later. A source that only "
          "fails is given up for this cycle after a fifteenth of it.",
          [](Config& config, Connector&, const KeyValue& value) {
            config.patience = value.duration;
          }},
      KeyInfo{
          "schedule",
          {},
          "jitter",
          KeyType::duration,
          "0s..1h",
          "1m",
          false,
          "Each cycle is put off by a random time up to this, so that many installations do not "
          "ask at the same moment. Never more than the interval.",
          [](Config& config, Connector&, const KeyValue& value) {
            config.jitter = value.duration;
          }},
      KeyInfo{
          "log",
          {},
          "level",
          KeyType::choice,
          "debug|info|warning|error",
          "info",
          false,
          "What `gald run` logs. Only debug may show personal data; no level shows secrets. Who "
          "changed something (`api.audit`) is logged at every level.",
          [](Config& config, Connector&, const KeyValue& value) {
            config.log_level = base::log::parse_level(value.text);
          }},
      KeyInfo{"guard",
              {},
              "deletes",
              KeyType::count,
              "0..1000000",
              "500",
              false,
              "How many records of one kind of one connector may vanish within 24 hours.",
              [](Config& config, Connector&, const KeyValue& value) {
                config.guard.deletes = value.count;
              }},
      KeyInfo{"guard",
              {},
              "percent",
              KeyType::count,
              "0..100",
              "10",
              false,
              "How large a share of them may, in percent.",
              [](Config& config, Connector&, const KeyValue& value) {
                config.guard.percent = static_cast<int>(value.count);
              }},

      KeyInfo{"policy",
              {},
              "disabled_account",
              KeyType::choice,
              "mark|remove",
              "mark",
              false,
              "What becomes of the contact of an account that is disabled or has ended: it is "
              "marked as disabled, or it is removed until the account is enabled again.",
              [](Config& config, Connector&, const KeyValue& value) {
                config.policy.disabled_account = value.text == "remove"
                                                     ? reconcile::DisabledAccount::remove
                                                     : reconcile::DisabledAccount::mark;
              }},
      KeyInfo{
          "policy",
          {},
          "duplicates",
          KeyType::choice,
          "report|skip|merge|replace",
          "report",
          false,
          "What becomes of a new contact that meets one other contact by an address, or by name "
          "and phone number, and by no key that joins: both are published and reported; the new "
          "one is not published; it is merged and the values of the old one win, or its own.",
          [](Config& config, Connector&, const KeyValue& value) {
            using reconcile::Duplicates;
            config.policy.duplicates = value.text == "skip"      ? Duplicates::skip
                                       : value.text == "merge"   ? Duplicates::merge
                                       : value.text == "replace" ? Duplicates::replace
                                                                 : Duplicates::report;
          }},
      KeyInfo{"policy",
              {},
              "hidden_if_unknown",
              KeyType::choice,
              "unknown|hidden|visible",
              "unknown",
              false,
              "What is told of a contact of which no source says whether it is hidden from address "
              "lists.",
              [](Config& config, Connector&, const KeyValue& value) {
                if (value.text != "unknown")
                  config.policy.hidden_if_unknown = value.text == "hidden";
              }},
      KeyInfo{"retention",
              {},
              "deleted",
              KeyType::duration,
              "1d..3650d",
              "90d",
              false,
              "How long a deleted contact is kept, with its last values and its history. Then "
              "nothing of it stays but its id.",
              [](Config& config, Connector&, const KeyValue& value) {
                config.keep_deleted = value.duration;
              }},
      KeyInfo{"retention",
              {},
              "history",
              KeyType::duration,
              "1d..3650d",
              "400d",
              false,
              "How long it is kept what changed: how far back `--at`, `gald diff` and the change "
              "feed reach.",
              [](Config& config, Connector&, const KeyValue& value) {
                config.keep_history = value.duration;
              }},
      KeyInfo{"lookup",
              {},
              "region",
              KeyType::region,
              "",
              "",
              false,
              "The country of the telephone system that asks: what its numbers mean when they do "
              "not say their country. Without it: the regions of the connectors.",
              [](Config& config, Connector&, const KeyValue& value) {
                config.lookup.regions = {value.text};
              }},
      KeyInfo{"lookup",
              {},
              "prefer",
              KeyType::text,
              "",
              "",
              false,
              "Who comes first of several contacts that match as well: those of the first of these "
              "sources (`hybrid`, `on_premises`, `cloud`) or connectors, then those of the second, "
              "then all others.",
              [](Config& config, Connector&, const KeyValue& value) {
                config.lookup.prefer = value.texts;
              },
              {},
              true},

      KeyInfo{"connector",
              {},
              "type",
              KeyType::choice,
              "active-directory|entra|exchange-online",
              "",
              true,
              "What is at the other end.",
              [](Config&, Connector& connector, const KeyValue& value) {
                connector.kind = *model::connector_kind_named(value.text);
              }},
      KeyInfo{"connector",
              {},
              "enabled",
              KeyType::flag,
              "",
              "true",
              false,
              "false: the source is not asked; what it said before stays.",
              [](Config&, Connector& connector, const KeyValue& value) {
                connector.enabled = value.flag;
              }},
      KeyInfo{
          "connector",
          {},
          "region",
          KeyType::region,
          "",
          "",
          false,
          "The country whose national phone numbers its records hold (`089 1234567` in \"DE\"), "
          "for contacts that do not name their country themselves.",
          [](Config& config, Connector& connector, const KeyValue& value) {
            config.policy.connectors[connector.name].region = value.text;
          }},

      KeyInfo{
          "connector", kAd, "url", KeyType::ldap_url, "", "", false,
          "The domain controller to ask. One of url, servers and domain is required.",
          [](Config&, Connector& connector, const KeyValue& value) { connector.url = value.text; }},
      KeyInfo{"connector",
              kAd,
              "servers",
              KeyType::ldap_url,
              "",
              "",
              false,
              "Several controllers of the domain, in the order of preference. The next one is "
              "asked when one does not answer.",
              [](Config&, Connector& connector, const KeyValue& value) {
                connector.servers = value.texts;
              },
              {},
              true},
      KeyInfo{"connector", kAd, "domain", KeyType::dns_name, "", "", false,
              "The DNS name of the domain: its controllers are found in DNS (SRV records).",
              [](Config&, Connector& connector, const KeyValue& value) {
                connector.domain = value.text;
              }},
      KeyInfo{"connector", kAd, "site", KeyType::dns_name, "", "", false,
              "With domain: the Active Directory site whose controllers are asked before others.",
              [](Config&, Connector& connector, const KeyValue& value) {
                connector.site = value.text;
              }},
      KeyInfo{"connector", kAd, "security", KeyType::choice, "ldaps|starttls|gssapi", "", false,
              "TLS from the start, TLS on the LDAP port, or Kerberos that signs and seals without "
              "TLS. Without it: ldaps for ldaps://, gssapi for ldap:// or a domain with Kerberos, "
              "ldaps for a domain with a password.",
              [](Config&, Connector& connector, const KeyValue& value) {
                connector.security = value.text;
              }},
      KeyInfo{"connector", kAd, "auth", KeyType::choice, "simple|kerberos", "simple", false,
              "How gald signs in: with a name and a password, or with a Kerberos keytab.",
              [](Config&, Connector& connector, const KeyValue& value) {
                connector.auth = value.text;
              }},
      KeyInfo{"connector", kAd, "bind_name", KeyType::text, "", "", false,
              "The account to ask as: `user@domain`, `DOMAIN\\user` or a DN. Required with "
              "simple.",
              [](Config&, Connector& connector, const KeyValue& value) {
                connector.bind_name = value.text;
              }},
      KeyInfo{"connector", kAd, "password_file", KeyType::secret_file, "", "", false,
              "The file with the account's password. Required with simple.",
              [](Config&, Connector& connector, const KeyValue& value) {
                connector.secret_file = {"password_file", value.text, value.line};
              }},
      KeyInfo{"connector", kAd, "principal", KeyType::text, "", "", false,
              "The account to ask as: `user@REALM`. Required with kerberos.",
              [](Config&, Connector& connector, const KeyValue& value) {
                connector.principal = value.text;
              }},
      KeyInfo{"connector", kAd, "keytab_file", KeyType::keytab_file, "", "", false,
              "The file with the account's Kerberos keys. Required with kerberos.",
              [](Config&, Connector& connector, const KeyValue& value) {
                connector.keytab_file = {"keytab_file", value.text, value.line};
              }},
      KeyInfo{"connector", kAd, "ca_file", KeyType::file, "", "", false,
              "The certificates (PEM) to trust instead of the system's.", store_ca_file},
      KeyInfo{"connector", kAd, "naming_context", KeyType::text, "", "", false,
              "The domain to read, as a DN. Without it: the default domain of the controller.",
              [](Config&, Connector& connector, const KeyValue& value) {
                connector.naming_context = value.text;
              }},
      KeyInfo{"connector",
              kAd,
              "base",
              KeyType::text,
              "",
              "",
              false,
              "The OUs to read, as DNs, with all that is below them. Without it: the whole domain.",
              [](Config&, Connector& connector, const KeyValue& value) {
                connector.base = value.texts;
              },
              {},
              true},
      KeyInfo{"connector",
              kAd,
              "include",
              KeyType::text,
              "",
              "",
              false,
              "OUs to read although they lie in one that exclude names. The nearest one above an "
              "object "
              "decides.",
              [](Config&, Connector& connector, const KeyValue& value) {
                connector.include = value.texts;
              },
              {},
              true},
      KeyInfo{"connector",
              kAd,
              "exclude",
              KeyType::text,
              "",
              "",
              false,
              "OUs to leave out, with all that is below them.",
              [](Config&, Connector& connector, const KeyValue& value) {
                connector.exclude = value.texts;
              },
              {},
              true},
      KeyInfo{"connector", kAd, "filter", KeyType::text, "", "", false,
              "An LDAP filter that contacts, users and groups must match. The controller evaluates "
              "it, for the objects that changed.",
              [](Config&, Connector& connector, const KeyValue& value) {
                connector.filter = value.text;
              }},
      KeyInfo{"connector",
              kAd,
              "kinds",
              KeyType::choice,
              "contact|user|group",
              "",
              false,
              "The kinds of objects to read. Without it: all.",
              [](Config&, Connector& connector, const KeyValue& value) {
                connector.kinds = value.texts;
              },
              {},
              true},
      KeyInfo{"connector", kAd, "connect_timeout", KeyType::duration, "1s..5m", "10s", false,
              "The limit for each of: finding the address, connecting with TLS, binding.",
              [](Config&, Connector& connector, const KeyValue& value) {
                connector.connect_timeout = value.duration;
              }},
      KeyInfo{
          "connector", kAd, "answer_timeout", KeyType::duration, "1s..30m", "2m", false,
          "How long the controller may be silent during a search. Large directories take a while "
          "before the first entry comes.",
          [](Config&, Connector& connector, const KeyValue& value) {
            connector.answer_timeout = value.duration;
          }},
      KeyInfo{"connector", kAd, "read_by", KeyType::choice, "auto|dirsync|polling", "auto", false,
              "How changes are found: with DirSync, by polling (uSNChanged), or whichever the "
              "controller and the account's rights allow, DirSync first.",
              [](Config&, Connector& connector, const KeyValue& value) {
                connector.read_by = value.text;
              }},
      KeyInfo{"connector", kAd, "complete_every", KeyType::duration, "0s..720h", "168h", false,
              "How often everything is read and compared. 0s: in every cycle.",
              [](Config&, Connector& connector, const KeyValue& value) {
                connector.complete_every = value.duration;
              }},
      KeyInfo{"connector", kAd, "compare_every", KeyType::duration, "0s..720h", "6h", false,
              "The same for an account that may not see deleted objects: deletions are found in no "
              "other way then.",
              [](Config&, Connector& connector, const KeyValue& value) {
                connector.compare_every = value.duration;
              }},
      KeyInfo{"connector", kAd, "photo_limit", KeyType::size, "0KiB..1MiB", "0KiB", false,
              "Photos (thumbnailPhoto) up to this size are kept with the records; they are not "
              "published. 0KiB: photos are not read.",
              [](Config&, Connector& connector, const KeyValue& value) {
                connector.photo_limit = value.size;
              }},
  };
}

/// What entra and exchange-online have in common differs in a few words.
struct CloudWords {
  Kind kind;
  std::string_view endpoint_key;
  std::string_view endpoint_help;
  std::string_view scope_help;
  std::string_view complete_every;
};

std::vector<KeyInfo> cloud_keys(const CloudWords& words) {
  const auto key = [&words](std::string_view name, KeyType type, std::string_view allowed,
                            std::string_view fallback, std::string_view help,
                            decltype(KeyInfo::store) store, std::string_view follows = {}) {
    return KeyInfo{"connector", words.kind, name, type,  allowed,
                   fallback,    false,      help, store, follows};
  };
  KeyInfo tenant = key(
      "tenant", KeyType::tenant, "", "", "The tenant's id or one of its domains.",
      [](Config&, Connector& connector, const KeyValue& value) { connector.tenant = value.text; });
  tenant.required = true;
  return {
      tenant,
      key("client_id", KeyType::text, "", "",
          "The application (client) id of the app registration. Required, but with "
          "managed_identity: there it chooses a user-assigned identity.",
          [](Config&, Connector& connector, const KeyValue& value) {
            connector.client_id = value.text;
          }),
      key("client_secret_file", KeyType::secret_file, "", "",
          "Credential: the file with the app's client secret.",
          [](Config&, Connector& connector, const KeyValue& value) {
            connector.secret_file = {"client_secret_file", value.text, value.line};
          }),
      key("client_secret_expires", KeyType::date, "", "",
          "The day on which the client secret ends, as the app registration shows it: so that "
          "gald can warn before.",
          [](Config&, Connector& connector, const KeyValue& value) {
            connector.secret_expires = value.date;
          }),
      key("certificate_file", KeyType::pem_file, "", "",
          "Credential: the certificate that is registered with the app, and its RSA key if "
          "private_key_file does not name another file.",
          [](Config&, Connector& connector, const KeyValue& value) {
            connector.certificate_file = {"certificate_file", value.text, value.line};
          }),
      key("private_key_file", KeyType::pem_file, "", "", "The certificate's key, if it is alone.",
          [](Config&, Connector& connector, const KeyValue& value) {
            connector.private_key_file = {"private_key_file", value.text, value.line};
          }),
      key("assertion", KeyType::choice, "PS256|RS256", "PS256",
          "How gald signs with the certificate's key. RS256 is the older form, with the SHA-1 "
          "thumbprint.",
          [](Config&, Connector& connector, const KeyValue& value) {
            connector.assertion = value.text;
          }),
      key("federated_token_file", KeyType::secret_file, "", "",
          "Credential: the file with a token of an identity provider that the app trusts, which "
          "the platform renews.",
          [](Config&, Connector& connector, const KeyValue& value) {
            connector.federated_token_file = {"federated_token_file", value.text, value.line};
          }),
      key("managed_identity", KeyType::flag, "", "false",
          "Credential: the identity that Azure gave to this machine.",
          [](Config&, Connector& connector, const KeyValue& value) {
            connector.managed_identity = value.flag;
          }),
      key("imds_endpoint", KeyType::imds_url, "", "http://169.254.169.254",
          "Where the machine's metadata service answers, for managed_identity.",
          [](Config&, Connector& connector, const KeyValue& value) {
            connector.imds_endpoint = value.text;
          }),
      key("cloud", KeyType::choice, "global|us-gov|us-gov-dod|china", "global",
          "The cloud that the tenant lives in, which says where its services are.",
          [](Config&, Connector& connector, const KeyValue& value) {
            connector.cloud = value.text;
          }),
      key(
          "login_endpoint", KeyType::https_url, "", "", "Where tokens come from.",
          [](Config&, Connector& connector, const KeyValue& value) {
            connector.login_endpoint = value.text;
          },
          "cloud"),
      key(
          words.endpoint_key, KeyType::https_url, "", "", words.endpoint_help,
          [](Config&, Connector& connector, const KeyValue& value) {
            connector.service_endpoint = value.text;
          },
          "cloud"),
      key(
          "scope", KeyType::text, "", "", words.scope_help,
          [](Config&, Connector& connector, const KeyValue& value) {
            connector.scope = value.text;
          },
          words.endpoint_key),
      key("ca_file", KeyType::file, "", "",
          "The certificates (PEM) to trust instead of the system's.", store_ca_file),
      key("proxy", KeyType::proxy_url, "", "",
          "The proxy to go through (CONNECT). TLS goes through it to the service itself, and the "
          "proxy looks the names up. No other proxy setting is looked at.",
          [](Config&, Connector& connector, const KeyValue& value) {
            connector.proxy = value.text;
          }),
      key("proxy_credentials_file", KeyType::secret_file, "", "",
          "The file with `user:password` for the proxy (Basic).",
          [](Config&, Connector& connector, const KeyValue& value) {
            connector.proxy_credentials_file = {"proxy_credentials_file", value.text, value.line};
          }),
      key("complete_every", KeyType::duration, "0s..720h", words.complete_every,
          "How often everything is read and compared, which is how deletions that the source did "
          "not tell are found. 0s: in every cycle.",
          [](Config&, Connector& connector, const KeyValue& value) {
            connector.complete_every = value.duration;
          }),
      key("page_limit", KeyType::size, "1MiB..1GiB", "64MiB",
          "The largest answer that is accepted, uncompressed.",
          [](Config&, Connector& connector, const KeyValue& value) {
            connector.page_limit = value.size;
          }),
  };
}

std::vector<KeyInfo> all_keys() {
  std::vector<KeyInfo> keys = common_keys();
  for (const CloudWords& words :
       {CloudWords{kEntra, "graph_endpoint", "Microsoft Graph.",
                   "What the token is asked for: the endpoint followed by /.default.", "168h"},
        CloudWords{kExchange, "exchange_endpoint", "Exchange Online.",
                   "What the token is asked for: the endpoint followed by /.default, but in China "
                   "always https://partner.outlook.cn/.default.",
                   "2h"}})
    for (KeyInfo& key : cloud_keys(words))
      keys.push_back(key);
  const auto connectors = std::find_if(
      keys.begin(), keys.end(), [](const KeyInfo& key) { return key.section == "connector"; });
  const std::vector<KeyInfo> api = api_keys();
  keys.insert(connectors, api.begin(), api.end());
  return keys;
}

bool only_of(std::string_view text, std::string_view extra) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || extra.find(c) != extra.npos;
  });
}

/// The text behind the scheme: a host name or [IPv6 address], perhaps a port, and nothing else.
std::string check_authority(std::string_view text) {
  if (text.find('@') != text.npos)
    return "must not contain a name or a password";
  if (text.find_first_of("/?#") != text.npos)
    return "must end behind the host name and the port";
  if (text.empty() || text.front() == ':' || !only_of(text, ".-:[]_"))
    return "has no valid host name";
  return {};
}

std::string check_url(std::string_view text, std::string_view scheme, KeyValue& value) {
  if (!base::ascii_lower(text.substr(0, scheme.size())).starts_with(scheme))
    return "only " + std::string(scheme) + " is accepted, found " + std::string(text);
  if (text.size() > scheme.size() && text.back() == '/')
    text.remove_suffix(1);
  value.text = text;
  return check_authority(text.substr(scheme.size()));
}

std::string check_ldap_url(std::string_view text, KeyValue& value) {
  for (const std::string_view scheme : {"ldaps://", "ldap://"})
    if (base::ascii_iequals(text.substr(0, scheme.size()), scheme))
      return check_url(text, scheme, value);
  return "expected an ldaps:// or ldap:// address, found \"" + std::string(text) + "\"";
}

std::string check_imds_url(std::string_view text, KeyValue& value) {
  std::string wrong = check_url(text, "http://", value);
  if (wrong.empty() && !net::is_plain_http_url(value.text))
    return "must be an address of this machine or its link (127.0.0.1, 169.254.169.254), found " +
           std::string(text);
  return wrong;
}

/// Both ends belong to the range.
template <typename Value, typename Parse>
std::string check_range(const KeyInfo& key, std::string_view text, const Parse& parse,
                        Value& value) {
  const auto parsed = parse(text);
  if (!parsed)
    return "expected " + describe_type(key) + ", found \"" + std::string(text) + "\"";
  const std::size_t dots = key.allowed.find("..");
  const std::string_view least = key.allowed.substr(0, dots);
  const std::string_view most = key.allowed.substr(dots + 2);
  if (*parsed < *parse(least) || *parsed > *parse(most))
    return "must be between " + std::string(least) + " and " + std::string(most) + ", found " +
           std::string(text);
  value = *parsed;
  return {};
}

/// Only digits, so no sign and no space.
std::optional<int> parse_number(std::string_view text) {
  int number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || !only_of(text.substr(0, 1), ""))
    return std::nullopt;
  return number;
}

std::optional<std::chrono::sys_days> parse_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-')
    return std::nullopt;
  const auto year = parse_number(text.substr(0, 4));
  const auto month = parse_number(text.substr(5, 2));
  const auto day = parse_number(text.substr(8, 2));
  if (!year || !month || !day)
    return std::nullopt;
  const auto date = std::chrono::year(*year) / *month / *day;
  if (!date.ok())
    return std::nullopt;
  return std::chrono::sys_days(date);
}

std::string quoted_choices(std::string_view allowed) {
  std::string list;
  for (const std::string_view choice : base::split(allowed, '|')) {
    if (!list.empty())
      list += ", ";
    list += '"';
    list += choice;
    list += '"';
  }
  return list;
}

}  // namespace

std::span<const KeyInfo> config_keys() {
  static const std::vector<KeyInfo> kKeys = all_keys();
  return kKeys;
}

CheckedText check_text(const KeyInfo& key, std::string_view text) {
  CheckedText result;
  result.value.text = text;
  const auto expected = [&] {
    return "expected " + describe_type(key) + ", found \"" + std::string(text) + "\"";
  };
  if (base::trim(text).empty() && key.type != KeyType::duration) {
    result.error = "must not be empty";
    return result;
  }
  if (std::any_of(text.begin(), text.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 32; })) {
    result.error = "must not contain control characters";
    return result;
  }
  switch (key.type) {
    case KeyType::text:
    case KeyType::file:
    case KeyType::secret_file:
    case KeyType::pem_file:
    case KeyType::keytab_file:
      break;
    case KeyType::flag:
      result.value.flag = text == "true";
      break;
    case KeyType::duration:
      result.error = check_range(key, text, parse_duration, result.value.duration);
      break;
    case KeyType::size:
      result.error = check_range(key, text, parse_size, result.value.size);
      break;
    case KeyType::count:
      result.error = check_range(key, text, parse_number, result.value.count);
      break;
    case KeyType::date:
      if (const auto date = parse_date(text))
        result.value.date = *date;
      else
        result.error = expected();
      break;
    case KeyType::choice: {
      const auto choices = base::split(key.allowed, '|');
      if (std::find(choices.begin(), choices.end(), text) == choices.end())
        result.error = expected();
      break;
    }
    case KeyType::tenant:
      if (!only_of(text, ".-"))
        result.error = expected();
      break;
    case KeyType::https_url:
      result.error = check_url(text, "https://", result.value);
      break;
    case KeyType::proxy_url:
      result.error = check_url(text, "http://", result.value);
      break;
    case KeyType::imds_url:
      result.error = check_imds_url(text, result.value);
      break;
    case KeyType::ldap_url:
      result.error = check_ldap_url(text, result.value);
      break;
    case KeyType::listen_address:
      if (!net::reach_of(text))
        result.error = expected();
      break;
    case KeyType::dns_name:
      if (!only_of(text, ".-_"))
        result.error = expected();
      break;
    case KeyType::region:
      result.value.text = model::region_of_country(text);
      if (result.value.text != text) {
        result.error = expected();
        if (!result.value.text.empty())
          result.error += " (did you mean " + result.value.text + "?)";
      }
      break;
  }
  return result;
}

std::string describe_type(const KeyInfo& key) {
  if (key.list) {
    KeyInfo element = key;
    element.list = false;
    return "a list in brackets, each element " + describe_type(element);
  }
  switch (key.type) {
    case KeyType::text:
      return "a text in quotes";
    case KeyType::flag:
      return "true or false";
    case KeyType::duration:
      return "a duration such as \"" + std::string(key.fallback) + "\"";
    case KeyType::size:
      return "a size such as \"" + std::string(key.fallback) + "\"";
    case KeyType::count:
      return "a number such as " + std::string(key.fallback);
    case KeyType::date:
      return "a date such as \"2027-03-01\"";
    case KeyType::choice:
      return "one of " + quoted_choices(key.allowed);
    case KeyType::tenant:
      return "a GUID or a domain name";
    case KeyType::https_url:
      return "an https:// address";
    case KeyType::proxy_url:
    case KeyType::imds_url:
      return "an http:// address";
    case KeyType::ldap_url:
      return "an ldaps:// or ldap:// address";
    case KeyType::listen_address:
      return "an address with a port such as \"127.0.0.1:8389\", or \"unix:\" and a file name";
    case KeyType::dns_name:
      return "a name of letters, digits, dots and hyphens";
    case KeyType::region:
      return "the code of a country such as \"DE\"";
    case KeyType::file:
    case KeyType::secret_file:
    case KeyType::pem_file:
    case KeyType::keytab_file:
      return "a file name";
  }
  return {};
}

namespace {

/// The value of a key that is no list, in docs/configuration.md.
std::string described_for_table(const KeyInfo& key) {
  std::string row;
  switch (key.type) {
    case KeyType::choice:
      row += quoted_choices(key.allowed);
      break;
    case KeyType::duration:
    case KeyType::size:
    case KeyType::count:
      row += key.type == KeyType::size    ? "size, "
             : key.type == KeyType::count ? "number, "
                                          : "duration, ";
      row += std::string(key.allowed.substr(0, key.allowed.find(".."))) + " to " +
             std::string(key.allowed.substr(key.allowed.find("..") + 2));
      break;
    case KeyType::text:
      row += "text";
      break;
    case KeyType::secret_file:
      row += "secret file";
      break;
    case KeyType::pem_file:
      row += "PEM file";
      break;
    case KeyType::keytab_file:
      row += "keytab";
      break;
    case KeyType::dns_name:
      row += "name";
      break;
    case KeyType::date:
      row += "date";
      break;
    default:
      row += describe_type(key);
  }
  return row;
}

}  // namespace

std::string document_key(const KeyInfo& key) {
  std::string row = "| `";
  row += key.name;
  row += "` | ";
  row += key.list ? describe_type(key) : described_for_table(key);
  row += " | ";
  if (key.required)
    row += "required";
  else if (!key.follows.empty())
    row += "that of `" + std::string(key.follows) + "`";
  else if (key.fallback.empty())
    row += "none";
  else if (key.list)
    row += "`[" + quoted_choices(key.fallback) + "]`";
  else
    row += "`" + std::string(key.fallback) + "`";
  row += " | ";
  row += key.help;
  row += " |";
  return row;
}

std::optional<milliseconds> parse_duration(std::string_view text) {
  if (text.size() < 2 || text.size() > 7)
    return std::nullopt;
  const auto number = parse_number(text.substr(0, text.size() - 1));
  if (!number)
    return std::nullopt;
  switch (text.back()) {
    case 's':
      return seconds(*number);
    case 'm':
      return minutes(*number);
    case 'h':
      return hours(*number);
    case 'd':
      return std::chrono::days(*number);
    default:
      return std::nullopt;
  }
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const std::string_view digits = text.substr(0, text.find_first_not_of("0123456789"));
  const std::string_view unit = text.substr(digits.size());
  const auto number = parse_number(digits);
  if (!number)
    return std::nullopt;
  const auto count = static_cast<std::uint64_t>(*number);
  if (unit == "KiB")
    return count << 10;
  if (unit == "MiB")
    return count << 20;
  if (unit == "GiB")
    return count << 30;
  return std::nullopt;
}

void fill_in_endpoints(ConnectorConfig& connector) {
  const auto cloud = std::find_if(kClouds.begin(), kClouds.end(), [&](const Cloud& candidate) {
    return candidate.name == connector.cloud;
  });
  if (cloud == kClouds.end())
    return;  // active-directory, or a value that was refused
  const bool exchange = connector.kind == kExchange;
  if (connector.login_endpoint.empty())
    connector.login_endpoint = cloud->login;
  if (connector.service_endpoint.empty())
    connector.service_endpoint = exchange ? cloud->exchange : cloud->graph;
  // 21Vianet's Exchange answers under several names, but its tokens know one.
  if (connector.scope.empty())
    connector.scope = (exchange && cloud->name == "china" ? std::string(cloud->exchange)
                                                          : connector.service_endpoint) +
                      "/.default";
}

}  // namespace gald::daemon
