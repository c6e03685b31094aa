#include "size_bench.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

#include <SQLiteCpp/SQLiteCpp.h>

#include "base/clock.hpp"
#include "index/index.hpp"
#include "people.hpp"

namespace gald::bench {

using model::Change;
using model::ConnectorKind;

namespace {

constexpr int kPeople = 50'000;
constexpr int kPage = 200;
constexpr double kMost = 1400;

const index::CollectionKey kEntra{"entra", ConnectorKind::entra, "contacts", "v1"};
const index::CollectionKey kAd{"ad", ConnectorKind::active_directory, "directory", "v1"};

/// The same person as AD has it; everybody is below one container.
Change in_ad(int number) {
  Change change = contact_of(number);
  change.anchor[9] = 'a';
  change.set[model::Attribute::rdn] = {
      "CN=" + model::first_value(change.set, model::Attribute::display_name)};
  change.set[model::Attribute::parent] = {"00000000-0000-4000-8000-000000000001"};
  return change;
}

/// ... and as Entra has what comes from there.
Change synchronized(int number) {
  Change change = contact_of(number);
  change.set[model::Attribute::sync_enabled] = {"true"};
  return change;
}

void stage(index::Index& index, const index::CollectionKey& key, int people,
           Change (*change_of)(int)) {
  index.position(key);
  for (int from = 0; from < people; from += kPage) {
    const int to = std::min(from + kPage, people);
    std::vector<Change> page;
    for (int number = from; number < to; ++number)
      page.push_back(change_of(number));
    index.apply(key, std::move(page), {}, model::Cursor{std::to_string(to), ""}, to == people);
  }
}

double bytes_per_contact(const std::filesystem::path& file) {
  SQLite::Database database(file.string(), SQLite::OPEN_READWRITE);
  database.execAndGet("PRAGMA wal_checkpoint(TRUNCATE)");
  const std::int64_t all =
      database.execAndGet("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
          .getInt64();
  const std::int64_t history =
      database
          .execAndGet(
              "SELECT sum(pgsize) FROM dbstat WHERE name IN"
              " (SELECT name FROM sqlite_schema WHERE tbl_name = 'change')")
          .getInt64();
  const std::int64_t contacts = database.execAndGet("SELECT count(*) FROM contacts").getInt64();
  return static_cast<double>(all - history) / static_cast<double>(contacts);
}

Row size_row(const char* name, const char* what, double limit, const std::filesystem::path& file,
             bool hybrid) {
  const double start = cpu_seconds();
  fill_index(file, kPeople, hybrid);
  const double ratio = bytes_per_contact(file) / kMost;
  std::filesystem::remove(file);
  return {name, what, ratio, limit, cpu_seconds() - start, peak_rss_mib()};
}

}  // namespace

void fill_index(const std::filesystem::path& file, int people, bool hybrid) {
  const base::SystemClock clock;
  index::Index index(file, clock);
  if (hybrid)
    stage(index, kAd, people, in_ad);
  stage(index, kEntra, people, hybrid ? synchronized : contact_of);
  index.publish(index.begin_run(), {}, {});
}

std::vector<Row> measure_size(const std::filesystem::path& directory) {
  return {size_row("index.size", "bytes in the file per contact / 1,400", 1.0,
                   directory / "size.db", false),
          size_row("index.size_hybrid", "the same, with a record in AD and one in Entra", 1.25,
                   directory / "size-hybrid.db", true)};
}

}  // namespace gald::bench
