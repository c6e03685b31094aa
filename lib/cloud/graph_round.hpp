// One round of reading a Graph collection: pages of a delta query, and what no delta query tells.
//
// A round of changes starts at a deltaLink and ends with the next one. A full round starts at the
// delta query itself, and asks how many objects there are when one page does not hold them; of
// contacts it is followed by a list of their managers, and where the service does not offer a delta
// query of contacts (that happens for days), a plain list stands in for it. What is asked for
// single objects of a page (the manager of a changed contact, whether a Microsoft 365 group is
// hidden) goes through $batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cloud/authorized_client.hpp"
#include "cloud/graph_batch.hpp"
#include "cloud/graph_mapping.hpp"
#include "cloud/graph_position.hpp"
#include "sync/connector.hpp"

namespace gald::cloud {

/// The application permission that reads the collection.
std::string_view permission_for(GraphCollection collection);

/// "{endpoint}/v1.0/users/delta?{query}", and the request for a page.
std::string delta_url(const std::string& endpoint, GraphCollection collection,
                      const std::string& query);
net::HttpRequest page_request(std::string url);

base::Error refused_rights(GraphCollection collection, const std::string& client_id,
                           const std::string& what);
base::Error refused_token(const std::string& what);

/// A page that was read but not yet told, because something is still asked about its objects.
struct PendingPage {
  sync::Page page;
  std::vector<Detail> details;
  int fruitless = 0;  ///< batches in a row that answered nothing
};

class GraphRound final : public sync::Round {
 public:
  /// `client`, `client_id` and `clock` outlive the round. A cursor that is no GraphPosition is
  /// refused by the first next().
  GraphRound(AuthorizedClient& client, const std::string& client_id, const base::Clock& clock,
             GraphCollection collection, const model::Cursor& from);

  sync::Pull next(std::stop_token stop) override;

 private:
  using Over = std::optional<sync::Pull>;  ///< nothing: go on

  Over fetch(std::stop_token stop);
  std::optional<std::int64_t> count(std::stop_token stop);
  Over refused(const net::HttpRequest& request, const net::HttpResponse& response);
  Over read(const net::HttpRequest& request, const net::HttpResponse& response);
  Over dead_link(const std::string& why);
  void end_without_managers(const std::string& why);
  void await_details();
  Over ask_details(std::stop_token stop);
  void take(const Detail& detail, const BatchAnswer& answer);
  void give_up_details(const std::string& why);

  AuthorizedClient& client_;
  const std::string& client_id_;
  const base::Clock& clock_;
  const GraphCollection collection_;

  GraphPosition position_;                ///< what to ask for next
  bool readable_ = true;                  ///< the cursor was a position
  bool fresh_ = false;                    ///< the URL is ours, without a token of the service
  bool uncounted_ = false;                ///< nobody knows yet how many objects the round brings
  std::optional<std::int64_t> expected_;  ///< for the next page to tell
  std::string changes_since_;             ///< the deltaLink where a round of changes began
  bool begun_again_ = false;              ///< from a place before a dead link; done once
  int dead_answers_ = 0;                  ///< in a row
  bool reached_ = false;                  ///< the service has answered in this round
  std::set<std::size_t> fetched_;         ///< hashes of the URLs of this round
  sync::Effort effort_;
  std::optional<PendingPage> pending_;
  std::set<std::string> hidden_known_;  ///< groups asked about: a large one comes on many pages
  bool refusal_told_ = false;
};

}  // namespace gald::cloud
