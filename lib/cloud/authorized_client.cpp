#include "cloud/authorized_client.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "base/encoding.hpp"
#include "base/guid.hpp"
#include "base/text.hpp"
#include "net/retry_after.hpp"

namespace gald::cloud {

namespace {

using base::Error;
using nlohmann::json;
using sync::Finding;

constexpr std::size_t kLongestMessage = 300;

/// Beyond this the login service doubts assertions and tokens ("not yet valid").
constexpr std::chrono::minutes kTolerableSkew{5};

std::string printable(std::string_view text) {
  std::string line(text.substr(0, kLongestMessage));
  std::replace_if(
      line.begin(), line.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return std::string(base::trim(line));  // bodies padded with NULs were seen
}

std::string text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string without_final_slashes(std::string text) {
  while (text.ends_with('/'))
    text.pop_back();
  return text;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words)
    out += (out.empty() ? "" : ", ") + word;
  return out;
}

}  // namespace

ServiceError read_service_error(std::string_view body) {
  const json parsed = json::parse(body, nullptr, false);
  if (!parsed.is_object())
    return {};
  const auto error = parsed.find("error");
  if (error == parsed.end() || !error->is_object())
    return {};
  ServiceError found{printable(text_of(*error, "code")), text_of(*error, "message")};
  // Exchange tells the real reason in details[0].message as "code|exception type|text".
  const auto details = error->find("details");
  if (details != error->end() && details->is_array() && !details->empty() &&
      details->front().is_object()) {
    const std::string detail = text_of(details->front(), "message");
    if (!detail.empty())
      found.message = detail;
  }
  found.message = printable(found.message);
  return found;
}

std::optional<std::vector<std::string>> roles_in(const std::string& token) {
  const auto first = token.find('.');
  const auto second = token.find('.', first == std::string::npos ? first : first + 1);
  if (second == std::string::npos)
    return std::nullopt;
  std::string payload = token.substr(first + 1, second - first - 1);
  std::replace(payload.begin(), payload.end(), '-', '+');  // base64url, RFC 4648 section 5
  std::replace(payload.begin(), payload.end(), '_', '/');
  payload.append((4 - payload.size() % 4) % 4, '=');
  const auto decoded = base::base64_decode(payload);
  const json claims = json::parse(decoded.value_or(""), nullptr, false);
  if (!claims.is_object())
    return std::nullopt;
  std::vector<std::string> roles;
  if (const auto found = claims.find("roles"); found != claims.end() && found->is_array())
    for (const json& role : *found)
      if (role.is_string())
        roles.push_back(printable(role.get<std::string>()));
  return roles;
}

std::string new_request_id() {
  std::random_device random;
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < bytes.size(); i += 4) {
    const unsigned int word = random();
    for (std::size_t j = 0; j < 4; ++j)
      bytes[i + j] = static_cast<std::uint8_t>(word >> (8 * j));
  }
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
  return base::Guid(bytes).text();
}

std::string describe(const net::HttpRequest& request, const net::HttpResponse& response) {
  std::string text = request.method + " " + net::without_query(request.url) + ": " +
                     std::to_string(response.status);
  const ServiceError error = read_service_error(response.body);
  if (!error.code.empty())
    text += " " + error.code;
  if (!error.message.empty())
    text += ": " + error.message;
  else if (error.code.empty() &&
           response.header("Content-Type").value_or("").starts_with("text/plain"))
    text += ": " + printable(response.body);
  if (const auto id = response.header("request-id"))
    text += " (request-id " + printable(*id) + ")";
  return text;
}

AuthorizedClient::AuthorizedClient(net::HttpClientOptions http, net::TokenOptions tokens,
                                   std::string endpoint, std::string scope,
                                   const base::Clock& clock)
    : http_(std::move(http)),
      clock_(clock),
      tokens_(http_, std::move(tokens), clock),
      endpoint_(without_final_slashes(std::move(endpoint))),
      scope_(scope.empty() ? endpoint_ + "/.default" : std::move(scope)) {
  const auto url = net::parse_url(endpoint_);
  if (!url || url->target != "/")
    throw std::runtime_error("endpoint '" + endpoint_ + "' is not of the form https://host[:port]");
}

AuthorizedClient::Answer AuthorizedClient::send(net::HttpRequest request,
                                                std::chrono::milliseconds timeout,
                                                std::stop_token stop, sync::Effort& effort) {
  request.headers.emplace_back("Authorization", "");
  request.headers.emplace_back("client-request-id", new_request_id());
  for (bool again = false;; again = true) {
    const auto answer = tokens_.token(scope_, stop);
    if (const auto* busy = std::get_if<net::TokenBusy>(&answer))
      return sync::Throttled{busy->retry_after, busy->reason};
    if (const auto* error = std::get_if<Error>(&answer))
      return sync::Failed{*error};
    const auto& token = std::get<net::Token>(answer);
    for (auto& [name, value] : request.headers)
      if (name == "Authorization")
        value = "Bearer " + token.value.reveal();

    auto response = http_.send(request, timeout, stop);
    ++effort.requests;
    if (!response)
      return sync::Failed{response.error()};
    effort.bytes += response->wire_bytes;
    if (response->status == 503)  // it sticks to the connection: meet another front end next time
      http_.forget_connections(request.url);
    if (response->status == 401 || response->status == 403)
      tokens_.invalidate(token.value);
    if (response->status != 401 || again)
      return *std::move(response);
  }
}

std::optional<sync::Throttled> AuthorizedClient::throttled(
    const net::HttpRequest& request, const net::HttpResponse& response) const {
  constexpr std::array kNotNow = {408, 429, 500, 502, 503, 504, 509};
  if (std::find(kNotNow.begin(), kNotNow.end(), response.status) == kNotNow.end())
    return std::nullopt;
  return not_now(request, response);
}

sync::Throttled AuthorizedClient::not_now(const net::HttpRequest& request,
                                          const net::HttpResponse& response) const {
  sync::Throttled throttled;
  if (const auto wait = response.header("Retry-After"))
    throttled.retry_after = net::parse_retry_after(*wait, clock_.now());
  throttled.reason = describe(request, response);
  return throttled;
}

std::vector<Finding> AuthorizedClient::check(std::string_view title,
                                             const std::vector<std::string>& wanted_roles,
                                             bool& usable, std::stop_token stop) {
  const std::string prefix = std::string(title) + ": ";
  const std::string& login = tokens_.options().login_endpoint;
  std::vector<Finding> findings;
  const auto answer = tokens_.token(scope_, stop);
  usable = std::holds_alternative<net::Token>(answer);
  if (const auto* busy = std::get_if<net::TokenBusy>(&answer)) {
    findings.push_back({Finding::Level::warning, prefix + busy->reason, "Try again later."});
    return findings;
  }
  if (const auto* error = std::get_if<Error>(&answer)) {
    findings.push_back(
        {Finding::Level::problem, prefix + "no token: " + error->what, error->remedy});
    return findings;
  }
  findings.push_back({Finding::Level::ok,
                      prefix + "token for " + scope_ + " from " + login + ", client " +
                          tokens_.options().client_id,
                      {}});
  const auto roles = roles_in(std::get<net::Token>(answer).value.reveal());
  if (!roles) {
    findings.push_back(
        {Finding::Level::ok, prefix + "the token is opaque, so its permissions are not known", {}});
    return findings;
  }
  std::vector<std::string> missing;
  for (const std::string& wanted : wanted_roles)
    if (std::find(roles->begin(), roles->end(), wanted) == roles->end())
      missing.push_back(wanted);
  // A broader permission may stand in for a missing one, so this is no problem yet: the requests
  // that follow decide.
  findings.push_back(
      {missing.empty() ? Finding::Level::ok : Finding::Level::warning,
       prefix +
           "application permissions in the token: " + (roles->empty() ? "none" : joined(*roles)) +
           (missing.empty() ? "" : "; expected also " + joined(missing)),
       missing.empty() ? "" : "Grant " + joined(missing) + " and give admin consent."});
  return findings;
}

std::optional<Finding> AuthorizedClient::clock_finding(std::string_view title,
                                                       const net::HttpResponse& response) const {
  const auto header = response.header("Date");
  const auto theirs = header ? net::parse_http_date(*header) : std::nullopt;
  if (!theirs)
    return std::nullopt;
  const auto skew = std::chrono::duration_cast<std::chrono::seconds>(clock_.now() - *theirs);
  if (std::chrono::abs(skew) <= kTolerableSkew)
    return std::nullopt;
  return Finding{Finding::Level::problem,
                 std::string(title) + ": this machine's clock is " +
                     std::to_string(std::chrono::abs(skew).count()) + " s " +
                     (skew.count() > 0 ? "ahead of" : "behind") + " the service's",
                 "Set this machine's clock (NTP): tokens are refused when it is wrong."};
}

}  // namespace gald::cloud
