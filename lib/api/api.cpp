#include "api/api.hpp"

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <utility>

#include "api/answer_cache.hpp"
#include "api/authority.hpp"
#include "api/index_trouble.hpp"
#include "api/metrics.hpp"
#include "api/problem.hpp"
#include "api/spool.hpp"
#include "api/subscriptions.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "index/unreadable.hpp"
#include "index/watch.hpp"
#include "net/accept_encoding.hpp"

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

/// Numbers the states of the index. Thread-safe.
class States {
 public:
  States(std::filesystem::path index_file, const base::Clock& clock)
      : clock_(clock), watch_(std::move(index_file)) {}

  std::uint64_t look() {
    const std::lock_guard lock(mutex_);
    const base::TimePoint now = clock_.now();
    if (watch_.changed())
      ++seen_;
    looked_at_ = now;
    return seen_;
  }

  /// As the last look() saw it; nothing if that was too long ago.
  std::optional<std::uint64_t> seen() const {
    const base::TimePoint last = looked_at_;
    const base::TimePoint now = clock_.now();
    return now >= last && now - last <= kFresh ? std::optional(seen_.load()) : std::nullopt;
  }

 private:
  /// news() is asked for more often than that.
  static constexpr std::chrono::milliseconds kFresh{2000};

  const base::Clock& clock_;
  std::mutex mutex_;
  index::Watch watch_;  // guarded by mutex_
  std::atomic<std::uint64_t> seen_ = 0;
  std::atomic<base::TimePoint> looked_at_{};
};

/// What is streamed tells of changes too, and goes to nobody whose token was revoked meanwhile.
class WatchedBody : public net::BodySource {
 public:
  WatchedBody(std::shared_ptr<BodySource> body, States& states, const Authority& authority,
              Principal who, const net::ServerRequest& request)
      : body_(std::move(body)),
        states_(states),
        authority_(authority),
        who_(std::move(who)),
        authorization_(request.header("Authorization").value_or("")),
        peer_(request.peer) {}

  Piece next() override {
    if (!authority_.still(who_, authorization_, peer_)) {
      if (!length())
        return {"", true};
      throw std::runtime_error("whoever asked may not do so any more");
    }
    Piece piece = body_->next();
    states_.look();
    return piece;
  }

  std::optional<std::uint64_t> length() const override { return body_->length(); }

 private:
  const std::shared_ptr<BodySource> body_;
  States& states_;
  const Authority& authority_;
  const Principal who_;
  const std::string authorization_;
  const net::Peer peer_;
};

void add_names(std::string& key, const std::set<std::string>& names) {
  for (const std::string& name : names)
    (key += name) += '\n';
}

/// Whoever sees the same has the same text.
void add_principal(std::string& key, const Principal& who) {
  const index::Permission& permission = who.permission;
  key += static_cast<char>('0' + static_cast<int>(who.scope));
  if (!permission.everything()) {
    key += permission.hidden ? 'h' : '-';
    if (permission.sources) {
      key += 's';
      for (const model::Source source : *permission.sources)
        key += static_cast<char>('0' + static_cast<int>(source));
    }
    if (permission.groups)
      add_names(key += 'g', *permission.groups);
    if (permission.attributes)
      add_names(key += 'a', *permission.attributes);
  }
  key += '\n';
}

/// All that a cached answer depends on beside the index. No header holds a line end.
void make_key(std::string& key, const Principal& who, std::string_view target,
              std::string_view accept_encoding, std::string_view if_none_match,
              std::string_view accept) {
  key.clear();
  add_principal(key, who);
  ((key += target) += '\n') += net::accepts_gzip(accept_encoding) ? 'z' : '-';
  ((key += if_none_match) += '\n') += accept;
}

/// What these name may be told by the clock: "yesterday", "30d".
bool depends_on_the_time(const Parameters& parameters) {
  return parameters.text("at") || parameters.text("changed_since");
}

bool has_strong_etag(const net::ServerResponse& response) {
  return std::any_of(response.headers.begin(), response.headers.end(), [](const auto& header) {
    return header.first == "ETag" && header.second.starts_with('"');
  });
}

constexpr std::size_t kCacheLimit = 32u << 20;

/// Fewer than there are workers: the others answer what is quick.
constexpr int kLongAtATime = 2;

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
      : authority_(authority),
        services_(std::move(services)),
        pool_(index_file, stop_.get_token()),
        states_(std::move(index_file), services_.clock),
        cache_(std::make_shared<AnswerCache>(kCacheLimit)) {
    add_contact_routes(router_);
    add_change_routes(router_);
    add_export_routes(router_);
    add_group_routes(router_);
    add_operation_routes(router_);
    add_health_routes(router_);
    add_lookup_routes(router_);
    add_me_routes(router_);
    add_page_routes(router_);
    for (const Route& route : router_.routes())
      if (route.scope == Scope::none)
        for_everybody_.insert(route.pattern);
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
    } catch (const std::exception& error) {
      return failed(error, request, route);
    }
  }

  /// On one thread only.
  std::shared_ptr<const net::ReadyAnswer> ready(const net::RequestHead& head) {
    const std::shared_ptr<const Principal> who = authority_.known(head);
    if (!who)
      return nullptr;
    make_key(key_, *who, head.target, head.accept_encoding, head.if_none_match, head.accept);
    const std::optional<std::uint64_t> state = states_.seen();
    if (!state)
      return nullptr;
    std::shared_ptr<const net::ReadyAnswer> found = cache_->find(key_, *state);
    if (found && !for_everybody_.contains(found->route) && !authority_.may_ask(*who, head))
      return nullptr;
    return found;
  }

  /// On one thread at a time. A cycle writes all the time, and publishes now and then.
  bool news() {
    const std::uint64_t state = states_.look();
    if (state == std::exchange(told_, state))
      return false;
    try {
      const index::FeedPosition newest = (*pool_.take({})).feed().newest();
      return newest != std::exchange(newest_told_, newest);
    } catch (const Refused&) {
      return false;  // there is no index yet
    } catch (const index::Unreadable& error) {
      trouble_.tell(error.what());
      return false;
    }
  }

  void cut_short() noexcept { stop_.request_stop(); }

  const Router& router() const { return router_; }

  Metrics* metrics() const { return services_.metrics; }

 private:
  net::ServerResponse failed(const std::exception& error, const net::ServerRequest& request,
                             const std::string& route) {
    if (stop_.stop_requested())
      return refusal(503, "the service is being stopped", route, {{"Retry-After", "30"}});
    if (dynamic_cast<const index::Unreadable*>(&error) != nullptr) {
      trouble_.tell(error.what());
      return refusal(503, kUnreadable, route, {{"Retry-After", "60"}});
    }
    base::log::error("api.failed", error.what(), {{"method", request.method}, {"route", route}});
    return refusal(500, "the answer could not be made; the log says why", route);
  }

  net::ServerResponse refusal(int status, std::string_view detail, const std::string& route,
                              const Refused::Headers& headers = {}) {
    states_.look();  // what is not there any more is news too
    net::ServerResponse response = problem(status, detail, headers);
    response.route = route;
    return response;
  }

  net::ServerResponse routed(const net::ServerRequest& request, std::string& name) {
    const std::string_view target = request.target;
    const std::size_t end = std::min(target.find('?'), target.size());
    Router::Match match = router_.find(request.method, target.substr(0, end));
    const bool for_everybody = match.route != nullptr && match.route->scope == Scope::none;
    const Principal who = for_everybody ? authority_.recognize(request) : authority_.admit(request);
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
    const std::uint64_t before = states_.look();
    const ReaderPool::Loan readers = pool_.take(who.permission);
    Call call{request, parameters, match.path,     who,     *readers, services_,
              pool_,   places_,    subscriptions_, trouble_};
    net::ServerResponse response = match.route->answer(call);
    // Before this answer is sent: with it, those from before a change that it may tell of are over.
    const std::uint64_t after = states_.look();
    if (response.stream)
      response.stream = std::make_shared<WatchedBody>(std::move(response.stream), states_,
                                                      authority_, who, request);
    else if (before == after && match.route->scope <= Scope::read && request.method == "GET" &&
             has_strong_etag(response) && !match.route->by_the_clock &&
             !depends_on_the_time(parameters))
      keep(request, who, after, response);
    return response;
  }

  void keep(const net::ServerRequest& request, const Principal& who, std::uint64_t state,
            net::ServerResponse& response) {
    const auto header = [&](std::string_view name) { return request.header(name).value_or(""); };
    std::string key;
    make_key(key, who, request.target, header("Accept-Encoding"), header("If-None-Match"),
             header("Accept"));
    response.keep = [cache = cache_, key = std::move(key),
                     state](std::shared_ptr<const net::ReadyAnswer> answer) {
      cache->put(key, state, std::move(answer));
    };
  }

  const Authority& authority_;
  const Services services_;
  std::stop_source stop_;
  ReaderPool pool_;
  Places places_{kLongAtATime};
  Subscriptions subscriptions_;
  IndexTrouble trouble_{services_.clock};
  States states_;
  const std::shared_ptr<AnswerCache> cache_;
  Router router_;
  std::set<std::string> for_everybody_;  // patterns of routes
  std::string key_;                      // of ready(), which uses its memory again
  std::uint64_t told_ = 0;               // by news()
  index::FeedPosition newest_told_;
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

std::shared_ptr<const net::ReadyAnswer> Api::ready(const net::RequestHead& head) {
  return impl_->ready(head);
}

bool Api::news() {
  return impl_->news();
}

void Api::cut_short() noexcept {
  impl_->cut_short();
}

void Api::answered(std::string_view route, std::string_view method, int status,
                   std::chrono::microseconds took, std::uint64_t bytes) {
  if (Metrics* const metrics = impl_->metrics())
    metrics->answered(route, method, status, took, bytes);
}

const Router& Api::router() const {
  return impl_->router();
}

}  // namespace gald::api
