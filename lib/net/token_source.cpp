#include "net/token_source.hpp"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "base/encoding.hpp"
#include "base/text.hpp"
#include "net/retry_after.hpp"

namespace gald::net {

namespace {

using base::Error;
using base::ErrorKind;
using base::Secret;
using nlohmann::json;

constexpr std::chrono::seconds kTimeout{30};

/// Where to look, which depends on the credential for some of them.
enum class Remedy {
  secret,
  proof,
  time,
  audience,
  client,
  cloud,
  scope,
  resource,
  consent,
  enable,
  policy
};

struct KnownError {
  int code;
  ErrorKind kind;
  const char* what;
  Remedy remedy;
};

constexpr int kUnknownCertificate = 700027;
constexpr auto kKnownErrors = std::to_array<KnownError>({
    {7000215, ErrorKind::auth, "the client secret is wrong", Remedy::secret},
    {7000222, ErrorKind::auth, "the client secret has expired", Remedy::secret},
    {7000218, ErrorKind::auth, "the app wants another kind of credential", Remedy::proof},
    {kUnknownCertificate, ErrorKind::auth,
     "the assertion is not signed by a key that is registered with the app", Remedy::proof},
    {700024, ErrorKind::auth, "the assertion is not valid at this time", Remedy::time},
    {700023, ErrorKind::auth, "the assertion is for another audience", Remedy::audience},
    {700016, ErrorKind::config, "the tenant does not know this client id", Remedy::client},
    {7000112, ErrorKind::auth, "the app is disabled", Remedy::enable},
    {70001, ErrorKind::config, "the app is disabled or not in this tenant", Remedy::client},
    {70021, ErrorKind::auth, "no federated credential of the app matches", Remedy::proof},
    {700213, ErrorKind::auth, "no federated credential of the app matches", Remedy::proof},
    {700022, ErrorKind::config, "the scope names more than one resource", Remedy::scope},
    {70011, ErrorKind::config, "the scope is not valid", Remedy::scope},
    {700011, ErrorKind::config, "the scope is not valid", Remedy::scope},
    {500011, ErrorKind::config, "the tenant has no such resource", Remedy::resource},
    {90002, ErrorKind::config, "tenant not found", Remedy::cloud},
    {900382, ErrorKind::config, "the tenant lives in another cloud", Remedy::cloud},
    {90038, ErrorKind::config, "the tenant lives in another cloud", Remedy::cloud},
    {900432, ErrorKind::config, "the tenant lives in another cloud", Remedy::cloud},
    {9001023, ErrorKind::config, "this grant needs a tenant, not common or organizations",
     Remedy::client},
    {650056, ErrorKind::auth, "the app is not set up for this resource", Remedy::consent},
    {650057, ErrorKind::auth, "the app is not set up for this resource", Remedy::consent},
    {65001, ErrorKind::auth, "there is no admin consent", Remedy::consent},
    {53003, ErrorKind::auth, "blocked by Conditional Access", Remedy::policy},
});

constexpr const char* kNewSecret =
    "Create a client secret in the app registration (Certificates & secrets) and store its value, "
    "not its id, in the configured secret file.";

const char* check_proof(const Credential& credential) {
  if (std::holds_alternative<ClientCertificate>(credential))
    return "Upload the certificate of certificate_file to the app registration (Certificates & "
           "secrets), and sign with its own key.";
  if (std::holds_alternative<FederatedToken>(credential))
    return "Compare issuer, subject and audience of the token in federated_token_file with a "
           "federated credential of the app registration: they must be exactly the same.";
  return kNewSecret;
}

const char* remedy_text(Remedy remedy, const Credential& credential) {
  const bool federated = std::holds_alternative<FederatedToken>(credential);
  switch (remedy) {
    case Remedy::secret:
      return kNewSecret;
    case Remedy::proof:
      return check_proof(credential);
    case Remedy::time:
      return federated ? "Let the token in federated_token_file be renewed before it ends, and set "
                         "this machine's clock (NTP)."
                       : "Set this machine's clock (NTP).";
    case Remedy::client:
      return "Compare client_id with the app registration's application (client) id, and tenant "
             "with its directory (tenant) id.";
    case Remedy::audience:
      if (federated)
        return "Let the token in federated_token_file be issued for the audience that the app's "
               "federated credential names.";
      [[fallthrough]];
    case Remedy::cloud:
      return "Compare tenant, cloud and the endpoints with the cloud that the tenant lives in.";
    case Remedy::scope:
      return "Check the configured endpoint: the scope is the endpoint followed by /.default.";
    case Remedy::resource:
      return "Check that the tenant uses this service (Exchange Online, for instance), and the "
             "endpoint.";
    case Remedy::consent:
      return "Grant the application permissions in the app registration and give admin consent.";
    case Remedy::enable:
      return "Enable the enterprise application for sign-in.";
    case Remedy::policy:
      return "Exclude the app's service principal from the policy, or allow this machine's "
             "address.";
  }
  return "";
}

constexpr auto kPassing = std::to_array<int>({50000, 90006, 90012, 90024, 90033});
constexpr int kTenantThrottled = 90055;

/// What the service sends as Retry-After, for the case that something in between dropped it.
constexpr std::chrono::seconds kThrottledFor{60};

/// A certificate that was added just now is not known everywhere yet.
constexpr int kPatience = 3;
constexpr std::chrono::seconds kUntilItIsKnown{10};

/// The metadata service is gone for this long when it is updated.
constexpr std::chrono::seconds kImdsUpdate{70};

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

std::optional<std::chrono::milliseconds> wait_of(const HttpResponse& response,
                                                 base::TimePoint now) {
  const auto wait = response.header("Retry-After");
  return wait ? parse_retry_after(*wait, now) : std::nullopt;
}

json object_of(const HttpResponse& response) {
  json body = json::parse(response.body, nullptr, false);
  return body.is_object() ? body : json::object();
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
    TokenBusy busy{wait_of(response, now), answered};
    if (!busy.retry_after && (response.status == 429 || number == kTenantThrottled))
      busy.retry_after = kThrottledFor;
    return busy;
  }
  for (const KnownError& known : kKnownErrors)
    if (known.code == number)
      return Error{known.kind, code + ": " + known.what + whose(options),
                   remedy_text(known.remedy, options.credential)};

  // An unknown number: its description helps. Only the first line; the rest are trace ids.
  const std::string description = text_of(body, "error_description");
  const std::string first_line = printable(description.substr(0, description.find('\r')), 300);
  return Error{ErrorKind::auth, (first_line.empty() ? answered : first_line) + whose(options),
               "Look the code up in Microsoft's list of AADSTS error codes."};
}

/// A 200 of either service, which `place` names.
TokenAnswer read_token(const json& body, const std::string& place, base::TimePoint now) {
  const std::string value = text_of(body, "access_token");
  const bool usable = !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
    return c > 0x20 && c < 0x7f;  // RFC 6750 section 2.1, generously
  });
  if (!usable)
    return Error{ErrorKind::protocol, place + " answered 200 without a token", {}};

  Token token{Secret(value), std::chrono::seconds(0)};
  // A number according to RFC 6749 section 5.1; the metadata service sends it as text.
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

/// What shows the service who asks: a part of the form, and its secret value.
struct Proof {
  std::string field;
  Secret value;
};

base::Result<Proof> proof_of(const TokenOptions& options, const std::string& endpoint,
                             base::TimePoint now) {
  constexpr const char* kAssertion =
      "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
      "&client_assertion=";
  const auto made = [](std::string field, base::Result<Secret> value) -> base::Result<Proof> {
    if (!value)
      return value.error();
    return Proof{std::move(field), *std::move(value)};
  };
  if (const auto* federated = std::get_if<FederatedToken>(&options.credential))
    return made(kAssertion, federated->token());
  if (const auto* certificate = std::get_if<ClientCertificate>(&options.credential))
    return made(kAssertion, make_assertion(*certificate, options.client_id, endpoint, now));
  return made("&client_secret=", std::get<ClientSecret>(options.credential).secret());
}

bool is_known(int number) {
  return std::any_of(kKnownErrors.begin(), kKnownErrors.end(),
                     [number](const KnownError& known) { return known.code == number; });
}

/// The service does not echo credentials. Should it ever, in whole or (of a JWT) in part, nobody
/// shall read it in a log.
bool echoes(const std::string& text, const Secret& value) {
  if (value.empty())
    return false;
  if (text.find(value.reveal()) != std::string::npos ||
      text.find(base::percent_encode(value.reveal())) != std::string::npos)
    return true;
  constexpr std::size_t kTelling = 24;
  const auto parts = base::split(value.reveal(), '.');
  return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) {
    return part.size() >= kTelling && text.find(part.substr(0, kTelling)) != std::string::npos;
  });
}

}  // namespace

TokenAnswer read_token_answer(const HttpResponse& response, const TokenOptions& options,
                              base::TimePoint now) {
  const json body = object_of(response);
  const std::string place = options.login_endpoint + ": the token endpoint";
  if (response.status == 200 && body.empty())  // no JSON: it may have been garbled on its way
    return TokenBusy{std::nullopt, place + " answered 200 with something else than JSON"};
  if (response.status == 200)
    return read_token(body, place, now);
  return read_error(response, body, options, now);
}

TokenAnswer read_imds_answer(const HttpResponse& response, const TokenOptions& options,
                             base::TimePoint now) {
  const auto* identity = std::get_if<ManagedIdentity>(&options.credential);
  const std::string place = (identity ? identity->imds_endpoint + ": " : std::string()) +
                            "the metadata service of this machine";
  const json body = object_of(response);
  const int status = response.status;
  if (status == 200)
    return read_token(body, place, now);
  const std::string answered = place + " answered " + std::to_string(status);
  if (status == 404 || status == 410 || status == 429 || status >= 500) {
    TokenBusy busy{wait_of(response, now), answered};
    if (status == 410)
      busy.retry_after =
          std::min<std::chrono::milliseconds>(busy.retry_after.value_or(kImdsUpdate), kImdsUpdate);
    return busy;
  }
  const std::string error = printable(text_of(body, "error"), 60);
  const std::string reason = printable(text_of(body, "error_description"), 300);
  return Error{
      ErrorKind::auth,
      answered + (error.empty() ? "" : " " + error) + (reason.empty() ? "" : ": " + reason),
      options.client_id.empty()
          ? "Assign a managed identity to this machine; set client_id if there are several."
          : "Assign the user-assigned identity with this client_id to this machine, or remove "
            "client_id for the machine's own."};
}

std::string imds_url(const ManagedIdentity& identity, const std::string& client_id,
                     const std::string& scope) {
  constexpr std::string_view kDefault = "/.default";
  std::string resource = scope;
  if (resource.ends_with(kDefault))
    resource.resize(resource.size() - kDefault.size() + 1);
  return identity.imds_endpoint +
         "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=" +
         base::percent_encode(resource) +
         (client_id.empty() ? "" : "&client_id=" + base::percent_encode(client_id));
}

TokenSource::TokenSource(HttpClient& http, TokenOptions options, const base::Clock& clock)
    : http_(http), options_(std::move(options)), clock_(clock) {
  while (options_.login_endpoint.ends_with('/'))
    options_.login_endpoint.pop_back();
  if (auto* identity = std::get_if<ManagedIdentity>(&options_.credential)) {
    while (identity->imds_endpoint.ends_with('/'))
      identity->imds_endpoint.pop_back();
    HttpClientOptions plain;
    plain.plain_http = true;
    imds_http_ = std::make_unique<HttpClient>(std::move(plain));
  }
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
    // A failure is everybody's, unless it was only the asking thread that was told to stop. A token
    // may have been refused already: whether it is still good is seen above.
    const auto* failed = entry.last ? std::get_if<Error>(&*entry.last) : nullptr;
    const bool stopped = failed && failed->kind == ErrorKind::stopped;
    if (entry.last && !stopped && !std::holds_alternative<Token>(*entry.last))
      return *entry.last;
  }
  if (auto busy = quiet())
    return *std::move(busy);

  entry.asking = true;
  const std::string claims = entry.claims;
  lock.unlock();
  TokenAnswer answer = Error{ErrorKind::config, "the credential could not be read", {}};
  try {
    answer = ask(scope, claims, stop);
  } catch (...) {
    finish(scope, claims, answer);  // the others must not wait for ever
    throw;
  }
  finish(scope, claims, answer);
  return answer;
}

/// REQUIRES: the lock. The rest of a wait that the service asked for. A clock that was set back
/// must not make it longer.
std::optional<TokenBusy> TokenSource::quiet() const {
  if (!busy_)
    return std::nullopt;
  const auto passed = clock_.now() - busy_since_;
  if (passed < std::chrono::milliseconds(0) || passed >= *busy_->retry_after)
    return std::nullopt;
  return TokenBusy{*busy_->retry_after - passed, busy_->reason};
}

void TokenSource::finish(const std::string& scope, const std::string& claims,
                         const TokenAnswer& answer) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[scope];
  entry.asking = false;
  ++entry.answers;
  entry.last = answer;
  busy_.reset();
  if (const auto* token = std::get_if<Token>(&answer)) {
    if (entry.claims == claims) {
      entry.token = *token;
      entry.renew_at = clock_.now() + std::chrono::milliseconds(token->lifetime) * 8 / 10;
      entry.asked_with = std::exchange(entry.claims, {});
    }  // else it was asked for before the challenge, and is refused already
  } else if (const auto* busy = std::get_if<TokenBusy>(&answer); busy && busy->retry_after) {
    busy_ = *busy;
    busy_since_ = clock_.now();
  }
  answered_.notify_all();
}

void TokenSource::invalidate(const std::string& scope, const Secret& token,
                             const std::string& claims) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[scope];
  const bool current = entry.token && entry.token->value.reveal() == token.reveal();
  // Of several requests with one token the challenge may be heard last, when another refusal has
  // had the token replaced by one that does not meet it either.
  const bool unmet = !claims.empty() && claims != entry.asked_with && claims != entry.claims;
  if (!current && !unmet)
    return;
  entry.token.reset();
  if (!claims.empty())
    entry.claims = claims;
}

TokenAnswer TokenSource::ask(const std::string& scope, const std::string& claims,
                             std::stop_token stop) {
  if (const auto* identity = std::get_if<ManagedIdentity>(&options_.credential))
    return ask_imds(*identity, scope, stop);
  HttpRequest request;
  request.method = "POST";
  request.url =
      options_.login_endpoint + "/" + base::percent_encode(options_.tenant) + "/oauth2/v2.0/token";
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                     {"Accept", "application/json"}};
  const auto proof = proof_of(options_, request.url, clock_.now());
  if (!proof)
    return proof.error();
  request.body =
      "grant_type=client_credentials&client_id=" + base::percent_encode(options_.client_id) +
      "&scope=" + base::percent_encode(scope) + proof->field +
      base::percent_encode(proof->value.reveal()) +
      (claims.empty() ? "" : "&claims=" + base::percent_encode(claims));
  // An assertion is good for one use, so a connection that died under it is no reason to send it
  // again from here.
  const bool replayable = !std::holds_alternative<ClientCertificate>(options_.credential);
  const auto response = http_.send(request, kTimeout, stop, replayable);
  if (!response)
    return response.error();
  TokenAnswer answer = read_token_answer(*response, options_, clock_.now());
  // The text of an unknown error is the service's, and may end in the middle of an echo.
  if (auto* error = std::get_if<Error>(&answer);
      error && !is_known(number_of(object_of(*response))) &&
      (echoes(response->body, proof->value) || echoes(error->what, proof->value)))
    error->what = "the token endpoint refused the request" + whose(options_);
  return patient(*response, std::move(answer));
}

TokenAnswer TokenSource::ask_imds(const ManagedIdentity& identity, const std::string& scope,
                                  std::stop_token stop) {
  HttpRequest request;
  request.url = imds_url(identity, options_.client_id, scope);
  request.headers = {{"Metadata", "true"}, {"Accept", "application/json"}};
  const auto response = imds_http_->send(request, kTimeout, stop);
  if (response)
    return read_imds_answer(*response, options_, clock_.now());
  Error error = response.error();
  if (error.kind == ErrorKind::network)
    error.remedy = "managed_identity works on machines in Azure only.";
  return error;
}

/// A certificate that the service does not know is first taken for one that it does not know yet.
TokenAnswer TokenSource::patient(const HttpResponse& response, TokenAnswer answer) {
  const bool unknown = std::holds_alternative<ClientCertificate>(options_.credential) &&
                       std::holds_alternative<Error>(answer) &&
                       number_of(object_of(response)) == kUnknownCertificate;
  const std::lock_guard lock(mutex_);
  unknown_certificate_ = unknown ? unknown_certificate_ + 1 : 0;
  if (!unknown || unknown_certificate_ > kPatience)
    return answer;
  return TokenBusy{kUntilItIsKnown, std::get<Error>(answer).what};
}

}  // namespace gald::net
