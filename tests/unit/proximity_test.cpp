#include "model/proximity.hpp"

#include <algorithm>
#include <random>
#include <vector>

#include <gmock/gmock.h>

namespace gald::model {

namespace {

/// The definition, with a matrix.
int plain_distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<int>> d(a.size() + 1, std::vector<int>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i)
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = static_cast<int>(i + j);
        continue;
      }
      d[i][j] = std::min(
          {d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

TEST(Distance, IsThatOfItsDefinition) {
  std::mt19937 random(7);
  const auto word = [&] {
    std::string text(random() % 12, 'a');
    for (char& c : text)
      c = static_cast<char>('a' + random() % 4);
    return text;
  };
  for (int i = 0; i < 20'000; ++i) {
    const std::string a = word();
    const std::string b = word();
    ASSERT_EQ(Distance(a).to(b), plain_distance(a, b)) << a << " " << b;
  }
}

TEST(Distance, CountsCharactersNotBytes) {
  EXPECT_EQ(Distance("дмитрий").to("дмитри"), 1);
  EXPECT_EQ(Distance("дмитрий").to("димтрий"), 1);
  EXPECT_EQ(Distance(std::string(64, 'a')).to(std::string(63, 'a')), 1);
}

TEST(SoundOf, IsTheSameForWhatIsWrittenInSeveralWays) {
  EXPECT_EQ(sound_of("smith"), sound_of("smyth"));
  EXPECT_EQ(sound_of("jon"), sound_of("john"));
  EXPECT_EQ(sound_of("mueler"), sound_of("muller"));
  EXPECT_EQ(sound_of("maier"), sound_of("meyer"));
  EXPECT_EQ(sound_of("schmidt"), sound_of("schmitt"));
  EXPECT_EQ(sound_of("philipp"), sound_of("filip"));
  EXPECT_NE(sound_of("meyer"), sound_of("weber"));
  EXPECT_NE(sound_of("hans"), sound_of("ans"));
}

class VocabularyTest : public testing::Test {
 protected:
  std::vector<std::string> near(std::string_view word, std::size_t count = 8) const {
    std::vector<std::string> words;
    for (const Vocabulary::Near& one : vocabulary_.nearest(word, count))
      words.push_back(one.word);
    return words;
  }

  Vocabulary vocabulary_;
};

TEST_F(VocabularyTest, TheLikeliestComesFirst) {
  for (const char* word : {"muller", "mueller", "miller", "mulder", "mahler", "smith", "smart"})
    vocabulary_.add(word, 1);
  EXPECT_THAT(near("mueler", 2), testing::ElementsAre("mueller", "muller"));
  EXPECT_THAT(near("smyth"), testing::ElementsAre("smith"));
  EXPECT_THAT(near("muller", 1), testing::ElementsAre("muller"));
  EXPECT_EQ(vocabulary_.nearest("muller", 1).front().cost, 0);
}

TEST_F(VocabularyTest, OfEquallyNearOnesTheCommonComesFirst) {
  vocabulary_.add("webor", 1);
  vocabulary_.add("webar", 50);
  EXPECT_THAT(near("weber"), testing::ElementsAre("webar", "webor"));
}

TEST_F(VocabularyTest, ShortWordsAllowOneChange) {
  vocabulary_.add("john", 1);
  vocabulary_.add("joan", 1);
  vocabulary_.add("jo", 1);
  vocabulary_.add("jim", 1);
  EXPECT_THAT(near("jon"), testing::ElementsAre("john", "jo", "joan"));
}

TEST_F(VocabularyTest, TheFilterByLettersLosesNothing) {
  std::mt19937 random(11);
  std::vector<std::string> words;
  for (int i = 0; i < 3000; ++i) {
    std::string word(3 + random() % 6, 'a');
    for (char& c : word)
      c = static_cast<char>('a' + random() % 6);
    if (std::find(words.begin(), words.end(), word) == words.end())
      words.push_back(word);
  }
  for (const std::string& word : words)
    vocabulary_.add(word, 1);
  for (int i = 0; i < 100; ++i) {
    const std::string asked = words[random() % words.size()] + "b";
    std::vector<std::string> expected;
    for (const std::string& word : words)
      if (plain_distance(asked, word) <= (asked.size() <= 4 ? 1 : 2))
        expected.push_back(word);
    EXPECT_THAT(near(asked, words.size()), testing::UnorderedElementsAreArray(expected));
  }
}

TEST_F(VocabularyTest, LeavesOutWhatIsNoName) {
  vocabulary_.add(std::string(65, 'a'), 1);
  EXPECT_EQ(vocabulary_.size(), 0U);
  EXPECT_TRUE(vocabulary_.nearest(std::string(100, 'a'), 8).empty());
}

}  // namespace

}  // namespace gald::model
