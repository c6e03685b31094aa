#include "pages_bench.hpp"

#include <stdexcept>
#include <string>

#include <SQLiteCpp/SQLiteCpp.h>

#include "asking.hpp"
#include "export/contact_json.hpp"
#include "index/page.hpp"
#include "index/reader.hpp"
#include "people.hpp"

namespace gald::bench {

namespace {

constexpr double kLimitMs = 200;
constexpr std::size_t kPages = 100;
constexpr std::size_t kByHand = 3;  // each looks at every contact

const std::string kListByHand =
    "SELECT id, display_name, mail FROM contacts WHERE status <> 'deleted'"
    " ORDER BY display_name COLLATE NOCASE, id LIMIT 100 OFFSET ?1";
const std::string kCountByHand = "SELECT count(*) FROM contacts WHERE status <> 'deleted' AND ?1";

class PagesBench {
 public:
  PagesBench(const std::filesystem::path& file, int contacts)
      : contacts_(contacts), reader_(file), database_(file.string(), SQLite::OPEN_READONLY) {}

  std::vector<Row> run() {
    measure("list.page", "a hundred contacts behind any other", kListByHand,
            [&](std::int64_t offset) {
              index::PageQuery query;
              query.limit = 1;
              query.offset = offset;
              query.after = page(query).next;
              query.offset = 0;
              query.limit = 100;
              return query;
            });
    measure("list.offset", "a hundred contacts from any place on", kListByHand,
            [&](std::int64_t offset) { return index::PageQuery{.offset = offset}; });
    measure(
        "list.changed", "... those that changed last first", kListByHand, [&](std::int64_t offset) {
          return index::PageQuery{.order = index::PageOrder::changed_descending, .offset = offset};
        });
    const std::int64_t newest = reader_.overview().last_change;
    measure("list.latest", "the first of the few that changed lately, by name", kListByHand,
            [&](std::int64_t offset) {
              return index::PageQuery{.filter = {.changed_after = newest - 1 - offset % 10'000}};
            });
    count("list.count", "how many there are", {});
    count("list.count_kind", "... of a kind", {.kind = model::EntryKind::contact});
    count("list.count_source", "... of a source", {.source = model::Source::cloud});
    count("list.count_status", "... with a status", {.status = model::Status::active});
    count("list.count_shown", "... that nobody hides", {.visibility = index::Visibility::unknown});
    count("list.count_after", "... that changed after a change", {.changed_after = 0});
    count("list.count_since", "... that changed since a time",
          {.changed_since = base::TimePoint{}});
    return std::move(rows_);
  }

 private:
  index::Page page(const index::PageQuery& query) {
    std::size_t bytes = 0;
    index::Page page = reader_.page(
        query, [&](const model::Contact& contact) { bytes += exporting::to_json(contact).size(); });
    if (bytes == 0)
      throw std::runtime_error("a page of the benchmark is empty");
    return page;
  }

  template <typename Query>
  void measure(const std::string& name, const std::string& what, const std::string& by_hand,
               Query query_for) {
    Questions offsets;
    std::vector<index::PageQuery> queries;
    for (std::size_t i = 0; i < kPages; ++i) {
      offsets.push_back(std::to_string(chosen(i, static_cast<std::size_t>(contacts_ - 1))));
      queries.push_back(query_for(std::stoll(offsets.back())));
    }
    std::size_t next = 0;
    time(name, what, by_hand, offsets,
         [&](const std::string&) { page(queries[next++ % queries.size()]); });
  }

  void count(const std::string& name, const std::string& what, const index::ContactFilter& filter) {
    time(name, what, kCountByHand, Questions(10, "1"), [&](const std::string&) {
      const index::PageQuery query{.filter = filter, .limit = 1, .count = true};
      if (page(query).total != contacts_)
        throw std::runtime_error("the benchmark's contacts are counted wrongly");
    });
  }

  template <typename Ask>
  void time(const std::string& name, const std::string& what, const std::string& by_hand,
            const Questions& questions, Ask ask) {
    const double start = cpu_seconds();
    const double ms = p99(times(questions, questions.size(), 3, ask));
    const double cpu = cpu_seconds() - start;
    SQLite::Statement statement(database_, by_hand);
    const double by_sql = p99(times(questions, kByHand, 1, [&](const std::string& question) {
      statement.bind(1, question);
      while (statement.executeStep()) {
      }
      statement.reset();
    }));
    Row row{name, what + ", p99 / SQL over the views", ms / by_sql, 1.0, cpu, peak_rss_mib()};
    row.p99_ms = ms;
    row.p99_limit_ms = kLimitMs;
    rows_.push_back(std::move(row));
  }

  int contacts_;
  index::Reader reader_;
  SQLite::Database database_;
  std::vector<Row> rows_;
};

}  // namespace

std::vector<Row> measure_pages(const std::filesystem::path& file, int contacts) {
  return PagesBench(file, contacts).run();
}

}  // namespace gald::bench
