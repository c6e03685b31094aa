#include "contacts_bench.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>

#include <SQLiteCpp/SQLiteCpp.h>

#include "asking.hpp"
#include "base/clock.hpp"
#include "index/index.hpp"
#include "index/reader.hpp"
#include "lookup_bench.hpp"
#include "model/name_form.hpp"
#include "pages_bench.hpp"
#include "people.hpp"

namespace gald::bench {

namespace {

constexpr std::size_t kAskedByHand = 15;  // each may look at every contact
constexpr std::size_t kShown = 8;

// --- what is asked -------------------------------------------------------------------------------

/// The name of somebody who is in the index.
struct Asked {
  std::string given;
  std::string family;
};

bool is_plain(const std::string& name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

/// Whose names have so many letters, of a to z without case and accents.
std::vector<Asked> somebody(std::size_t count, int contacts, std::size_t shortest) {
  std::vector<Asked> all;
  for (std::uint64_t seed = 1; all.size() < count; ++seed) {
    const Person one = person(static_cast<int>(chosen(seed, static_cast<std::size_t>(contacts))));
    Asked asked{model::search_form(one.given_name), model::search_form(one.surname)};
    if (asked.given.size() >= shortest && asked.family.size() >= shortest &&
        is_plain(asked.given) && is_plain(asked.family))
      all.push_back(std::move(asked));
  }
  return all;
}

/// One letter put in, left out, replaced or exchanged with its neighbour.
std::string with_typo(std::string word, std::uint64_t seed) {
  const std::string before = word;
  for (; word == before; ++seed) {
    word = before;
    const std::size_t at = chosen(seed * 4, word.size());
    const auto letter = static_cast<char>('a' + chosen(seed * 4 + 1, 26));
    switch (chosen(seed * 4 + 2, 4)) {
      case 0:
        word.insert(at, 1, letter);
        break;
      case 1:
        word.erase(at, 1);
        break;
      case 2:
        word[at] = letter;
        break;
      default:
        if (at + 1 < word.size())
          std::swap(word[at], word[at + 1]);
    }
  }
  return word;
}

// --- who is asked --------------------------------------------------------------------------------

constexpr const char* kByHand =
    "SELECT id, display_name, mail FROM contacts WHERE status <> 'deleted'"
    " AND (search_name LIKE ?1 || '%' OR search_name LIKE '% ' || ?1 || '%')"
    " AND (search_name LIKE ?2 || '%' OR search_name LIKE '% ' || ?2 || '%')"
    " ORDER BY display_name COLLATE NOCASE LIMIT 20";

class ByHand {
 public:
  explicit ByHand(const std::filesystem::path& file)
      : database_(file.string(), SQLite::OPEN_READONLY), statement_(database_, kByHand) {}

  void ask(const std::string& question) {
    const std::size_t blank = question.find(' ');
    statement_.bind(1, question.substr(0, blank));
    statement_.bind(2, blank == std::string::npos ? "" : question.substr(blank + 1));
    while (statement_.executeStep()) {
    }
    statement_.reset();
  }

 private:
  SQLite::Database database_;
  SQLite::Statement statement_;
};

class SearchBench {
 public:
  SearchBench(std::filesystem::path file, index::Index& index, int contacts)
      : file_(std::move(file)), index_(index), contacts_(contacts), reader_(file_) {}

  std::vector<Row> run() {
    const std::vector<Asked> people = somebody(kAsked, contacts_, 4);
    for (std::size_t letters = 1; letters <= 4; ++letters) {
      Questions questions;
      for (std::size_t i = 0; i < people.size(); ++i)
        questions.push_back((i % 2 == 0 ? people[i].given : people[i].family).substr(0, letters));
      measure("search.prefix" + std::to_string(letters),
              "search by " + std::to_string(letters) + " letters", questions, 2);
    }
    Questions two;
    for (std::size_t i = 0; i < people.size(); ++i) {
      const std::string given = people[i].given.substr(0, 2 + chosen(i, 4));
      const std::string family = people[i].family.substr(0, 2 + chosen(i + 1, 4));
      two.push_back(i % 3 == 0 ? family + " " + given : given + " " + family);
    }
    measure("search.two_words", "search by two words or beginnings", two, 2);
    Questions fuzzy;
    for (std::size_t i = 0; i < people.size(); ++i)
      fuzzy.push_back(misspelt(people[i], i));
    measure("search.fuzzy", "search by a misspelt name", fuzzy, 5);
    std::size_t right = 0;
    for (std::size_t i = 0; i < people.size(); ++i)
      right += is_shown(people[i], fuzzy[i], i % 3 != 0) ? 1U : 0U;
    rows_.back().recall = static_cast<double>(right) / static_cast<double>(people.size());
    rows_.back().recall_limit = 0.98;
    return std::move(rows_);
  }

 private:
  static std::string misspelt(const Asked& asked, std::size_t number) {
    switch (number % 3) {
      case 0:
        return with_typo(asked.family, number);
      case 1:
        return asked.given + " " + with_typo(asked.family, number);
      default:
        return with_typo(asked.given, number) + " " + asked.family;
    }
  }

  /// Whether somebody of the name that was meant is among the first.
  bool is_shown(const Asked& asked, const std::string& question, bool both) {
    const std::vector<index::SearchHit> hits = reader_.search({question}).hits;
    for (std::size_t i = 0; i < std::min(kShown, hits.size()); ++i) {
      const std::string name = " " + model::search_form(hits[i].display_name) + " ";
      const auto has = [&](const std::string& word) {
        return name.find(" " + word + " ") != std::string::npos;
      };
      if (has(asked.family) && (!both || has(asked.given)))
        return true;
    }
    return false;
  }

  void measure(const std::string& name, const std::string& what, const Questions& questions,
               double limit_ms) {
    const auto ask = [&](const std::string& question) {
      if (!reader_.search({question}).ready)
        throw std::runtime_error("the index of the benchmark cannot be searched");
    };
    const double start = cpu_seconds();
    const double quiet = p99(times(questions, kAsked, 3, ask));
    const double cpu = cpu_seconds() - start;
    ByHand by_hand(file_);
    const double plain =
        p99(times(questions, kAskedByHand, 1, [&](const std::string& one) { by_hand.ask(one); }));
    add(name, what + ", p99 / LIKE in SQL", quiet, limit_ms, plain, cpu);
    const double busy =
        while_publishing(index_, contacts_, [&] { return p99(times(questions, kAsked, 3, ask)); });
    add(name + ".busy", what + ", while changes are published", busy, 2 * limit_ms, plain, cpu);
  }

  void add(const std::string& name, const std::string& what, double ms, double limit_ms,
           double plain, double cpu) {
    Row row{name, what, ms / plain, 1.0, cpu, peak_rss_mib()};
    row.p99_ms = ms;
    row.p99_limit_ms = limit_ms;
    rows_.push_back(std::move(row));
  }

  std::filesystem::path file_;
  index::Index& index_;
  int contacts_;
  index::Reader reader_;
  std::vector<Row> rows_;
};

}  // namespace

std::vector<Row> measure_contacts(const std::filesystem::path& directory, int contacts) {
  const std::filesystem::path file = directory / "contacts.db";
  const base::SystemClock clock;
  index::Index index(file, clock);
  stage(index, 0, contacts, "");
  index.publish(index.begin_run(), {}, {});
  std::vector<Row> rows = measure_pages(file, contacts);
  for (Row& row : measure_lookups(file, index, contacts))
    rows.push_back(std::move(row));
  for (Row& row : SearchBench(file, index, contacts).run())
    rows.push_back(std::move(row));
  return rows;
}

}  // namespace gald::bench
