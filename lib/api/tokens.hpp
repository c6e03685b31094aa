// Who was given access: the tokens, and the file that keeps them.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/principal.hpp"
#include "base/clock.hpp"
#include "base/secret.hpp"

namespace gald::api {

struct Token {
  std::string id;    ///< eight hex digits
  std::string name;  ///< for people and the log; no two have the same

  /// SHA-256 of the secret, in hex; empty for one that a certificate stands for. The secret has 256
  /// random bits, which nobody guesses however fast the hash is: a slow one is for passwords, and
  /// here every request pays for it.
  std::string secret_hash;
  std::string certificate;  ///< SHA-256 of the client's certificate, in hex; empty: none
  Scope scope = Scope::read;
  index::Permission permission = {};
  std::string created;  ///< ISO 8601
  std::string expires;  ///< ISO 8601; empty: never
};

/// Whether `text` can be the name of a token: letters, digits, ".", "_" and "-", up to 64.
bool is_token_name(std::string_view text);

/// A secret for the token, which gets its id and hash. What is returned is shown once and kept
/// nowhere: "gald_3f9c21aa_5be1...".
base::Secret give_secret(Token& token);

/// The id and the secret in what somebody shows; nothing if it is no token.
std::optional<std::pair<std::string_view, std::string_view>> parse_token(std::string_view text);

/// SHA-256 of the first certificate in PEM text, or of what says itself to be one: 64 hex digits,
/// with or without colons. Nothing if it is neither.
std::optional<std::string> certificate_fingerprint(std::string_view pem_or_digits);

/// A file of JSON that only its owner can read. Changes of several processes wait for each other,
/// and whoever reads sees one or the other whole.
class TokenFile {
 public:
  explicit TokenFile(std::filesystem::path file) : file_(std::move(file)) {}

  /// In the order in which they were added; none if there is no file. Throws std::runtime_error
  /// with one line that names the file, the place, and what was expected there.
  std::vector<Token> read() const;

  /// Replaces the tokens by what `change` makes of them, which may throw. On return they are on the
  /// disk. The file belongs to whoever `like` belongs to, if that is there and may be done.
  void change(const std::function<void(std::vector<Token>&)>& change,
              const std::filesystem::path& like) const;

  const std::filesystem::path& path() const { return file_; }

 private:
  std::filesystem::path file_;
};

}  // namespace gald::api
