#include "ad/directory_round.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "ad/dirsync.hpp"
#include "ad/range_retrieval.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace gald::ad {

namespace log = base::log;
using base::Error;
using base::ErrorKind;
using model::Attribute;
using sync::CursorRefused;
using sync::Failed;
using sync::Page;
using sync::Pull;
using sync::Throttled;

namespace {

constexpr std::size_t kPageSize = 500;

/// A gap this short needs no look at the tombstone lifetime, whose least value it is.
constexpr std::chrono::days kShortGap{2};

std::string host_part(std::string_view identity) {
  return std::string(identity.substr(0, identity.find('/')));
}

}  // namespace

FeedRequest feed_request(const AdOptions& options, const ServerFacts& server) {
  FeedRequest request{.naming_context = server.naming_context,
                      .filter = class_filter(options.scope),
                      .attributes = wanted_attributes(options.photo_limit),
                      .show_recycled = server.offers_show_recycled};
  // DirSync tells of an object when an attribute of the list changed
  for (const std::string& name : filter_attributes(options.scope.filter))
    if (std::none_of(request.attributes.begin(), request.attributes.end(),
                     [&name](const auto& known) { return base::ascii_iequals(known, name); }))
      request.attributes.push_back(name);
  return request;
}

DirectoryRound::DirectoryRound(const AdOptions& options, SessionFactory open, model::Cursor from)
    : options_(options), open_(std::move(open)), from_(std::move(from)) {}

Pull DirectoryRound::next(std::stop_token stop) {
  if (over_)
    return failed({ErrorKind::protocol, "the round is over"});
  if (!feed_)
    if (auto trouble = begin(stop)) {
      over_ = true;
      return std::move(*trouble);
    }
  Pull pull = read_page(stop);
  const Page* page = std::get_if<Page>(&pull);
  over_ = page != nullptr ? page->last : !std::holds_alternative<Throttled>(pull);
  if (over_) {
    session_.reset();
    filter_session_.reset();
  }
  return pull;
}

/// Opens the connection and decides whether the cursor still means something.
std::optional<Pull> DirectoryRound::begin(std::stop_token stop) {
  std::optional<Watermark> before;
  if (!from_.position.empty()) {
    before = parse_watermark(from_.position);
    if (!before)
      return CursorRefused{"the stored cursor cannot be read"};
  }
  auto session = open_(host_part(from_.answered_by), stop);
  if (!session)
    return failed(session.error());
  session_ = std::make_unique<CountingSession>(std::move(*session));
  auto server = read_server(*session_, options_.naming_context, stop);
  if (!server)
    return failed(server.error());
  server_ = std::move(*server);
  const auto deletions = sees_deletions(*session_, server_.naming_context, stop);
  if (!deletions)
    return failed(deletions.error());
  mapping_ = {.naming_context = server_.naming_context,
              .scoped = options_.scope.limits_places() || !options_.scope.filter.empty(),
              .photo_limit = options_.photo_limit};
  if (options_.scope.limits_places()) {
    auto rules = find_scope(*session_, options_.scope, server_.naming_context, stop);
    if (!rules)
      return failed(rules.error());
    mapping_.scope = std::move(*rules);
  }

  watermark_.saw_deletions = *deletions;
  watermark_.committed_usn = server_.committed_usn;
  watermark_.server_time = server_.time;
  watermark_.complete_at = server_.time;
  if (before) {
    watermark_.way = before->way;
    watermark_.flags = before->flags;
    watermark_.complete_at = before->complete_at;
    watermark_.cookie = before->cookie;
    since_ = before->committed_usn;
    if (auto refused = compare_with_cursor(*before, stop))
      return refused;
  } else {
    const bool poll = options_.read_by == ReadBy::polling ||
                      (options_.read_by == ReadBy::automatic && !server_.offers_dirsync);
    watermark_.way = poll ? Way::polling : Way::dirsync;
    watermark_.flags = poll ? 0 : kBaseFlags;
    if (!*deletions)
      log::warning("ad.deletions-unseen",
                   "the account cannot read deleted objects: deletions are found when everything "
                   "is read and compared; gald check names the right that is missing",
                   {{"connector", options_.name}});
  }
  if (watermark_.way == Way::dirsync && !server_.offers_dirsync)
    return failed({ErrorKind::protocol, server_.dns_name + " does not offer DirSync"});
  open_feed();
  return std::nullopt;
}

std::optional<Pull> DirectoryRound::compare_with_cursor(const Watermark& before,
                                                        std::stop_token stop) {
  const std::string now = server_.identity();
  if (now != from_.answered_by && host_part(now) == host_part(from_.answered_by))
    return CursorRefused{server_.dns_name + " was restored from a backup (new invocationId)"};
  if (now != from_.answered_by)
    return CursorRefused{server_.dns_name + " answers instead of " + host_part(from_.answered_by)};
  if (server_.committed_usn < before.committed_usn)
    return CursorRefused{server_.dns_name + " went back in time (highestCommittedUSN fell)"};
  if (before.way == Way::dirsync && (before.flags | dirsync_flag::kObjectSecurity) !=
                                        (kBaseFlags | dirsync_flag::kObjectSecurity))
    return CursorRefused{"the stored cursor was made with other flags"};
  if (watermark_.saw_deletions != before.saw_deletions)
    return CursorRefused{watermark_.saw_deletions
                             ? "the account can see deletions now and could not before"
                             : "the account can no longer see deletions"};
  if (!before.saw_deletions && server_.time - before.complete_at >= options_.compare_every)
    return CursorRefused{"deletions cannot be seen: it is time to read everything and compare",
                         true};
  if (server_.time - before.server_time > kShortGap) {
    const auto lifetime = tombstone_lifetime(*session_, server_.configuration_context, stop);
    if (!lifetime)
      return failed(lifetime.error());
    if (server_.time - before.server_time >= *lifetime)
      return CursorRefused{"the last round is longer ago than the directory remembers deletions (" +
                           std::to_string(lifetime->count()) + " days)"};
  }
  return std::nullopt;
}

/// Where watermark_ says.
void DirectoryRound::open_feed() {
  mapping_.way = watermark_.way;
  mapper_.emplace(mapping_);
  FeedRequest request = feed_request(options_, server_);
  if (watermark_.way == Way::dirsync)
    feed_ = make_dirsync_feed(std::move(request), watermark_.flags, watermark_.cookie);
  else
    feed_ = make_polling_feed(std::move(request),
                              from_.position.empty() ? std::nullopt : std::optional(since_));
}

/// Up to kPageSize entries of the search under way, which may end with them.
Pull DirectoryRound::read_page(std::stop_token stop) {
  while (true) {
    Page page;
    page.changes.reserve(kPageSize);
    const auto visit = [&](const Entry& entry) {
      if (has_open_range(entry, watermark_.way))
        ranged_.emplace_back(entry);
      else
        add(entry, page);
    };
    auto step = feed_->take(*session_, kPageSize, visit, stop);
    if (!step)
      return failed(step.error());
    if (step->refused) {
      ranged_.clear();
      if (auto refused = refuse(*step->refused))
        return std::move(*refused);
      open_feed();
      continue;
    }
    if (feed_->idle())
      if (auto trouble = read_ranges(page, stop))
        return std::move(*trouble);
    if (!options_.scope.filter.empty())
      if (auto trouble = ask_filter(page, stop))
        return std::move(*trouble);
    std::tie(page.effort.requests, page.effort.bytes) = session_->counted();
    if (filter_session_) {
      const auto [requests, bytes] = filter_session_->counted();
      page.effort.requests += requests;
      page.effort.bytes += bytes;
    }
    if (step->cookie) {
      watermark_.cookie = std::move(*step->cookie);
      page.next = model::Cursor{to_text(watermark_), server_.identity()};
    }
    page.last = step->complete;
    return page;
  }
}

/// What an unsuccessful end means; nothing when the search is to be repeated as watermark_ says
/// now.
std::optional<Pull> DirectoryRound::refuse(const SearchEnd& end) {
  const bool dirsync = watermark_.way == Way::dirsync;
  const bool from_the_beginning = dirsync ? watermark_.cookie.empty() : from_.position.empty();
  const bool asks_for_right = dirsync && (watermark_.flags & dirsync_flag::kObjectSecurity) == 0;
  const bool may_poll = dirsync && from_the_beginning && options_.read_by == ReadBy::automatic;
  const auto poll = [this]() -> std::optional<Pull> {
    watermark_.way = Way::polling;
    watermark_.flags = 0;
    log::info("ad.polling", "DirSync is refused: changes are found by their uSNChanged",
              {{"connector", options_.name}});
    return std::nullopt;
  };
  switch (end.code) {
    case result_code::kInsufficientAccessRights:
      if (asks_for_right && from_the_beginning) {
        watermark_.flags |= dirsync_flag::kObjectSecurity;
        log::info("ad.object-security",
                  "no right to replicate directory changes: only what the account may read is seen",
                  {{"connector", options_.name}});
        return std::nullopt;
      }
      if (asks_for_right)
        return CursorRefused{"the account lost the right Replicating Directory Changes"};
      if (may_poll)
        return poll();
      if (dirsync && !from_the_beginning)
        return CursorRefused{"the account may no longer read with DirSync"};
      return failed({ErrorKind::auth, "reading changes was refused: " + end.text,
                     changes_remedy(server_.naming_context, options_.bind_name)});
    case result_code::kUnavailableCriticalExtension:
    case result_code::kUnwillingToPerform:
      if (may_poll)
        return poll();
      [[fallthrough]];
    case result_code::kProtocolError:
      if (dirsync && !from_the_beginning)
        return CursorRefused{"the controller no longer accepts the cursor: " + end.text};
      break;
    case result_code::kBusy:
    case result_code::kUnavailable:
      return Throttled{std::nullopt, server_.dns_name + ": " + end.text};
    default:
      break;
  }
  return failed({ErrorKind::protocol, "reading changes failed: " + end.text});
}

/// Objects of which the search brought only a part. One that does not answer as it should is not
/// known, which is something else than gone.
std::optional<Pull> DirectoryRound::read_ranges(Page& page, std::stop_token stop) {
  for (OwnedEntry& object : std::exchange(ranged_, {})) {
    const auto known = complete_ranges(*session_, object, watermark_.way, stop);
    if (!known)
      return failed(known.error());
    with_views(object, [&](const Entry& entry) { add(entry, page); });
  }
  return std::nullopt;
}

/// The controller says which of the objects on this page match the configured filter.
std::optional<Pull> DirectoryRound::ask_filter(Page& page, std::stop_token stop) {
  std::vector<std::string> anchors;
  for (const model::Change& change : page.changes)
    if (change.presence == model::Presence::live && change.kind != model::RecordKind::container)
      anchors.push_back(change.anchor);
  if (anchors.empty())
    return std::nullopt;
  Session* session = session_.get();
  if (!feed_->idle()) {
    if (!filter_session_) {
      auto opened = open_(server_.dns_name, stop);
      if (!opened)
        return failed(opened.error());
      filter_session_ = std::make_unique<CountingSession>(std::move(*opened));
      const auto server = read_server(*filter_session_, options_.naming_context, stop);
      if (!server)
        return failed(server.error());
      if (server->identity() != server_.identity())
        return failed({ErrorKind::network, "a second connection reached " + server->dns_name +
                                               " instead of " + server_.dns_name});
    }
    session = filter_session_.get();
  }
  const auto matches =
      matching(*session, server_.naming_context, options_.scope.filter, anchors, stop);
  if (!matches)
    return failed(matches.error());
  for (model::Change& change : page.changes)
    if (change.presence == model::Presence::live && change.kind != model::RecordKind::container &&
        !matches->contains(change.anchor)) {
      std::erase(change.cleared, Attribute::scope);
      change.set[Attribute::scope] = {"out"};
    }
  return std::nullopt;
}

void DirectoryRound::add(const Entry& entry, Page& page) {
  Mapped mapped = mapper_->map(entry);
  if (!mapped.note.empty() && !std::exchange(noted_, true))
    log::warning("ad.partial-values", "an object came with a value that was left out",
                 {{"connector", options_.name}, {"note", mapped.note}});
  if (auto* change = std::get_if<model::Change>(&mapped.outcome))
    page.changes.push_back(std::move(*change));
  else if (auto* rejected = std::get_if<model::Rejected>(&mapped.outcome))
    page.rejected.push_back(std::move(*rejected));
}

/// Every error names the controller: here when it is the only one, else whoever chose it does.
Failed DirectoryRound::failed(Error error) const {
  if (!options_.url.empty() && !error.what.starts_with(options_.url))
    error.what = options_.url + ": " + error.what;
  return {std::move(error)};
}

}  // namespace gald::ad
