// The change feed: what was published after a position, for consumers that keep a copy.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "index/permission.hpp"
#include "model/entry.hpp"

namespace gald::index {

/// Up to where a consumer has everything. Written "2f5c0a7d91e3b846.4711"; without the feed's id a
/// number says nothing of an index that has taken the place of another.
struct FeedPosition {
  std::string feed;  ///< empty: not said
  std::int64_t number = 0;

  bool operator==(const FeedPosition&) const = default;
};

std::string to_string(const FeedPosition& position);
std::optional<FeedPosition> parse_feed_position(std::string_view text);

/// What a consumer has to do about one contact or group.
struct FeedItem {
  enum class Action {
    put,      ///< it is so from now on
    remove,   ///< it is deleted; these are its last values, if it is still permitted
    forward,  ///< its id leads to another one now
    purge,    ///< nothing of it is left
  };

  Action action = Action::put;
  std::int64_t number = 0;  ///< of the last change that made this necessary
  std::string id;
  model::EntryKind kind = model::EntryKind::contact;
  std::string forward_to;  ///< for forward
  model::Contact contact;  ///< for put and remove, without records
};

std::string_view to_string(FeedItem::Action action);

struct FeedAnswer {
  enum class Standing {
    known,
    too_old,  ///< some of what came after it is forgotten: read everything
    unknown,  ///< of another feed, or never reached: read everything
  };
  Standing standing = Standing::known;
  FeedPosition next;  ///< to go on from; of no use if the standing is not known
  bool more = false;  ///< there was more than the limit
};

/// With a permission, whoever leaves what is permitted is removed, whyever that is, and whoever
/// enters it is put; of all others nothing is told, and the positions move on all the same.
/// `forward` and `purge` do not occur: the first is a removal, and the second was told as one. The
/// number of all items is that of the position which is returned.
///
/// One connection, one thread. Each call sees one moment, from the first visit to the position that
/// it returns, so that nothing is missed between two calls; never blocks the writer and is never
/// blocked.
class Feed {
 public:
  /// Throws like Reader().
  explicit Feed(const std::filesystem::path& file, const Permission& permission = {});
  ~Feed();
  Feed(Feed&&) noexcept;

  /// Every change after `after`, in the order of publication, no more than `limit`. With a
  /// permission these are lines about those who are permitted (told_lines.hpp), of which no copy
  /// can be kept, as nobody leaves in them: that is for compacted(). `more` may come with less than
  /// `limit`.
  FeedAnswer changes(const FeedPosition& after, int limit,
                     const std::function<void(const model::HistoryLine&)>& visit) const;

  /// What to do about all that was changed after `after`, each contact once, in the order of their
  /// last changes, no more than `limit`, unless one change concerns more (with a permission: one
  /// moment): the name of a group those
  /// of all its members. Who has done it has the index as it is up to the position that is
  /// returned; exactly that, once there is no more.
  FeedAnswer compacted(const FeedPosition& after, int limit,
                       const std::function<void(const FeedItem&)>& visit) const;

  /// Everything there is, in no particular order.
  FeedAnswer snapshot(const std::function<void(const FeedItem&)>& visit) const;

  /// That of whoever has everything as it is now.
  FeedPosition newest() const;

  /// That of whoever had everything as it was at this moment, as far back as the history goes.
  FeedPosition newest_at(base::TimePoint moment) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gald::index
