#include "cloud/exchange_connector.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "base/encoding.hpp"
#include "base/text.hpp"
#include "cloud/exchange_mapping.hpp"

namespace gald::cloud {

namespace {

using base::Error;
using base::ErrorKind;
using sync::Failed;
using sync::Finding;
using sync::Pull;

/// Part of the fingerprint: raise it when the same page is to be read differently.
constexpr std::string_view kMappingVersion = "1";

/// A page of a thousand contacts is the work of a cmdlet, which takes its time.
constexpr std::chrono::minutes kTimeout{5};

/// There are no published numbers, only a refusal of "too many concurrent requests per tenant".
constexpr ServiceLimits kLimits{.rate = {}, .concurrent = 2};

std::string command_url(const std::string& endpoint, const std::string& tenant,
                        const std::string& select) {
  return endpoint + "/adminapi/beta/" + base::percent_encode(tenant) +
         "/InvokeCommand?$select=" + select;
}

/// REQUIRES: `result_size` is a JSON value.
net::HttpRequest get_mail_contact(std::string url, const std::string& tenant,
                                  std::string_view result_size) {
  net::HttpRequest request;
  request.method = "POST";
  request.url = std::move(url);
  request.headers = {
      {"Content-Type", "application/json; charset=utf-8"},
      {"Accept", "application/json"},
      {"Prefer", "odata.maxpagesize=1000"},
      {"X-ResponseFormat", "json"},
      {"X-CmdletName", "Get-MailContact"},
      // Routes an application's request: every tenant has this system mailbox.
      {"X-AnchorMailbox", "APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@" + tenant}};
  request.body = R"({"CmdletInput":{"CmdletName":"Get-MailContact","Parameters":{"ResultSize":)" +
                 std::string(result_size) + "}}}";
  return request;
}

/// The endpoint's own host or one below it, with its port.
bool is_within(const std::string& endpoint, std::string_view link) {
  const auto ours = net::parse_url(endpoint);
  const auto theirs = net::parse_url(link);
  return ours && theirs && ours->port == theirs->port &&
         (theirs->host == ours->host || theirs->host.ends_with("." + ours->host));
}

bool mentions(std::string_view text, std::string_view lower_case_words) {
  return base::ascii_lower(text.substr(0, 4096)).find(lower_case_words) != std::string::npos;
}

/// The sentence by which Exchange refuses too many requests at a time: plain text, any status.
bool is_crowded(const net::HttpResponse& response) {
  return !response.body.starts_with('{') &&
         (mentions(response.body, "maximum number of concurrent requests") ||
          mentions(response.body, "please wait and try again"));
}

/// Faults that pass, though they come with status 400.
bool is_passing(const net::HttpResponse& response) {
  constexpr std::array<std::string_view, 4> kPassing = {"cmdletproxynotavailablefailure",
                                                        "serverbusyexception", "transientexception",
                                                        "backendcommunicationexception"};
  if (response.status != 400)
    return false;
  const std::string_view exception = response.header("X-ExceptionType").value_or("");
  return std::any_of(kPassing.begin(), kPassing.end(), [&](std::string_view words) {
    return mentions(response.body, words) || mentions(exception, words);
  });
}

/// The bodies of 401 and 403 are empty; what is wrong stands in a header.
std::string with_diagnostics(const net::HttpRequest& request, const net::HttpResponse& response) {
  std::string text = describe(request, response);
  for (const char* name : {"x-ms-diagnostics", "WWW-Authenticate"})
    if (const auto reason = response.header(name)) {
      text += "; " + std::string(reason->substr(0, 300));
      break;
    }
  return text;
}

Error refused_rights(const std::string& client_id, const std::string& what) {
  return Error{ErrorKind::auth, what,
               "Grant the application permission Exchange.ManageAsApp (Office 365 Exchange Online) "
               "to the app registration " +
                   client_id +
                   ", give admin consent, and assign its service principal the role Global Reader "
                   "or an Exchange role group with View-Only Recipients; that can take an hour."};
}

Error refused_token(const std::string& what) {
  return Error{ErrorKind::auth, what,
               "Check that tenant, login endpoint and Exchange endpoint belong to the same cloud, "
               "and this machine's clock."};
}

class ExchangeRound final : public sync::Round {
 public:
  ExchangeRound(AuthorizedClient& client, const std::string& tenant, const std::string& client_id)
      : client_(client),
        tenant_(tenant),
        client_id_(client_id),
        url_(command_url(client.endpoint(), tenant, exchange_select())) {}

  Pull next(std::stop_token stop) override;

 private:
  Pull page(const net::HttpRequest& request, const net::HttpResponse& response);

  AuthorizedClient& client_;
  const std::string& tenant_;
  const std::string& client_id_;
  std::string url_;
  sync::Effort effort_;
  std::set<std::size_t> fetched_;  ///< hashes of the URLs of this round
};

Pull ExchangeRound::next(std::stop_token stop) {
  const auto request = get_mail_contact(url_, tenant_, R"("Unlimited")");
  auto answer = client_.send(request, {.timeout = kTimeout}, stop, effort_);
  if (auto* throttled = std::get_if<sync::Throttled>(&answer))
    return std::move(*throttled);
  if (auto* failed = std::get_if<Failed>(&answer))
    return std::move(*failed);
  const auto& response = std::get<net::HttpResponse>(answer);
  if (is_crowded(response))
    return client_.refused(request, response);
  if (is_passing(response))
    return client_.not_now(request, response);
  if (auto throttled = client_.throttled(request, response))
    return *std::move(throttled);
  if (response.status == 200)
    return page(request, response);
  const std::string what = with_diagnostics(request, response);
  if (response.status == 401)
    return Failed{refused_token(what)};
  if (response.status == 403)
    return Failed{refused_rights(client_id_, what)};
  return Failed{Error{ErrorKind::protocol, what, {}}};
}

Pull ExchangeRound::page(const net::HttpRequest& request, const net::HttpResponse& response) {
  const auto failed = [&request](const std::string& what) {
    return Failed{
        Error{ErrorKind::protocol, "POST " + net::without_query(request.url) + ": " + what, {}}};
  };
  auto read = read_exchange_page(response.body);
  if (!read)
    return failed(read.error().what);
  const std::string& link = read->next_link;
  if (!link.empty() && !is_within(client_.endpoint(), link))
    return failed("the nextLink leads to another origin, " +
                  net::origin_of(link).value_or("which is no https URL"));
  fetched_.insert(std::hash<std::string>()(url_));
  if (!link.empty() && fetched_.contains(std::hash<std::string>()(link)))
    return failed("the nextLink leads back to a page of this round");

  sync::Page result;
  result.changes = std::move(read->changes);
  result.rejected = std::move(read->rejected);
  result.last = link.empty();
  if (result.last)
    result.next = model::Cursor{};  // the next round lists everything again
  result.effort = std::exchange(effort_, {});
  url_ = link;
  return result;
}

}  // namespace

ExchangeConnector::ExchangeConnector(ExchangeOptions options, const base::Clock& clock)
    : name_(std::move(options.name)),
      tenant_(options.tenant),
      client_id_(options.client_id),
      client_(http_options(options),
              net::TokenOptions{.login_endpoint = options.login_endpoint,
                                .tenant = options.tenant,
                                .client_id = options.client_id,
                                .credential = std::move(options.credential)},
              options.exchange_endpoint, options.scope, kLimits, clock) {
  const std::string asked = std::string(kMappingVersion) + "\n" + client_.endpoint() + "\n" +
                            base::ascii_lower(tenant_) + "\n" + exchange_select();
  collections_.push_back({"mailcontacts", true, "exchange " + base::sha256_hex(asked)});
}

std::unique_ptr<sync::Round> ExchangeConnector::begin(const sync::Collection&,
                                                      const model::Cursor&) {
  return std::make_unique<ExchangeRound>(client_, tenant_, client_id_);
}

std::vector<Finding> ExchangeConnector::check(std::stop_token stop) {
  const std::string title = "Exchange Online (" + name_ + ")";
  bool usable = false;
  auto findings = client_.check_token(
      title, {{"Exchange.ManageAsApp", "runs cmdlets as an application"}}, usable, stop);
  if (!usable)
    return findings;
  sync::Effort effort;
  const auto request =
      get_mail_contact(command_url(client_.endpoint(), tenant_, "Guid"), tenant_, "1");
  const auto answer = client_.send(request, {.timeout = kTimeout}, stop, effort);
  if (const auto* response = std::get_if<net::HttpResponse>(&answer))
    for (Finding& finding : client_.check_answer(title, *response))
      findings.push_back(std::move(finding));
  findings.push_back(finding_on(title + ": Get-MailContact", request, answer));
  return findings;
}

Finding ExchangeConnector::finding_on(const std::string& what, const net::HttpRequest& request,
                                      const AuthorizedClient::Answer& answer) const {
  const auto problem = [&what](const Error& error) {
    return Finding{Finding::Level::problem, what + ": " + error.what, error.remedy};
  };
  const auto later = [&what](const std::string& reason) {
    return Finding{Finding::Level::warning, what + ": " + reason, "Try again later."};
  };
  if (const auto* throttled = std::get_if<sync::Throttled>(&answer))
    return later(throttled->reason);
  if (const auto* failed = std::get_if<Failed>(&answer))
    return problem(failed->error);
  const auto& response = std::get<net::HttpResponse>(answer);
  const std::string told = with_diagnostics(request, response);
  if (is_crowded(response) || is_passing(response) || client_.throttled(request, response))
    return later(told);
  if (response.status == 401)
    return problem(refused_token(told));
  if (response.status == 403)
    return problem(refused_rights(client_id_, told));
  if (response.status != 200)
    return problem({ErrorKind::protocol, told, {}});
  const auto read = read_exchange_page(response.body);
  if (!read)
    return problem(read.error());
  return {Finding::Level::ok, what + " can be run", {}};
}

}  // namespace gald::cloud
