// What both cloud connectors need of HTTP: a bearer token on every request, one new token after a
// 401, and the same words for the same failures.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "net/http_client.hpp"
#include "net/token_source.hpp"
#include "sync/connector.hpp"

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

/// The part of a connector's options that is the HTTP client's business.
template <typename Options>
net::HttpClientOptions http_options(const Options& options) {
  net::HttpClientOptions http;
  http.ca_file = options.ca_file;
  http.proxy = options.proxy;
  http.proxy_credentials = options.proxy_credentials;
  http.body_limit = options.body_limit;
  return http;
}

/// Thread-safe.
class AuthorizedClient {
 public:
  /// `endpoint` is the root of the service ("https://graph.microsoft.com"), `scope` that of its
  /// tokens; empty: `{endpoint}/.default`. Throws std::runtime_error for an endpoint that is no
  /// https origin, and when ca_file cannot be read.
  AuthorizedClient(net::HttpClientOptions http, net::TokenOptions tokens, std::string endpoint,
                   std::string scope, const base::Clock& clock);

  const std::string& endpoint() const { return endpoint_; }

  const std::string& scope() const { return scope_; }

  using Answer = std::variant<net::HttpResponse, sync::Throttled, sync::Failed>;

  /// Any status is an answer, also a second 401. Throttled and Failed come from the login service
  /// and from the network. A 403 drops the token: a right granted after its issue is not in it, so
  /// the next round must come with a new one.
  Answer send(net::HttpRequest request, std::chrono::milliseconds timeout, std::stop_token stop,
              sync::Effort& effort);

  /// The statuses that mean "not now": 408, 429, 500, 502, 503, 504, 509.
  std::optional<sync::Throttled> throttled(const net::HttpRequest& request,
                                           const net::HttpResponse& response) const;
  sync::Throttled not_now(const net::HttpRequest& request, const net::HttpResponse& response) const;

  /// Findings on the token: login endpoint, secret, permissions. Without a `usable` one nothing
  /// else can be checked.
  std::vector<sync::Finding> check(std::string_view title,
                                   const std::vector<std::string>& wanted_roles, bool& usable,
                                   std::stop_token stop);

  /// Something to say only when this machine's clock and the Date of the answer differ too much.
  std::optional<sync::Finding> clock_finding(std::string_view title,
                                             const net::HttpResponse& response) const;

 private:
  net::HttpClient http_;
  const base::Clock& clock_;
  net::TokenSource tokens_;
  std::string endpoint_;
  std::string scope_;
};

/// "GET https://graph.microsoft.com/v1.0/users/delta: 403 Authorization_RequestDenied: ...
/// (request-id ...)". The query, which holds the cursor, is left out.
std::string describe(const net::HttpRequest& request, const net::HttpResponse& response);

}  // namespace gald::cloud
