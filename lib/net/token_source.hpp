// Access tokens of the Microsoft identity platform by the client credentials grant, or from the
// metadata service of an Azure machine.
//
// Protocol: RFC 6749 section 4.4, RFC 7521 section 4.2 and "OAuth 2.0 client credentials flow on
// the Microsoft identity platform"; error numbers: "Microsoft Entra authentication and
// authorization error codes" (AADSTS...). The answer never contains a refresh token, so a token is
// simply asked for again.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "net/credential.hpp"
#include "net/http_client.hpp"

namespace gald::net {

struct TokenOptions {
  std::string login_endpoint = "https://login.microsoftonline.com";
  std::string tenant;     ///< a GUID or a verified domain
  std::string client_id;  ///< with a managed identity: that of a user-assigned one, or empty
  Credential credential;
};

/// The service cannot answer now: throttled (90055, HTTP 429) or a passing fault.
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
/// ErrorKind::auth (or config, for a wrong tenant or client id), the AADSTS number and a remedy
/// that fits the credential in use.
TokenAnswer read_token_answer(const HttpResponse& response, const TokenOptions& options,
                              base::TimePoint now);

/// The same for the metadata service.
TokenAnswer read_imds_answer(const HttpResponse& response, const TokenOptions& options,
                             base::TimePoint now);

/// The URL to ask the metadata service at. It knows resources, not scopes:
/// "https://graph.microsoft.com/" for "https://graph.microsoft.com/.default".
std::string imds_url(const ManagedIdentity& identity, const std::string& client_id,
                     const std::string& scope);

/// Keeps one token per scope and renews it when 80 % of its life are over. Thread-safe: when
/// several threads want the same token, one asks and the others wait for its answer. While the
/// service wants to be left alone (Retry-After) it is not asked.
class TokenSource {
 public:
  /// `http` and `clock` outlive the source. The metadata service is asked by a client of its own:
  /// plain HTTP, and never through a proxy.
  TokenSource(HttpClient& http, TokenOptions options, const base::Clock& clock);

  /// `scope` names one resource: "https://graph.microsoft.com/.default".
  TokenAnswer token(const std::string& scope, std::stop_token stop);

  /// The resource refused this token (401), or it was issued before a right was granted (403): the
  /// next caller gets a new one. Nothing happens when it has been replaced already. `claims` is
  /// what claims_challenge() found: the next token for this scope is asked for with it.
  void invalidate(const std::string& scope, const base::Secret& token,
                  const std::string& claims = {});

  /// When the credential itself ends, as far as it can be known. May read a file.
  std::optional<Expiry> expiry() const { return expiry_of(options_.credential); }

  const TokenOptions& options() const { return options_; }

 private:
  struct Entry {
    std::optional<Token> token;
    base::TimePoint renew_at;
    std::string claims;      ///< to send until a token has come
    std::string asked_with;  ///< the claims that the token was asked for with
    bool asking = false;
    std::uint64_t answers = 0;
    std::optional<TokenAnswer> last;  ///< for those who waited for it
  };

  TokenAnswer ask(const std::string& scope, const std::string& claims, std::stop_token stop);
  TokenAnswer ask_imds(const ManagedIdentity& identity, const std::string& scope,
                       std::stop_token stop);
  TokenAnswer patient(const HttpResponse& response, TokenAnswer answer);
  std::optional<TokenBusy> quiet() const;
  void finish(const std::string& scope, const std::string& claims, const TokenAnswer& answer);

  HttpClient& http_;
  std::unique_ptr<HttpClient> imds_http_;
  TokenOptions options_;
  const base::Clock& clock_;
  mutable std::mutex mutex_;
  std::optional<TokenBusy> busy_;  ///< the last answer, if it said for how long
  base::TimePoint busy_since_;
  int unknown_certificate_ = 0;  ///< how often in a row
  std::condition_variable_any answered_;
  std::map<std::string, Entry> entries_;
};

}  // namespace gald::net
