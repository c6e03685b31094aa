#include "net/token_source.hpp"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "base/encoding.hpp"
#include "net/retry_after.hpp"

namespace gald::net {

namespace {

using base::Error;
using base::ErrorKind;
using base::Secret;
using nlohmann::json;

constexpr std::chrono::seconds kTimeout{30};

struct KnownError {
  int code;
  ErrorKind kind;
  const char* what;
  const char* remedy;
};

constexpr const char* kCheckSecret =
    "Create a client secret in the app registration (Certificates & secrets) and store its value, "
    "not its id, in the configured secret file.";
constexpr const char* kCheckClient =
    "Compare client_id with the app registration's application (client) id, and tenant with its "
    "directory (tenant) id.";
constexpr const char* kCheckCloud =
    "Compare tenant and the endpoints with the cloud that the tenant lives in.";
constexpr const char* kCheckScope =
    "Check the configured endpoint: the scope is the endpoint followed by /.default.";
constexpr const char* kCheckConsent =
    "Grant the application permissions in the app registration and give admin consent.";

constexpr auto kKnownErrors = std::to_array<KnownError>({
    {7000215, ErrorKind::auth, "the client secret is wrong", kCheckSecret},
    {7000222, ErrorKind::auth, "the client secret has expired", kCheckSecret},
    {7000218, ErrorKind::auth, "no client secret was sent", kCheckSecret},
    {700027, ErrorKind::auth, "the certificate is not registered with the app", kCheckSecret},
    {700024, ErrorKind::auth, "the assertion is not valid at this time",
     "Set this machine's clock (NTP)."},
    {700023, ErrorKind::auth, "the assertion is for another audience", kCheckCloud},
    {700016, ErrorKind::config, "the tenant does not know this client id", kCheckClient},
    {7000112, ErrorKind::auth, "the app is disabled",
     "Enable the enterprise application for sign-in."},
    {70001, ErrorKind::config, "the app is disabled or not in this tenant", kCheckClient},
    {70021, ErrorKind::auth, "no federated credential matches", kCheckClient},
    {700213, ErrorKind::auth, "no federated credential matches", kCheckClient},
    {700022, ErrorKind::config, "the scope names more than one resource", kCheckScope},
    {70011, ErrorKind::config, "the scope is not valid", kCheckScope},
    {700011, ErrorKind::config, "the scope is not valid", kCheckScope},
    {500011, ErrorKind::config, "the tenant has no such resource",
     "Check that the tenant uses this service (Exchange Online, for instance), and the endpoint."},
    {90002, ErrorKind::config, "tenant not found", kCheckCloud},
    {900382, ErrorKind::config, "the tenant lives in another cloud", kCheckCloud},
    {90038, ErrorKind::config, "the tenant lives in another cloud", kCheckCloud},
    {900432, ErrorKind::config, "the tenant lives in another cloud", kCheckCloud},
    {9001023, ErrorKind::config, "this grant needs a tenant, not common or organizations",
     "Set tenant to the directory (tenant) id."},
    {650056, ErrorKind::auth, "the app is not set up for this resource", kCheckConsent},
    {650057, ErrorKind::auth, "the app is not set up for this resource", kCheckConsent},
    {65001, ErrorKind::auth, "there is no admin consent", kCheckConsent},
    {53003, ErrorKind::auth, "blocked by Conditional Access",
     "Exclude the app's service principal from the policy, or allow this machine's address."},
});

constexpr auto kPassing = std::to_array<int>({50000, 90006, 90012, 90024, 90033});
constexpr int kTenantThrottled = 90055;

std::string whose(const TokenOptions& options) {
  return " (tenant " + options.tenant + ", client " + options.client_id + ")";
}

/// The AADSTS number, or 0.
int number_of(const json& body) {
  const auto codes = body.find("error_codes");
  if (codes == body.end() || !codes->is_array() || codes->empty() ||
      !codes->front().is_number_integer())
    return 0;
  return codes->front().get<int>();
}

std::string text_of(const json& body, const char* name) {
  const auto found = body.find(name);
  return found != body.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// RFC 6749 section 5.2 allows printable ASCII only; keep it that way in our own texts.
std::string printable(std::string text, std::size_t most) {
  text.resize(std::min(text.size(), most));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < 0x20 || c > 0x7e; }, ' ');
  return text;
}

TokenAnswer read_error(const HttpResponse& response, const json& body, const TokenOptions& options,
                       base::TimePoint now) {
  const std::string error = printable(text_of(body, "error"), 60);
  const int number = number_of(body);
  const std::string code = number != 0 ? "AADSTS" + std::to_string(number) : error;
  const std::string answered = options.login_endpoint + ": the token endpoint answered " +
                               std::to_string(response.status) + (code.empty() ? "" : " " + code);
  const bool passing = std::find(kPassing.begin(), kPassing.end(), number) != kPassing.end() ||
                       error == "temporarily_unavailable";
  if (response.status == 429 || response.status >= 500 || number == kTenantThrottled || passing) {
    TokenBusy busy;
    if (const auto wait = response.header("Retry-After"))
      busy.retry_after = parse_retry_after(*wait, now);
    busy.reason = answered;
    return busy;
  }
  for (const KnownError& known : kKnownErrors)
    if (known.code == number)
      return Error{known.kind, code + ": " + known.what + whose(options), known.remedy};

  // An unknown number: its description helps. Only the first line; the rest are trace ids.
  const std::string description = text_of(body, "error_description");
  const std::string first_line = printable(description.substr(0, description.find('\r')), 300);
  return Error{ErrorKind::auth, (first_line.empty() ? answered : first_line) + whose(options),
               "Look the code up in Microsoft's list of AADSTS error codes."};
}

}  // namespace

TokenAnswer read_token_answer(const HttpResponse& response, const TokenOptions& options,
                              base::TimePoint now) {
  const json body = json::parse(response.body, nullptr, false);
  if (response.status != 200)
    return read_error(response, body.is_object() ? body : json::object(), options, now);
  const std::string value = body.is_object() ? text_of(body, "access_token") : std::string();
  const bool usable = !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
    return c > 0x20 && c < 0x7f;  // RFC 6750 section 2.1, generously
  });
  if (!usable)
    return Error{ErrorKind::protocol,
                 options.login_endpoint + ": the token endpoint answered 200 without a token",
                 {}};

  Token token{Secret(value), std::chrono::seconds(0)};
  // A number according to RFC 6749 section 5.1; some issuers of the same platform send it as text.
  if (const auto found = body.find("expires_in"); found != body.end()) {
    if (found->is_number())
      token.lifetime = std::chrono::seconds(
          static_cast<long>(std::clamp(found->get<double>(), 0.0, 7.0 * 86400)));
    else if (found->is_string())
      token.lifetime = std::chrono::duration_cast<std::chrono::seconds>(
          parse_retry_after(found->get<std::string>(), now).value_or(std::chrono::seconds(0)));
  }
  return token;
}

TokenSource::TokenSource(HttpClient& http, TokenOptions options, const base::Clock& clock)
    : http_(http), options_(std::move(options)), clock_(clock) {
  while (options_.login_endpoint.ends_with('/'))
    options_.login_endpoint.pop_back();
}

TokenAnswer TokenSource::token(const std::string& scope, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  Entry& entry = entries_[scope];  // map nodes stay where they are
  while (true) {
    if (entry.token && clock_.now() < entry.renew_at)
      return *entry.token;
    if (!entry.asking)
      break;
    const auto answers = entry.answers;
    if (!answered_.wait(lock, stop, [&] { return entry.answers != answers; }))
      return Error{ErrorKind::stopped, "stopped while waiting for a token", {}};
    // A failure is everybody's, unless it was only the asking thread that was told to stop.
    const auto* failed = entry.last ? std::get_if<Error>(&*entry.last) : nullptr;
    if (entry.last && !(failed && failed->kind == ErrorKind::stopped))
      return *entry.last;
  }

  entry.asking = true;
  lock.unlock();
  TokenAnswer answer = Error{ErrorKind::config, "the client secret could not be read", {}};
  try {
    answer = ask(scope, stop);
  } catch (...) {
    finish(scope, answer);  // the others must not wait for ever
    throw;
  }
  finish(scope, answer);
  return answer;
}

void TokenSource::finish(const std::string& scope, const TokenAnswer& answer) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[scope];
  entry.asking = false;
  ++entry.answers;
  entry.last = answer;
  if (const auto* token = std::get_if<Token>(&answer)) {
    entry.token = *token;
    entry.renew_at = clock_.now() + std::chrono::milliseconds(token->lifetime) * 8 / 10;
  }
  answered_.notify_all();
}

void TokenSource::invalidate(const Secret& token) {
  const std::lock_guard lock(mutex_);
  for (auto& [scope, entry] : entries_)
    if (entry.token && entry.token->value.reveal() == token.reveal())
      entry.token.reset();
}

TokenAnswer TokenSource::ask(const std::string& scope, std::stop_token stop) {
  const auto secret = options_.secret();
  if (!secret)
    return secret.error();
  HttpRequest request;
  request.method = "POST";
  request.url =
      options_.login_endpoint + "/" + base::percent_encode(options_.tenant) + "/oauth2/v2.0/token";
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                     {"Accept", "application/json"}};
  request.body =
      "grant_type=client_credentials&client_id=" + base::percent_encode(options_.client_id) +
      "&scope=" + base::percent_encode(scope) +
      "&client_secret=" + base::percent_encode(secret->reveal());
  const auto response = http_.send(request, kTimeout, stop);
  if (!response)
    return response.error();
  TokenAnswer answer = read_token_answer(*response, options_, clock_.now());
  // The service does not echo secrets. Should it ever, its description is dropped.
  if (auto* error = std::get_if<Error>(&answer);
      error && !secret->empty() && error->what.find(secret->reveal()) != std::string::npos)
    error->what = "the token endpoint refused the request" + whose(options_);
  return answer;
}

}  // namespace gald::net
