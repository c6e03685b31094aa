#include "cloud/graph_connector.hpp"

#include <set>
#include <stdexcept>

#include "base/encoding.hpp"
#include "base/text.hpp"

namespace gald::cloud {

namespace {

using base::Error;
using base::ErrorKind;
using sync::CursorRefused;
using sync::Failed;
using sync::Finding;
using sync::Pull;

/// Part of the fingerprint: raise it when the same page is to be read differently.
constexpr std::string_view kMappingVersion = "1";

constexpr std::chrono::seconds kTimeout{60};
constexpr std::string_view kNext = "next ";
constexpr std::string_view kDelta = "delta ";

/// A link that answers 404, or a nextLink that answers 500, may recover or be dead for good (both
/// were reported). After so many answers in a row it is given up and the collection is read anew.
constexpr int kDeadLinkAnswers = 5;

constexpr GraphCollection kCollections[] = {GraphCollection::contacts, GraphCollection::users,
                                            GraphCollection::groups};

std::string_view permission_for(GraphCollection collection) {
  switch (collection) {
    case GraphCollection::contacts:
      return "OrgContact.Read.All";
    case GraphCollection::users:
      return "User.Read.All";
    case GraphCollection::groups:
      return "Group.Read.All";
  }
  return "";
}

GraphCollection collection_named(std::string_view name) {
  for (const GraphCollection collection : kCollections)
    if (to_string(collection) == name)
      return collection;
  throw std::invalid_argument("no such collection: " + std::string(name));
}

std::string delta_url(const std::string& endpoint, GraphCollection collection,
                      const std::string& query) {
  return endpoint + "/v1.0/" + std::string(to_string(collection)) + "/delta?" + query;
}

net::HttpRequest delta_request(std::string url) {
  net::HttpRequest request;
  request.url = std::move(url);
  // Without return=minimal on purpose: whole objects repair what an earlier round may have missed.
  request.headers = {{"Accept", "application/json"}, {"Prefer", "odata.maxpagesize=200"}};
  return request;
}

/// "syncStateNotFound" with status 400 or 404 is an expired token; its case differs from source to
/// source. "resyncRequired" and its relatives are a reset by the service.
bool is_reset(const net::HttpResponse& response) {
  if (response.status == 410)
    return true;
  if (response.status != 400 && response.status != 404)
    return false;
  const std::string code = base::ascii_lower(read_service_error(response.body).code);
  return code == "syncstatenotfound" || code == "directory_expiredpagetoken" ||
         code.starts_with("resync");
}

/// 400 Request_BadRequest is also how a token that is not understood is answered.
bool blames_token(const net::HttpResponse& response) {
  const std::string message = base::ascii_lower(read_service_error(response.body).message);
  return response.status == 400 && (message.find("skiptoken") != std::string::npos ||
                                    message.find("deltatoken") != std::string::npos);
}

Error refused_rights(GraphCollection collection, const std::string& client_id,
                     const std::string& what) {
  const std::string permission(permission_for(collection));
  return Error{ErrorKind::auth, what + "; the application permission " + permission + " is missing",
               "Grant the Microsoft Graph application permission " + permission +
                   " to the app registration " + client_id + " and give admin consent."};
}

Error refused_token(const std::string& what) {
  return Error{ErrorKind::auth, what,
               "Check that tenant, login endpoint and Graph endpoint belong to the same cloud, and "
               "this machine's clock."};
}

class GraphRound final : public sync::Round {
 public:
  GraphRound(AuthorizedClient& client, const std::string& client_id, GraphCollection collection,
             const model::Cursor& from)
      : client_(client), client_id_(client_id), collection_(collection) {
    if (from.position.empty()) {
      url_ = delta_url(client_.endpoint(), collection_, "$select=" + graph_select(collection_));
      return;
    }
    stored_ = true;
    is_next_link_ = from.position.starts_with(kNext);
    if (is_next_link_ || from.position.starts_with(kDelta))
      url_ = from.position.substr((is_next_link_ ? kNext : kDelta).size());
  }

  Pull next(std::stop_token stop) override;

 private:
  Pull refused(const net::HttpRequest& request, const net::HttpResponse& response);
  Pull page(const net::HttpRequest& request, const net::HttpResponse& response);

  AuthorizedClient& client_;
  const std::string& client_id_;
  GraphCollection collection_;
  std::string url_;
  bool stored_ = false;  ///< the URL carries a token of the service
  bool is_next_link_ = false;
  int dead_answers_ = 0;
  sync::Effort effort_;
  std::set<std::size_t> fetched_;  ///< hashes of the URLs of this round
};

Pull GraphRound::next(std::stop_token stop) {
  if (net::origin_of(url_) != net::origin_of(client_.endpoint()))
    return CursorRefused{"the stored cursor is not a link of " + client_.endpoint()};
  net::HttpRequest request = delta_request(url_);
  auto answer = client_.send(request, kTimeout, stop, effort_);
  if (auto* throttled = std::get_if<sync::Throttled>(&answer))
    return std::move(*throttled);
  if (auto* failed = std::get_if<Failed>(&answer))
    return std::move(*failed);
  const auto& response = std::get<net::HttpResponse>(answer);
  if (response.status != 200)
    return refused(request, response);
  return page(request, response);
}

Pull GraphRound::refused(const net::HttpRequest& request, const net::HttpResponse& response) {
  const std::string what = describe(request, response);
  if (is_reset(response) || (stored_ && blames_token(response)))
    return CursorRefused{what};
  if ((stored_ && response.status == 404) || (is_next_link_ && response.status == 500)) {
    if (++dead_answers_ >= kDeadLinkAnswers)
      return CursorRefused{what + ", " + std::to_string(dead_answers_) + " times in a row"};
    return client_.not_now(request, response);
  }
  if (auto throttled = client_.throttled(request, response))
    return *std::move(throttled);
  if (response.status == 401)
    return Failed{refused_token(what)};
  if (response.status == 403)
    return Failed{refused_rights(collection_, client_id_, what)};
  return Failed{Error{ErrorKind::protocol, what, {}}};
}

Pull GraphRound::page(const net::HttpRequest& request, const net::HttpResponse& response) {
  const auto failed = [&request](const std::string& what) {
    return Failed{
        Error{ErrorKind::protocol, "GET " + net::without_query(request.url) + ": " + what, {}}};
  };
  auto read = read_graph_page(collection_, response.body);
  if (!read)
    return failed(read.error().what);
  const bool last = !read->delta_link.empty();
  if (last != read->next_link.empty())
    return failed(last ? "the page has a nextLink and a deltaLink"
                       : "the page has neither a nextLink nor a deltaLink");
  const std::string& link = last ? read->delta_link : read->next_link;
  if (net::origin_of(link) != net::origin_of(client_.endpoint()))
    return failed("a link leads to another origin, " +
                  net::origin_of(link).value_or("which is no https URL"));
  fetched_.insert(std::hash<std::string>()(url_));
  if (!last && fetched_.contains(std::hash<std::string>()(link)))
    return failed("the nextLink leads back to a page of this round");

  sync::Page result;
  result.changes = std::move(read->changes);
  result.rejected = std::move(read->rejected);
  result.next = model::Cursor{std::string(last ? kDelta : kNext) + link, {}};
  result.last = last;
  result.effort = std::exchange(effort_, {});
  url_ = link;
  stored_ = true;
  is_next_link_ = !last;
  dead_answers_ = 0;
  return result;
}

}  // namespace

GraphConnector::GraphConnector(GraphOptions options, const base::Clock& clock)
    : name_(std::move(options.name)),
      client_id_(options.client_id),
      client_(http_options(options),
              net::TokenOptions{.login_endpoint = options.login_endpoint,
                                .tenant = options.tenant,
                                .client_id = options.client_id,
                                .credential = std::move(options.credential)},
              options.graph_endpoint, options.scope, clock) {
  for (const GraphCollection collection : kCollections) {
    const std::string asked = std::string(kMappingVersion) + "\n" + client_.endpoint() + "\n" +
                              base::ascii_lower(options.tenant) + "\n" + graph_select(collection);
    collections_.push_back(
        {std::string(to_string(collection)), false, "graph " + base::sha256_hex(asked)});
  }
}

std::unique_ptr<sync::Round> GraphConnector::begin(const sync::Collection& collection,
                                                   const model::Cursor& from) {
  return std::make_unique<GraphRound>(client_, client_id_, collection_named(collection.name), from);
}

std::vector<Finding> GraphConnector::check(std::stop_token stop) {
  const std::string title = "Entra (" + name_ + ")";
  std::vector<std::string> permissions;
  for (const GraphCollection collection : kCollections)
    permissions.emplace_back(permission_for(collection));
  bool usable = false;
  auto findings = client_.check(title, permissions, usable, stop);
  if (!usable)
    return findings;

  bool clock_told = false;
  for (const GraphCollection collection : kCollections) {
    sync::Effort effort;
    // "Sync from now": proves the permission without fetching an object.
    const auto request =
        delta_request(delta_url(client_.endpoint(), collection, "$deltatoken=latest&$select=id"));
    const auto answer = client_.send(request, kTimeout, stop, effort);
    if (const auto* response = std::get_if<net::HttpResponse>(&answer); response && !clock_told)
      if (auto skew = client_.clock_finding(title, *response)) {
        findings.push_back(*std::move(skew));
        clock_told = true;
      }
    findings.push_back(
        finding_on(title + ": " + std::string(to_string(collection)), collection, request, answer));
    if (std::holds_alternative<Failed>(answer))
      break;  // the network, or a stop: the others would say the same
  }
  return findings;
}

Finding GraphConnector::finding_on(const std::string& what, GraphCollection collection,
                                   const net::HttpRequest& request,
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
  const std::string told = describe(request, response);
  if (response.status == 200)
    return {Finding::Level::ok, what + " can be read", {}};
  if (response.status == 403)
    return problem(refused_rights(collection, client_id_, told));
  if (response.status == 401)
    return problem(refused_token(told));
  if (client_.throttled(request, response))
    return later(told);
  return problem({ErrorKind::protocol, told, {}});
}

}  // namespace gald::cloud
