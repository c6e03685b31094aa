#include "cloud/authorized_client.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <random>
#include <set>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "base/encoding.hpp"
#include "base/guid.hpp"
#include "base/text.hpp"
#include "net/challenge.hpp"
#include "net/retry_after.hpp"
#include "sync/expiry.hpp"

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

AuthorizedClient::AuthorizedClient(const ServiceOptions& options, ServiceLimits limits,
                                   const base::Clock& clock)
    : proxy_(options.proxy),
      http_({.ca_file = options.ca_file,
             .body_limit = options.body_limit,
             .proxy = options.proxy,
             .proxy_credentials = options.proxy_credentials}),
      clock_(clock),
      tokens_(http_,
              {.login_endpoint = options.login_endpoint,
               .tenant = options.tenant,
               .client_id = options.client_id,
               .credential = options.credential},
              clock),
      endpoint_(without_final_slashes(options.endpoint)),
      scope_(options.scope.empty() ? endpoint_ + "/.default" : options.scope),
      concurrent_(limits.concurrent),
      budget_(limits.rate) {
  const auto url = net::parse_url(endpoint_);
  if (!url || url->target != "/")
    throw std::runtime_error("endpoint '" + endpoint_ + "' is not of the form https://host[:port]");
}

AuthorizedClient::Answer AuthorizedClient::send(net::HttpRequest request, const Call& call,
                                                std::stop_token stop, sync::Effort& effort) {
  const auto given_up = [&call](const Error& error) -> Answer {
    const bool may_pass = error.kind == base::ErrorKind::broken ||
                          (error.kind == base::ErrorKind::network && call.reached);
    if (may_pass && call.replayable)
      return sync::Throttled{std::nullopt, error.what};
    return sync::Failed{error};
  };
  request.headers.emplace_back("Authorization", "");
  request.headers.emplace_back("client-request-id", new_request_id());
  std::set<std::string> renewed;  // for what reasons
  while (true) {
    const auto answer = tokens_.token(scope_, stop);
    if (const auto* busy = std::get_if<net::TokenBusy>(&answer))
      return sync::Throttled{busy->retry_after, busy->reason};
    if (const auto* error = std::get_if<Error>(&answer))
      return given_up(*error);
    const auto& token = std::get<net::Token>(answer);
    for (auto& [name, value] : request.headers)
      if (name == "Authorization")
        value = "Bearer " + token.value.reveal();

    if (auto early = enter(call.units, stop, effort))
      return *std::move(early);
    auto response = http_.send(request, call.timeout, stop, call.replayable);
    ++effort.requests;
    if (response)
      heed(*response, effort);  // before the place is free: the next one must know of a refusal
    std::optional<sync::Throttled> pause;
    if (response && wants_a_pause(*response))
      pause = refused(request, *response);
    leave();
    if (!response)
      return given_up(response.error());
    if (pause)
      return *std::move(pause);
    if (response->status != 401 && response->status != 403)
      return *std::move(response);
    const std::string claims = net::claims_challenge(response->headers).value_or("");
    if (!renewed.insert(std::to_string(response->status) + claims).second || renewed.size() > 3)
      return *std::move(response);
    tokens_.invalidate(scope_, token.value, claims);
  }
}

/// 429; and 503 that says for how long, which is the whole service's word too.
bool AuthorizedClient::wants_a_pause(const net::HttpResponse& response) const {
  return response.status == 429 ||
         (response.status == 503 &&
          retry_after(response).value_or(std::chrono::milliseconds(0)) >= std::chrono::seconds(1));
}

std::optional<AuthorizedClient::Answer> AuthorizedClient::enter(double units, std::stop_token stop,
                                                                sync::Effort& effort) {
  const Answer stopped = sync::Failed{{base::ErrorKind::stopped, endpoint_ + ": stopped", {}}};
  while (true) {
    std::optional<std::chrono::milliseconds> wait;
    {
      std::unique_lock lock(mutex_);
      if (!left_.wait(lock, stop, [this] { return under_way_ < concurrent_; }))
        return stopped;
      wait = budget_.admit(units, clock_.now());
      if (!wait) {
        ++under_way_;
        return std::nullopt;
      }
      if (budget_.pause(clock_.now()))
        return sync::Throttled{wait, refusal_};
    }
    if (!clock_.sleep(*wait, stop))
      return stopped;
    effort.paced += *wait;
  }
}

void AuthorizedClient::leave() {
  const std::lock_guard lock(mutex_);
  --under_way_;
  left_.notify_one();
}

void AuthorizedClient::heed(const net::HttpResponse& response, sync::Effort& effort) {
  effort.bytes += response.wire_bytes;
  const auto number = [&response](const char* name) -> std::optional<double> {
    const auto text = response.header(name);
    double value = 0;
    if (!text ||
        std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc())
      return std::nullopt;
    return value;
  };
  effort.units += number("x-ms-resource-unit").value_or(0);
  if (wants_a_pause(response))
    return;
  const std::lock_guard lock(mutex_);
  budget_.answered(number("x-ms-throttle-limit-percentage"));
}

std::optional<std::chrono::milliseconds> AuthorizedClient::retry_after(
    const net::HttpResponse& response) const {
  const auto header = response.header("Retry-After");
  return header ? net::parse_retry_after(*header, clock_.now()) : std::nullopt;
}

std::optional<sync::Throttled> AuthorizedClient::throttled(
    const net::HttpRequest& request, const net::HttpResponse& response) const {
  constexpr std::array kNotNow = {408, 500, 502, 503, 504, 509};
  if (std::find(kNotNow.begin(), kNotNow.end(), response.status) == kNotNow.end())
    return std::nullopt;
  return not_now(request, response);
}

sync::Throttled AuthorizedClient::not_now(const net::HttpRequest& request,
                                          const net::HttpResponse& response) const {
  // "At once" is no date: it would be taken at its word again and again.
  auto wait = retry_after(response);
  if (wait && *wait < std::chrono::seconds(1))
    wait.reset();
  return {wait, describe(request, response)};
}

sync::Throttled AuthorizedClient::refused(const net::HttpRequest& request,
                                          const net::HttpResponse& response) {
  return refused(retry_after(response), describe(request, response));
}

sync::Throttled AuthorizedClient::refused(std::optional<std::chrono::milliseconds> retry_after,
                                          std::string reason) {
  static thread_local std::minstd_rand generator{std::random_device{}()};
  const double random = std::uniform_real_distribution<double>(0.0, 1.0)(generator);
  const std::lock_guard lock(mutex_);
  refusal_ = std::move(reason);
  return {budget_.refused(retry_after, clock_.now(), random), refusal_};
}

std::vector<Finding> AuthorizedClient::check_token(std::string_view title,
                                                   const std::vector<Permission>& permissions,
                                                   bool& usable, std::stop_token stop) {
  const std::string prefix = std::string(title) + ": ";
  std::vector<Finding> findings;
  if (!proxy_.empty())
    findings.push_back({Finding::Level::ok, prefix + "through the proxy " + proxy_, {}, "proxy"});
  const auto answer = tokens_.token(scope_, stop);
  usable = std::holds_alternative<net::Token>(answer);
  if (const auto* busy = std::get_if<net::TokenBusy>(&answer)) {
    findings.push_back(
        {Finding::Level::warning, prefix + busy->reason, "Try again later.", "token"});
    return findings;
  }
  if (const auto* error = std::get_if<Error>(&answer)) {
    findings.push_back(
        {Finding::Level::problem, prefix + "no token: " + error->what, error->remedy, "token"});
    return findings;
  }
  const auto& token = std::get<net::Token>(answer);
  findings.push_back({Finding::Level::ok,
                      prefix + "token for " + scope_ + ", client " + tokens_.options().client_id +
                          ", valid for " + std::to_string(token.lifetime.count() / 60) + " minutes",
                      {},
                      "token"});
  if (auto ending = check_credential(prefix))
    findings.push_back(*std::move(ending));
  for (Finding& finding : check_permissions(prefix, permissions, token.value.reveal()))
    findings.push_back(std::move(finding));
  return findings;
}

std::optional<Finding> AuthorizedClient::check_credential(const std::string& prefix) const {
  const auto expiry = tokens_.expiry();
  if (!expiry)
    return std::nullopt;
  const int left = sync::days_left(expiry->at, clock_.now());
  const std::string end = expiry->what + " ends on " + base::to_iso8601(expiry->at).substr(0, 10) +
                          ", in " + std::to_string(left) + " days";
  if (left > sync::kExpiryNoticeDays)
    return Finding{Finding::Level::ok, prefix + end, {}, "credential"};
  return Finding{Finding::Level::warning, prefix + end,
                 "Add a new one to the app registration beside the old one, put it into its file, "
                 "and remove the old one afterwards.",
                 "credential"};
}

std::vector<Finding> AuthorizedClient::check_permissions(const std::string& prefix,
                                                         const std::vector<Permission>& permissions,
                                                         const std::string& token) const {
  const auto roles = roles_in(token);
  if (!roles)
    return {{Finding::Level::ok,
             prefix + "the token is opaque, so its permissions are not known",
             {},
             "permission"}};
  const auto granted = [&roles](const std::string& name) {
    return std::find(roles->begin(), roles->end(), name) != roles->end();
  };
  std::vector<Finding> findings;
  for (const Permission& permission : permissions) {
    const std::string what =
        prefix + "permission " + permission.name + " (" + permission.what_for + "): ";
    const auto instead =
        std::find_if(permission.instead.begin(), permission.instead.end(), granted);
    if (granted(permission.name))
      findings.push_back({Finding::Level::ok, what + "granted", {}, "permission"});
    else if (instead != permission.instead.end())
      findings.push_back(
          {Finding::Level::ok, what + "not granted, but " + *instead + " is", {}, "permission"});
    else
      findings.push_back({permission.required ? Finding::Level::problem : Finding::Level::warning,
                          what + "not granted",
                          "Grant the application permission " + permission.name +
                              " to the app registration " + tokens_.options().client_id +
                              " and give admin consent.",
                          "permission"});
  }
  return findings;
}

std::vector<Finding> AuthorizedClient::check_answer(std::string_view title,
                                                    const net::HttpResponse& response) const {
  const std::string prefix = std::string(title) + ": ";
  std::vector<Finding> findings;
  if (!response.peer.empty())
    findings.push_back({Finding::Level::ok, prefix + "certificate of " + response.peer, {}, "tls"});
  const auto header = response.header("Date");
  const auto theirs = header ? net::parse_http_date(*header) : std::nullopt;
  if (!theirs)
    return findings;
  const auto skew = std::chrono::duration_cast<std::chrono::seconds>(clock_.now() - *theirs);
  const std::string difference = skew == std::chrono::seconds(0)
                                     ? "agrees with"
                                     : "is " + std::to_string(std::chrono::abs(skew).count()) +
                                           " s " + (skew.count() > 0 ? "ahead of" : "behind");
  const bool tolerable = std::chrono::abs(skew) <= kTolerableSkew;
  findings.push_back(
      {tolerable ? Finding::Level::ok : Finding::Level::problem,
       prefix + "this machine's clock " + difference + " the service's",
       tolerable ? "" : "Set this machine's clock (NTP): tokens are refused when it is wrong.",
       "clock"});
  return findings;
}

std::optional<sync::CredentialExpiry> AuthorizedClient::credential_expiry() const {
  const auto expiry = tokens_.expiry();
  if (!expiry)
    return std::nullopt;
  return sync::CredentialExpiry{expiry->what, expiry->at};
}

}  // namespace gald::cloud
