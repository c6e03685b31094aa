#include "net/http_message.hpp"

#include <algorithm>
#include <string_view>

#include "base/encoding.hpp"
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

void add_field(std::string& message, std::string_view name, std::string_view value) {
  message.append(name).append(": ").append(value).append("\r\n");
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

std::string wire_form(const HttpRequest& request, const Url& url, const std::string& user_agent) {
  const auto named = [&request](std::string_view name) {
    return std::any_of(request.headers.begin(), request.headers.end(), [name](const auto& field) {
      return base::ascii_iequals(field.first, name);
    });
  };
  const std::string origin = url.origin();
  std::string message = request.method + " " + url.target + " HTTP/1.1\r\n";
  if (!named("Host"))
    add_field(message, "Host", origin.substr(origin.find("://") + 3));
  if (!named("User-Agent"))
    add_field(message, "User-Agent", user_agent);
  if (!named("Accept-Encoding"))
    add_field(message, "Accept-Encoding", "gzip");
  for (const auto& [name, value] : request.headers)
    if (!base::ascii_iequals(name, "Content-Length"))
      add_field(message, name, value);
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT")
    add_field(message, "Content-Length", std::to_string(request.body.size()));
  message += "\r\n";
  message += request.body;
  return message;
}

std::string tunnel_request(const Url& url, const std::string& user_agent,
                           std::string_view credentials) {
  std::string message = "CONNECT " + url.authority() + " HTTP/1.1\r\n";
  add_field(message, "Host", url.authority());
  add_field(message, "User-Agent", user_agent);
  if (!credentials.empty())
    add_field(message, "Proxy-Authorization", "Basic " + base::base64_encode(credentials));
  return message + "\r\n";
}

Error tunnel_refusal(const std::string& proxy, int status, bool had_credentials) {
  const std::string what =
      "the proxy " + proxy + " refused the connection with status " + std::to_string(status);
  switch (status) {
    case 407:
      return {ErrorKind::auth, what,
              had_credentials ? "Check user and password in proxy_credentials_file."
                              : "The proxy wants credentials: set proxy_credentials_file."};
    case 401:
    case 403:
      return {ErrorKind::auth, what, "Let the proxy allow connections to this host and port."};
    case 502:
    case 503:
    case 504:
      return {ErrorKind::network, what, "See whether the proxy itself can reach this host."};
    default:
      return {ErrorKind::network, what,
              "Check that the configured proxy is one that makes tunnels (CONNECT)."};
  }
}

std::optional<Error> decode(HttpResponse& response, const std::string& origin,
                            std::uint64_t limit) {
  const auto encoding = response.header("Content-Encoding");
  if (!encoding || encoding->empty() || base::ascii_iequals(*encoding, "identity") ||
      response.body.empty())
    return std::nullopt;
  if (!base::ascii_iequals(*encoding, "gzip") && !base::ascii_iequals(*encoding, "x-gzip"))
    return Error{ErrorKind::broken, origin + ": the answer is compressed, but not with gzip", {}};
  Gunzipped decoded = gunzip(response.body, limit);
  if (decoded.problem == Gunzipped::Problem::too_large)
    return Error{ErrorKind::protocol,
                 origin + ": the answer is larger than " + std::to_string(limit) + " bytes",
                 {}};
  if (decoded.problem == Gunzipped::Problem::broken)
    return Error{ErrorKind::broken, origin + ": the answer is broken gzip data", {}};
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
