// The index as it was: reconstructed from what it is and from what was told since.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "index/permission.hpp"
#include "index/reader.hpp"
#include "model/entry.hpp"

namespace gald::index {

struct AfterRun {
  std::int64_t run = 0;
};

/// A moment of the past: a time, or the end of a run. What was told at that time belongs to it.
using Moment = std::variant<base::TimePoint, AfterRun>;

/// The history that is kept does not go back to the moment.
class MomentGone : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A moment is the end of a run that there never was.
class NoSuchRun : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What is different with an entry between two moments.
struct EntryDifference {
  std::string id;
  model::EntryKind kind = model::EntryKind::contact;
  std::string display_name;
  std::string operation;  ///< "created" | "updated" | "deleted" | "restored" | "merged"
  std::vector<model::FieldChange> changes;
  std::vector<model::GroupReference> groups;  ///< those that the changes name
};

/// Clocks that are right differ by less. What was told later than now and this was told while the
/// clock was wrong, or it is wrong now.
inline constexpr std::chrono::minutes kClockTolerance{5};

struct HistoryState {
  std::int64_t changes = 0;
  std::int64_t bytes = 0;      ///< about; estimated from the length of some changes
  std::string oldest_at;       ///< ISO 8601, of the oldest change; empty: there is none
  std::string complete_since;  ///< ISO 8601: moments before cannot be asked for; empty: all can
  std::string newest_at;       ///< ISO 8601, of the newest change; empty, also with a permission
};

/// One connection, one thread. Each call sees one moment, and costs what was told since; memory
/// does not grow with the index. Never blocks the writer and is never blocked.
///
/// Contacts of the past have no records and no connectors: the history tells what was published,
/// and not from where. Whoever was purged since is not in the past either. With a permission, only
/// those who are permitted now are, in the moments in which they were.
class History {
 public:
  /// Throws like Reader(). So do all calls, and for a moment MomentGone, with the oldest that can
  /// be asked for, and NoSuchRun.
  explicit History(const std::filesystem::path& file, const Permission& permission = {},
                   std::stop_token stop = {});
  ~History();
  History(History&&) noexcept;

  /// As Reader::contacts() would have streamed it then. Throws NoSuchGroup.
  void contacts(const Moment& moment, const ContactFilter& filter,
                const std::function<bool(const model::Contact&)>& visit) const;

  /// As Reader::find() would have found it then.
  std::vector<model::Contact> find(const Moment& moment, std::string_view id_or_address) const;

  /// Of everything that is not the same at both moments, by display name.
  void differences(const Moment& before, const Moment& after,
                   const std::function<void(const EntryDifference&)>& visit) const;

  /// What was told of an id, be it published, merged or purged; newest first. With `before`, only
  /// lines with a smaller number.
  std::vector<model::HistoryLine> lines(std::string_view id, int limit,
                                        std::optional<std::int64_t> before = {}) const;

  HistoryState state() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gald::index
