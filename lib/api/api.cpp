#include "api/api.hpp"

#include <mutex>
#include <utility>

#include "api/authority.hpp"
#include "api/problem.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace gald::api {

namespace {

std::string joined(const std::vector<std::string>& methods) {
  std::string text;
  for (const std::string& method : methods)
    (text += text.empty() ? "" : ", ") += method;
  return text;
}

void require(const Principal& who, Scope scope) {
  if (who.scope >= scope)
    return;
  if (who.scope == Scope::none)
    throw Refused(401, "expected a token: Authorization: Bearer TOKEN; `gald token add` makes one",
                  {{"WWW-Authenticate", "Bearer realm=\"gald\""}});
  throw Refused(403, "the token has the scope \"" + std::string(to_string(who.scope)) +
                         "\", and this takes \"" + std::string(to_string(scope)) + "\"");
}

/// A page of another origin can have a browser send a POST with the certificate that it has, but
/// none with a token, to a Unix socket, or of JSON: for that the browser asks first, and gets no.
void require_no_forgery(const net::ServerRequest& request) {
  const std::string_view given = request.header("Content-Type").value_or("");
  const std::string_view type = base::trim(given.substr(0, given.find(';')));
  const bool json = base::ascii_iequals(type, "application/json");
  if (!json && (!given.empty() || !request.body.empty()))
    throw Refused(415, "expected Content-Type: application/json, or no body and no type");
  if (!json && !request.header("Authorization") && !request.peer.user)
    throw Refused(403, "without a token, Content-Type: application/json is needed here");
}

}  // namespace

std::string_view to_string(Scope scope) {
  switch (scope) {
    case Scope::none:
      return "none";
    case Scope::read:
      return "read";
    case Scope::operate:
      return "operate";
    case Scope::admin:
      return "admin";
  }
  return {};
}

class Api::Impl {
 public:
  Impl(std::filesystem::path index_file, const Authority& authority, Services services)
      : authority_(authority), services_(std::move(services)), pool_(std::move(index_file)) {
    add_contact_routes(router_);
    add_change_routes(router_);
    add_export_routes(router_);
    add_operation_routes(router_);
    add_health_routes(router_);
    add_me_routes(router_);
    add_page_routes(router_);
  }

  net::ServerResponse answer(const net::ServerRequest& request) {
    std::string route;
    try {
      net::ServerResponse response = routed(request, route);
      response.route = route;
      return response;
    } catch (const Refused& refused) {
      return refusal(refused.status(), refused.what(), route, refused.headers());
    } catch (const index::MomentGone& gone) {
      return refusal(410, gone.what(), route);
    } catch (const index::NoSuchRun& unknown) {
      return refusal(404, unknown.what(), route);
    }
  }

  const Router& router() const { return router_; }

  bool news() {
    try {
      const index::FeedPosition newest = (*pool_.take({})).feed().newest();
      const std::lock_guard lock(mutex_);
      return std::exchange(seen_, newest) != newest;
    } catch (const Refused&) {
      return false;  // no index yet
    }
  }

 private:
  static net::ServerResponse refusal(int status, std::string_view detail, const std::string& route,
                                     const Refused::Headers& headers = {}) {
    net::ServerResponse response = problem(status, detail, headers);
    response.route = route;
    return response;
  }

  net::ServerResponse routed(const net::ServerRequest& request, std::string& name) {
    const std::string_view target = request.target;
    const std::size_t end = std::min(target.find('?'), target.size());
    const Principal who = authority_.admit(request);
    Router::Match match = router_.find(request.method, target.substr(0, end));
    if (match.route == nullptr && match.methods.empty())
      throw Refused(404, "there is nothing here; /api/openapi.json says what there is");
    if (match.route == nullptr)
      throw Refused(405, "expected one of the methods " + joined(match.methods),
                    {{"Allow", joined(match.methods)}});
    name = match.route->pattern;
    require(who, match.route->scope);
    if (match.route->method != "GET")
      require_no_forgery(request);
    const Parameters parameters(target.substr(std::min(end + 1, target.size())),
                                match.route->parameters);
    const ReaderPool::Loan readers = pool_.take(who.permission);
    Call call{request, parameters, match.path, who, *readers, services_, pool_};
    return match.route->answer(call);
  }

  const Authority& authority_;
  const Services services_;
  ReaderPool pool_;
  Router router_;
  std::mutex mutex_;
  index::FeedPosition seen_;  // guarded by mutex_
};

Api::Api(std::filesystem::path index_file, const Authority& authority, Services services)
    : impl_(std::make_unique<Impl>(std::move(index_file), authority, std::move(services))) {}

Api::~Api() = default;

net::ServerResponse Api::answer(const net::ServerRequest& request) {
  return impl_->answer(request);
}

net::ServerResponse Api::refuse(int status, std::string_view detail) {
  return problem(status, detail);
}

bool Api::news() {
  return impl_->news();
}

const Router& Api::router() const {
  return impl_->router();
}

}  // namespace gald::api
