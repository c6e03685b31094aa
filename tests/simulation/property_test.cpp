// Ten thousand random stories. What reconcile() makes of each has to be what the rules say
// (oracle.hpp), after every publication, ids and forwards included; however the story is told; and
// again when the index is built from nothing.
//
// GALD_STORIES=N tells N of them. A failure prints the seed and the shortest story that still
// fails.

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <random>
#include <sstream>
#include <stdexcept>

#include <gtest/gtest.h>

#include "memory_index.hpp"
#include "oracle.hpp"
#include "story.hpp"

namespace gald::simulation {
namespace {

constexpr unsigned kShares = 8;  // so that ctest runs them side by side

unsigned stories() {
  const char* wanted = std::getenv("GALD_STORIES");
  return wanted == nullptr ? 10'000 : static_cast<unsigned>(std::strtoul(wanted, nullptr, 10));
}

using Random = std::mt19937;

/// The last that was said of each object, in any order.
std::vector<Said> shuffled(const std::vector<Said>& step, Random& random) {
  std::map<std::string, Said> last;
  for (const Said& said : step)
    last[name_of(said)] = said;
  std::vector<Said> told;
  for (auto& [unused, said] : last)
    told.push_back(std::move(said));
  std::shuffle(told.begin(), told.end(), random);
  return told;
}

/// Objects in another order, pages again, small batches, and a death in every other publication.
void tell_strangely(MemoryIndex& index, const std::vector<Said>& step, Random& random) {
  const std::vector<Said> told = shuffled(step, random);
  const std::size_t page = 1 + random() % 4;
  for (std::size_t at = 0; at < told.size(); at += page) {
    const std::span<const Said> some(told.data() + at, std::min(page, told.size() - at));
    index.tell(some);
    if (random() % 2 == 0)
      index.tell(some);
  }
  const std::size_t batch = 1 + random() % 3;
  if (random() % 2 == 0)
    index.publish(batch, random() % 3);
  index.publish(batch);
}

Published without_values(Published published) {
  for (auto& [unused, contact] : published.contacts)
    contact.values.clear();
  return published;
}

/// Deleted contacts keep the source of their last day; the oracle keeps it too.
std::string text(const Published& published) {
  std::ostringstream out;
  for (const std::string& line : lines(published, {}))
    out << "  " << line << '\n';
  for (const auto& [from, to] : published.forwards)
    out << "  " << from << " -> " << to << '\n';
  return out.str();
}

Published living(Published published) {
  std::erase_if(published.contacts, [](const auto& contact) {
    return contact.second.status == model::Status::deleted;
  });
  published.forwards.clear();
  return published;
}

struct Tally {
  unsigned stories = 0;
  unsigned same_ids_when_rebuilt = 0;
  unsigned forwards = 0;
  unsigned deleted = 0;
  unsigned hybrid = 0;
};

/// What is wrong with the story; nothing when all is as it has to be.
std::optional<std::string> failure(const Story& story, unsigned seed, Tally& tally) {
  Random random(seed);
  Oracle oracle;
  MemoryIndex plain;
  MemoryIndex strange;
  std::map<std::string, Said> state;
  const auto differ = [](const std::string& what, const Published& expected,
                         const Published& found) {
    return what + "\nexpected\n" + text(expected) + "found\n" + text(found);
  };
  for (std::size_t step = 0; step < story.size(); ++step) {
    const std::string at = "publication " + std::to_string(step + 1) + ": ";
    for (const Said& said : story[step])
      state[name_of(said)] = said;
    oracle.publish(story[step]);
    plain.tell(story[step]);
    plain.publish();
    tell_strangely(strange, story[step], random);
    const Published published = plain.published();
    if (without_values(published) != oracle.published())
      return differ(at + "not what the rules say", oracle.published(), published);
    if (strange.published() != published || strange.links() != plain.links())
      return differ(at + "it shows how the story was told", published, strange.published());
    for (const auto& [from, to] : published.forwards)
      if (!published.contacts.contains(end_of(published.forwards, to)))
        return at + "a forward leads nowhere";
  }
  plain.tell(story.back());
  if (plain.publish() != 0)
    return "the same once more is a change";
  plain.touch_everything();
  if (plain.publish(3) != 0)
    return "reconciled once more, something changes";

  std::vector<Said> left;
  for (const auto& [unused, said] : state)
    if (said.presence == Presence::live)
      left.push_back(said);
  Oracle fresh;
  fresh.publish(left);
  MemoryIndex rebuilt;
  tell_strangely(rebuilt, left, random);
  if (without_values(rebuilt.published()) != fresh.published())
    return differ("built from nothing: not what the rules say", fresh.published(),
                  rebuilt.published());
  const bool history_makes_no_difference = living(fresh.published()) == living(oracle.published());
  if (history_makes_no_difference && living(rebuilt.published()) != living(plain.published()))
    return differ("built from nothing: another index", plain.published(), rebuilt.published());

  ++tally.stories;
  tally.same_ids_when_rebuilt += history_makes_no_difference ? 1u : 0u;
  tally.forwards += plain.published().forwards.empty() ? 0u : 1u;
  for (const auto& [unused, contact] : plain.published().contacts) {
    tally.deleted += contact.status == model::Status::deleted ? 1u : 0u;
    tally.hybrid += contact.source == model::Source::hybrid ? 1u : 0u;
  }
  return std::nullopt;
}

std::optional<std::string> outcome(const Story& story, unsigned seed, Tally& tally) {
  try {
    return failure(story, seed, tally);
  } catch (const std::logic_error& error) {
    return error.what();
  }
}

/// Leaves out whatever the failure does not need.
Story shortest(Story story, unsigned seed) {
  Tally unused;
  for (bool shorter = true; shorter;) {
    shorter = false;
    for (std::size_t step = 0; step < story.size(); ++step)
      for (std::size_t i = story[step].size(); i-- > 0;) {
        Story without = story;
        without[step].erase(without[step].begin() + static_cast<std::ptrdiff_t>(i));
        if (outcome(without, seed, unused)) {
          story = std::move(without);
          shorter = true;
        }
      }
    for (std::size_t step = story.size(); step-- > 0 && story.size() > 1;) {
      Story without = story;
      without.erase(without.begin() + static_cast<std::ptrdiff_t>(step));
      if (outcome(without, seed, unused)) {
        story = std::move(without);
        shorter = true;
      }
    }
  }
  return story;
}

class Stories : public testing::TestWithParam<unsigned> {};

TEST_P(Stories, ComeOutAsTheRulesSay) {
  Tally tally;
  for (unsigned seed = GetParam(); seed < stories(); seed += kShares) {
    const Story story = random_story(seed);
    if (!outcome(story, seed, tally))
      continue;
    const Story small = shortest(story, seed);
    FAIL() << "seed " << seed << ": " << *outcome(small, seed, tally) << "the story:\n"
           << text(small);
  }
  // They are about something: of the people there are many in every state.
  EXPECT_GT(tally.same_ids_when_rebuilt, tally.stories / 5);
  EXPECT_GT(tally.forwards, tally.stories / 20);
  EXPECT_GT(tally.deleted, tally.stories / 2);
  EXPECT_GT(tally.hybrid, tally.stories);
}

INSTANTIATE_TEST_SUITE_P(Shares, Stories, testing::Range(0u, kShares));

}  // namespace
}  // namespace gald::simulation
