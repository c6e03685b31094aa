#include "config_api.hpp"

#include <string_view>
#include <utility>

#include "net/http_server.hpp"

namespace gald::daemon {

namespace {

using Connector = ConnectorConfig;

constexpr std::string_view kUnix = "unix:";

}  // namespace

std::vector<KeyInfo> api_keys() {
  return {
      KeyInfo{.section = "api",
              .only_for = {},
              .name = "listen",
              .type = KeyType::listen_address,
              .allowed = "",
              .fallback = "unix:/run/gald/gald.sock|127.0.0.1:8389",
              .required = false,
              .help =
                  "Where the API and the console are. `[]`: nowhere. Other addresses than those "
                  "of this machine itself need certificate_file.",
              .store =
                  [](Config& config, Connector&, const KeyValue& value) {
                    config.api.listen = value.texts;
                    config.api.listen_line = value.line;
                  },
              .follows = {},
              .list = true,
              .may_be_empty = true},
      KeyInfo{
          "api",
          {},
          "certificate_file",
          KeyType::pem_file,
          "",
          "",
          false,
          "The certificate of the server, with those between it and its authority. With it, all "
          "TCP addresses speak TLS 1.2 or newer, and nothing else.",
          [](Config& config, Connector&, const KeyValue& value) {
            config.api.certificate_file = {"certificate_file", value.text, value.line};
          }},
      KeyInfo{"api",
              {},
              "key_file",
              KeyType::pem_file,
              "",
              "",
              false,
              "The private key of the certificate. Without it: it is in certificate_file.",
              [](Config& config, Connector&, const KeyValue& value) {
                config.api.key_file = {"key_file", value.text, value.line};
              }},
      KeyInfo{"api",
              {},
              "client_ca_file",
              KeyType::pem_file,
              "",
              "",
              false,
              "The authorities whose certificates clients may show.",
              [](Config& config, Connector&, const KeyValue& value) {
                config.api.client_ca_file = {"client_ca_file", value.text, value.line};
              }},
      KeyInfo{"api",
              {},
              "client_certificates",
              KeyType::choice,
              "optional|required",
              "optional",
              false,
              "Whether clients have to show one, where there is a client_ca_file.",
              [](Config& config, Connector&, const KeyValue& value) {
                config.api.require_client_certificate = value.text == "required";
              }},
      KeyInfo{.section = "api",
              .only_for = {},
              .name = "hosts",
              .type = KeyType::dns_name,
              .allowed = "",
              .fallback = "",
              .required = false,
              .help =
                  "What this server is called, for TCP addresses without TLS: the name that a "
                  "proxy in front of it passes on. localhost, 127.0.0.1 and [::1] always are; a "
                  "request for another host is refused, as it may come from the page of a "
                  "stranger.",
              .store = [](Config& config, Connector&,
                          const KeyValue& value) { config.api.hosts = value.texts; },
              .follows = {},
              .list = true},
      KeyInfo{"api",
              {},
              "requests_per_minute",
              KeyType::count,
              "1..1000000000",
              "6000",
              false,
              "How many requests a client may make: a token, or an address without one.",
              [](Config& config, Connector&, const KeyValue& value) {
                config.api.requests_per_minute = value.count;
              }},
      KeyInfo{"api",
              {},
              "tokens_file",
              KeyType::file,
              "",
              "gald.tokens",
              false,
              "Where `gald token` keeps who was given access. A relative name starts beside the "
              "index.",
              [](Config& config, Connector&, const KeyValue& value) {
                config.api.tokens_file = value.text;
              }},
      KeyInfo{
          "api",
          {},
          "connections",
          KeyType::count,
          "10..100000",
          "4000",
          false,
          "How many connections there may be at a time. The system's limit of open files has to "
          "allow them.",
          [](Config& config, Connector&, const KeyValue& value) {
            config.api.connections = value.count;
          }},
  };
}

void check_api(const toml::table* section, Config& config, const Fail& fail) {
  ApiConfig& api = config.api;
  for (std::string& address : api.listen)
    if (address.starts_with(kUnix))  // an absolute name stays what it is
      address =
          std::string(kUnix) + (config.file.parent_path() / address.substr(kUnix.size())).string();
  api.tokens_file = config.index_file.parent_path() / api.tokens_file;
  if (section == nullptr)
    return;
  for (const auto& [key, needed] :
       std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"key_file", "certificate_file"},
           {"client_ca_file", "certificate_file"},
           {"client_certificates", "client_ca_file"}})
    if (const toml::node* node = section->get(key); node && !section->contains(needed))
      fail(line_of(*node), "api." + std::string(key),
           "has no meaning without " + std::string(needed));
  if (section->contains("certificate_file"))
    return;
  for (const std::string& address : api.listen)
    if (net::reach_of(address) == net::Reach::others)
      fail(api.listen_line, "api.listen",
           address +
               " can be reached from other machines, and tokens must not go over the wire in "
               "clear text: add certificate_file, or listen on 127.0.0.1 behind a proxy with "
               "TLS");
}

}  // namespace gald::daemon
