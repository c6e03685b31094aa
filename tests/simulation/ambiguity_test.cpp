// The table of ambiguous cases, told in every order: all permutations of the connectors, their
// records shuffled, published after each connector or at the end, in large batches and record by
// record. The truth has to come out every time.

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "ambiguity_table.hpp"
#include "memory_index.hpp"
#include "reconcile/reconcile.hpp"

namespace gald::simulation {
namespace {

constexpr int kShuffles = 3;

/// How a story is told.
struct Manner {
  std::vector<std::string> connectors;  ///< in the order in which they are read
  unsigned shuffle = 0;                 ///< of the records of each
  bool publish_between = false;         ///< after each connector, not only at the end
  std::size_t batch = 500;
};

std::string text(const Manner& manner) {
  std::string text = "read in the order";
  for (const std::string& connector : manner.connectors)
    text += " " + connector;
  return text + ", shuffle " + std::to_string(manner.shuffle) +
         (manner.publish_between ? ", published after each" : ", published at the end") +
         ", batches of " + std::to_string(manner.batch);
}

std::vector<Manner> all_manners(const std::vector<Said>& story) {
  std::set<std::string> names;
  for (const Said& said : story)
    names.insert(said.connector);
  std::vector<std::string> order(names.begin(), names.end());
  std::vector<Manner> manners;
  do {
    for (unsigned shuffle = 0; shuffle < kShuffles; ++shuffle)
      for (const bool between : {false, true})
        for (const std::size_t batch : {std::size_t{500}, std::size_t{1}})
          manners.push_back({order, shuffle, between, batch});
  } while (std::next_permutation(order.begin(), order.end()));
  return manners;
}

void tell(MemoryIndex& index, std::vector<Said> story, const Manner& manner) {
  std::mt19937 random(manner.shuffle);
  if (manner.shuffle != 0)
    std::shuffle(story.begin(), story.end(), random);
  for (const std::string& connector : manner.connectors) {
    for (const Said& said : story)
      if (said.connector == connector)
        index.tell(said);
    if (manner.publish_between)
      index.publish(manner.batch);
  }
  index.publish(manner.batch);
}

/// What is there at the end of the row.
std::vector<Said> what_is_left(const Row& row) {
  std::map<std::string, Said> last;
  for (const std::vector<Said>* story : {&row.first, &row.then})
    for (const Said& said : *story)
      last[name_of(said)] = said;
  std::vector<Said> left;
  for (const auto& [unused, said] : last)
    if (said.presence == Presence::live)
      left.push_back(said);
  return left;
}

/// Which object each id that may occur was made from.
std::map<std::string, std::string> births(const Row& row) {
  std::map<std::string, std::string> names;
  for (const std::vector<Said>* story : {&row.first, &row.then})
    for (const Said& said : *story) {
      names.emplace(reconcile::entry_id_for(said.anchor), name_of(said));
      names.emplace(reconcile::entry_id_for(said.anchor + "+"), name_of(said) + "+");
    }
  return names;
}

std::vector<std::string> sorted(std::vector<std::string> lines) {
  std::sort(lines.begin(), lines.end());
  return lines;
}

/// Without the ids, and without those that are deleted.
std::vector<std::string> contacts_only(std::vector<std::string> lines) {
  std::vector<std::string> found;
  for (const std::string& line : lines)
    if (line.find(" deleted:") == std::string::npos)
      found.push_back(line.substr(0, line.find(" = ")));
  return sorted(found);
}

std::vector<std::string> living(const std::vector<std::string>& lines) {
  std::vector<std::string> found;
  for (const std::string& line : lines)
    if (line.find(" deleted:") == std::string::npos)
      found.push_back(line);
  return sorted(found);
}

/// With "= new" instead of the names of ids that were not there at first, and with the ends of the
/// forwards instead of the ids that were.
std::vector<std::string> new_ones_alike(std::vector<std::string> lines, const Row& row,
                                        const Published& published) {
  std::set<std::string> known;
  std::map<std::string, std::string> end;
  for (const auto& [id, name] : births(row)) {
    for (const std::string& line : row.at_first)
      if (line.ends_with(" = " + name))
        known.insert(name);
    if (published.forwards.contains(id))
      end[name] = births(row).at(end_of(published.forwards, id));
  }
  for (std::string& line : lines) {
    const std::size_t at = line.find(" = ") + 3;
    std::string name = line.substr(at);
    if (const auto it = end.find(name); it != end.end())
      name = it->second;
    line = line.substr(0, at) + (known.contains(name) ? name : "new");
  }
  return sorted(lines);
}

class Ambiguity : public testing::TestWithParam<Row> {};

TEST_P(Ambiguity, TheTruthComesOutInWhateverOrder) {
  const Row& row = GetParam();
  const std::map<std::string, std::string> born_of = births(row);
  for (const Manner& manner : all_manners(row.first)) {
    MemoryIndex index;
    tell(index, row.first, manner);
    const std::vector<std::string> said = lines(index.published(), born_of);
    if (!manner.publish_between) {
      EXPECT_EQ(said, sorted(row.at_first)) << row.name << ": " << text(manner);
    } else if (row.sticks.empty()) {
      EXPECT_EQ(contacts_only(said), contacts_only(row.at_first))
          << row.name << ": " << text(manner);
    }
  }
}

TEST_P(Ambiguity, WhatHappensThenIsTheSameInWhateverOrder) {
  const Row& row = GetParam();
  const std::map<std::string, std::string> born_of = births(row);
  const std::vector<std::string> expected = row.then.empty() ? row.at_first : row.at_last;
  for (const Manner& manner : all_manners(row.then)) {
    MemoryIndex index;
    tell(index, row.first, all_manners(row.first).front());
    tell(index, row.then, manner);
    std::vector<std::string> said = lines(index.published(), born_of);
    if (manner.publish_between)  // a contact that is new is called by whoever was published first
      EXPECT_EQ(new_ones_alike(said, row, index.published()),
                new_ones_alike(expected, row, index.published()))
          << row.name << ": " << text(manner);
    else
      EXPECT_EQ(said, sorted(expected)) << row.name << ": " << text(manner);
    index.touch_everything();
    EXPECT_EQ(index.publish(manner.batch), 0) << row.name << ": " << text(manner);
  }
}

TEST_P(Ambiguity, AnIndexBuiltFromNothingSaysTheSame) {
  const Row& row = GetParam();
  std::vector<std::string> expected = row.rebuilt;
  if (expected.empty())
    expected = living(row.then.empty() ? row.at_first : row.at_last);
  const std::vector<Said> left = what_is_left(row);
  for (const Manner& manner : all_manners(left)) {
    if (manner.publish_between)
      continue;  // the first publication waits for every source
    MemoryIndex index;
    tell(index, left, manner);
    EXPECT_EQ(lines(index.published(), births(row)), sorted(expected))
        << row.name << ": " << text(manner);
  }
}

std::string test_name(const testing::TestParamInfo<Row>& row) {
  std::string name;
  for (const char c : row.param.name)
    name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Table, Ambiguity, testing::ValuesIn(ambiguity_table()), test_name);

}  // namespace

void PrintTo(const Row& row, std::ostream* out) {
  *out << row.name;
}

}  // namespace gald::simulation
