// `gald token`: who may use the API.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>
#include <type_traits>

#include <nlohmann/json.hpp>

#include "api/tokens.hpp"
#include "audit.hpp"
#include "base/log.hpp"
#include "commands.hpp"
#include "index/reader.hpp"
#include "output.hpp"
#include "text.hpp"

namespace gald::daemon {

namespace {

using Action = TokenCommand::Action;
using Json = nlohmann::ordered_json;

/// A name may be given to another group tomorrow, an id never.
std::set<std::string> ids_of(const std::set<std::string>& groups, const Context& context) {
  const index::Reader reader(context.config.index_file);
  std::set<std::string> ids;
  for (const std::string& what : groups) {
    std::vector<std::string> found;
    for (const model::Contact& contact : reader.find(what))
      if (contact.entry.kind == model::EntryKind::group &&
          contact.entry.status != model::Status::deleted)
        found.push_back(contact.entry.id);
    if (found.empty())
      throw std::runtime_error("--group \"" + printable(what) +
                               "\": no group has this id, address or name;"
                               " `gald list --kind group` shows those that there are");
    if (found.size() > 1)
      throw std::runtime_error(
          "--group \"" + printable(what) + "\": " + std::to_string(found.size()) +
          " groups are called so; name one by its id: " + found[0] + ", " + found[1]);
    ids.insert(found.front());
  }
  return ids;
}

std::string fingerprint_of(const std::string& what) {
  if (const auto fingerprint = api::certificate_fingerprint(what))
    return *fingerprint;
  std::ifstream file(what, std::ios::binary);
  if (!file)
    throw std::runtime_error("--certificate \"" + printable(what) +
                             "\": expected a file with a certificate (PEM), or its SHA-256: 64 "
                             "hex digits");
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const auto fingerprint = api::certificate_fingerprint(text);
  if (!fingerprint)
    throw std::runtime_error(printable(what) +
                             ": there is no certificate in it; expected PEM: -----BEGIN "
                             "CERTIFICATE-----");
  return *fingerprint;
}

int add(const TokenCommand& command, const Context& context) {
  api::Token token{.id = {},
                   .name = command.name,
                   .secret_hash = {},
                   .certificate = {},
                   .scope = command.scope,
                   .permission = command.permission,
                   .created = base::to_iso8601(base::SystemClock().now()),
                   .expires = command.expires ? base::to_iso8601(*command.expires) : ""};
  if (token.permission.groups)
    token.permission.groups = ids_of(*token.permission.groups, context);
  const base::Secret shown = api::give_secret(token);
  const bool by_certificate = !command.certificate.empty();
  if (by_certificate) {
    token.certificate = fingerprint_of(command.certificate);
    token.secret_hash.clear();
  }
  api::TokenFile(context.config.api.tokens_file)
      .change(
          [&](std::vector<api::Token>& tokens) {
            for (const api::Token& other : tokens) {
              if (other.name == token.name)
                throw std::runtime_error("there is a token called " + token.name +
                                         "; take another name, or `gald token revoke " +
                                         token.name + "` first");
              if (by_certificate && other.certificate == token.certificate)
                throw std::runtime_error("the certificate stands for " + other.name + " already");
            }
            tokens.push_back(token);
          },
          context.config.index_file);
  audit("token " + token.name + " added", "done");
  if (by_certificate) {
    print_line(token.id + " " + token.name + ": whoever shows the certificate " +
               token.certificate);
    return exit_code::kComplete;
  }
  print_line(shown.reveal());
  flush_output();
  complain("keep it safe: it is not shown again. Send it as Authorization: Bearer TOKEN");
  return exit_code::kComplete;
}

int revoke(const TokenCommand& command, const Context& context) {
  std::string name;
  api::TokenFile(context.config.api.tokens_file)
      .change(
          [&](std::vector<api::Token>& tokens) {
            const auto is_meant = [&](const api::Token& token) {
              return token.name == command.name || token.id == command.name;
            };
            const auto found = std::find_if(tokens.begin(), tokens.end(), is_meant);
            if (found == tokens.end())
              throw std::runtime_error("no token has the name or id \"" + printable(command.name) +
                                       "\"; `gald token list` shows those that there are");
            name = found->name;
            tokens.erase(found);
          },
          context.config.index_file);
  audit("token " + name + " revoked", "done");
  print_line(name + " is revoked: a running service takes it no longer than a second");
  return exit_code::kComplete;
}

template <typename Values>
std::string joined(const Values& values) {
  std::string text;
  for (const auto& value : values) {
    text += text.empty() ? "" : ",";
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, model::Source>)
      text += to_string(value);
    else
      text += value;
  }
  return text.empty() ? "none" : text;
}

std::string seen_by(const index::Permission& permission) {
  std::string text;
  const auto add = [&](const std::string& part) { (text += text.empty() ? "" : "; ") += part; };
  if (permission.sources)
    add("sources " + joined(*permission.sources));
  if (permission.groups)
    add("groups " + joined(*permission.groups));
  if (permission.attributes)
    add("attributes " + joined(*permission.attributes));
  if (!permission.hidden)
    add("no hidden contacts");
  return text.empty() ? "everything" : text;
}

std::string to_json(const api::Token& token) {
  const index::Permission& permission = token.permission;
  Json object = {{"id", token.id},
                 {"name", token.name},
                 {"scope", api::to_string(token.scope)},
                 {"certificate", nullptr},
                 {"sources", nullptr},
                 {"groups", nullptr},
                 {"attributes", nullptr},
                 {"hidden", permission.hidden},
                 {"created", token.created},
                 {"expires", nullptr}};
  if (!token.certificate.empty())
    object["certificate"] = token.certificate;
  if (permission.sources) {
    object["sources"] = Json::array();
    for (const model::Source source : *permission.sources)
      object["sources"].push_back(to_string(source));
  }
  if (permission.groups)
    object["groups"] = *permission.groups;
  if (permission.attributes)
    object["attributes"] = *permission.attributes;
  if (!token.expires.empty())
    object["expires"] = token.expires;
  return object.dump();
}

int list(const TokenCommand& command, const Context& context) {
  const std::vector<api::Token> tokens = api::TokenFile(context.config.api.tokens_file).read();
  const std::string now = base::to_iso8601(base::SystemClock().now());
  if (command.json) {
    for (const api::Token& token : tokens)
      print_line(to_json(token));
    return exit_code::kComplete;
  }
  if (tokens.empty()) {
    print_line("No tokens. `gald token add NAME` makes one.");
    return exit_code::kComplete;
  }
  std::size_t width = 4;
  for (const api::Token& token : tokens)
    width = std::max(width, token.name.size());
  print_line("id        " + pad("name", width) + "  scope    expires               sees");
  for (const api::Token& token : tokens) {
    const std::string ends = token.expires.empty()  ? "never"
                             : token.expires <= now ? "expired"
                                                    : spoken_time(token.expires);
    print_line(token.id + "  " + pad(token.name, width) + "  " +
               pad(api::to_string(token.scope), 7) + "  " + pad(ends, 20) + "  " +
               seen_by(token.permission) + (token.certificate.empty() ? "" : "; by certificate"));
  }
  return exit_code::kComplete;
}

}  // namespace

int execute(const TokenCommand& command, const Context& context) {
  base::log::start(context.verbose ? base::log::Level::info : base::log::Level::warning);
  switch (command.action) {
    case Action::add:
      return add(command, context);
    case Action::list:
      return list(command, context);
    case Action::revoke:
      break;
  }
  return revoke(command, context);
}

}  // namespace gald::daemon
