// One cmdlet of Exchange Online, page by page.
//
// Its pages are continued by posting the same body to the nextLink, which lives for some minutes
// and dies with an error of the request (400, 404, 410).
#pragma once

#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <variant>

#include "cloud/authorized_client.hpp"
#include "cloud/exchange_command.hpp"

namespace gald::cloud {

/// Where cmdlets are run, and by whom.
struct ExchangeService {
  AuthorizedClient& client;
  std::string tenant;
  std::string client_id;
};

/// What the listings of one round share.
struct ExchangeProgress {
  sync::Effort effort;                   ///< since the last page that was handed on
  std::optional<base::TimePoint> began;  ///< the service's clock at its first answer
  bool reached = false;
};

/// Exchange ran the cmdlet and did not like what it was asked, or does not find it.
struct Refused {
  base::Error error;
};

/// The body of a page, or why there is none.
using ExchangeAnswer = std::variant<std::string, Refused, sync::Throttled, sync::Failed>;

/// What an answer means; the body of one with status 200.
ExchangeAnswer exchange_answer(const ExchangeService& service, const net::HttpRequest& request,
                               AuthorizedClient::Answer answer);

class ExchangeListing {
 public:
  /// Throws std::invalid_argument as command_request() does. `service` outlives it.
  ExchangeListing(const ExchangeService& service, const Cmdlet& cmdlet);

  /// The page where it stands, as often as it is asked. A link that has died while we waited begins
  /// the listing again, once. REQUIRES: not done().
  ExchangeAnswer ask(std::stop_token stop, ExchangeProgress& progress);

  /// The page is read: on to the next one. An empty link ends the listing; one that leads to
  /// another origin or back to a page of this listing is an error.
  std::optional<sync::Failed> go_on(const std::string& link);

  /// What is wrong with the page, as a failure.
  sync::Failed failure(const std::string& what) const;

  /// The page cannot be read: it may have been garbled on its way, so it is asked for again.
  sync::Throttled garbled(const std::string& what) const;

  /// Nothing has been read yet, or nothing since it began again.
  bool at_first_page() const { return url_ == first_.url; }

  bool done() const { return url_.empty(); }

 private:
  const ExchangeService* service_;  // a pointer, so that one listing can take another's place
  net::HttpRequest first_;
  bool replayable_;
  std::string url_;                ///< of the page to be asked for
  std::set<std::size_t> fetched_;  ///< hashes of the URLs that were read
  bool again_ = false;
};

}  // namespace gald::cloud
