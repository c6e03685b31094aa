// Which function answers which request.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/parameters.hpp"
#include "api/principal.hpp"
#include "api/readers.hpp"
#include "api/services.hpp"
#include "net/http_server.hpp"

namespace gald::api {

class IndexTrouble;
class Places;
class Subscriptions;

/// One request on its way to an answer. Everything in here is as far as `who` may see it.
struct Call {
  const net::ServerRequest& request;
  const Parameters& parameters;
  const std::vector<std::string>& path;  ///< what stands for the {names} of the pattern, decoded
  const Principal& who;
  Readers& readers;
  const Services& services;
  ReaderPool& pool;  ///< for what goes on after the answer; lives as long as the server
  Places& places;    ///< for what takes long
  Subscriptions& subscriptions;
  IndexTrouble& trouble;
};

struct Route {
  std::string method;   ///< GET answers HEAD too
  std::string pattern;  ///< "/api/identity/contacts/{id}"; a segment in braces takes any text

  /// `none`: for everybody. Such a route costs next to nothing, and is not counted against the
  /// limit of requests: a watchdog is answered, whoever else asks from the same address.
  Scope scope = Scope::read;

  std::vector<std::string_view> parameters;  ///< of the query; all others are refused
  std::function<net::ServerResponse(Call&)> answer;
  bool by_the_clock = false;  ///< of the same index something else may be true later
};

class Router {
 public:
  /// A literal segment goes before one in braces.
  void add(Route route);

  struct Match {
    const Route* route = nullptr;  ///< nullptr: nothing is there, or not for this method
    std::vector<std::string> path;
    std::vector<std::string> methods;  ///< of what is there
  };

  /// `path` is the target before its "?".
  Match find(std::string_view method, std::string_view path) const;

  const std::vector<Route>& routes() const { return routes_; }

 private:
  std::vector<Route> routes_;
};

/// Refused with 403 where somebody may not see all there is: for what no permission can narrow.
void require_everything(const Principal& who);

/// Each in a file of its own.
void add_contact_routes(Router& router);  ///< contacts and overview
void add_change_routes(Router& router);   ///< the feed, history and explanations
void add_export_routes(Router& router);
void add_group_routes(Router& router);
void add_operation_routes(Router& router);  ///< conflicts, plans, runs, cycles
void add_health_routes(Router& router);     ///< health and metrics
void add_lookup_routes(Router& router);
void add_me_routes(Router& router);    ///< who asks
void add_page_routes(Router& router);  ///< the console and the description of the API

}  // namespace gald::api
