#include "cloud/exchange_listing.hpp"

#include <string_view>
#include <utility>

#include "net/retry_after.hpp"
#include "net/url.hpp"

namespace gald::cloud {

namespace {

using base::Error;
using base::ErrorKind;
using sync::Failed;

/// A page of a thousand objects is the work of a cmdlet, which takes its time.
constexpr std::chrono::minutes kTimeout{5};

/// The endpoint's own host or one below it, with its port: the service routes to regional ones.
bool is_within(const std::string& endpoint, std::string_view link) {
  const auto ours = net::parse_url(endpoint);
  const auto theirs = net::parse_url(link);
  return ours && theirs && ours->port == theirs->port &&
         (theirs->host == ours->host || theirs->host.ends_with("." + ours->host));
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

bool is_refusal(int status) {
  return status == 400 || status == 404 || status == 410;
}

}  // namespace

ExchangeAnswer exchange_answer(const ExchangeService& service, const net::HttpRequest& request,
                               AuthorizedClient::Answer answer) {
  if (auto* throttled = std::get_if<sync::Throttled>(&answer))
    return std::move(*throttled);
  if (auto* failed = std::get_if<Failed>(&answer))
    return std::move(*failed);
  auto& response = std::get<net::HttpResponse>(answer);
  if (is_crowded(response))
    return service.client.refused(request, response);
  if (is_passing(response))
    return service.client.not_now(request, response);
  if (auto throttled = service.client.throttled(request, response))
    return *std::move(throttled);
  if (response.status == 200)
    return std::move(response.body);
  const std::string what = with_diagnostics(request, response);
  if (response.status == 401)
    return Failed{refused_token(what)};
  if (response.status == 403)
    return Failed{refused_rights(service.client_id, what)};
  const Error error{ErrorKind::protocol, what, {}};
  if (is_refusal(response.status))
    return Refused{error};
  return Failed{error};
}

ExchangeListing::ExchangeListing(const ExchangeService& service, const Cmdlet& cmdlet)
    : service_(&service),
      first_(command_request(service.client.endpoint(), service.tenant, cmdlet)),
      replayable_(is_replayable(cmdlet.name)),
      url_(first_.url) {}

ExchangeAnswer ExchangeListing::ask(std::stop_token stop, ExchangeProgress& progress) {
  while (true) {
    net::HttpRequest request = first_;
    request.url = url_;
    const Call call{.timeout = kTimeout, .replayable = replayable_, .reached = progress.reached};
    auto answer = service_->client.send(request, call, stop, progress.effort);
    if (const auto* response = std::get_if<net::HttpResponse>(&answer)) {
      progress.reached = true;
      const auto date = response->header("Date");
      if (date && response->status == 200 && !progress.began)
        progress.began = net::parse_http_date(*date);
    }
    ExchangeAnswer result = exchange_answer(*service_, request, std::move(answer));
    // The first page took the same body, so it is the link that the service has forgotten.
    if (!std::holds_alternative<Refused>(result) || at_first_page() || again_)
      return result;
    again_ = true;
    url_ = first_.url;
    fetched_.clear();
  }
}

std::optional<Failed> ExchangeListing::go_on(const std::string& link) {
  if (!link.empty() && !is_within(service_->client.endpoint(), link))
    return failure("the nextLink leads to another origin, " +
                   net::origin_of(link).value_or("which is no https URL"));
  fetched_.insert(std::hash<std::string>()(url_));
  if (!link.empty() && fetched_.contains(std::hash<std::string>()(link)))
    return failure("the nextLink leads back to a page of this round");
  url_ = link;
  return std::nullopt;
}

sync::Throttled ExchangeListing::garbled(const std::string& what) const {
  return {std::nullopt, failure(what).error.what};
}

Failed ExchangeListing::failure(const std::string& what) const {
  return {Error{ErrorKind::protocol, "POST " + net::without_query(first_.url) + ": " + what, {}}};
}

}  // namespace gald::cloud
