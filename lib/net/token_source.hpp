// Access tokens of the Microsoft identity platform by the client credentials grant.
//
// Protocol: RFC 6749 section 4.4 and "OAuth 2.0 client credentials flow on the Microsoft identity
// platform"; error numbers: "Microsoft Entra authentication and authorization error codes"
// (AADSTS...). The answer never contains a refresh token, so a token is simply asked for again.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "net/http_client.hpp"

namespace gald::net {

/// Asked at every token request, so that a secret that was replaced in its file is seen.
using SecretProvider = std::function<base::Result<base::Secret>()>;

struct TokenOptions {
  std::string login_endpoint = "https://login.microsoftonline.com";
  std::string tenant;  ///< a GUID or a verified domain
  std::string client_id;
  SecretProvider secret;
};

/// The login service cannot answer now: throttled (90055, HTTP 429) or a passing fault.
struct TokenBusy {
  std::optional<std::chrono::milliseconds> retry_after;
  std::string reason;
};

struct Token {
  base::Secret value;
  std::chrono::seconds lifetime{0};
};

using TokenAnswer = std::variant<Token, TokenBusy, base::Error>;

/// What an answer of the token endpoint means. Errors that only the operator can mend have
/// ErrorKind::auth (or config, for a wrong tenant or client id), the AADSTS number and a remedy.
TokenAnswer read_token_answer(const HttpResponse& response, const TokenOptions& options,
                              base::TimePoint now);

/// Keeps one token per scope and renews it when 80 % of its life are over. Thread-safe: when
/// several threads want the same token, one asks and the others wait for its answer.
class TokenSource {
 public:
  TokenSource(HttpClient& http, TokenOptions options, const base::Clock& clock);

  /// `scope` names one resource: "https://graph.microsoft.com/.default".
  TokenAnswer token(const std::string& scope, std::stop_token stop);

  /// The resource refused this token (401), or it was issued before a right was granted (403): the
  /// next caller gets a new one. Nothing happens when it has been replaced already.
  void invalidate(const base::Secret& token);

  const TokenOptions& options() const { return options_; }

 private:
  struct Entry {
    std::optional<Token> token;
    base::TimePoint renew_at;
    bool asking = false;
    std::uint64_t answers = 0;
    std::optional<TokenAnswer> last;  ///< for those who waited for it
  };

  TokenAnswer ask(const std::string& scope, std::stop_token stop);
  void finish(const std::string& scope, const TokenAnswer& answer);

  HttpClient& http_;
  TokenOptions options_;
  const base::Clock& clock_;
  std::mutex mutex_;
  std::condition_variable_any answered_;
  std::map<std::string, Entry> entries_;
};

}  // namespace gald::net
