#include "config.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include <toml++/toml.h>

#include "base/text.hpp"
#include "config_api.hpp"
#include "config_keys.hpp"
#include "config_nodes.hpp"
#include "config_policy.hpp"

namespace gald::daemon {

namespace {

bool is_connector_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

/// Walks the file once with the table of keys in hand.
class Parser {
 public:
  explicit Parser(const std::filesystem::path& file) : file_(file) { config_.file = file; }

  ParsedConfig parse(std::string_view text) {
    try {
      const toml::table root = toml::parse(text);
      parse_root(root);
    } catch (const toml::parse_error& error) {
      const auto& at = error.source().begin;
      return {{},
              {file_.string() + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) +
               ": " + std::string(error.description())}};
    }
    std::stable_sort(errors_.begin(), errors_.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    ParsedConfig result;
    for (auto& [line, error] : errors_)
      result.errors.push_back(std::move(error));
    if (result.errors.empty())
      result.config = std::move(config_);
    return result;
  }

 private:
  void fail(int line, const std::string& where, const std::string& what) {
    errors_.emplace_back(line,
                         file_.string() + ":" + std::to_string(line) + ": " + where + ": " + what);
  }

  Fail failing() {
    return [this](int line, const std::string& where, const std::string& what) {
      fail(line, where, what);
    };
  }

  void parse_root(const toml::table& root) {
    static const std::vector<std::string_view> kSections = {
        "index",  "schedule", "log",       "guard",  "connector", "precedence",
        "policy", "labels",   "retention", "lookup", "api"};
    for (auto&& [key, node] : root) {
      const std::string name(key.str());
      const auto* section = node.as_table();
      if (std::find(kSections.begin(), kSections.end(), name) == kSections.end())
        fail(line_of(key), name,
             (section ? "unknown section" : "unknown key outside of a section") +
                 suggestion(name, kSections));
      else if (!section)
        fail(line_of(key), name,
             name == "connector" ? "expected sections [connector.NAME]"
                                 : "expected a section [" + name + "]");
    }
    ConnectorConfig none;
    for (const std::string_view name :
         {"index", "schedule", "log", "guard", "policy", "retention", "lookup", "api"})
      parse_section(std::string(name), root[name].as_table(), std::string(name), none, true);
    config_.jitter = std::min(config_.jitter, config_.interval);
    if (const auto* connectors = root["connector"].as_table())
      parse_connectors(*connectors);
    const Fail fail = failing();
    // An absolute name stays what it is. The file of tokens starts beside the index.
    config_.index_file = file_.parent_path() / config_.index_file;
    check_api(root["api"].as_table(), config_, fail);
    if (const auto* precedence = root["precedence"].as_table())
      parse_precedence(*precedence, config_.connectors, config_.policy, fail);
    if (const auto* labels = root["labels"].as_table())
      config_.policy.labels = parse_labels(*labels, fail);
    if (const auto* prefer = root["lookup"]["prefer"].as_array())
      check_preference(*prefer, config_.connectors, fail);
    if (config_.lookup.regions.empty())
      for (const auto& [connector, policy] : config_.policy.connectors)
        if (!policy.region.empty() &&
            std::find(config_.lookup.regions.begin(), config_.lookup.regions.end(),
                      policy.region) == config_.lookup.regions.end())
          config_.lookup.regions.push_back(policy.region);
    const bool any = std::any_of(config_.connectors.begin(), config_.connectors.end(),
                                 [](const ConnectorConfig& one) { return one.enabled; });
    if (!any && errors_.empty())
      fail(1, "connector", "nothing to ask: no [connector.NAME] is there and enabled");
  }

  void parse_connectors(const toml::table& connectors) {
    for (auto&& [key, node] : connectors) {
      const std::string where = "connector." + std::string(key.str());
      if (!is_connector_name(key.str()))
        fail(line_of(key), where, "the name of a connector consists of a-z, 0-9 and -");
      const auto* section = node.as_table();
      if (!section) {
        fail(line_of(key), where, "expected a section [" + where + "]");
        continue;
      }
      ConnectorConfig connector;
      connector.name = key.str();
      const auto kind =
          model::connector_kind_named((*section)["type"].value_or(std::string_view()));
      if (kind)
        connector.kind = *kind;
      parse_section("connector", section, where, connector, kind.has_value());
      if (const auto* mapping = section->get("mapping"); mapping && kind)
        parse_mapping_of(connector, *mapping, where + ".mapping");
      if (kind && *kind == model::ConnectorKind::active_directory)
        check_directory(*section, where, connector);
      else if (kind) {
        check_credential(*section, where);
        fill_in_endpoints(connector);
      }
      config_.connectors.push_back(std::move(connector));
    }
  }

  void parse_mapping_of(const ConnectorConfig& connector, const toml::node& node,
                        const std::string& where) {
    const auto* section = node.as_table();
    if (!section)
      return fail(line_of(node), where, "expected a section [" + where + "], " + found(node));
    auto rules = parse_mapping(*section, where, connector.kind, failing());
    if (!rules.empty())
      config_.policy.connectors[connector.name].mapping = std::move(rules);
  }

  /// What the keys of active-directory mean together. A key that is there but wrong counts as
  /// there: its own error is enough.
  void check_directory(const toml::table& section, const std::string& where,
                       ConnectorConfig& connector) {
    const auto fail_at = [&](std::string_view key, const std::string& what) {
      fail(line_of(*section.get(key)), where + "." + std::string(key), what);
    };
    std::string_view whom;
    for (const std::string_view key : {"url", "servers", "domain"}) {
      if (!section.contains(key))
        continue;
      if (whom.empty())
        whom = key;
      else
        fail_at(key, "only one of url, servers and domain, and there is " + std::string(whom) +
                         " already");
    }
    if (whom.empty())
      fail(line_of(section), where, "missing key: one of url, servers, domain");
    if (section.contains("site") && !section.contains("domain"))
      fail_at("site", "has no meaning without domain");
    if (connector.auth.empty())
      return;  // refused already
    const bool kerberos = connector.auth == "kerberos";
    for (const KeyInfo& key : config_keys()) {
      const bool of_simple = key.name == "bind_name" || key.name == "password_file";
      const bool of_kerberos = key.name == "principal" || key.name == "keytab_file";
      if (key.only_for != connector.kind || !(of_simple || of_kerberos))
        continue;
      const bool wanted = of_kerberos == kerberos;
      if (wanted && !section.contains(key.name))
        fail(line_of(section), where,
             "missing key " + std::string(key.name) + ": " + describe_type(key));
      if (!wanted && section.contains(key.name))
        fail_at(key.name, "has no meaning with auth = \"" + connector.auth + "\"");
    }
    if (!whom.empty())
      check_security(section, where, whom, connector);
  }

  /// A password never goes over the wire in clear text.
  void check_security(const toml::table& section, const std::string& where, std::string_view whom,
                      ConnectorConfig& connector) {
    const auto fail_at = [&](std::string_view key, const std::string& what) {
      fail(line_of(*section.get(key)), where + "." + std::string(key), what);
    };
    std::vector<std::string> urls = connector.servers;
    if (!connector.url.empty())
      urls.push_back(connector.url);
    const auto tls = std::count_if(urls.begin(), urls.end(), [](const std::string& url) {
      return base::ascii_lower(url).starts_with("ldaps:");
    });
    const bool all_tls = !urls.empty() && static_cast<std::size_t>(tls) == urls.size();
    const bool all_plain = !urls.empty() && tls == 0;
    if (!urls.empty() && !all_tls && !all_plain)
      return fail_at(whom, "ldaps:// and ldap:// cannot be mixed");
    const bool kerberos = connector.auth == "kerberos";
    std::string& security = connector.security;
    if (security.empty() && section.contains("security"))
      return;  // refused already
    if (security.empty() && all_plain && !kerberos)
      return fail_at(whom,
                     "a simple bind over ldap:// would send the password in clear text: write "
                     "ldaps://, or add security = \"starttls\"");
    if (security.empty())
      security = all_tls || !kerberos ? "ldaps" : "gssapi";
    if (security == "ldaps" && all_plain)
      fail_at("security", "\"ldaps\" needs ldaps:// addresses");
    if (security != "ldaps" && all_tls)
      fail_at("security", "\"" + security + "\" needs ldap:// addresses");
    if (security == "gssapi" && !kerberos)
      fail_at("security", "\"gssapi\" has no meaning without auth = \"kerberos\"");
    if (security == "gssapi" && connector.ca_file)
      fail_at("ca_file", "has no meaning with security = \"gssapi\": there is no certificate");
  }

  /// Keys that only make sense together, or only apart. A key that is there but wrong counts as
  /// there: its own error is enough.
  void check_credential(const toml::table& section, const std::string& where) {
    const auto given = [&](std::string_view key) -> const toml::node* {
      const toml::node* node = section.get(key);
      const auto* flag = node ? node->as_boolean() : nullptr;
      return flag && !flag->get() ? nullptr : node;
    };
    const toml::node* credential = nullptr;
    std::string_view credential_key;
    for (const std::string_view key :
         {"client_secret_file", "certificate_file", "federated_token_file", "managed_identity"}) {
      const toml::node* node = given(key);
      if (node && credential)
        fail(line_of(*node), where + "." + std::string(key),
             "only one credential, and there is " + std::string(credential_key) + " already");
      else if (node) {
        credential = node;
        credential_key = key;
      }
    }
    if (!credential)
      fail(line_of(section), where,
           "missing credential: one of client_secret_file, certificate_file, "
           "federated_token_file, managed_identity = true");
    if (credential_key != "managed_identity" && !given("client_id"))
      fail(line_of(section), where, "missing key client_id: a text in quotes");
    for (const auto& [key, needed] :
         std::initializer_list<std::pair<std::string_view, std::string_view>>{
             {"client_secret_expires", "client_secret_file"},
             {"private_key_file", "certificate_file"},
             {"assertion", "certificate_file"},
             {"imds_endpoint", "managed_identity"},
             {"proxy_credentials_file", "proxy"}})
      if (const toml::node* node = given(key); node && !given(needed))
        fail(line_of(*node), where + "." + std::string(key),
             "has no meaning without " + std::string(needed));
  }

  /// `section` may be null: then the defaults count. With `kind_known` false only the keys of all
  /// connectors are checked, as nobody can tell what the others should be.
  void parse_section(const std::string& section_name, const toml::table* section,
                     const std::string& where, ConnectorConfig& connector, bool kind_known) {
    const auto applies = [&](const KeyInfo& key) {
      return key.section == section_name &&
             (!key.only_for || (kind_known && *key.only_for == connector.kind));
    };
    for (const KeyInfo& key : config_keys()) {
      if (!applies(key))
        continue;
      const toml::node* node = section ? section->get(key.name) : nullptr;
      if (node)
        parse_value(key, *node, where + "." + std::string(key.name), connector);
      else if (key.required)
        fail(section ? line_of(*section) : 1, where,
             "missing key " + std::string(key.name) + ": " + describe_type(key));
      else if (!key.fallback.empty())
        key.store(config_, connector, default_of(key));
    }
    if (!section)
      return;
    for (auto&& [name, node] : *section)
      if (section_name != "connector" || name.str() != "mapping")
        check_key_name(std::string(name.str()), line_of(name), section_name, where, applies,
                       kind_known);
  }

  static KeyValue default_of(const KeyInfo& key) {
    if (!key.list)
      return check_text(key, key.fallback).value;
    KeyValue value;
    for (const std::string_view element : base::split(key.fallback, '|'))
      value.texts.push_back(check_text(key, element).value.text);
    return value;
  }

  template <typename Applies>
  void check_key_name(const std::string& name, int line, const std::string& section_name,
                      const std::string& where, const Applies& applies, bool kind_known) {
    std::vector<std::string_view> names;
    bool of_other_type = false;
    for (const KeyInfo& key : config_keys()) {
      if (applies(key)) {
        if (key.name == name)
          return;
        names.push_back(key.name);
      } else if (key.section == section_name && key.name == name) {
        of_other_type = true;
      }
    }
    if (of_other_type && !kind_known)
      return;
    static const std::vector<std::string_view> kInFiles = {"password",        "client_secret",
                                                           "certificate",     "private_key",
                                                           "federated_token", "proxy_credentials"};
    if (std::find(kInFiles.begin(), kInFiles.end(), name) != kInFiles.end()) {
      fail(line, where + "." + name,
           "no secrets in this file: write it into a file of its own and name that in " + name +
               "_file");
      return;
    }
    fail(line, where + "." + name,
         of_other_type ? "not a key of this type of connector"
                       : "unknown key" + suggestion(name, names));
  }

  void parse_value(const KeyInfo& key, const toml::node& node, const std::string& where,
                   ConnectorConfig& connector) {
    std::string text;
    if (key.type == KeyType::flag) {
      if (const auto* flag = node.as_boolean())
        text = flag->get() ? "true" : "false";
      else
        return fail(line_of(node), where, "expected true or false, " + found(node));
    } else if (key.type == KeyType::count && node.is_integer()) {
      text = std::to_string(node.as_integer()->get());
    } else if (key.type == KeyType::count) {
      return fail(line_of(node), where, "expected " + describe_type(key) + ", " + found(node));
    } else if (key.list) {
      return parse_list(key, node, where, connector);
    } else if (const auto* string = node.as_string()) {
      text = string->get();
    } else {
      return fail(line_of(node), where,
                  "expected " + describe_type(key) + (key.secret() ? "" : ", " + found(node)));
    }
    CheckedText checked = check_text(key, text);
    if (!checked.error.empty())
      return fail(line_of(node), where, checked.error);
    checked.value.line = line_of(node);
    key.store(config_, connector, checked.value);
  }

  void parse_list(const KeyInfo& key, const toml::node& node, const std::string& where,
                  ConnectorConfig& connector) {
    const auto* array = node.as_array();
    if (array == nullptr || (array->empty() && !key.may_be_empty))
      return fail(line_of(node), where,
                  "expected " + describe_type(key) +
                      (array != nullptr ? ", found an empty list" : ", " + found(node)));
    KeyValue value;
    value.line = line_of(node);
    for (const toml::node& element : *array) {
      const auto* string = element.as_string();
      if (string == nullptr)
        return fail(line_of(element), where,
                    "expected " + describe_type(key) + ", " + found(element) + " in it");
      CheckedText checked = check_text(key, string->get());
      if (!checked.error.empty())
        return fail(line_of(element), where, checked.error);
      value.texts.push_back(std::move(checked.value.text));
    }
    key.store(config_, connector, value);
  }

  const std::filesystem::path& file_;
  Config config_;
  std::vector<std::pair<int, std::string>> errors_;
};

}  // namespace

ParsedConfig parse_config(std::string_view text, const std::filesystem::path& file) {
  return Parser(file).parse(text);
}

ParsedConfig load_config(const std::filesystem::path& file) {
  std::error_code ignored;
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  if (stream && !std::filesystem::is_directory(file, ignored))
    text << stream.rdbuf();
  else
    return {
        {},
        {file.string() + ": cannot be read: " + (errno ? std::strerror(errno) : "it is a folder")}};
  return parse_config(text.str(), file);
}

}  // namespace gald::daemon
