#include "lookup_bench.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include <SQLiteCpp/SQLiteCpp.h>

#include "asking.hpp"
#include "index/lookup.hpp"
#include "index/reader.hpp"
#include "people.hpp"

namespace gald::bench {

namespace {

constexpr double kLimitMs = 0.1;

constexpr const char* kAddressByHand =
    "SELECT c.id, c.display_name, c.company_name, c.kind, c.source, c.status, a.value"
    " FROM contact_addresses a JOIN contacts c ON c.id = a.contact_id WHERE a.folded = ?1";
constexpr const char* kPhoneByHand =
    "SELECT c.id, c.display_name, c.company_name, c.kind, c.source, c.status, p.raw"
    " FROM contact_phones p JOIN contacts c ON c.id = p.contact_id WHERE p.e164 = ?1";

/// As a statement by hand finds it, and as it is asked of us.
struct Question {
  std::string plain;
  std::string asked;
};

std::string e164_of(const std::string& number) {
  std::string digits = "+";
  std::copy_if(number.begin(), number.end(), std::back_inserter(digits),
               [](char c) { return c >= '0' && c <= '9'; });
  return digits;
}

/// In one of the ways in which a telephone system tells a number.
std::string dialled(const std::string& number, std::size_t way) {
  switch (way % 4) {
    case 0:
      return e164_of(number);
    case 1:
      return number;
    case 2:
      return "00" + e164_of(number).substr(1);
    default:
      return "011 " + number.substr(1);
  }
}

class LookupBench {
 public:
  LookupBench(const std::filesystem::path& file, index::Index& index, int contacts)
      : index_(index),
        contacts_(contacts),
        reader_(file),
        database_(file.string(), SQLite::OPEN_READONLY) {}

  std::vector<Row> run() {
    std::vector<Question> addresses;
    std::vector<Question> phones;
    std::vector<Question> ends;
    for (std::size_t i = 0; i < kAsked; ++i) {
      const Person one = person(static_cast<int>(chosen(i, static_cast<std::size_t>(contacts_))));
      addresses.push_back({one.mail, i % 2 == 0 ? one.mail : "smtp:" + one.mail});
      phones.push_back({e164_of(one.business_phone), dialled(one.business_phone, i)});
      ends.push_back(
          {phones.back().plain, phones.back().plain.substr(phones.back().plain.size() - 9)});
    }
    measure("lookup.address", "who has this address", kAddressByHand, addresses);
    measure("lookup.phone", "who calls, in four notations", kPhoneByHand, phones);
    measure("lookup.tail", "who calls, by the last nine digits", kPhoneByHand, ends);
    return std::move(rows_);
  }

 private:
  void measure(const std::string& name, const std::string& what, const char* by_hand,
               const std::vector<Question>& questions) {
    Questions asked;
    Questions plain;
    for (const Question& question : questions) {
      asked.push_back(question.asked);
      plain.push_back(question.plain);
    }
    const auto ask = [&](const std::string& question) {
      if (reader_.lookup(question, {}).empty())
        throw std::runtime_error("the benchmark's " + question + " is nobody's");
    };
    const double start = cpu_seconds();
    const double quiet = p99(times(asked, kAsked, 3, ask));
    const double cpu = cpu_seconds() - start;
    SQLite::Statement statement(database_, by_hand);
    const double by_sql = p99(times(plain, kAsked, 3, [&](const std::string& question) {
      statement.bind(1, question);
      while (statement.executeStep()) {
      }
      statement.reset();
    }));
    add(name, what + ", p99 / equality in SQL", quiet, kLimitMs, by_sql, cpu);
    const double busy =
        while_publishing(index_, contacts_, [&] { return p99(times(asked, kAsked, 3, ask)); });
    add(name + ".busy", what + ", while changes are published", busy, 2 * kLimitMs, by_sql, cpu);
  }

  void add(const std::string& name, const std::string& what, double ms, double limit_ms,
           double by_sql, double cpu) {
    // the statement knows one notation, gets no priorities and builds no answer
    Row row{name, what, ms / by_sql, 3.0, cpu, peak_rss_mib()};
    row.p99_ms = ms;
    row.p99_limit_ms = limit_ms;
    rows_.push_back(std::move(row));
  }

  index::Index& index_;
  int contacts_;
  index::Reader reader_;
  SQLite::Database database_;
  std::vector<Row> rows_;
};

}  // namespace

std::vector<Row> measure_lookups(const std::filesystem::path& file, index::Index& index,
                                 int contacts) {
  return LookupBench(file, index, contacts).run();
}

}  // namespace gald::bench
