// Where a round's entries come from: one search after the other, in one of two ways.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "ad/session.hpp"
#include "ad/watermark.hpp"
#include "base/result.hpp"

namespace gald::ad {

/// What is read, the same in both ways.
struct FeedRequest {
  std::string naming_context;
  std::string filter;  ///< of object classes
  std::vector<std::string> attributes;
  bool show_recycled = false;  ///< the controller knows that control
  bool extended_dns = true;    ///< links come with their GUIDs; only AD knows that control
};

class Feed {
 public:
  struct Step {
    std::optional<SearchEnd> refused;  ///< the search ended with something else than success
    bool complete = false;             ///< nothing is left

    /// Where to go on from, once what came so far is stored.
    std::optional<std::string> cookie;
  };

  virtual ~Feed() = default;

  /// Delivers up to `most` entries. After a refusal the same is asked again.
  virtual base::Result<Step> take(Session& session, std::size_t most, const EntryVisitor& visit,
                                  std::stop_token stop) = 0;

  /// No search is under way: the session is free for another one.
  virtual bool idle() const = 0;
};

/// DirSync: what changed since `cookie` (empty: everything). Its steps' cookies are the control's.
std::unique_ptr<Feed> make_dirsync_feed(FeedRequest request, std::uint32_t flags,
                                        std::string cookie);

/// Polling: in pages, what has a uSNChanged above `usn`, tombstones included; without `usn`, all
/// that is there. The cookie of the last step is empty, the others have none: the server's place in
/// its pages does not outlive the connection.
std::unique_ptr<Feed> make_polling_feed(FeedRequest request, std::optional<std::uint64_t> usn);

/// The search behind make_dirsync_feed().
SearchRequest dirsync_search(const FeedRequest& request, std::uint32_t flags,
                             std::string_view cookie);

/// What the account may see of one page of a search: Active Directory's default limit.
inline constexpr std::int32_t kPageLimit = 1000;

inline constexpr std::string_view kPagedOid = "1.2.840.113556.1.4.319";

/// RFC 2696.
Control paged_control(std::int32_t size, std::string_view cookie);

/// The cookie for the next page, empty behind the last; nothing when the control is missing or
/// malformed.
std::optional<std::string> parse_paged_answer(const SearchEnd& end);

}  // namespace gald::ad
