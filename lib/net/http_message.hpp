// What can be said of a request before it is sent and of an answer after it has come, without any
// I/O: used by HttpClient.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/http_client.hpp"

namespace gald::net {

/// What is wrong with the request (RFC 9110 sections 5.1, 5.5 and 9.1): no byte of the caller's can
/// end a line of the message. The Error is of kind config and holds no value.
std::optional<base::Error> refusal(const HttpRequest& request, const std::optional<Url>& url);

/// The whole message (RFC 9112). A header of the caller's replaces one of the client's own.
/// REQUIRES: refusal() has nothing to say.
std::string wire_form(const HttpRequest& request, const Url& url, const std::string& user_agent);

/// The request for a tunnel to `url` (RFC 9110 section 9.3.6). `credentials`: "user:password", or
/// empty.
std::string tunnel_request(const Url& url, const std::string& user_agent,
                           std::string_view credentials);

/// What it means that the proxy refused the tunnel; `what` has no origin yet.
base::Error tunnel_refusal(const std::string& proxy, int status, bool had_credentials);

/// Undoes Content-Encoding, within the limit.
std::optional<base::Error> decode(HttpResponse& response, const std::string& origin,
                                  std::uint64_t limit);

}  // namespace gald::net
