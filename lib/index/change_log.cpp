#include "index/change_log.hpp"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

namespace gald::index {

namespace {

using Json = nlohmann::json;

/// Changes forgotten in one transaction.
constexpr std::int64_t kBatch = 5000;

/// Changes at either end of the history whose length is measured.
constexpr int kSample = 500;

model::PastChange read_past(Query& query) {
  model::PastChange past;
  past.number = query.integer(0);
  past.operation = query.text(1);
  past.change = {query.text(2), query.optional_text(3), query.optional_text(4), {}};
  const std::optional<std::string> former = query.optional_text(5);
  if (!former)
    return past;
  if (past.change.field != "phones") {
    past.former_status = model::status_named(*former);
    return past;
  }
  std::vector<model::Phone>& phones = past.former_phones.emplace();
  for (const Json& phone : Json::parse(*former))
    phones.push_back({phone.at(0),
                      phone.at(1),
                      phone.at(2),
                      phone.at(3),
                      {},
                      model::phone_kind_named(phone.at(4).get<std::string>())
                          .value_or(model::PhoneKind::unparsable)});
  return past;
}

}  // namespace

const std::string kHistoryLines =
    "SELECT ch.number, ch.run_id, ch.at, coalesce(e.uuid, ch.old_value),"
    " coalesce(e.display_name, ''), coalesce(e.kind, ch.new_value),"
    " ch.operation, ch.field, ch.old_value, CASE ch.entry_id WHEN 0 THEN NULL ELSE ch.new_value "
    "END,"
    " ch.connector,"
    " CASE ch.field WHEN 'groups' THEN (SELECT g.display_name FROM entry g"
    "   WHERE g.uuid = coalesce(ch.new_value, ch.old_value)) END"
    " FROM change ch LEFT JOIN entry e ON e.id = ch.entry_id ";

model::HistoryLine read_line(Query& query) {
  model::HistoryLine line;
  line.number = query.integer(0);
  line.run = query.integer(1);
  line.at = query.text(2);
  line.entry_id = query.text(3);
  line.display_name = query.text(4);
  line.kind = model::entry_kind_named(query.text(5)).value();
  line.operation = query.text(6);
  line.change = {query.text(7), query.optional_text(8), query.optional_text(9), query.text(10)};
  line.group_name = query.text(11);
  return line;
}

std::string former_text(model::Status status) {
  return std::string(to_string(status));
}

std::string former_text(const std::vector<model::Phone>& phones) {
  Json list = Json::array();
  for (const model::Phone& phone : phones)
    list.push_back({phone.type, phone.raw, phone.e164, phone.extension, to_string(phone.kind)});
  return list.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<model::PastChange> changes_behind(Statements& statements, std::int64_t entry,
                                              std::int64_t number) {
  Query query(statements,
              "SELECT number, operation, field, old_value, new_value, former FROM change"
              " WHERE entry_id = ?1 AND number > ?2 ORDER BY number DESC");
  query.bind(entry, number);
  std::vector<model::PastChange> changes;
  while (query.next())
    changes.push_back(read_past(query));
  return changes;
}

HistoryBounds history_bounds(Statements& statements) {
  Query query(statements,
              "SELECT feed_id, kept_after, at, run_id,"
              " max(kept_after, coalesce((SELECT max(number) FROM change), 0)) FROM history");
  query.next();
  return {query.text(0), query.integer(1), query.text(2), query.integer(3), query.integer(4)};
}

base::TimePoint next_moment(Statements& statements, base::TimePoint now) {
  Query query(statements, "SELECT at FROM change ORDER BY number DESC LIMIT 1");
  if (!query.next())
    return now;
  return std::max(now, base::parse_iso8601(query.text(0)).value_or(now));
}

std::int64_t last_number_at(Statements& statements, std::string_view at) {
  // numbers and times grow together, so that no index over the times is needed
  std::int64_t low = 0;  // not after `at`
  std::int64_t high = history_bounds(statements).newest + 1;
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    Query query(statements,
                "SELECT number, at FROM change WHERE number >= ?1 ORDER BY number LIMIT 1");
    query.bind(middle);
    if (!query.next() || query.integer(0) >= high || query.text(1) > at)
      high = middle;
    else
      low = query.integer(0);
  }
  return low;
}

std::int64_t trim_history(SQLite::Database& database, Statements& statements, std::string_view at,
                          std::stop_token stop) {
  std::int64_t forgotten = 0;
  while (!stop.stop_requested()) {
    std::int64_t number = 0;
    std::string until;
    std::int64_t run = 0;
    {
      Query batch(statements,
                  "SELECT number, at, run_id FROM (SELECT number, at, run_id FROM change"
                  " ORDER BY number LIMIT ?1) WHERE at < ?2 ORDER BY number DESC LIMIT 1");
      batch.bind(kBatch, at);
      if (!batch.next())
        break;
      number = batch.integer(0);
      until = batch.text(1);
      run = batch.integer(2);
    }
    SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
    const int rows = Query(statements, "DELETE FROM change WHERE number <= ?1").bind(number).run();
    Query(statements,
          "UPDATE history SET gone = gone + ?1, at = CASE WHEN kept_after < ?2 THEN ?3 ELSE at END,"
          " run_id = CASE WHEN kept_after < ?2 THEN ?4 ELSE run_id END,"
          " kept_after = max(kept_after, ?2)")
        .bind(rows, number, until, run)
        .run();
    transaction.commit();
    forgotten += rows;
  }
  return forgotten;
}

HistorySize history_size(Statements& statements) {
  HistorySize size;
  {
    Query query(statements,
                "SELECT max(h.kept_after, coalesce((SELECT max(number) FROM change), 0)) - h.gone,"
                " (SELECT at FROM change ORDER BY number LIMIT 1),"
                " (SELECT at FROM change ORDER BY number DESC LIMIT 1) FROM history h");
    query.next();
    size.changes = query.integer(0);
    size.oldest_at = query.text(1);
    size.newest_at = query.text(2);
  }
  // A row takes its texts, about 10 bytes of numbers and headers, and an entry in each of two
  // indexes; pages that are filled in no order are three quarters full.
  Query sample(statements,
               "SELECT CAST(avg(length(at) + length(operation) + length(field) + length(connector)"
               " + coalesce(length(CAST(old_value AS BLOB)), 0)"
               " + coalesce(length(CAST(new_value AS BLOB)), 0)"
               " + coalesce(length(CAST(former AS BLOB)), 0)) AS INTEGER) FROM"
               " (SELECT * FROM (SELECT * FROM change ORDER BY number LIMIT ?1) UNION"
               "  SELECT * FROM (SELECT * FROM change ORDER BY number DESC LIMIT ?1))");
  sample.bind(kSample);
  sample.next();
  constexpr std::int64_t kRow = 20;
  constexpr std::int64_t kIndexes = 2 * 16;
  size.bytes = size.changes * (sample.integer(0) + kRow + kIndexes);
  return size;
}

}  // namespace gald::index
