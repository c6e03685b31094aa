#include "api/tokens.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encoding.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "index/narrowing.hpp"

namespace gald::api {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kIdDigits = 8;
constexpr std::size_t kSecretDigits = 64;
constexpr std::size_t kLongestName = 64;
constexpr std::string_view kPrefix = "gald_";

bool is_hex(std::string_view text, std::size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == text.npos;
}

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& what) {
  throw std::runtime_error(file.string() + ": " + what + ": " + std::strerror(errno));
}

// --- JSON ----------------------------------------------------------------------------------------

/// Reads one token. Whatever is not as it should be ends it: who does not understand a limit must
/// not leave it out.
class Reading {
 public:
  explicit Reading(const Json& object) : object_(object) {
    if (!object.is_object())
      throw std::runtime_error("expected an object");
  }

  Token token() {
    Token token;
    token.id = text("id", true);
    if (!is_hex(token.id, kIdDigits))
      refuse("id", "eight hex digits");
    token.name = text("name", true);
    if (!is_token_name(token.name))
      refuse("name", "letters, digits, \".\", \"_\" and \"-\", up to 64");
    token.secret_hash = hash("secretSha256");
    token.certificate = hash("certificateSha256");
    if (token.secret_hash.empty() == token.certificate.empty())
      refuse("secretSha256", "either this or certificateSha256");
    token.scope = scope();
    token.permission = permission();
    if (token.scope != Scope::read && !token.permission.everything())
      refuse("scope", "read, as it does not see everything");
    token.created = time("created");
    token.expires = time("expires");
    for (const auto& [key, unused] : object_.items())
      if (std::find(known_.begin(), known_.end(), key) == known_.end())
        throw std::runtime_error("\"" + key + "\" is not known; was it written by a newer gald?");
    return token;
  }

 private:
  [[noreturn]] static void refuse(const std::string& key, const std::string& expected) {
    throw std::runtime_error(key + ": expected " + expected);
  }

  const Json* find(const std::string& key) {
    known_.push_back(key);
    const auto it = object_.find(key);
    return it == object_.end() || it->is_null() ? nullptr : &*it;
  }

  std::string text(const std::string& key, bool required) {
    const Json* value = find(key);
    if (value == nullptr && !required)
      return {};
    if (value == nullptr || !value->is_string())
      refuse(key, "a text");
    return value->get<std::string>();
  }

  std::string hash(const std::string& key) {
    std::string digits = text(key, false);
    if (!digits.empty() && !is_hex(digits, kSecretDigits))
      refuse(key, "64 hex digits");
    return digits;
  }

  std::string time(const std::string& key) {
    std::string at = text(key, false);
    if (!at.empty() && !base::parse_iso8601(at))
      refuse(key, "a time like 2026-11-01T10:00:00Z");
    return at;
  }

  Scope scope() {
    const std::string word = text("scope", true);
    for (const Scope scope : {Scope::read, Scope::operate, Scope::admin})
      if (word == to_string(scope))
        return scope;
    refuse("scope", "read, operate or admin");
  }

  std::optional<std::set<std::string>> texts(const std::string& key) {
    const Json* list = find(key);
    if (list == nullptr)
      return std::nullopt;
    std::set<std::string> values;
    if (!list->is_array())
      refuse(key, "a list of texts");
    for (const Json& value : *list) {
      if (!value.is_string())
        refuse(key, "a list of texts");
      values.insert(value.get<std::string>());
    }
    return values;
  }

  index::Permission permission() {
    index::Permission permission;
    if (const auto names = texts("sources")) {
      permission.sources.emplace();
      for (const std::string& name : *names) {
        const auto source = model::source_named(name);
        if (!source)
          refuse("sources", "cloud, on_premises and hybrid");
        permission.sources->insert(*source);
      }
    }
    permission.groups = texts("groups");
    permission.attributes = texts("attributes");
    if (permission.attributes)
      for (const std::string& name : *permission.attributes)
        if (const auto& known = index::attribute_names();
            std::find(known.begin(), known.end(), name) == known.end())
          refuse("attributes", "names of the contact object, and not \"" + name + "\"");
    if (const Json* hidden = find("hidden")) {
      if (!hidden->is_boolean())
        refuse("hidden", "true or false");
      permission.hidden = hidden->get<bool>();
    }
    return permission;
  }

  const Json& object_;
  std::vector<std::string> known_;
};

Json json_of(const Token& token) {
  Json object = {{"id", token.id}, {"name", token.name}};
  if (!token.secret_hash.empty())
    object["secretSha256"] = token.secret_hash;
  if (!token.certificate.empty())
    object["certificateSha256"] = token.certificate;
  object["scope"] = to_string(token.scope);
  const index::Permission& permission = token.permission;
  if (permission.sources) {
    object["sources"] = Json::array();
    for (const model::Source source : *permission.sources)
      object["sources"].push_back(to_string(source));
  }
  if (permission.groups)
    object["groups"] = *permission.groups;
  if (permission.attributes)
    object["attributes"] = *permission.attributes;
  if (!permission.hidden)
    object["hidden"] = false;
  object["created"] = token.created;
  if (!token.expires.empty())
    object["expires"] = token.expires;
  return object;
}

std::string text_of(const std::vector<Token>& tokens) {
  Json list = Json::array();
  for (const Token& token : tokens)
    list.push_back(json_of(token));
  return Json({{"version", 1}, {"tokens", list}}).dump(2) + "\n";
}

std::vector<Token> tokens_in(const std::string& text) {
  const Json file = Json::parse(text, nullptr, false);
  if (!file.is_object() || !file.contains("version") || !file.contains("tokens") ||
      !file["tokens"].is_array())
    throw std::runtime_error(
        "expected JSON with a version and a list of tokens, as `gald token add` writes it");
  if (file["version"] != 1)
    throw std::runtime_error("version: expected 1; a newer gald wrote it");
  std::vector<Token> tokens;
  for (std::size_t i = 0; i < file["tokens"].size(); ++i) {
    const std::string place = "tokens[" + std::to_string(i) + "]: ";
    try {
      tokens.push_back(Reading(file["tokens"][i]).token());
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(place + error.what());
    }
    for (std::size_t j = 0; j < i; ++j)
      if (tokens[j].id == tokens[i].id || tokens[j].name == tokens[i].name)
        throw std::runtime_error(place + "expected another id and name than tokens[" +
                                 std::to_string(j) + "] has");
  }
  return tokens;
}

// --- the file ------------------------------------------------------------------------------------

/// Never through a link: root may be at work in a folder whose owner is not root.
class Descriptor {
 public:
  Descriptor(const std::filesystem::path& file, int flags)
      : Descriptor(opened(file, flags), file) {}

  /// Of open(2); negative, with errno: refused.
  Descriptor(int number, const std::filesystem::path& file) : number_(number) {
    if (number_ < 0)
      fail(file, "cannot be opened");
  }

  ~Descriptor() { ::close(number_); }

  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  static int opened(const std::filesystem::path& file, int flags) {
    return ::open(file.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600);
  }

  int number() const { return number_; }

 private:
  int number_;
};

/// For what this process has made itself. Nothing happens where it must not be done: then it
/// belongs to whoever writes it.
void give_like(int file, const std::filesystem::path& like) {
  struct stat status = {};
  if (::stat(like.c_str(), &status) == 0 && status.st_uid != ::geteuid())
    static_cast<void>(::fchown(file, status.st_uid, status.st_gid) == 0);
}

/// Waits for others who change the tokens, for as long as it lives.
class Lock {
 public:
  Lock(const std::filesystem::path& file, const std::filesystem::path& like)
      : descriptor_(made_or_opened(file, like), file) {
    struct stat status = {};
    if (::fstat(descriptor_.number(), &status) != 0)
      fail(file, "cannot be read");
    if (!S_ISREG(status.st_mode) || status.st_nlink > 1)
      throw std::runtime_error(file.string() +
                               ": expected a file of its own, not a link or a device; delete it");
    while (::flock(descriptor_.number(), LOCK_EX) != 0)
      if (errno != EINTR)
        fail(file, "cannot be locked");
  }

 private:
  /// What was there before is not given to anybody: who knows what it is.
  static int made_or_opened(const std::filesystem::path& file, const std::filesystem::path& like) {
    const int made = Descriptor::opened(file, O_RDWR | O_CREAT | O_EXCL);
    if (made < 0)
      return errno == EEXIST ? Descriptor::opened(file, O_RDWR | O_NONBLOCK) : made;
    give_like(made, like);
    return made;
  }

  Descriptor descriptor_;
};

void write_all(const Descriptor& file, const std::filesystem::path& name, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file.number(), text.data(), text.size());
    if (written < 0 && errno != EINTR)
      fail(name, "cannot be written");
    text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
  }
  if (::fsync(file.number()) != 0)
    fail(name, "cannot be written");
}

}  // namespace

bool is_token_name(std::string_view text) {
  return !text.empty() && text.size() <= kLongestName && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return (c < 0x80 && std::isalnum(c) != 0) || c == '.' || c == '_' || c == '-';
         });
}

base::Secret give_secret(Token& token) {
  const base::Secret secret(base::random_hex(kSecretDigits / 2));
  token.id = base::random_hex(kIdDigits / 2);
  token.secret_hash = base::sha256_hex(secret.reveal());
  return base::Secret(std::string(kPrefix) + token.id + "_" + secret.reveal());
}

std::optional<std::pair<std::string_view, std::string_view>> parse_token(std::string_view text) {
  if (text.size() != kPrefix.size() + kIdDigits + 1 + kSecretDigits || !text.starts_with(kPrefix))
    return std::nullopt;
  text.remove_prefix(kPrefix.size());
  const std::string_view id = text.substr(0, kIdDigits);
  const std::string_view secret = text.substr(kIdDigits + 1);
  if (text[kIdDigits] != '_' || !is_hex(id, kIdDigits) || !is_hex(secret, kSecretDigits))
    return std::nullopt;
  return std::pair(id, secret);
}

std::optional<std::string> certificate_fingerprint(std::string_view text) {
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
  constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
  const auto without = [](std::string_view from, std::string_view characters) {
    std::string left;
    for (const char c : from)
      if (characters.find(c) == characters.npos)
        left += c;
    return left;
  };
  if (const std::size_t begin = text.find(kBegin); begin != text.npos) {
    text.remove_prefix(begin + kBegin.size());
    const std::size_t end = text.find(kEnd);
    if (end == text.npos)
      return std::nullopt;
    const auto bytes = base::base64_decode(without(text.substr(0, end), " \t\r\n"));
    return bytes && !bytes->empty() ? std::optional(base::sha256_hex(*bytes)) : std::nullopt;
  }
  const std::string digits = base::ascii_lower(without(base::trim(text), ":"));
  return is_hex(digits, kSecretDigits) ? std::optional(digits) : std::nullopt;
}

std::vector<Token> TokenFile::read() const {
  std::ifstream stream(file_, std::ios::binary);
  if (!stream) {
    if (errno == ENOENT)
      return {};
    fail(file_, "cannot be read");
  }
  const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  try {
    return tokens_in(text);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(file_.string() + ": " + error.what());
  }
}

void TokenFile::change(const std::function<void(std::vector<Token>&)>& change,
                       const std::filesystem::path& like) const {
  const auto beside = [&](const char* ending) {
    std::filesystem::path path = file_;
    return path += ending;
  };
  const Lock lock(beside(".lock"), like);
  std::vector<Token> tokens = read();
  change(tokens);
  const std::filesystem::path temporary = beside(".new");
  std::error_code ignored;
  std::filesystem::remove(temporary, ignored);  // of one that was killed; nobody else is here
  try {
    const Descriptor file(temporary, O_WRONLY | O_CREAT | O_EXCL);
    give_like(file.number(), like);
    write_all(file, temporary, text_of(tokens));
    std::filesystem::rename(temporary, file_);
  } catch (...) {
    std::filesystem::remove(temporary, ignored);
    throw;
  }
  const std::filesystem::path folder = file_.parent_path();
  const Descriptor directory(
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), folder);
  if (::fsync(directory.number()) != 0)
    fail(file_, "cannot be written");
}

}  // namespace gald::api
