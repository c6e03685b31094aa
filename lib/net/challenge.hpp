// What a resource asks for when it refuses a token.
//
// Protocol: RFC 9110 section 11.6.1 (WWW-Authenticate) and "Claims challenges, claims requests and
// client capabilities" of the Microsoft identity platform.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "net/http_client.hpp"

namespace gald::net {

/// The `claims` of a Bearer challenge, decoded: a JSON object, to be sent with the next request for
/// a token. Nothing when there is none, or it is not what it should be.
std::optional<std::string> claims_challenge(std::string_view www_authenticate);

/// The same, of all WWW-Authenticate headers of an answer.
std::optional<std::string> claims_challenge(const Headers& headers);

}  // namespace gald::net
