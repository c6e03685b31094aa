#include "net/http_message.hpp"

#include <algorithm>
#include <string_view>

#include "base/text.hpp"
#include "net/gzip.hpp"

namespace gald::net {

using base::Error;
using base::ErrorKind;

namespace {

bool is_token(std::string_view text) {
  constexpr std::string_view kOther = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [kOther](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           kOther.find(c) != std::string_view::npos;
  });
}

bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  });
}

}  // namespace

std::optional<Error> refusal(const HttpRequest& request, const std::optional<Url>& url) {
  if (!url)
    return Error{ErrorKind::config, "not an absolute https URL", {}};
  if (!is_token(request.method))
    return Error{ErrorKind::config, url->origin() + ": not an HTTP method", {}};
  for (const auto& [name, value] : request.headers) {
    if (!is_token(name))
      return Error{ErrorKind::config, url->origin() + ": not a header name", {}};
    if (!is_field_value(value))
      return Error{ErrorKind::config,
                   url->origin() + ": the value of header " + name +
                       " holds a control character (a line break at the end of a secret?)",
                   {}};
  }
  return std::nullopt;
}

std::optional<Error> decode(HttpResponse& response, const std::string& origin,
                            std::uint64_t limit) {
  const auto encoding = response.header("Content-Encoding");
  if (!encoding || encoding->empty() || base::ascii_iequals(*encoding, "identity") ||
      response.body.empty())
    return std::nullopt;
  if (!base::ascii_iequals(*encoding, "gzip") && !base::ascii_iequals(*encoding, "x-gzip"))
    return Error{ErrorKind::protocol, origin + ": the answer is compressed, but not with gzip", {}};
  Gunzipped decoded = gunzip(response.body, limit);
  if (decoded.problem == Gunzipped::Problem::too_large)
    return Error{ErrorKind::protocol,
                 origin + ": the answer is larger than " + std::to_string(limit) + " bytes",
                 {}};
  if (decoded.problem == Gunzipped::Problem::broken)
    return Error{ErrorKind::protocol, origin + ": the answer is broken gzip data", {}};
  response.body = std::move(decoded.text);
  return std::nullopt;
}

std::optional<std::string_view> HttpResponse::header(std::string_view name) const {
  for (const auto& [candidate, value] : headers)
    if (base::ascii_iequals(candidate, name))
      return value;
  return std::nullopt;
}

}  // namespace gald::net
