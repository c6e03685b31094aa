// Some hundred random stories, and every row of the table, through the real index: it has to
// publish what the one in memory does, values included, whatever it goes through on the way.

#include "file_index.hpp"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "ambiguity_table.hpp"
#include "memory_index.hpp"
#include "story.hpp"

namespace gald::simulation {
namespace {

constexpr unsigned kStories = 300;
constexpr unsigned kShares = 4;  // so that ctest runs them side by side

/// No source says that an object is out of scope: staging decides that (index_scope_test.cpp).
std::vector<Said> as_sources_say(std::vector<Said> step) {
  for (Said& said : step)
    if (said.presence == Presence::out_of_scope)
      said.presence = Presence::absent;
  return step;
}

/// Pages cut and repeated, the process gone between two of them, and complete reads of sources that
/// have nothing to tell or much.
void tell_strangely(FileIndex& index, const std::vector<Said>& step,
                    const std::map<std::string, Said>& state, std::mt19937& random) {
  const std::size_t size = 1 + random() % 5;
  for (std::size_t at = 0; at < step.size(); at += size) {
    const std::span<const Said> page(step.data() + at, std::min(size, step.size() - at));
    index.tell(page);
    if (random() % 3 == 0)
      index.tell(page);
    if (random() % 4 == 0)
      index.reopen();
  }
  std::vector<Said> all;
  std::map<std::string, ConnectorKind> connectors;
  for (const auto& [unused, said] : state) {
    all.push_back(said);
    connectors[said.connector] = said.connector_kind;
  }
  for (const auto& [connector, kind] : connectors)
    if (random() % 4 == 0)
      index.tell_everything(connector, kind, all);
}

class StoriesInAFile : public testing::TestWithParam<unsigned> {};

TEST_P(StoriesInAFile, ArePublishedAsInMemory) {
  for (unsigned seed = GetParam(); seed < kStories; seed += kShares) {
    Story story = random_story(seed);
    std::transform(story.begin(), story.end(), story.begin(), as_sources_say);
    std::mt19937 random(seed);
    MemoryIndex memory;
    FileIndex file;
    std::map<std::string, Said> state;
    for (std::size_t step = 0; step < story.size(); ++step) {
      for (const Said& said : story[step])
        state[name_of(said)] = said;
      memory.tell(story[step]);
      memory.publish();
      tell_strangely(file, story[step], state, random);
      file.publish();
      ASSERT_EQ(lines(file.published(), {}), lines(memory.published(), {}))
          << "seed " << seed << ", publication " << step + 1 << ", the story:\n"
          << text(story);
      ASSERT_EQ(file.published(), memory.published())
          << "seed " << seed << ", publication " << step + 1;
    }
    EXPECT_EQ(file.publish(), 0) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Shares, StoriesInAFile, testing::Range(0u, kShares));

TEST(TableInAFile, IsPublishedAsInMemory) {
  for (const Row& row : ambiguity_table()) {
    MemoryIndex memory;
    FileIndex file;
    for (const std::vector<Said>& story : {as_sources_say(row.first), as_sources_say(row.then)}) {
      memory.tell(story);
      memory.publish();
      file.tell(story);
      file.publish();
      EXPECT_EQ(file.published(), memory.published()) << row.name;
    }
  }
}

}  // namespace
}  // namespace gald::simulation
