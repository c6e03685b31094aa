// What both cloud connectors need of HTTP: a bearer token on every request, new ones when the
// service wants them, its limits kept, and the same words for the same failures.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "cloud/service_options.hpp"
#include "net/http_client.hpp"
#include "net/token_source.hpp"
#include "sync/connector.hpp"
#include "sync/rate_budget.hpp"

namespace gald::cloud {

/// The error envelope that Graph and Exchange share: {"error":{"code","message",...}}. Both empty
/// when the body is something else.
struct ServiceError {
  std::string code;
  std::string message;  ///< one printable line
};

ServiceError read_service_error(std::string_view body);

/// The application permissions in an access token. Tokens are opaque to everybody but their
/// audience, so this serves diagnosis only: nothing when it does not look like a JWT.
std::optional<std::vector<std::string>> roles_in(const std::string& token);

/// A random GUID (RFC 4122 version 4), for client-request-id.
std::string new_request_id();

/// How much a service lets one application in one tenant ask.
struct ServiceLimits {
  sync::RateLimit rate;
  int concurrent = 4;  ///< requests under way at once
};

/// An application permission, for `gald check`.
struct Permission {
  std::string name;
  std::string what_for;
  bool required = true;
  std::vector<std::string> instead = {};  ///< broader ones that will do
};

/// What a request is to the client.
struct Call {
  std::chrono::milliseconds timeout;
  double units = 1;        ///< of the service's rate limit
  bool replayable = true;  ///< sending it twice does no harm
  /// The service was reached in this round: a connection that cannot be made is worth another try.
  bool reached = false;
};

/// Thread-safe. All requests of a connector to its service go through one client, so that what the
/// service says of its limits holds for all of them.
class AuthorizedClient {
 public:
  /// Throws std::runtime_error for an endpoint that is no https origin, and when the ca_file cannot
  /// be read. `clock` outlives the client.
  AuthorizedClient(const ServiceOptions& options, ServiceLimits limits, const base::Clock& clock);

  const std::string& endpoint() const { return endpoint_; }

  const std::string& scope() const { return scope_; }

  using Answer = std::variant<net::HttpResponse, sync::Throttled, sync::Failed>;

  /// Any status but 429, and 503 with a Retry-After, is an answer. One new token is asked for after
  /// a 401, with the claims that it demands, and one after a 403, as a right granted after the
  /// issue of a token is not in it. Throttled: a pause that the service asked for (then nothing is
  /// sent), or a connection that broke. Short waits for the limits happen inside and count as
  /// `paced`.
  Answer send(net::HttpRequest request, const Call& call, std::stop_token stop,
              sync::Effort& effort);

  /// The statuses that mean "not now": 408, 500, 502, 503, 504, 509.
  std::optional<sync::Throttled> throttled(const net::HttpRequest& request,
                                           const net::HttpResponse& response) const;
  sync::Throttled not_now(const net::HttpRequest& request, const net::HttpResponse& response) const;

  /// The service has had too many requests, whatever its status: everybody pauses.
  sync::Throttled refused(const net::HttpRequest& request, const net::HttpResponse& response);

  /// The same for a part of a batch, whose answer has no headers of its own.
  sync::Throttled refused(std::optional<std::chrono::milliseconds> retry_after, std::string reason);

  /// `gald check`: proxy, token, credential, permissions. Without a `usable` token nothing else can
  /// be checked.
  std::vector<sync::Finding> check_token(std::string_view title,
                                         const std::vector<Permission>& permissions, bool& usable,
                                         std::stop_token stop);

  /// What can be seen on an answer: certificate, clock.
  std::vector<sync::Finding> check_answer(std::string_view title,
                                          const net::HttpResponse& response) const;

  std::optional<sync::CredentialExpiry> credential_expiry() const;

 private:
  /// Waits for a place among the requests under way and for the limits. Nothing: go on, and leave()
  /// afterwards.
  std::optional<Answer> enter(double units, std::stop_token stop, sync::Effort& effort);
  void leave();
  void heed(const net::HttpResponse& response, sync::Effort& effort);
  bool wants_a_pause(const net::HttpResponse& response) const;
  std::optional<std::chrono::milliseconds> retry_after(const net::HttpResponse& response) const;
  std::optional<sync::Finding> check_credential(const std::string& prefix) const;
  std::vector<sync::Finding> check_permissions(const std::string& prefix,
                                               const std::vector<Permission>& permissions,
                                               const std::string& token) const;

  const std::string proxy_;
  net::HttpClient http_;
  const base::Clock& clock_;
  net::TokenSource tokens_;
  std::string endpoint_;
  std::string scope_;
  const int concurrent_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable_any left_;
  sync::RateBudget budget_;
  int under_way_ = 0;
  std::string refusal_;  ///< why there is a pause
};

/// "GET https://graph.microsoft.com/v1.0/users/delta: 403 Authorization_RequestDenied: ...
/// (request-id ...)". The query, which holds the cursor, is left out.
std::string describe(const net::HttpRequest& request, const net::HttpResponse& response);

}  // namespace gald::cloud
