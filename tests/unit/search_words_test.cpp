#include "model/search_words.hpp"

#include <gmock/gmock.h>

namespace gald::model {

namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using Texts = std::vector<std::string_view>;
using Words = std::vector<std::string>;

std::vector<Words> spellings(std::string_view text) {
  std::vector<Words> all;
  for (const TypedWord& word : typed_words(text))
    all.push_back(word.spellings);
  return all;
}

TEST(SearchWords, AreFoldedAndThereOnce) {
  EXPECT_THAT(search_words("Émile O'Brien-émile"), ElementsAre("emile", "o", "brien"));
  EXPECT_THAT(search_words(Texts{"Anna Weber", "WEBER", ""}), ElementsAre("anna", "weber"));
  EXPECT_THAT(search_words(" \t-- "), IsEmpty());
}

TEST(SearchWords, AnUmlautHasTwoSpellings) {
  EXPECT_THAT(search_words("Jörg Müller"),
              UnorderedElementsAre("jorg", "joerg", "muller", "mueller"));
}

TEST(SearchWords, LettersAndDigitsAreApart) {
  EXPECT_THAT(search_words("anna.weber12@fabrikam.example"),
              ElementsAre("anna", "weber", "12", "fabrikam", "example"));
}

TEST(SearchWords, ScriptsWithoutSpacesGiveCharactersAndPairs) {
  EXPECT_THAT(search_words("田中太郎"),
              ElementsAre("田", "中", "太", "郎", "田中", "中太", "太郎"));
  EXPECT_THAT(search_words("佐々木Hana"), ElementsAre("佐", "々", "木", "佐々", "々木", "hana"));
  EXPECT_THAT(search_words("김철수"), ElementsAre("김", "철", "수", "김철", "철수"));
  EXPECT_THAT(search_words("ที่"), ElementsAre("ที่")) << "a letter with its marks is one character";
}

TEST(SearchWords, BytesThatAreNoTextSeparate) {
  EXPECT_THAT(search_words("a\xff\xfe"
                           "b"),
              ElementsAre("a", "b"));
}

TEST(TypedWords, HaveEachSpelling) {
  EXPECT_THAT(spellings("Weber, Jörg"), ElementsAre(Words{"weber"}, Words{"jorg", "joerg"}));
  EXPECT_THAT(spellings("weber WEBER"), ElementsAre(Words{"weber"}));
  EXPECT_TRUE(typed_words("we").front().may_go_on);
}

TEST(TypedWords, AskForNeighboursWhereThereAreNoSpaces) {
  EXPECT_THAT(spellings("田中太"), ElementsAre(Words{"田中"}, Words{"中太"}));
  EXPECT_THAT(spellings("田 b"), ElementsAre(Words{"田"}, Words{"b"}));
  EXPECT_FALSE(typed_words("田").front().may_go_on);
}

/// Whoever types a text finds what was indexed from it.
TEST(TypedWords, EachIsAWordOfTheSameText) {
  for (const char* text :
       {"Jörg Müller-Lüdenscheidt", "田中太郎", "Łukasz Ångström 7b", "u12@x.example", "ÅäÖ3ü",
        "ที่นี่", "김철수 Kim", "Straße", "ﬁsh", "佐々木ー", "Ελλάδα", "Дмитрий"}) {
    const Words words = search_words(text);
    for (const TypedWord& typed : typed_words(text))
      for (const std::string& spelling : typed.spellings)
        EXPECT_THAT(words, testing::Contains(spelling)) << text;
  }
}

TEST(SearchWords, SpellingIsForWordsOfLetters) {
  EXPECT_TRUE(has_a_spelling("jon"));
  EXPECT_TRUE(has_a_spelling("дмитрий"));
  EXPECT_FALSE(has_a_spelling("jo"));
  EXPECT_FALSE(has_a_spelling("1234"));
  EXPECT_FALSE(has_a_spelling("田中太"));
}

}  // namespace

}  // namespace gald::model
