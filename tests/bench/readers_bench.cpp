#include "readers_bench.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>

#include <SQLiteCpp/SQLiteCpp.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "index/index.hpp"
#include "people.hpp"

namespace gald::bench {

namespace {

constexpr int kReaders = 20;
constexpr int kTurns = 2;
constexpr int kPage = 200;
constexpr int kReadsForEachOfAll = 1000;  ///< one by one, then everybody at once
constexpr double kLongestWait = 0.050;    // seconds
constexpr double kLogMiB = 48;            ///< after which the writer begins it anew

const index::CollectionKey kContacts{"entra", model::ConnectorKind::entra, "contacts", "v1", false};

/// What a reader tells at its end, through a pipe.
struct Seen {
  std::int64_t reads = 0;
  std::int64_t contacts = 0;  ///< of these, those that found one
  double longest_wait = 0;    ///< seconds, for locks
  double longest_read = 0;    ///< seconds by the clock
  char trouble[200] = "";     ///< empty: none
};

/// What SQLite sleeps, in a process: between two attempts to get a lock, and for nothing else. Time
/// by the clock would say more about the other processes on the machine.
std::int64_t slept_us = 0;

int sleep_counted(sqlite3_vfs* vfs, int microseconds) {
  slept_us += microseconds;
  return sqlite3_vfs_find("unix")->xSleep(vfs, microseconds);
}

void count_sleeps() {
  static sqlite3_vfs counting = *sqlite3_vfs_find("unix");
  counting.zName = "counting";
  counting.xSleep = sleep_counted;
  sqlite3_vfs_register(&counting, 1);
}

double seconds_by_the_clock() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// A consumer: knows the file and the views, and asks as fast as it can.
class Consumer {
 public:
  Consumer(const std::filesystem::path& file, int contacts, unsigned seed)
      : random_(seed),
        number_(0, contacts - 1),
        database_(file.string(), SQLite::OPEN_READONLY, 10'000),
        find_(database_,
              "SELECT c.id, c.display_name FROM contact_addresses a"
              " JOIN contacts c ON c.id = a.contact_id WHERE a.folded = ?1"),
        whole_(database_,
               "SELECT (SELECT count(*) FROM contact_addresses WHERE contact_id = ?1),"
               " (SELECT count(*) FROM contact_phones WHERE contact_id = ?1),"
               " (SELECT count(*) FROM contact_records WHERE contact_id = ?1),"
               " (SELECT count(*) FROM changes WHERE contact_id = ?1)"),
        everybody_(database_, "SELECT count(*), count(company_name) FROM contacts") {}

  void read(Seen& seen) {
    const double begun = seconds_by_the_clock();
    const std::int64_t slept_before = slept_us;
    SQLite::Transaction snapshot(database_);
    if (seen.reads % kReadsForEachOfAll == 0) {
      everybody_.executeStep();
      everybody_.reset();
    }
    const Person wanted = person(number_(random_));
    find_.bind(1, wanted.mail);
    if (find_.executeStep()) {
      ++seen.contacts;
      check(wanted);
    }
    find_.reset();
    snapshot.commit();
    ++seen.reads;
    seen.longest_read = std::max(seen.longest_read, seconds_by_the_clock() - begun);
    seen.longest_wait =
        std::max(seen.longest_wait, static_cast<double>(slept_us - slept_before) / 1e6);
  }

 private:
  /// Everybody has two addresses, and one phone or two.
  void check(const Person& wanted) {
    whole_.bind(1, find_.getColumn(0).getString());
    whole_.executeStep();
    const bool whole = whole_.getColumn(0).getInt() == 2 &&
                       whole_.getColumn(1).getInt() == (wanted.mobile_phone.empty() ? 1 : 2) &&
                       whole_.getColumn(2).getInt() == 1 && whole_.getColumn(3).getInt() == 1 &&
                       find_.getColumn(1).getString() == wanted.display_name;
    whole_.reset();
    if (!whole)
      throw std::runtime_error("half a contact: " + wanted.mail);
  }

  std::minstd_rand random_;
  std::uniform_int_distribution<int> number_;
  SQLite::Database database_;
  SQLite::Statement find_;
  SQLite::Statement whole_;
  SQLite::Statement everybody_;
};

volatile sig_atomic_t told_to_stop = 0;

void stop_reading(int) {
  told_to_stop = 1;
}

Seen read_until_told(const std::filesystem::path& file, int contacts, unsigned seed) {
  Seen seen;
  try {
    count_sleeps();
    Consumer consumer(file, contacts, seed);
    while (told_to_stop == 0)
      consumer.read(seen);
  } catch (const std::exception& error) {
    std::snprintf(seen.trouble, sizeof seen.trouble, "%s (after %lld reads)", error.what(),
                  static_cast<long long>(seen.reads));
  }
  return seen;
}

/// Processes, as consumers are; they read from their making to stop().
class Readers {
 public:
  Readers(const std::filesystem::path& file, int contacts) {
    for (unsigned i = 0; i < kReaders; ++i)
      start(file, contacts, i + 1);
  }

  ~Readers() {
    for (const Process& process : processes_) {
      ::close(process.results);
      ::kill(process.id, SIGKILL);
      ::waitpid(process.id, nullptr, 0);
    }
  }

  Readers(const Readers&) = delete;
  Readers& operator=(const Readers&) = delete;

  /// All together. Throws for trouble.
  Seen stop() {
    Seen all;
    for (const Process& process : processes_)
      ::kill(process.id, SIGTERM);
    for (const Process& process : processes_) {
      Seen seen;
      if (::read(process.results, &seen, sizeof seen) != sizeof seen)
        throw std::runtime_error("a reader died");
      if (seen.trouble[0] != '\0')
        throw std::runtime_error("a reader saw an error: " + std::string(seen.trouble));
      all.reads += seen.reads;
      all.contacts += seen.contacts;
      all.longest_wait = std::max(all.longest_wait, seen.longest_wait);
      all.longest_read = std::max(all.longest_read, seen.longest_read);
    }
    return all;
  }

 private:
  struct Process {
    pid_t id;
    int results;
  };

  void start(const std::filesystem::path& file, int contacts, unsigned seed) {
    int ends[2];
    if (::pipe(ends) != 0)
      throw std::runtime_error("no pipe to a reader");
    const pid_t id = ::fork();
    if (id < 0)
      throw std::runtime_error("a reader cannot be started");
    if (id == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGTERM);
      ::signal(SIGTERM, stop_reading);
      const Seen seen = read_until_told(file, contacts, seed);
      ::_exit(::write(ends[1], &seen, sizeof seen) == sizeof seen ? 0 : 1);
    }
    ::close(ends[1]);
    processes_.push_back({id, ends[0]});
  }

  std::vector<Process> processes_;
};

void make_empty(const std::filesystem::path& file) {
  for (const char* suffix : {"", "-wal", "-shm"})
    std::filesystem::remove(file.string() + suffix);
  const base::SystemClock clock;
  const index::Index index(file, clock);
}

}  // namespace

void import_contacts(const std::filesystem::path& file, int contacts) {
  const base::SystemClock clock;
  index::Index index(file, clock);
  const std::int64_t run = index.begin_run();
  index.position(kContacts);
  for (int from = 0; from < contacts; from += kPage) {
    const int to = std::min(from + kPage, contacts);
    std::vector<model::Change> page;
    for (int number = from; number < to; ++number)
      page.push_back(contact_of(number));
    index.apply(kContacts, std::move(page), {}, model::Cursor{std::to_string(to), ""},
                to == contacts);
  }
  index.publish(run, {}, {});
}

std::vector<Row> measure_readers(const std::filesystem::path& self,
                                 const std::filesystem::path& directory, int contacts) {
  const std::filesystem::path file = directory / "readers.db";
  const std::filesystem::path other = directory / "other.db";
  const std::vector<std::string> import = {self.string(), "--import", file.string(),
                                           std::to_string(contacts)};
  std::vector<Cost> alone;
  std::vector<Cost> beside;
  std::vector<Cost> watched;
  Seen seen;
  std::uintmax_t log = 0;
  for (int turn = 0; turn < kTurns; ++turn) {
    make_empty(file);
    alone.push_back(cost_of_program(import));
    for (const char* suffix : {"", "-wal", "-shm"})
      if (std::filesystem::exists(file.string() + suffix))
        std::filesystem::rename(file.string() + suffix, other.string() + suffix);
    make_empty(file);
    {
      Readers readers(other, contacts);
      beside.push_back(cost_of_program(import));
      readers.stop();
    }
    make_empty(file);
    Readers readers(file, contacts);
    watched.push_back(cost_of_program(import));
    const Seen now = readers.stop();
    if (now.contacts == 0)
      throw std::runtime_error("no reader saw a contact");
    log = std::max(log, std::filesystem::file_size(file.string() + "-wal"));
    seen.reads += now.reads;
    seen.longest_read = std::max(seen.longest_read, now.longest_read);
    seen.longest_wait = std::max(seen.longest_wait, now.longest_wait);
  }
  const Cost with = cheapest(watched);
  const double of_machine = cheapest(beside).cpu_s;
  const double log_mib = static_cast<double>(log) / (1 << 20);
  std::fprintf(stderr,
               "twenty readers: %lld reads, the longest %.1f ms by the clock; the longest wait for "
               "a lock %.1f ms; the write-ahead log took %.1f MiB\n"
               "a first import of %d: %.2f s CPU alone, %.2f beside twenty readers of another "
               "index, %.2f with twenty readers of its own\n",
               static_cast<long long>(seen.reads), seen.longest_read * 1e3, seen.longest_wait * 1e3,
               log_mib, contacts, cheapest(alone).cpu_s, of_machine, with.cpu_s);
  return {{"index.readers", "first import with twenty readers / with twenty of another index",
           with.cpu_s / of_machine, 1.2, with.cpu_s, with.peak_rss_mib},
          {"index.readers_wait", "longest wait of a reader for a lock / 50 ms",
           seen.longest_wait / kLongestWait, 1.0, with.cpu_s, with.peak_rss_mib},
          {"index.readers_log", "write-ahead log with twenty readers / 48 MiB", log_mib / kLogMiB,
           2.0, with.cpu_s, with.peak_rss_mib}};
}

}  // namespace gald::bench
