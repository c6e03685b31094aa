#include "index/feed.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "index/change_log.hpp"
#include "index/entry_states.hpp"
#include "index/reading.hpp"
#include "index/told_lines.hpp"

namespace gald::index {

using Action = FeedItem::Action;
using Standing = FeedAnswer::Standing;

namespace {

/// What a contact says of its groups changes without a change of its own; and what came in the run
/// in which it was created itself is told with nothing but the group and the manager, which may be
/// published behind it.
///
/// Of each contact the last of these changes, or, for who is narrowed, the first one. For them a
/// group or a manager may also come into sight, or leave it, by changes of other fields.
std::string touched_sql(bool narrowed) {
  const std::string becomes_another =
      narrowed ? "line.operation <> 'updated'"
                 " OR line.field IN ('source', 'hidden', 'kind', 'groups', 'id')"
               : "line.operation IN ('created', 'restored')";
  return "WITH line AS (SELECT number, entry_id, operation, field, old_value, new_value FROM change"
         "  WHERE number > ?1),"
         " touched AS ("
         "  SELECT entry_id, '' AS purged, '' AS kind, number FROM line WHERE entry_id <> 0"
         "  UNION ALL SELECT ms.member_id, '', '', line.number FROM line"
         "   CROSS JOIN membership ms ON ms.group_id = line.entry_id"
         "   WHERE line.field IN ('displayName', 'memberLabels') OR " +
         becomes_another +
         "  UNION ALL SELECT e.id, '', '', line.number FROM line"
         "   CROSS JOIN record r ON r.entry_id = line.entry_id"
         "   CROSS JOIN connector c ON c.id = r.connector_id"
         "   CROSS JOIN entry e ON e.manager = c.name || '/' || r.anchor"
         "   WHERE " +
         becomes_another +
         "  UNION ALL SELECT 0, old_value, new_value, number FROM line WHERE entry_id = 0"
         "   AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.uuid = line.old_value))"
         " SELECT entry_id, purged, max(kind), " +
         (narrowed ? "min" : "max") +
         "(number) FROM touched GROUP BY entry_id, purged ORDER BY 4, 1";
}

/// Of a narrowed feed, the lines or contacts that one call looks at, told or not.
constexpr int kLookedAt = 20'000;

/// Whether somebody was purged who was not told of as deleted up to `number`, or may not have been.
bool purged_unseen(Statements& statements, std::int64_t number) {
  Query query(statements,
              "SELECT 1 FROM change WHERE number > ?1 AND entry_id = 0"
              " AND coalesce(CAST(former AS INTEGER), number) > ?1 LIMIT 1");
  query.bind(number);
  return query.next();
}

Standing standing_of(const FeedPosition& position, const HistoryBounds& bounds) {
  if ((!position.feed.empty() && position.feed != bounds.feed_id) ||
      position.number > bounds.newest || position.number < 0)
    return Standing::unknown;
  return position.number < bounds.kept_after ? Standing::too_old : Standing::known;
}

/// The last change before the moment in which this one was told. In the middle of a moment somebody
/// may be permitted already and still have a value from before.
std::int64_t last_before_moment(Statements& statements, std::int64_t number) {
  Query query(statements,
              "SELECT number FROM change WHERE number < ?1"
              " AND at <> (SELECT at FROM change WHERE number = ?1) ORDER BY number DESC LIMIT 1");
  query.bind(number);
  return query.next() ? query.integer(0) : 0;
}

FeedItem item_of(EntryStates& states, const StoredState& stored, std::int64_t number) {
  FeedItem item;
  item.number = number;
  item.id = stored.state.entry.id;
  item.kind = stored.state.entry.kind;
  item.forward_to = stored.state.forward_to;
  if (!item.forward_to.empty()) {
    item.action = Action::forward;
    return item;
  }
  const bool deleted = stored.state.entry.status == model::Status::deleted;
  item.action = deleted ? Action::remove : Action::put;
  item.contact = states.contact(stored);
  return item;
}

/// Somebody who is not permitted any more: nothing is told of what they are now, not even why.
FeedItem left_item(const StoredState& before, std::int64_t number) {
  FeedItem item;
  item.action = Action::remove;
  item.number = number;
  item.id = before.state.entry.id;
  item.kind = before.state.entry.kind;
  item.contact.entry.id = item.id;
  item.contact.entry.kind = item.kind;
  item.contact.entry.source = before.state.entry.source;
  item.contact.entry.status = model::Status::deleted;
  item.contact.change_number = number;
  return item;
}

}  // namespace

std::string to_string(const FeedPosition& position) {
  return (position.feed.empty() ? "" : position.feed + ".") + std::to_string(position.number);
}

std::optional<FeedPosition> parse_feed_position(std::string_view text) {
  FeedPosition position;
  if (const std::size_t dot = text.find('.'); dot != std::string_view::npos) {
    position.feed = text.substr(0, dot);
    if (position.feed.empty())
      return std::nullopt;
    text.remove_prefix(dot + 1);
  }
  const char* end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, position.number);
  if (error != std::errc() || parsed != end || position.number < 0)
    return std::nullopt;
  return position;
}

std::string_view to_string(Action action) {
  switch (action) {
    case Action::put:
      return "put";
    case Action::remove:
      return "delete";
    case Action::forward:
      return "forward";
    case Action::purge:
      return "purge";
  }
  return {};
}

class Feed::Impl : public Reading {
 public:
  Impl(const std::filesystem::path& path, const Permission& permitted)
      : Reading(path),
        permission(permitted),
        narrowed(!permitted.everything()),
        touched(touched_sql(narrowed)) {}

  /// For who is narrowed, whoever was permitted at `after` or is at the end of the answer: as they
  /// are at that end, and not as they are now. Else those who go on from there would not be told
  /// of somebody whom they saw before their time, and who has left since.
  FeedAnswer compacted(const FeedPosition& after, int limit, const HistoryBounds& bounds,
                       const std::function<void(const FeedItem&)>& visit) {
    if (purged_unseen(statements, after.number))
      return {Standing::too_old, {}, false};
    FeedAnswer answer{Standing::known, {bounds.feed_id, bounds.newest}, false};
    EntryStates before(statements, after.number, permission);
    EntryStates now(statements, bounds.newest, permission);
    std::vector<std::int64_t> rows;
    {
      Query query(statements, touched);
      query.bind(after.number);
      std::int64_t last = 0;
      for (int looked_at = 0; query.next(); ++looked_at) {
        const std::int64_t row = query.integer(0);
        const std::int64_t number = query.integer(3);
        const bool enough = rows.size() >= static_cast<std::size_t>(limit) || looked_at > kLookedAt;
        if (enough && number != last) {
          if (const std::int64_t before_it = last_before_moment(statements, number);
              before_it > after.number) {
            answer.next.number = before_it;
            answer.more = true;
            break;
          }
        }
        last = number;
        if (row != 0 && (now.permitted_then(row) || before.permitted_then(row)))
          rows.push_back(row);
      }
    }
    EntryStates end(statements, answer.next.number, permission);
    for (const std::int64_t row : rows)
      if (const auto stored = end.load(row))
        visit(item_of(end, *stored, answer.next.number));
      else if (const auto left = before.permitted_then(row))
        visit(left_item(*left, answer.next.number));
    return answer;
  }

  const Permission permission;
  const bool narrowed;
  const std::string touched;
};

Feed::Feed(const std::filesystem::path& file, const Permission& permission)
    : impl_(explained(file, [&] { return std::make_unique<Impl>(file, permission); })) {}

Feed::~Feed() = default;
Feed::Feed(Feed&&) noexcept = default;

FeedAnswer Feed::changes(const FeedPosition& after, int limit,
                         const std::function<void(const model::HistoryLine&)>& visit) const {
  return explained(impl_->file, [&]() -> FeedAnswer {
    SQLite::Transaction picture(impl_->database);
    const HistoryBounds bounds = history_bounds(impl_->statements);
    if (const Standing standing = standing_of(after, bounds); standing != Standing::known)
      return {standing, {}, false};
    FeedAnswer answer{Standing::known, {bounds.feed_id, after.number}, false};
    static const std::string kSql =
        kHistoryLines + "WHERE ch.number > ?1 ORDER BY ch.number LIMIT ?2";
    Query query(impl_->statements, kSql);
    // one more tells whether there are more
    query.bind(after.number, impl_->narrowed ? kLookedAt : std::int64_t{limit} + 1);
    ToldLines lines(impl_->statements, impl_->permission);
    int looked_at = 0;
    for (int visited = 0; query.next(); ++looked_at) {
      if (visited == limit) {
        answer.more = true;
        return answer;
      }
      const model::HistoryLine line = read_line(query);
      answer.next.number = line.number;
      if (const auto told = lines.told(line)) {
        visit(*told);
        ++visited;
      }
    }
    if (impl_->narrowed && looked_at == kLookedAt) {
      answer.more = true;
      return answer;
    }
    answer.next.number = bounds.newest;
    return answer;
  });
}

FeedAnswer Feed::compacted(const FeedPosition& after, int limit,
                           const std::function<void(const FeedItem&)>& visit) const {
  return explained(impl_->file, [&]() -> FeedAnswer {
    SQLite::Transaction picture(impl_->database);
    const HistoryBounds bounds = history_bounds(impl_->statements);
    if (const Standing standing = standing_of(after, bounds); standing != Standing::known)
      return {standing, {}, false};
    if (impl_->narrowed)
      return impl_->compacted(after, limit, bounds, visit);
    FeedAnswer answer{Standing::known, {bounds.feed_id, after.number}, false};
    EntryStates states(impl_->statements, bounds.newest, impl_->permission);
    Query touched(impl_->statements, impl_->touched);
    touched.bind(after.number);
    for (int visited = 0; touched.next(); ++visited) {
      const std::int64_t number = touched.integer(3);
      // several may owe it to one change: those belong together, or the rest would be missed
      if (visited >= limit && number != answer.next.number) {
        answer.more = true;
        return answer;
      }
      answer.next.number = number;
      if (touched.integer(0) != 0) {
        if (const auto stored = states.load(touched.integer(0)))
          visit(item_of(states, *stored, number));
        continue;
      }
      FeedItem purged;
      purged.action = Action::purge;
      purged.number = number;
      purged.id = touched.text(1);
      purged.kind = model::entry_kind_named(touched.text(2)).value();
      visit(purged);
    }
    answer.next.number = bounds.newest;
    return answer;
  });
}

FeedAnswer Feed::snapshot(const std::function<void(const FeedItem&)>& visit) const {
  return explained(impl_->file, [&]() -> FeedAnswer {
    SQLite::Transaction picture(impl_->database);
    const HistoryBounds bounds = history_bounds(impl_->statements);
    EntryStates states(impl_->statements, bounds.newest, impl_->permission);
    Query rows(impl_->statements, "SELECT id FROM entry ORDER BY id");
    while (rows.next())
      if (const auto stored = states.load(rows.integer(0)))
        visit(item_of(states, *stored, stored->change_number));
    return {Standing::known, {bounds.feed_id, bounds.newest}, false};
  });
}

FeedPosition Feed::newest() const {
  return explained(impl_->file, [&]() -> FeedPosition {
    const HistoryBounds bounds = history_bounds(impl_->statements);
    return {bounds.feed_id, bounds.newest};
  });
}

FeedPosition Feed::newest_at(base::TimePoint moment) const {
  return explained(impl_->file, [&]() -> FeedPosition {
    SQLite::Transaction picture(impl_->database);
    const HistoryBounds bounds = history_bounds(impl_->statements);
    const std::int64_t number = last_number_at(impl_->statements, base::to_iso8601(moment));
    return {bounds.feed_id, std::max(number, bounds.kept_after)};
  });
}

}  // namespace gald::index
