// How JSON is answered: with a tag, so that a client that has it already is told so.
#pragma once

#include <string>
#include <string_view>

#include "api/router.hpp"

namespace gald::api {

/// What depends on who asks is kept by the client only, and asked for again each time.
inline constexpr std::string_view kPrivate = "private, no-cache";

net::ServerResponse json_answer(std::string body);

/// With a strong ETag of the body, as whoever asks may see it: 304 if the client has that.
net::ServerResponse tagged_answer(const Call& call, std::string body);

/// `text` as a JSON text, and `null` if it is empty.
std::string json_text_or_null(const std::string& text);

/// The target of the request with another cursor, as `Link: <...>; rel="next"` has it. What says
/// where a first page begins is left out.
std::string link_to_next(const net::ServerRequest& request, std::string_view cursor);

/// "Sat, 28 Nov 2026 10:00:00 GMT"; nothing for what is no time.
std::string http_date(std::string_view iso8601);

}  // namespace gald::api
