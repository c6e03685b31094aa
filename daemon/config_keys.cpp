#include "config_keys.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/text.hpp"

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

void store_secret_file(Config&, Connector& connector, const KeyValue& value) {
  connector.secret_file = value.text;
  connector.secret_line = value.line;
}

void store_ca_file(Config&, Connector& connector, const KeyValue& value) {
  connector.ca_file = value.text;
  connector.ca_line = value.line;
}

void store_tenant(Config&, Connector& connector, const KeyValue& value) {
  connector.tenant = value.text;
}

void store_client_id(Config&, Connector& connector, const KeyValue& value) {
  connector.client_id = value.text;
}

void store_login_endpoint(Config&, Connector& connector, const KeyValue& value) {
  connector.login_endpoint = value.text;
}

void store_service_endpoint(Config&, Connector& connector, const KeyValue& value) {
  connector.service_endpoint = value.text;
}

void store_scope(Config&, Connector& connector, const KeyValue& value) {
  connector.scope = value.text;
}

const std::array kKeys = {
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
        [](Config& config, Connector&, const KeyValue& value) { config.index_file = value.text; }},
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
        "jitter",
        KeyType::duration,
        "0s..1h",
        "1m",
        false,
        "Each cycle is put off by a random time up to this, so that many installations do not "
        "ask at the same moment. Never more than the interval.",
        [](Config& config, Connector&, const KeyValue& value) { config.jitter = value.duration; }},
    KeyInfo{"log",
            {},
            "level",
            KeyType::choice,
            "debug|info|warning|error",
            "info",
            false,
            "What `gald run` logs. Only debug may show personal data; no level shows secrets.",
            [](Config& config, Connector&, const KeyValue& value) {
              config.log_level = base::log::parse_level(value.text);
            }},

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
        "connector", kAd, "url", KeyType::ldaps_url, "", "", true, "The domain controller to ask.",
        [](Config&, Connector& connector, const KeyValue& value) { connector.url = value.text; }},
    KeyInfo{"connector", kAd, "bind_name", KeyType::text, "", "", true,
            "The account to ask as: `user@domain`, `DOMAIN\\user` or a DN.",
            [](Config&, Connector& connector, const KeyValue& value) {
              connector.bind_name = value.text;
            }},
    KeyInfo{"connector", kAd, "password_file", KeyType::secret_file, "", "", true,
            "The file with the account's password.", store_secret_file},
    KeyInfo{"connector", kAd, "ca_file", KeyType::file, "", "", false,
            "The certificates (PEM) to trust instead of the system's.", store_ca_file},
    KeyInfo{"connector", kAd, "naming_context", KeyType::text, "", "", false,
            "The domain to read, as a DN. Without it: the default domain of the controller.",
            [](Config&, Connector& connector, const KeyValue& value) {
              connector.naming_context = value.text;
            }},
    KeyInfo{"connector", kAd, "connect_timeout", KeyType::duration, "1s..5m", "10s", false,
            "The limit for each of: finding the address, connecting with TLS, binding.",
            [](Config&, Connector& connector, const KeyValue& value) {
              connector.connect_timeout = value.duration;
            }},
    KeyInfo{"connector", kAd, "answer_timeout", KeyType::duration, "1s..30m", "2m", false,
            "How long the controller may be silent during a search. Large directories take a while "
            "before the first entry comes.",
            [](Config&, Connector& connector, const KeyValue& value) {
              connector.answer_timeout = value.duration;
            }},

    KeyInfo{"connector", kEntra, "tenant", KeyType::tenant, "", "", true,
            "The tenant's id or one of its domains.", store_tenant},
    KeyInfo{"connector", kEntra, "client_id", KeyType::text, "", "", true,
            "The application (client) id of the app registration.", store_client_id},
    KeyInfo{"connector", kEntra, "client_secret_file", KeyType::secret_file, "", "", true,
            "The file with the app's client secret.", store_secret_file},
    KeyInfo{"connector", kEntra, "login_endpoint", KeyType::https_url, "",
            "https://login.microsoftonline.com", false,
            "Where tokens come from. Other in national clouds.", store_login_endpoint},
    KeyInfo{"connector", kEntra, "graph_endpoint", KeyType::https_url, "",
            "https://graph.microsoft.com", false, "Microsoft Graph. Other in national clouds.",
            store_service_endpoint},
    KeyInfo{"connector", kEntra, "scope", KeyType::text, "", "", false,
            "What the token is asked for. Without it: graph_endpoint followed by /.default.",
            store_scope},
    KeyInfo{"connector", kEntra, "ca_file", KeyType::file, "", "", false,
            "The certificates (PEM) to trust instead of the system's.", store_ca_file},

    KeyInfo{"connector", kExchange, "tenant", KeyType::tenant, "", "", true,
            "The tenant's id or one of its domains.", store_tenant},
    KeyInfo{"connector", kExchange, "client_id", KeyType::text, "", "", true,
            "The application (client) id of the app registration.", store_client_id},
    KeyInfo{"connector", kExchange, "client_secret_file", KeyType::secret_file, "", "", true,
            "The file with the app's client secret.", store_secret_file},
    KeyInfo{"connector", kExchange, "login_endpoint", KeyType::https_url, "",
            "https://login.microsoftonline.com", false,
            "Where tokens come from. Other in national clouds.", store_login_endpoint},
    KeyInfo{"connector", kExchange, "exchange_endpoint", KeyType::https_url, "",
            "https://outlook.office365.com", false, "Exchange Online. Other in national clouds.",
            store_service_endpoint},
    KeyInfo{"connector", kExchange, "scope", KeyType::text, "", "", false,
            "What the token is asked for. Without it: exchange_endpoint followed by /.default.",
            store_scope},
    KeyInfo{"connector", kExchange, "ca_file", KeyType::file, "", "", false,
            "The certificates (PEM) to trust instead of the system's.", store_ca_file},
};

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

std::string check_duration(const KeyInfo& key, std::string_view text, KeyValue& value) {
  const auto duration = parse_duration(text);
  if (!duration)
    return "expected " + describe_type(key) + ", found \"" + std::string(text) + "\"";
  const std::size_t dots = key.allowed.find("..");
  const std::string_view least = key.allowed.substr(0, dots);
  const std::string_view most = key.allowed.substr(dots + 2);
  if (*duration < *parse_duration(least) || *duration > *parse_duration(most))
    return "must be between " + std::string(least) + " and " + std::string(most) + ", found " +
           std::string(text);
  value.duration = *duration;
  return {};
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
      break;
    case KeyType::flag:
      result.value.flag = text == "true";
      break;
    case KeyType::duration:
      result.error = check_duration(key, text, result.value);
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
    case KeyType::ldaps_url:
      result.error = check_url(text, "ldaps://", result.value);
      break;
  }
  return result;
}

std::string describe_type(const KeyInfo& key) {
  switch (key.type) {
    case KeyType::text:
      return "a text in quotes";
    case KeyType::flag:
      return "true or false";
    case KeyType::duration:
      return "a duration such as \"" + std::string(key.fallback) + "\"";
    case KeyType::choice:
      return "one of " + quoted_choices(key.allowed);
    case KeyType::tenant:
      return "a GUID or a domain name";
    case KeyType::https_url:
      return "an https:// address";
    case KeyType::ldaps_url:
      return "an ldaps:// address";
    case KeyType::file:
    case KeyType::secret_file:
      return "a file name";
  }
  return {};
}

std::string document_key(const KeyInfo& key) {
  std::string row = "| `";
  row += key.name;
  row += "` | ";
  switch (key.type) {
    case KeyType::choice:
      row += quoted_choices(key.allowed);
      break;
    case KeyType::duration:
      row += "duration, " + std::string(key.allowed.substr(0, key.allowed.find(".."))) + " to " +
             std::string(key.allowed.substr(key.allowed.find("..") + 2));
      break;
    case KeyType::text:
      row += "text";
      break;
    case KeyType::secret_file:
      row += "secret file";
      break;
    default:
      row += describe_type(key);
  }
  row += " | ";
  if (key.required)
    row += "required";
  else if (key.fallback.empty())
    row += "none";
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
  int number = 0;
  for (const char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9')
      return std::nullopt;
    number = number * 10 + (c - '0');
  }
  switch (text.back()) {
    case 's':
      return seconds(number);
    case 'm':
      return minutes(number);
    case 'h':
      return hours(number);
    default:
      return std::nullopt;
  }
}

}  // namespace gald::daemon
