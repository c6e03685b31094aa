#include "ad/dirsync_round.hpp"

#include <utility>
#include <variant>

#include "ad/mapping.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace gald::ad {

namespace log = base::log;
using base::Error;
using base::ErrorKind;
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

SearchRequest dirsync_search(const std::string& naming_context, std::uint32_t flags,
                             std::string_view cookie) {
  return {
      .base = naming_context,
      .scope = Scope::subtree,
      .filter = std::string(kDirectoryFilter),
      .attributes = wanted_attributes(),
      .controls = {dirsync_control(flags, cookie), extended_dn_control(), show_deleted_control()}};
}

DirSyncRound::DirSyncRound(const AdOptions& options, SessionFactory open, model::Cursor from)
    : options_(options), open_(std::move(open)), from_(std::move(from)) {}

Pull DirSyncRound::next(std::stop_token stop) {
  if (over_)
    return failed({ErrorKind::protocol, "the round is over"});
  if (!session_)
    if (auto trouble = begin(stop)) {
      over_ = true;
      return std::move(*trouble);
    }
  Pull pull = read_page(stop);
  const Page* page = std::get_if<Page>(&pull);
  over_ = page != nullptr ? page->last : !std::holds_alternative<Throttled>(pull);
  if (over_)
    session_.reset();
  return pull;
}

/// Opens the connection and decides whether the cursor still means something.
std::optional<Pull> DirSyncRound::begin(std::stop_token stop) {
  std::optional<Position> before;
  if (!from_.position.empty()) {
    before = parse_position(from_.position);
    if (!before)
      return CursorRefused{"the stored cursor cannot be read"};
  }
  auto session = open_(stop);
  if (!session)
    return failed(session.error());
  session_ = std::move(*session);
  auto server = read_server(*session_, options_.naming_context, stop);
  if (!server)
    return failed(server.error());
  server_ = std::move(*server);
  if (!server_.offers_dirsync)
    return failed({ErrorKind::protocol, server_.dns_name + " does not offer DirSync"});
  const auto deletions = sees_deletions(*session_, server_.naming_context, stop);
  if (!deletions)
    return failed(deletions.error());
  requests_ = 3;
  if (!*deletions)
    log::warning("ad.deletions-unseen",
                 "the account cannot read deleted objects, so deletions stay unnoticed; gald check "
                 "says what to do",
                 {{"connector", options_.name}});

  position_.flags = before ? before->flags : kBaseFlags;
  position_.saw_deletions = *deletions;
  position_.committed_usn = server_.committed_usn;
  position_.server_time = server_.time;
  if (!before)
    return std::nullopt;
  position_.cookie = before->cookie;
  return compare_with_cursor(*before, stop);
}

std::optional<Pull> DirSyncRound::compare_with_cursor(const Position& before,
                                                      std::stop_token stop) {
  const std::string now = server_.identity();
  if (now != from_.answered_by && host_part(now) == host_part(from_.answered_by))
    return CursorRefused{server_.dns_name + " was restored from a backup (new invocationId)"};
  if (now == from_.answered_by && server_.committed_usn < before.committed_usn)
    return CursorRefused{server_.dns_name + " went back in time (highestCommittedUSN fell)"};
  if ((before.flags | dirsync_flag::kObjectSecurity) !=
      (kBaseFlags | dirsync_flag::kObjectSecurity))
    return CursorRefused{"the stored cursor was made with other flags"};
  if (position_.saw_deletions && !before.saw_deletions)
    return CursorRefused{"the account can see deletions now and could not before"};
  if (server_.time - before.server_time > kShortGap) {
    ++requests_;
    const auto lifetime = tombstone_lifetime(*session_, server_.configuration_context, stop);
    if (!lifetime)
      return failed(lifetime.error());
    if (server_.time - before.server_time >= *lifetime)
      return CursorRefused{"the last round is longer ago than the directory remembers deletions (" +
                           std::to_string(lifetime->count()) + " days)"};
  }
  return std::nullopt;
}

std::optional<Pull> DirSyncRound::start_search() {
  ++requests_;
  const auto started =
      session_->start(dirsync_search(server_.naming_context, position_.flags, position_.cookie));
  if (!started)
    return failed(started.error());
  searching_ = true;
  return std::nullopt;
}

/// Up to kPageSize entries of the search under way, which may end with them.
Pull DirSyncRound::read_page(std::stop_token stop) {
  while (true) {
    if (!searching_)
      if (auto trouble = start_search())
        return std::move(*trouble);
    Page page;
    auto batch = session_->take(
        kPageSize, [&](const Entry& entry) { add(entry, page); }, stop);
    if (!batch)
      return failed(batch.error());
    page.effort = {std::exchange(requests_, 0), batch->bytes};
    if (!batch->end)
      return page;

    searching_ = false;
    if (batch->end->code != result_code::kSuccess) {
      if (auto refused = refuse(*batch->end))
        return std::move(*refused);
      requests_ = page.effort.requests;
      continue;  // again, with what the account may read
    }
    auto answer = parse_dirsync_answer(*batch->end);
    if (!answer)
      return failed({ErrorKind::protocol, "the answer came without the DirSync control"});
    position_.cookie = std::move(answer->cookie);
    page.next = model::Cursor{to_text(position_), server_.identity()};
    page.last = !answer->more;
    return page;
  }
}

/// What an unsuccessful end means; nothing when the search is to be repeated with position_ as it
/// is now.
std::optional<Pull> DirSyncRound::refuse(const SearchEnd& end) {
  const bool from_the_beginning = position_.cookie.empty();
  const bool asks_for_right = (position_.flags & dirsync_flag::kObjectSecurity) == 0;
  switch (end.code) {
    case result_code::kInsufficientAccessRights:
      if (asks_for_right && from_the_beginning) {
        position_.flags |= dirsync_flag::kObjectSecurity;
        log::info("ad.object-security",
                  "no right to replicate directory changes: only what the account may read is seen",
                  {{"connector", options_.name}});
        return std::nullopt;
      }
      if (asks_for_right)
        return CursorRefused{"the account lost the right Replicating Directory Changes"};
      return failed({ErrorKind::auth, "reading changes was refused: " + end.text,
                     changes_remedy(server_.naming_context, options_.bind_name)});
    case result_code::kProtocolError:
    case result_code::kUnavailableCriticalExtension:
    case result_code::kUnwillingToPerform:
      if (!from_the_beginning)
        return CursorRefused{"the controller no longer accepts the cursor: " + end.text};
      break;
    case result_code::kBusy:
    case result_code::kUnavailable:
      return Throttled{std::nullopt, options_.url + ": " + end.text};
    default:
      break;
  }
  return failed({ErrorKind::protocol, "reading changes failed: " + end.text});
}

void DirSyncRound::add(const Entry& entry, Page& page) {
  Mapped mapped = map_entry(entry, server_.naming_context);
  if (!mapped.note.empty() && !std::exchange(noted_, true))
    log::warning("ad.partial-values", "an object came with a part of its values only",
                 {{"connector", options_.name}, {"note", mapped.note}});
  if (auto* change = std::get_if<model::Change>(&mapped.outcome))
    page.changes.push_back(std::move(*change));
  else if (auto* rejected = std::get_if<model::Rejected>(&mapped.outcome))
    page.rejected.push_back(std::move(*rejected));
}

/// Every error names the controller.
Failed DirSyncRound::failed(Error error) const {
  if (!error.what.starts_with(options_.url))
    error.what = options_.url + ": " + error.what;
  return {std::move(error)};
}

}  // namespace gald::ad
