// What staging and publication cost, as ratios to a floor measured in the same run: SQLite storing
// the same rows in the same transactions, and nothing else. CPU time of this process; absolute
// figures depend on the machine and its neighbours, ratios much less.
//
//   bench [--json] [--directory URL DIR] [--contacts N] [RECORDS]     default 100000, 50000
//
// With --directory also what reading a directory costs (directory_bench.hpp); run.py makes one.
// N is the number of contacts that are searched (contacts_bench.hpp).

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <SQLiteCpp/SQLiteCpp.h>

#include "base/clock.hpp"
#include "contacts_bench.hpp"
#include "directory_bench.hpp"
#include "forms_bench.hpp"
#include "index/index.hpp"
#include "index/reader.hpp"
#include "measure.hpp"
#include "readers_bench.hpp"
#include "reconcile_bench.hpp"
#include "size_bench.hpp"

namespace {

using gald::bench::cpu_seconds;
using gald::bench::Row;
using gald::model::Attribute;
using gald::model::Change;

constexpr int kPage = 200;  // what Graph sends at most

double cost_of(const std::function<void()>& work) {
  const double start = cpu_seconds();
  work();
  return cpu_seconds() - start;
}

std::string anchor(int number) {
  char text[40];
  std::snprintf(text, sizeof text, "%08x-0000-4000-8000-%012d",
                static_cast<unsigned>(number) * 2654435761u, number);
  return text;
}

Change person(int number, const char* title) {
  const std::string name = std::to_string(number);
  Change change;
  change.anchor = anchor(number);
  change.kind = gald::model::RecordKind::contact;
  change.set = {
      {Attribute::display_name, {"Person Number " + name}},
      {Attribute::given_name, {"Person"}},
      {Attribute::surname, {"Number " + name}},
      {Attribute::company_name, {"Fabrikam"}},
      {Attribute::department, {"Department " + std::to_string(number % 97)}},
      {Attribute::job_title, {title}},
      {Attribute::mail, {"p" + name + "@fabrikam.example"}},
      {Attribute::proxy_addresses,
       {"SMTP:p" + name + "@fabrikam.example", "smtp:person." + name + "@fabrikam.example"}},
      {Attribute::business_phones, {"+49 30 23125 " + name}},
      {Attribute::mobile_phone, {"+49 176 0406 " + name}},
      {Attribute::city, {"Berlin"}},
      {Attribute::country, {"Germany"}},
  };
  return change;
}

const gald::index::CollectionKey kPeople{"entra", gald::model::ConnectorKind::entra, "contacts",
                                         "v1", false};
const gald::index::CollectionKey kGroups{"entra", gald::model::ConnectorKind::entra, "groups", "v1",
                                         false};

class Bench {
 public:
  Bench(std::filesystem::path directory, int records)
      : directory_(std::move(directory)), records_(records) {
    index_ = std::make_unique<gald::index::Index>(directory_ / "gald.db", clock_);
  }

  /// Ratios to SQLite storing the same rows; per contact, per change, or for the whole.
  std::vector<Row> run() {
    const double floor = cost_of([&] { store_plainly("NORMAL"); }) / records_;
    const double on_disk = cost_of([&] { store_plainly("FULL"); }) / records_;
    const auto add = [&](const char* name, const char* what, double limit, double ratio,
                         double seconds) {
      rows_.push_back({name, what, ratio, limit, seconds, gald::bench::peak_rss_mib()});
    };
    const auto row = [&](const char* name, const char* what, double limit, double seconds,
                         int count) { add(name, what, limit, seconds / count / floor, seconds); };
    row("index.stage", "first import: staging, per contact", 1.0,
        cost_of([&] { read_everything("Engineer"); }), records_);
    const double published = cost_of([&] { publish(); });
    add("index.publish", "first import: publication, per contact / stored and on the disk", 8.0,
        published / records_ / on_disk, published);
    row("index.reread", "full read, nothing changed, per contact", 1.0, cost_of([&] {
          index_->restart(kPeople);
          read_everything("Engineer");
          publish();
        }),
        records_);
    const int changed = records_ / 100;
    row("index.change", "1 % changed: staging and publication, per change", 16.0, cost_of([&] {
          read(0, changed, "Manager");
          publish();
        }),
        changed);
    row("index.quiet", "quiet cycle, whole", 40.0, cost_of([&] {
          read(0, 0, "");
          publish();
        }),
        1);
    member_changes();
    return std::move(rows_);
  }

 private:
  /// The floor: the same bytes under the same unique key, two addresses each, one transaction a
  /// page. FULL: none is seen before it is on the disk, as what is published.
  void store_plainly(const std::string& synchronous) {
    SQLite::Database database((directory_ / ("floor-" + synchronous + ".db")).string(),
                              SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    database.exec("PRAGMA journal_mode = WAL");
    database.exec("PRAGMA synchronous = " + synchronous);
    database.exec("CREATE TABLE row (id INTEGER PRIMARY KEY, anchor TEXT UNIQUE, body TEXT)");
    database.exec(
        "CREATE TABLE address (value TEXT, row INTEGER, PRIMARY KEY (value, row))"
        " WITHOUT ROWID");
    SQLite::Statement row(database, "INSERT INTO row (anchor, body) VALUES (?1, ?2)");
    SQLite::Statement address(database, "INSERT INTO address VALUES (?1, ?2)");
    for (int at = 0; at < records_; at += kPage) {
      SQLite::Transaction transaction(database);
      for (int number = at; number < std::min(at + kPage, records_); ++number) {
        const Change change = person(number, "Engineer");
        std::string body;
        for (const auto& [attribute, values] : change.set)
          for (const std::string& value : values)
            body += std::string(gald::model::name(attribute)) + '=' + value + '\n';
        row.bind(1, change.anchor);
        row.bind(2, body);
        row.exec();
        row.reset();
        for (const std::string& value : change.set.at(Attribute::proxy_addresses)) {
          address.bind(1, value);
          address.bind(2, number);
          address.exec();
          address.reset();
        }
      }
      transaction.commit();
    }
  }

  void read_everything(const char* title) { read(0, records_, title); }

  void read(int from, int to, const char* title) {
    index_->position(kPeople);
    int at = from;
    do {
      const int end = std::min(at + kPage, to);
      std::vector<Change> page;
      for (int number = at; number < end; ++number)
        page.push_back(person(number, title));
      index_->apply(kPeople, page, {}, gald::model::Cursor{std::to_string(++cursor_), ""},
                    end >= to);
      at = end;
    } while (at < to);
  }

  void publish() { index_->publish(index_->begin_run(), {}, {}); }

  /// The cost of one member's coming and going must not depend on the size of the group.
  void member_changes() {
    const auto group = [](int number, int members) {
      Change change;
      change.anchor = anchor(number);
      change.kind = gald::model::RecordKind::group;
      change.set[Attribute::display_name] = {"group"};
      for (int i = 0; i < members; ++i)
        change.members_added.push_back(anchor(i));
      return change;
    };
    const int big = records_ - 1;
    const int small = 50;
    index_->position(kGroups);
    index_->apply(kGroups, {group(-1, big), group(-2, small)}, {}, gald::model::Cursor{"1", ""},
                  true);
    publish();
    const auto toggle = [&](int number) {
      return cost_of([&] {
        for (int i = 0; i < 50; ++i) {
          Change change;
          change.anchor = anchor(number);
          (i % 2 == 0 ? change.members_removed : change.members_added).push_back(anchor(7));
          index_->apply(kGroups, {change}, {}, gald::model::Cursor{std::to_string(++cursor_), ""},
                        true);
          publish();
        }
      });
    };
    const double of_small = toggle(-2);
    const double of_big = toggle(-1);
    rows_.push_back({"index.member", "a member change in a group of everybody / in one of 50",
                     of_big / of_small, 1.5, of_big, gald::bench::peak_rss_mib()});
  }

  std::filesystem::path directory_;
  int records_;
  gald::base::SystemClock clock_;
  std::unique_ptr<gald::index::Index> index_;
  int cursor_ = 0;
  std::vector<Row> rows_;
};

}  // namespace

namespace {

int run(int argc, char** argv) {
  // one of our reads, in a process of its own
  if (argc == 5 && std::strcmp(argv[1], "--read") == 0) {
    gald::bench::read_directory({argv[2], argv[3]}, argv[4]);
    return 0;
  }
  if (argc == 4 && std::strcmp(argv[1], "--prepare") == 0) {
    gald::bench::prepare_index(argv[2], std::atoi(argv[3]));
    return 0;
  }
  if (argc == 3 && std::strcmp(argv[1], "--publish") == 0) {
    gald::bench::publish_index(argv[2]);
    return 0;
  }
  if (argc == 5 && std::strcmp(argv[1], "--fill") == 0) {
    gald::bench::fill_index(argv[2], std::atoi(argv[3]), std::strcmp(argv[4], "hybrid") == 0);
    return 0;
  }
  if (argc == 4 && std::strcmp(argv[1], "--import") == 0) {
    gald::bench::import_contacts(argv[2], std::atoi(argv[3]));
    return 0;
  }
  bool json = false;
  int records = 50'000;
  int contacts = 100'000;
  int read_contacts = 0;  // of the import with readers; with it, only that is measured
  std::optional<gald::bench::DirectoryServer> server;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--json") == 0) {
      json = true;
    } else if (std::strcmp(argv[i], "--directory") == 0 && i + 2 < argc) {
      server = {argv[i + 1], argv[i + 2]};
      i += 2;
    } else if (std::strcmp(argv[i], "--contacts") == 0 && i + 1 < argc) {
      contacts = std::atoi(argv[++i]);
    } else if (std::strcmp(argv[i], "--readers") == 0 && i + 1 < argc) {
      read_contacts = std::atoi(argv[++i]);
    } else {
      records = std::atoi(argv[i]);
    }
  }
  if (records < 1000 || contacts < 10'000) {
    std::fprintf(stderr, "bench: expected at least 1000 records, and at least 10000 contacts\n");
    return 2;
  }
  std::vector<Row> rows;
  // What runs in processes of its own goes first: those are small, and this one is still.
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  if (server)
    rows = gald::bench::measure_directory(*server, self, 3);
  std::string name = (std::filesystem::temp_directory_path() / "gald-bench-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    std::perror("bench: cannot make a temporary directory");
    return 1;
  }
  const auto add = [&](std::vector<Row> measured) {
    std::move(measured.begin(), measured.end(), std::back_inserter(rows));
  };
  if (read_contacts > 0) {
    add(gald::bench::measure_readers(self, name, read_contacts));
  } else {
    add(gald::bench::measure_reconcile(self, name));
    add(gald::bench::measure_readers(self, name, records / 5));
    add(Bench(name, records).run());
    add(gald::bench::measure_size(name));
    add(gald::bench::measure_forms());
    add(gald::bench::measure_contacts(name, contacts));
  }
  std::filesystem::remove_all(name);
  std::fputs((json ? to_json(rows) : to_text(rows)).c_str(), stdout);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench: %s\n", error.what());
    return 1;
  }
}
