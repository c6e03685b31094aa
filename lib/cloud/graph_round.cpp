#include "cloud/graph_round.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <utility>

#include "base/log.hpp"
#include "base/text.hpp"
#include "net/url.hpp"

namespace gald::cloud {

namespace {

using base::Error;
using base::ErrorKind;
using sync::CursorRefused;
using sync::Failed;
using sync::Pull;
using sync::Throttled;
using Phase = GraphPosition::Phase;

constexpr std::chrono::seconds kTimeout{60};
constexpr std::chrono::seconds kCountTimeout{10};
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// A link that answers 404, or a nextLink that answers 500, may recover or be dead for good (both
/// were reported). After so many answers in a row it is given up.
constexpr int kDeadLinkAnswers = 5;

/// The end of what is selected of users.
constexpr std::string_view kManagerToo = ",manager";

/// Batches in a row without any answer to their parts, before the page is told without them.
constexpr int kFruitlessBatches = 3;

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
  return response.status == 400 && (message.find("token") != std::string::npos ||
                                    message.find("sync state") != std::string::npos);
}

/// "Differential query is not supported for entity type: OrgContact", for days (seen in 2019).
bool lacks_delta(const net::HttpResponse& response) {
  return response.status == 400 &&
         base::ascii_iequals(read_service_error(response.body).code, "Request_UnsupportedQuery");
}

std::string list_url(const std::string& endpoint) {
  return endpoint + "/v1.0/contacts?$select=" + graph_select(GraphCollection::contacts) +
         "&$top=999";
}

std::string managers_url(const std::string& endpoint) {
  return endpoint + "/v1.0/contacts?$select=id&$expand=manager($select=id)&$top=999";
}

/// Where the answer says that the client should go on, if that is another place than our service.
bool leads_elsewhere(const net::HttpResponse& response, const std::string& endpoint) {
  const auto location = response.header("Location");
  return location && net::origin_of(*location) != net::origin_of(endpoint);
}

std::string where(const net::HttpRequest& request) {
  return request.method + " " + net::without_query(request.url) + ": ";
}

Failed protocol_error(const net::HttpRequest& request, const std::string& what) {
  return Failed{Error{ErrorKind::protocol, where(request) + what, {}}};
}

bool passes(int status) {
  return status == 408 || status == 429 || status >= 500;
}

}  // namespace

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

std::string delta_url(const std::string& endpoint, GraphCollection collection,
                      const std::string& query) {
  return endpoint + "/v1.0/" + std::string(to_string(collection)) + "/delta?" + query;
}

net::HttpRequest page_request(std::string url) {
  net::HttpRequest request;
  request.url = std::move(url);
  // Without return=minimal on purpose: whole objects repair what an earlier round may have missed.
  request.headers = {{"Accept", "application/json"}, {"Prefer", "odata.maxpagesize=200"}};
  return request;
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

GraphRound::GraphRound(AuthorizedClient& client, const std::string& client_id,
                       const base::Clock& clock, GraphCollection collection,
                       const model::Cursor& from)
    : client_(client), client_id_(client_id), clock_(clock), collection_(collection) {
  if (from.position.empty()) {
    position_ = {Phase::next, delta_url(client_.endpoint(), collection_,
                                        "$select=" + graph_select(collection_))};
    fresh_ = true;
    uncounted_ = true;
    return;
  }
  const auto position = parse_graph_position(from.position);
  readable_ = position.has_value();
  position_ = position.value_or(GraphPosition{});
  if (position_.phase == Phase::delta)
    changes_since_ = position_.url;
  else if (position_.phase == Phase::next)
    changes_since_ = position_.base;
}

Pull GraphRound::next(std::stop_token stop) {
  if (!pending_ &&
      (!readable_ || net::origin_of(position_.url) != net::origin_of(client_.endpoint())))
    return CursorRefused{"the stored cursor is not a link of " + client_.endpoint()};
  if (!pending_) {
    if (!fresh_ && std::exchange(uncounted_, false) && position_.phase != Phase::managers)
      expected_ = count(stop);
    if (Over over = fetch(stop))
      return *std::move(over);
  }
  if (Over over = ask_details(stop))
    return *std::move(over);
  sync::Page page = std::move(pending_->page);
  pending_.reset();
  page.expected = std::exchange(expected_, {});
  page.effort = std::exchange(effort_, {});
  return page;
}

GraphRound::Over GraphRound::fetch(std::stop_token stop) {
  while (!pending_) {
    const net::HttpRequest request = page_request(position_.url);
    auto answer = client_.send(request, {.timeout = kTimeout, .reached = reached_}, stop, effort_);
    if (auto* throttled = std::get_if<Throttled>(&answer))
      return std::move(*throttled);
    if (auto* failed = std::get_if<Failed>(&answer))
      return std::move(*failed);
    reached_ = true;
    const auto& response = std::get<net::HttpResponse>(answer);
    Over over = response.status == 200 ? read(request, response) : refused(request, response);
    if (over)
      return over;
  }
  return std::nullopt;
}

/// Nothing when the service does not say: that is no reason to wait, or to fail. A contact comes
/// once more in the list of managers.
std::optional<std::int64_t> GraphRound::count(std::stop_token stop) {
  net::HttpRequest request;
  request.url = client_.endpoint() + "/v1.0/" + std::string(to_string(collection_)) + "/$count";
  request.headers = {{"Accept", "text/plain"}, {"ConsistencyLevel", "eventual"}};
  const auto answer =
      client_.send(request, {.timeout = kCountTimeout, .reached = true}, stop, effort_);
  const auto* response = std::get_if<net::HttpResponse>(&answer);
  if (response == nullptr || response->status != 200)
    return std::nullopt;
  std::string_view text = response->body;
  if (text.starts_with(kByteOrderMark))
    text.remove_prefix(kByteOrderMark.size());
  std::int64_t objects = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), objects);
  if (error != std::errc() || end != text.data() + text.size() || objects < 0)
    return std::nullopt;
  return collection_ == GraphCollection::contacts ? 2 * objects : objects;
}

GraphRound::Over GraphRound::refused(const net::HttpRequest& request,
                                     const net::HttpResponse& response) {
  const std::string what = describe(request, response);
  if (leads_elsewhere(response, client_.endpoint()))
    return protocol_error(request, "status " + std::to_string(response.status) +
                                       " with a Location at another origin");
  if (collection_ == GraphCollection::contacts && lacks_delta(response) &&
      position_.phase != Phase::managers) {
    if (!fresh_)
      return CursorRefused{what};
    base::log::warning("graph.delta_unsupported",
                       "contacts offer no changes at present; listing them all instead",
                       {{"answer", what}});
    position_ = {Phase::list, list_url(client_.endpoint())};
    fresh_ = false;
    return std::nullopt;
  }
  if (fresh_ && response.status == 501 && position_.url.ends_with(kManagerToo)) {
    // One property that cannot be tracked refuses the whole query; this one is worth less than
    // that.
    base::log::warning("graph.manager_untracked", "managers of users are not read",
                       {{"answer", what}});
    position_.url.resize(position_.url.size() - kManagerToo.size());
    return std::nullopt;
  }
  if (is_reset(response) || (!fresh_ && blames_token(response)))
    return dead_link(what);
  const bool next_link = !fresh_ && position_.phase != Phase::delta;
  if ((!fresh_ && response.status == 404) || (next_link && response.status == 500)) {
    if (++dead_answers_ >= kDeadLinkAnswers)
      return dead_link(what + ", " + std::to_string(dead_answers_) + " times in a row");
    return client_.not_now(request, response);
  }
  if (auto throttled = client_.throttled(request, response))
    return *std::move(throttled);
  if (response.status == 401)
    return Failed{refused_token(what)};
  if (position_.phase == Phase::managers) {
    end_without_managers(what);
    return std::nullopt;
  }
  if (response.status == 403)
    return Failed{refused_rights(collection_, client_id_, what)};
  return Failed{Error{ErrorKind::protocol, what, {}}};
}

/// A link that leads nowhere. Changes are read again from where their round began, as long as that
/// is known: applying them twice changes nothing. The list of managers begins anew, and is done
/// without when that does not help: it must not keep the contacts from being complete. Everything
/// else is the caller's to begin anew.
GraphRound::Over GraphRound::dead_link(const std::string& why) {
  if (begun_again_ && position_.phase == Phase::managers) {
    end_without_managers(why);
    return std::nullopt;
  }
  if (begun_again_ || fresh_ || position_.phase == Phase::delta || position_.phase == Phase::list ||
      (position_.phase == Phase::next && changes_since_.empty()))
    return CursorRefused{why};
  base::log::info("graph.link_died", "a link of this round died; going back to its beginning",
                  {{"answer", why}});
  begun_again_ = true;
  dead_answers_ = 0;
  fetched_.clear();
  if (position_.phase == Phase::managers)
    position_.url = managers_url(client_.endpoint());
  else
    position_ = {Phase::delta, changes_since_};
  return std::nullopt;
}

GraphRound::Over GraphRound::read(const net::HttpRequest& request,
                                  const net::HttpResponse& response) {
  const bool managers = position_.phase == Phase::managers;
  auto read =
      managers ? read_managers_page(response.body) : read_graph_page(collection_, response.body);
  if (!read)  // may have been garbled on its way
    return Throttled{std::nullopt, where(request) + read.error().what};
  const bool delta = position_.phase == Phase::delta || position_.phase == Phase::next;
  const bool last = read->next_link.empty();
  if (delta && last == read->delta_link.empty())
    return protocol_error(request, last ? "the page has neither a nextLink nor a deltaLink"
                                        : "the page has a nextLink and a deltaLink");

  sync::Page page;
  page.changes = std::move(read->changes);
  page.rejected = std::move(read->rejected);
  GraphPosition then = position_;
  if (!last) {
    then.url = read->next_link;
    if (delta) {
      then.phase = Phase::next;
      then.base = changes_since_;
    }
  } else if (collection_ == GraphCollection::contacts && changes_since_.empty() && !managers) {
    then = {Phase::managers, managers_url(client_.endpoint()), read->delta_link};
  } else {
    then = {Phase::delta, managers ? position_.base : read->delta_link};
    page.last = true;
  }
  for (const std::string& link : {then.url, then.base})
    if (!link.empty() && net::origin_of(link) != net::origin_of(client_.endpoint()))
      return protocol_error(request, "a link leads to another origin, " +
                                         net::origin_of(link).value_or("which is no https URL"));
  fetched_.insert(std::hash<std::string>()(position_.url));
  if (!page.last && fetched_.contains(std::hash<std::string>()(then.url)))
    return dead_link(where(request) + "the nextLink leads back to a page of this round");
  // After a plain list there is no link to go on from.
  page.next = then.url.empty() ? model::Cursor{} : model::Cursor{to_text(then), {}};
  position_ = std::move(then);
  dead_answers_ = 0;
  fresh_ = false;
  pending_.emplace();
  pending_->page = std::move(page);
  await_details();
  return std::nullopt;
}

/// The contacts are read; only who manages them is not to be had.
void GraphRound::end_without_managers(const std::string& why) {
  base::log::warning("graph.managers_refused",
                     "the managers of contacts cannot be read; what was known stays",
                     {{"answer", why}});
  const std::string& link = position_.base;
  pending_.emplace();
  pending_->page.next =
      link.empty() ? model::Cursor{} : model::Cursor{to_text({Phase::delta, link}), {}};
  pending_->page.last = true;
}

// --- what no delta query tells -------------------------------------------------------------------

/// In a full round the managers of contacts come with a list of their own.
void GraphRound::await_details() {
  for (const model::Change& change : pending_->page.changes) {
    if (change.presence != model::Presence::live)
      continue;
    const auto type = change.set.find(model::Attribute::group_type);
    if (collection_ == GraphCollection::contacts && !changes_since_.empty())
      pending_->details.push_back({Detail::Kind::manager, change.anchor});
    else if (collection_ == GraphCollection::groups && type != change.set.end() &&
             type->second.front() == "microsoft365" && hidden_known_.insert(change.anchor).second)
      pending_->details.push_back({Detail::Kind::hidden, change.anchor});
  }
}

GraphRound::Over GraphRound::ask_details(std::stop_token stop) {
  std::vector<Detail>& details = pending_->details;
  while (!details.empty()) {
    const std::size_t parts = std::min(details.size(), kLargestBatch);
    std::vector<std::string> urls;
    for (std::size_t i = 0; i < parts; ++i)
      urls.push_back(details[i].url());
    net::HttpRequest request;
    request.method = "POST";
    request.url = client_.endpoint() + "/v1.0/$batch";
    request.headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}};
    request.body = batch_body(urls);
    auto sent = client_.send(
        request, {.timeout = kTimeout, .units = static_cast<double>(parts), .reached = true}, stop,
        effort_);
    if (auto* throttled = std::get_if<Throttled>(&sent))
      return std::move(*throttled);
    if (auto* failed = std::get_if<Failed>(&sent))
      return std::move(*failed);
    const auto& response = std::get<net::HttpResponse>(sent);
    if (auto throttled = client_.throttled(request, response))
      return *std::move(throttled);
    auto answers = read_batch(response.body, parts, clock_.now());
    if (response.status != 200 || !answers) {
      give_up_details(response.status != 200 ? describe(request, response)
                                             : where(request) + answers.error().what);
      return std::nullopt;
    }

    // Parts that were refused, or failed and may yet succeed, are asked again; they alone.
    std::vector<bool> done(parts, false);
    std::optional<std::chrono::milliseconds> longest;
    bool throttled = false;
    for (const BatchAnswer& answer : *answers) {
      if (answer.status == 429) {
        throttled = true;
        if (answer.retry_after)
          longest = std::max(longest.value_or(*answer.retry_after), *answer.retry_after);
      }
      if (passes(answer.status) || done[answer.part])
        continue;
      take(details[answer.part], answer);
      done[answer.part] = true;
    }
    std::size_t part = 0;
    std::erase_if(details, [&](const Detail&) { return part < parts && done[part++]; });
    pending_->fruitless =
        std::find(done.begin(), done.end(), true) == done.end() ? pending_->fruitless + 1 : 0;
    if (throttled)
      return client_.refused(longest, where(request) + "a part was refused with status 429");
    if (pending_->fruitless >= kFruitlessBatches) {
      give_up_details(where(request) + "no part was answered, " +
                      std::to_string(kFruitlessBatches) + " times in a row");
      return std::nullopt;
    }
    if (pending_->fruitless > 0)
      return Throttled{std::nullopt, where(request) + "no part was answered"};
  }
  return std::nullopt;
}

void GraphRound::take(const Detail& detail, const BatchAnswer& answer) {
  for (model::Change& change : pending_->page.changes)
    if (change.anchor == detail.anchor && change.presence == model::Presence::live)
      read_detail(detail, answer.status, answer.body, change);
  if (answer.status == 403 && !std::exchange(refusal_told_, true))
    base::log::warning("graph.detail_refused",
                       "managers or hidden groups cannot be read; what was known stays",
                       {{"collection", to_string(collection_)}, {"status", answer.status}});
}

/// The page counts without them: what was known of its objects stays until they are read again.
void GraphRound::give_up_details(const std::string& why) {
  base::log::warning("graph.details_missing",
                     "details of objects could not be read; what was known stays",
                     {{"collection", to_string(collection_)},
                      {"objects", pending_->details.size()},
                      {"reason", why}});
  pending_->details.clear();
}

}  // namespace gald::cloud
