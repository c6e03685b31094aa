#include "cloud/graph_connector.hpp"

#include <stdexcept>

#include "base/encoding.hpp"
#include "base/text.hpp"
#include "cloud/graph_round.hpp"

namespace gald::cloud {

namespace {

using base::Error;
using base::ErrorKind;
using sync::Failed;
using sync::Finding;

/// Part of the fingerprint: raise it when the same page is to be read differently.
constexpr std::string_view kMappingVersion = "2";

constexpr std::chrono::seconds kTimeout{60};
constexpr GraphCollection kCollections[] = {GraphCollection::contacts, GraphCollection::users,
                                            GraphCollection::groups};

std::vector<Permission> permissions() {
  std::vector<Permission> needed;
  for (const GraphCollection collection : kCollections)
    needed.push_back({std::string(permission_for(collection)),
                      "reads " + std::string(to_string(collection)),
                      true,
                      {"Directory.Read.All", "Directory.ReadWrite.All"}});
  for (Permission& permission : needed)
    if (permission.name == "Group.Read.All")
      permission.instead.insert(permission.instead.begin(),
                                {"GroupMember.Read.All", "Group.ReadWrite.All"});
  needed.push_back({"Member.Read.Hidden", "members of groups that hide them", false});
  return needed;
}

GraphCollection collection_named(std::string_view name) {
  for (const GraphCollection collection : kCollections)
    if (to_string(collection) == name)
      return collection;
  throw std::invalid_argument("no such collection: " + std::string(name));
}

}  // namespace

GraphConnector::GraphConnector(ServiceOptions options, const base::Clock& clock)
    : name_(options.name),
      client_id_(options.client_id),
      clock_(clock),
      client_(options, ServiceLimits{}, clock) {
  for (const GraphCollection collection : kCollections) {
    const std::string asked = std::string(kMappingVersion) + "\n" + client_.endpoint() + "\n" +
                              base::ascii_lower(options.tenant) + "\n" + graph_select(collection);
    collections_.push_back({std::string(to_string(collection)), false,
                            "graph " + base::sha256_hex(asked), options.complete_every});
  }
}

std::unique_ptr<sync::Round> GraphConnector::begin(const sync::Collection& collection,
                                                   const model::Cursor& from) {
  return std::make_unique<GraphRound>(client_, client_id_, clock_,
                                      collection_named(collection.name), from);
}

std::vector<Finding> GraphConnector::check(std::stop_token stop) {
  const std::string title = "Entra (" + name_ + ")";
  bool usable = false;
  auto findings = client_.check_token(title, permissions(), usable, stop);
  if (!usable)
    return findings;
  bool seen = false;
  for (const GraphCollection collection : kCollections) {
    sync::Effort effort;
    // "Sync from now": proves the permission without fetching an object.
    const auto request =
        page_request(delta_url(client_.endpoint(), collection, "$deltatoken=latest&$select=id"));
    const auto answer = client_.send(request, {.timeout = kTimeout}, stop, effort);
    if (const auto* response = std::get_if<net::HttpResponse>(&answer);
        response && !std::exchange(seen, true))
      for (Finding& finding : client_.check_answer(title, *response))
        findings.push_back(std::move(finding));
    findings.push_back(
        finding_on(title + ": " + std::string(to_string(collection)), collection, request, answer));
    if (std::holds_alternative<Failed>(answer))
      break;  // the network, or a stop: the others would say the same
  }
  for (Finding& finding : findings)
    if (finding.check.empty())
      finding.check = "collection";
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
