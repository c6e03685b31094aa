#include "index/feed.hpp"

#include <charconv>
#include <utility>

#include "index/change_log.hpp"
#include "index/entry_states.hpp"
#include "index/reading.hpp"

namespace gald::index {

using Action = FeedItem::Action;
using Standing = FeedAnswer::Standing;

namespace {

/// What a contact says of its groups changes without a change of its own; and what came in the run
/// in which it was created itself is told with nothing but the group and the manager, which may be
/// published behind it.
constexpr std::string_view kTouched =
    "WITH line AS (SELECT number, entry_id, operation, field, old_value, new_value FROM change"
    "  WHERE number > ?1),"
    " touched AS ("
    "  SELECT entry_id, '' AS purged, '' AS kind, number FROM line WHERE entry_id <> 0"
    "  UNION ALL SELECT ms.member_id, '', '', line.number FROM line"
    "   CROSS JOIN membership ms ON ms.group_id = line.entry_id"
    "   WHERE line.field IN ('displayName', 'memberLabels')"
    "    OR line.operation IN ('created', 'restored')"
    "  UNION ALL SELECT e.id, '', '', line.number FROM line"
    "   CROSS JOIN record r ON r.entry_id = line.entry_id"
    "   CROSS JOIN connector c ON c.id = r.connector_id"
    "   CROSS JOIN entry e ON e.manager = c.name || '/' || r.anchor"
    "   WHERE line.operation IN ('created', 'restored')"
    "  UNION ALL SELECT 0, old_value, new_value, number FROM line WHERE entry_id = 0"
    "   AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.uuid = line.old_value))"
    " SELECT entry_id, purged, max(kind), max(number) FROM touched"
    " GROUP BY entry_id, purged ORDER BY 4, 1";

Standing standing_of(const FeedPosition& position, const HistoryBounds& bounds) {
  if ((!position.feed.empty() && position.feed != bounds.feed_id) ||
      position.number > bounds.newest || position.number < 0)
    return Standing::unknown;
  return position.number < bounds.kept_after ? Standing::too_old : Standing::known;
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
  using Reading::Reading;
};

Feed::Feed(const std::filesystem::path& file)
    : impl_(explained(file, [&] { return std::make_unique<Impl>(file); })) {}

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
    query.bind(after.number, std::int64_t{limit} + 1);  // one more tells whether there are more
    for (int visited = 0; query.next(); ++visited) {
      if (visited == limit) {
        answer.more = true;
        return answer;
      }
      const model::HistoryLine line = read_line(query);
      visit(line);
      answer.next.number = line.number;
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
    FeedAnswer answer{Standing::known, {bounds.feed_id, after.number}, false};
    EntryStates states(impl_->statements, bounds.newest);
    Query touched(impl_->statements, kTouched);
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
    EntryStates states(impl_->statements, bounds.newest);
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

}  // namespace gald::index
