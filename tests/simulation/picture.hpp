// An index at one moment, as its readers see it, and a consumer that follows its feed.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "index/feed.hpp"
#include "index/history.hpp"
#include "model/entry.hpp"

namespace gald::simulation {

/// All that the history tells of a contact, in one line.
std::string text_of(const model::Contact& contact);

struct Picture {
  base::TimePoint at;
  std::int64_t newest = 0;              ///< number of the newest change
  std::vector<model::Contact> entries;  ///< in the order of the listing, groups behind the others
  std::map<std::string, std::string> forwards;
  std::map<std::string, std::set<std::string>> found;  ///< what was asked for, and the ids

  /// Filters with the ids that they leave.
  std::vector<std::pair<index::ContactFilter, std::vector<std::string>>> filtered;

  /// `id` and what refers to it, as if it had never been there: it was purged later.
  void forget(const std::string& id);

  std::vector<std::string> texts() const;
};

/// Of now. A few random contacts are looked up by address and by name, and all merged ids.
Picture picture_of(const std::filesystem::path& file, base::TimePoint at, std::mt19937& random);

/// The same of a moment of the past, asking for what the other one asked for.
Picture picture_of_the_past(const index::History& history, const Picture& then);

/// Keeps a copy of the index by asking for what to do, and its position behind that.
class Follower {
 public:
  explicit Follower(std::filesystem::path file) : file_(std::move(file)) {}

  /// Asks until there is no more, `limit` at a time. It may die after `dies_after` steps, with the
  /// last of its work done and its position as it was before.
  void follow(int limit, std::optional<int> dies_after = std::nullopt);

  /// By id.
  const std::map<std::string, std::string>& copy() const { return copy_; }

  const std::map<std::string, std::string>& forwards() const { return forwards_; }

  /// How often it read everything.
  int snapshots() const { return snapshots_; }

  const std::optional<index::FeedPosition>& position() const { return position_; }

 private:
  struct Died {};

  void apply(const index::FeedItem& item);
  index::FeedAnswer ask(const index::Feed& feed, int limit);

  std::filesystem::path file_;
  std::map<std::string, std::string> copy_;
  std::map<std::string, std::string> forwards_;
  std::optional<index::FeedPosition> position_;
  std::optional<int> steps_left_;
  int snapshots_ = 0;
};

}  // namespace gald::simulation
