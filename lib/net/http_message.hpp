// What can be said of a request before it is sent and of an answer after it has come, without any
// I/O: used by HttpClient.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "net/http_client.hpp"

namespace gald::net {

/// What is wrong with the request (RFC 9110 sections 5.1, 5.5 and 9.1): no byte of the caller's can
/// end a line of the message. The Error is of kind config and holds no value.
std::optional<base::Error> refusal(const HttpRequest& request, const std::optional<Url>& url);

/// Undoes Content-Encoding, within the limit.
std::optional<base::Error> decode(HttpResponse& response, const std::string& origin,
                                  std::uint64_t limit);

}  // namespace gald::net
