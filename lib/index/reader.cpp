#include "index/reader.hpp"

#include <limits>
#include <stdexcept>

#include <SQLiteCpp/SQLiteCpp.h>

#include "index/batch_loader.hpp"
#include "index/change_log.hpp"
#include "index/codes.hpp"
#include "index/entry_store.hpp"
#include "index/lookup.hpp"
#include "index/narrowing.hpp"
#include "index/page.hpp"
#include "index/policy_json.hpp"
#include "index/preview.hpp"
#include "index/query.hpp"
#include "index/reading.hpp"
#include "index/search.hpp"
#include "index/told_lines.hpp"
#include "model/forms.hpp"

namespace gald::index {

namespace {

std::string contact_columns() {
  return entry_columns() +
         ", e.id, e.changed_at, e.change_number, "
         "(SELECT m.uuid FROM entry m WHERE m.id = e.manager_entry)";
}

constexpr int kColumnsOfEntry = 31;

}  // namespace

class Reader::Impl : public Reading {
 public:
  Impl(const std::filesystem::path& path, const Permission& permitted, const std::stop_token& stop)
      : Reading(path, stop), permission(permitted), search(statements, permission) {
    narrow(database, permission);
    if (!permission.everything())
      complete.emplace(path, stop);
  }

  /// What was told of the past says more than the tables: who was permitted then.
  template <typename... Values>
  std::vector<model::HistoryLine> lines(const std::string& sql, int limit, Values&&... values) {
    Reading& reading = complete ? *complete : *this;
    SQLite::Transaction picture(reading.database);
    ToldLines lines(reading.statements, permission);
    Query query(reading.statements, sql);
    query.bind(std::forward<Values>(values)...);
    return lines.read(query, limit);
  }

  model::Contact contact(Query& row) {
    model::Contact contact;
    contact.entry = read_entry(row, 0);
    const std::int64_t id = row.integer(kColumnsOfEntry);
    contact.changed_at = base::to_iso8601(row.time(kColumnsOfEntry + 1));
    contact.change_number = row.integer(kColumnsOfEntry + 2);
    contact.manager_id = row.text(kColumnsOfEntry + 3);
    read_lists(statements, id, contact.entry);
    {
      Query query(statements,
                  "SELECT g.uuid, coalesce(g.display_name, '') FROM membership ms"
                  " JOIN entry g ON g.id = ms.group_id WHERE ms.member_id = ?1"
                  " ORDER BY g.display_name COLLATE NOCASE, g.uuid");
      query.bind(id);
      while (query.next())
        contact.groups.push_back({query.text(0), query.text(1)});
    }
    {
      Query query(statements,
                  "SELECT DISTINCT lg.label FROM membership ms"
                  " JOIN label_group lg ON lg.group_id = ms.group_id WHERE ms.member_id = ?1"
                  " ORDER BY lg.label COLLATE NOCASE, lg.label");
      if (!contact.groups.empty()) {
        query.bind(id);
        while (query.next())
          contact.labels.push_back(query.text(0));
      }
    }
    Query query(statements,
                "SELECT c.name, c.kind, r.anchor, r.presence, r.joined_by, r.plan_id FROM record r"
                " JOIN connector c ON c.id = r.connector_id WHERE r.entry_id = ?1"
                " ORDER BY c.kind, c.name, r.anchor");
    query.bind(id);
    while (query.next())
      contact.records.push_back({query.text(0), model::connector_kind_named(query.text(1)).value(),
                                 query.text(2), model::presence_named(query.text(3)).value(),
                                 query.text(4), query.integer(5)});
    return contact;
  }

  const Permission permission;
  Search search;

 private:
  std::optional<Reading> complete;  ///< of a narrowed reader: not narrowed, for lines()
};

Reader::Reader(const std::filesystem::path& file, const Permission& permission,
               std::stop_token stop)
    : impl_(explained(file, [&] { return std::make_unique<Impl>(file, permission, stop); })) {}

Reader::~Reader() = default;
Reader::Reader(Reader&&) noexcept = default;

void Reader::contacts(const ContactFilter& filter,
                      const std::function<bool(const model::Contact&)>& visit) const {
  return explained(impl_->file, [&] {
    SQLite::Transaction snapshot(impl_->database);  // one picture from the first line to the last
    const ContactCondition condition(impl_->statements, filter);
    const std::string sql = "SELECT " + contact_columns() + " FROM entry e WHERE " +
                            condition.sql() + " ORDER BY e.display_name COLLATE NOCASE, e.uuid";
    Query query(impl_->statements, sql);
    condition.bind(query);
    while (query.next())
      if (!visit(impl_->contact(query)))
        return;
  });
}

Page Reader::page(const PageQuery& query,
                  const std::function<void(const model::Contact&)>& visit) const {
  return explained(impl_->file, [&] {
    static const std::string kSql = "SELECT " + contact_columns() + " FROM entry e WHERE e.id = ?1";
    SQLite::Transaction snapshot(impl_->database);
    std::vector<std::int64_t> rows;
    const Page page = find_page(impl_->statements, query, rows);
    for (const std::int64_t row : rows) {
      Query contact(impl_->statements, kSql);
      contact.bind(row);
      if (contact.next())
        visit(impl_->contact(contact));
    }
    return page;
  });
}

std::vector<model::Contact> Reader::find(std::string_view id_or_address) const {
  return explained(impl_->file, [&] {
    static const std::string kSql =
        "SELECT " + contact_columns() +
        " FROM entry e WHERE e.id IN ("
        "  SELECT id FROM entry WHERE uuid = ?1 AND forward_to IS NULL"
        "  UNION SELECT id FROM (WITH RECURSIVE step(id, uuid, forward_to) AS ("
        "    SELECT id, uuid, forward_to FROM entry WHERE uuid = ?1"
        "    UNION SELECT s.id, s.uuid, s.forward_to FROM step f JOIN entry s ON s.uuid = "
        "f.forward_to)"
        "   SELECT id FROM step WHERE forward_to IS NULL)"
        "  UNION SELECT a.entry_id FROM address a JOIN entry ae ON ae.id = a.entry_id"
        "   WHERE a.folded = ?2 AND ae.forward_to IS NULL)"
        " ORDER BY e.status = 'deleted', e.display_name COLLATE NOCASE, e.uuid";
    const std::string folded = model::fold_address(id_or_address);
    std::vector<model::Contact> found;
    SQLite::Transaction snapshot(impl_->database);
    Query query(impl_->statements, kSql);
    query.bind(folded, folded);
    while (query.next())
      found.push_back(impl_->contact(query));
    if (!found.empty())
      return found;
    static const std::string kByName =
        "SELECT " + contact_columns() +
        " FROM entry e WHERE e.display_name = ?1 COLLATE NOCASE AND e.forward_to IS NULL"
        " ORDER BY e.status = 'deleted', e.uuid";
    Query named(impl_->statements, kByName);
    named.bind(id_or_address);
    while (named.next())
      found.push_back(impl_->contact(named));
    return found;
  });
}

SearchResult Reader::search(const SearchQuery& query) const {
  return explained(impl_->file, [&] {
    SQLite::Transaction snapshot(impl_->database);
    return impl_->search.find(query);
  });
}

std::vector<LookupHit> Reader::lookup(std::string_view number_or_address,
                                      const LookupOptions& options) const {
  return explained(impl_->file, [&] {
    SQLite::Transaction snapshot(impl_->database);
    return look_up(impl_->statements, number_or_address, options);
  });
}

std::vector<model::HistoryLine> Reader::history(std::string_view entry_id, int limit) const {
  return explained(impl_->file, [&] {
    static const std::string kSql = kHistoryLines + "WHERE e.uuid = ?1 ORDER BY ch.number DESC";
    return impl_->lines(kSql, limit, entry_id);
  });
}

std::vector<model::HistoryLine> Reader::changes_of_run(std::int64_t run, int limit) const {
  return explained(impl_->file, [&] {
    static const std::string kSql = kHistoryLines + "WHERE ch.run_id = ?1 ORDER BY ch.number";
    return impl_->lines(kSql, limit, run);
  });
}

Overview Reader::overview() const {
  return explained(impl_->file, [&] {
    Overview overview;
    SQLite::Transaction snapshot(impl_->database);
    {
      // over the codes: the index alone answers it
      static const std::string kSql =
          "SELECT " + word_of("kind_code", kEntryKinds) + ", " + word_of("source_code", kSources) +
          ", " + word_of("status_code", kStatuses) +
          ", count(*), total(hidden) FROM entry WHERE forward_to IS NULL"
          " GROUP BY kind_code, source_code, status_code ORDER BY 1, 2, 3";
      Query query(impl_->statements, kSql);
      while (query.next()) {
        overview.lines.push_back({model::entry_kind_named(query.text(0)).value(),
                                  model::source_named(query.text(1)).value(),
                                  model::status_named(query.text(2)).value(), query.integer(3)});
        const Overview::Line& line = overview.lines.back();
        if (line.kind != model::EntryKind::group && line.status != model::Status::deleted)
          overview.hidden += query.integer(4);
      }
    }
    Query query(impl_->statements,
                "SELECT (SELECT count(*) FROM membership),"
                " (SELECT coalesce(max(number), 0) FROM change)");
    query.next();
    overview.memberships = query.integer(0);
    overview.last_change = query.integer(1);
    overview.published = !overview.lines.empty();
    Query counts(impl_->statements, "SELECT kind, count(*) FROM conflicts GROUP BY kind");
    while (counts.next())
      overview.conflicts.emplace_back(counts.text(0), counts.integer(1));
    return overview;
  });
}

Glance Reader::glance() const {
  return explained(impl_->file, [&] {
    Query query(impl_->statements,
                "SELECT EXISTS (SELECT 1 FROM entry),"
                " (SELECT coalesce(max(number), 0) FROM change), coalesce(max(id), 0),"
                " coalesce((SELECT ended_at IS NOT NULL FROM run ORDER BY id DESC LIMIT 1), 0),"
                " (SELECT count(*) FROM plan WHERE state = 'open') FROM run");
    query.next();
    return Glance{query.integer(0) != 0, query.integer(1), query.integer(2), query.integer(3) != 0,
                  query.integer(4)};
  });
}

std::vector<GroupSize> Reader::group_sizes() const {
  return explained(impl_->file, [&] {
    std::vector<GroupSize> sizes;
    Query query(impl_->statements,
                "SELECT g.uuid, coalesce(g.display_name, ''),"
                " (SELECT count(*) FROM membership ms WHERE ms.group_id = g.id)"
                " FROM entry g WHERE g.kind_code = 3 AND g.status_code <> 2"
                " AND g.forward_to IS NULL ORDER BY 3 DESC, g.display_name COLLATE NOCASE, g.uuid");
    while (query.next())
      sizes.push_back({query.text(0), query.text(1), query.integer(2)});
    return sizes;
  });
}

std::int64_t Reader::member_count(std::string_view group_id) const {
  return explained(impl_->file, [&] {
    Query query(impl_->statements,
                "SELECT count(*) FROM membership WHERE group_id ="
                " (SELECT id FROM entry WHERE uuid = ?1)");
    query.bind(group_id);
    query.next();
    return query.integer(0);
  });
}

std::vector<CollectionState> Reader::collections() const {
  return explained(impl_->file, [&] {
    std::vector<CollectionState> states;
    SQLite::Transaction snapshot(impl_->database);
    // the records of a collection that are live are counted in an index over the codes
    static const std::string kSql =
        "WITH read AS (SELECT rc.connector, rc.collection, rc.run_id, rc.complete, rc.error,"
        "                      r.started_at FROM run_collection rc JOIN run r ON r.id = rc.run_id),"
        " latest AS (SELECT connector, collection, max(run_id) AS run_id FROM run_collection"
        "            GROUP BY 1, 2),"
        " done AS (SELECT connector, collection, max(run_id) AS run_id FROM run_collection"
        "          WHERE complete GROUP BY 1, 2)"
        " SELECT c.name, c.kind, l.name, coalesce(now.started_at, ''), coalesce(l.completed_at, "
        "''),"
        " coalesce((SELECT min(started_at) FROM read WHERE connector = c.name AND collection = "
        "l.name"
        "           AND NOT complete AND error <> '' AND run_id > coalesce(done.run_id, 0)), ''),"
        " coalesce(now.error, ''),"
        " (SELECT count(*) FROM record r WHERE r.collection_id = l.id AND r.presence_code = " +
        code_of("'live'", kPresences) +
        "),"
        " (SELECT count(*) FROM quarantined q WHERE q.connector = c.name AND q.collection = "
        "l.name),"
        " coalesce(l.full_at, ''), l.position <> x''"
        " FROM collection l JOIN connector c ON c.id = l.connector_id"
        " LEFT JOIN latest ON latest.connector = c.name AND latest.collection = l.name"
        " LEFT JOIN read now ON now.connector = c.name AND now.collection = l.name"
        "  AND now.run_id = latest.run_id"
        " LEFT JOIN done ON done.connector = c.name AND done.collection = l.name"
        " ORDER BY c.kind, c.name, l.name";
    Query query(impl_->statements, kSql);
    while (query.next())
      states.push_back({query.text(0), query.text(1), query.text(2), query.text(3), query.text(4),
                        query.text(5), query.text(6), query.integer(7), query.integer(8),
                        query.text(9), query.integer(10) != 0});
    return states;
  });
}

std::vector<CredentialState> Reader::credentials() const {
  return explained(impl_->file, [&] {
    std::vector<CredentialState> found;
    Query query(impl_->statements,
                "SELECT name, credential, credential_ends_at FROM connector"
                " WHERE credential_ends_at IS NOT NULL ORDER BY name");
    while (query.next())
      found.push_back({query.text(0), query.text(1), query.text(2)});
    return found;
  });
}

std::vector<RunSummary> Reader::runs(int limit, std::optional<std::int64_t> before) const {
  return explained(impl_->file, [&] {
    std::vector<RunSummary> runs;
    Query query(impl_->statements,
                "SELECT id, started_at, coalesce(ended_at, ''), coalesce(outcome, ''), error,"
                " created, updated, deleted, restored, memberships FROM run"
                " WHERE id < ?2 ORDER BY id DESC LIMIT ?1");
    query.bind(limit, before.value_or(std::numeric_limits<std::int64_t>::max()));
    while (query.next())
      runs.push_back({query.integer(0),
                      query.text(1),
                      query.text(2),
                      query.text(3),
                      query.text(4),
                      {query.integer(5), query.integer(6), query.integer(7), query.integer(8),
                       query.integer(9)}});
    return runs;
  });
}

std::vector<model::CollectionReport> Reader::read_by_run(std::int64_t run) const {
  return explained(impl_->file, [&] {
    std::vector<model::CollectionReport> found;
    Query query(impl_->statements,
                "SELECT connector, collection, complete, full_round, error, pages, requests, units,"
                " bytes, objects, waited_ms, took_ms, added, updated, removed, unchanged, rejected"
                " FROM run_collection WHERE run_id = ?1 ORDER BY connector, collection");
    query.bind(run);
    while (query.next()) {
      model::CollectionReport& read = found.emplace_back();
      read.connector = query.text(0);
      read.collection = query.text(1);
      read.complete = query.integer(2) != 0;
      read.full = query.integer(3) != 0;
      read.error = query.text(4);
      read.pages = static_cast<int>(query.integer(5));
      read.requests = static_cast<int>(query.integer(6));
      read.units = query.real(7);
      read.bytes = static_cast<std::uint64_t>(query.integer(8));
      read.objects = query.integer(9);
      read.waited = std::chrono::milliseconds(query.integer(10));
      read.took = std::chrono::milliseconds(query.integer(11));
      read.staged.added = query.integer(12);
      read.staged.updated = query.integer(13);
      read.staged.removed = query.integer(14);
      read.staged.unchanged = query.integer(15);
      read.staged.rejected = query.integer(16);
    }
    return found;
  });
}

void Reader::conflicts(const ConflictFilter& filter,
                       const std::function<bool(const ConflictLine&)>& visit) const {
  explained(impl_->file, [&] {
    SQLite::Transaction snapshot(impl_->database);
    Query query(impl_->statements,
                "SELECT x.kind, e.uuid, e.kind, coalesce(e.display_name, ''),"
                " coalesce(o.uuid, ''), coalesce(o.kind, ''), coalesce(o.display_name, ''),"
                " x.evidence, x.since, x.remedy"
                " FROM conflicts x JOIN entry e ON e.uuid = x.contact_id"
                " LEFT JOIN entry o ON o.uuid = x.other_id"
                " WHERE (?1 = '' OR x.kind = ?1)"
                " AND (?2 = '' OR x.contact_id = ?2 OR x.other_id = ?2)"
                " ORDER BY x.kind, x.since DESC, e.display_name COLLATE NOCASE, e.uuid, o.uuid");
    query.bind(filter.kind, filter.contact_id);
    while (query.next())
      if (!visit({query.text(0),
                  {query.text(1), query.text(2), query.text(3)},
                  {query.text(4), query.text(5), query.text(6)},
                  query.text(7),
                  query.text(8),
                  query.text(9)}))
        return;
  });
}

std::vector<model::StagedRecord> Reader::records(const model::Entry& entry,
                                                 base::TimePoint now) const {
  return explained(impl_->file, [&] {
    SQLite::Transaction snapshot(impl_->database);
    std::vector<std::int64_t> ids;
    {
      Query query(impl_->statements,
                  "SELECT id FROM record WHERE entry_id = (SELECT id FROM entry WHERE uuid = ?1)");
      query.bind(entry.id);
      while (query.next())
        ids.push_back(query.integer(0));
    }
    BatchLoader loader(impl_->statements, base::to_iso8601(now));
    std::vector<model::StagedRecord> found;
    for (const std::int64_t id : ids) {
      found.push_back(loader.load_record(id));
      if (!impl_->permission.everything())  // a manager is told by id, if that one may be seen
        erase_if(found.back().attributes, [](const auto& one) {
          return one.first == model::Attribute::manager ||
                 one.first == model::Attribute::manager_name;
        });
    }
    return found;
  });
}

reconcile::Policy Reader::policy_in_force() const {
  return explained(impl_->file, [&] { return policy_from_json(active_policy(impl_->statements)); });
}

std::vector<model::HeldPlan> Reader::plans(bool decided_too, int limit) const {
  return explained(impl_->file, [&] {
    std::vector<std::int64_t> numbers;
    {
      Query query(impl_->statements,
                  "SELECT number FROM plan WHERE ?1 OR state IN ('open', 'rejected')"
                  " ORDER BY number DESC LIMIT ?2");
      query.bind(decided_too, limit);
      while (query.next())
        numbers.push_back(query.integer(0));
    }
    std::vector<model::HeldPlan> plans;
    for (const std::int64_t number : numbers)
      if (auto row = load_plan(impl_->statements, number))
        plans.push_back(std::move(row->plan));
    return plans;
  });
}

std::optional<model::HeldPlan> Reader::plan(std::int64_t number) const {
  return explained(impl_->file, [&]() -> std::optional<model::HeldPlan> {
    auto row = load_plan(impl_->statements, number);
    return row ? std::optional(std::move(row->plan)) : std::nullopt;
  });
}

void Reader::planned(std::int64_t number, const std::string& now,
                     const std::function<void(const model::HeldChange&)>& visit) const {
  explained(impl_->file, [&] {
    // one picture from the first batch to the last, however long the visitor takes
    SQLite::Transaction picture(impl_->database);
    if (const auto row = load_plan(impl_->statements, number))
      preview(impl_->statements, *row, now, visit);
  });
}

}  // namespace gald::index
