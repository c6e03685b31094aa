#include "index/page.hpp"

#include <algorithm>
#include <utility>

#include "index/change_log.hpp"
#include "index/query.hpp"

namespace gald::index {

namespace {

/// Up to so many who changed are sorted; more are sure to be met soon in the order of names.
constexpr int kSorted = 20'000;

bool by_name(PageOrder order) {
  return order == PageOrder::name || order == PageOrder::name_descending;
}

/// `sorted`: not in the index of names, but out of what another one gives.
std::string order_by(PageOrder order, bool sorted) {
  const std::string name = sorted ? "+e.display_name" : "e.display_name";
  switch (order) {
    case PageOrder::name:
      return name + " COLLATE NOCASE, e.id";
    case PageOrder::name_descending:
      return name + " COLLATE NOCASE DESC, e.id DESC";
    case PageOrder::changed:
      return "e.change_number, e.id";
    case PageOrder::changed_descending:
      return "e.change_number DESC, e.id DESC";
  }
  return {};
}

/// What comes behind a position, in pieces each of which is one range of the index: those without
/// a name come first, and SQLite compares them with nothing.
std::vector<std::string> pieces_behind(const PageQuery& query, bool sorted) {
  if (!query.after)
    return {""};
  const std::string name = sorted ? " AND +e.display_name" : " AND e.display_name";
  const std::string row = sorted ? " AND +e.id" : " AND e.id";
  const bool named = query.after->name.has_value();
  switch (query.order) {
    case PageOrder::name:
      if (!named)
        return {name + " IS NULL" + row + " > :row", name + " >= ''"};
      return {name + " = :name COLLATE NOCASE" + row + " > :row", name + " > :name COLLATE NOCASE"};
    case PageOrder::name_descending:
      if (!named)
        return {name + " IS NULL" + row + " < :row"};
      return {name + " = :name COLLATE NOCASE" + row + " < :row", name + " < :name COLLATE NOCASE",
              name + " IS NULL"};
    case PageOrder::changed:
      return {" AND e.change_number = :change AND e.id > :row", " AND e.change_number > :change"};
    case PageOrder::changed_descending:
      return {" AND e.change_number = :change AND e.id < :row", " AND e.change_number < :change"};
  }
  return {};
}

/// The filter and the beginning of the names.
class Condition {
 public:
  Condition(Statements& statements, const ContactFilter& filter, const std::string& name_begins)
      : filter_(statements, filter), name_begins_(name_begins), sql_(filter_.sql()) {
    if (!name_begins_.empty())
      sql_ +=
          " AND e.display_name COLLATE NOCASE >= :begins"
          " AND e.display_name COLLATE NOCASE < :begins || char(1114111)";
  }

  const std::string& sql() const { return sql_; }

  void bind(Query& query) const {
    filter_.bind(query);
    if (!name_begins_.empty())
      query.bind_named(":begins", name_begins_);
  }

 private:
  const ContactCondition filter_;
  const std::string name_begins_;
  std::string sql_;
};

/// A row with its place in the order.
struct Place {
  std::int64_t row = 0;
  std::optional<std::string> name;
  std::int64_t change_number = 0;
};

class Pages {
 public:
  Pages(Statements& statements, const PageQuery& query)
      : statements_(statements),
        query_(query),
        condition_(statements, query.filter, query.name_begins) {}

  Page find(std::vector<std::int64_t>& rows) {
    const std::string feed = history_bounds(statements_).feed_id;
    if (query_.after && query_.after->feed != feed)
      throw ForeignPosition("the position is of an index that was there before");
    sorted_ = by_name(query_.order) && few_changed();
    std::vector<Place> places;  // one more than the page has, if there is one
    for (const std::string& piece : pieces_behind(query_, sorted_))
      add(piece, query_.limit + 1, places);
    Page page;
    if (query_.count)
      page.total = count();
    const auto limit = static_cast<std::size_t>(query_.limit);
    if (places.size() > limit) {
      places.resize(limit);
      page.next = {feed, places.back().name, places.back().change_number, places.back().row};
    }
    for (const Place& place : places)
      rows.push_back(place.row);
    return page;
  }

 private:
  /// The index of names does not tell who changed.
  bool few_changed() {
    if (!query_.filter.changed_after && !query_.filter.changed_since)
      return false;
    return count(" LIMIT " + std::to_string(kSorted)) < kSorted;
  }

  std::int64_t count(const std::string& limit = {}) {
    const std::string sql =
        "SELECT count(*) FROM (SELECT 1 FROM entry e WHERE " + condition_.sql() + limit + ")";
    Query query(statements_, sql);
    condition_.bind(query);
    query.next();
    return query.integer(0);
  }

  /// Until there are `wanted`.
  void add(const std::string& piece, std::int64_t wanted, std::vector<Place>& places) {
    const std::int64_t left = wanted - static_cast<std::int64_t>(places.size());
    if (left <= 0)
      return;
    const bool named = by_name(query_.order);
    const std::string sql = "SELECT e.id, " +
                            std::string(named ? "e.display_name" : "e.change_number") +
                            " FROM entry e WHERE " + condition_.sql() + piece + " ORDER BY " +
                            order_by(query_.order, sorted_) + " LIMIT :limit OFFSET :offset";
    Query query(statements_, sql);
    condition_.bind(query);
    query.bind_named(":limit", left).bind_named(":offset", query_.offset);
    const auto contains = [&](const char* parameter) {
      return piece.find(parameter) != piece.npos;
    };
    if (contains(":row"))
      query.bind_named(":row", query_.after->row);
    if (contains(":name"))
      query.bind_named(":name", *query_.after->name);
    if (contains(":change"))
      query.bind_named(":change", query_.after->change_number);
    while (query.next()) {
      Place& place = places.emplace_back();
      place.row = query.integer(0);
      if (named)
        place.name = query.optional_text(1);
      else
        place.change_number = query.integer(1);
    }
  }

  Statements& statements_;
  const PageQuery& query_;
  const Condition condition_;
  bool sorted_ = false;
};

}  // namespace

Page find_page(Statements& statements, const PageQuery& query, std::vector<std::int64_t>& rows) {
  return Pages(statements, query).find(rows);
}

}  // namespace gald::index
