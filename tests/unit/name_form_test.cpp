#include "model/name_form.hpp"

#include <string>

#include <gtest/gtest.h>

#include "model/region.hpp"

namespace gald::model {

TEST(SearchForm, IsLowerCaseWordsWithOneSpaceBetweenThem) {
  EXPECT_EQ(search_form("Jane DOE"), "jane doe");
  EXPECT_EQ(search_form("  O'Brien-Smith,  Dr. (Sales) "), "o brien smith dr sales");
  EXPECT_EQ(search_form("Room 4.11"), "room 4 11");
  EXPECT_EQ(search_form(""), "");
  EXPECT_EQ(search_form(" -- "), "");
  EXPECT_EQ(search_form("\u2014 \u201CJörg\u201D \u2014"), "jorg");
}

TEST(SearchForm, HasNoAccentsAndNoLigatures) {
  EXPECT_EQ(search_form("Müller-Lüdenscheidt"), "muller ludenscheidt");
  EXPECT_EQ(search_form("Mu\u0308ller"), "muller") << "decomposed";
  EXPECT_EQ(search_form("GROẞE STRAßE"), "grosse strasse");
  EXPECT_EQ(search_form("Ærøskøbing"), "aeroskobing");
  EXPECT_EQ(search_form("Łódź Œuvre Đặng Þór"), "lodz oeuvre dang thor");
  EXPECT_EQ(search_form("ﬁnance Ｗｉｄｅ"), "finance wide");
  EXPECT_EQ(search_form("İstanbul Işık"), "istanbul isik");
  EXPECT_EQ(search_form("Ελληνικά"), search_form("ΕΛΛΗΝΙΚΑ"));
  EXPECT_EQ(search_form("Σωκράτης"), search_form("ΣΩΚΡΆΤΗΣ")) << "the final sigma";
  EXPECT_EQ(search_form("Алёна"), search_form("АЛЕНА"));
  EXPECT_EQ(search_form("שָׁלוֹם"), search_form("שלום"));
}

TEST(CaseIgnoringForm, IsTheSameForWhatADirectoryTakesForTheSame) {
  EXPECT_EQ(case_ignoring_form(" \t Jane\r\n\u00A0 DOE "), "jane doe");
  EXPECT_EQ(case_ignoring_form("Mu\u0308ller"), case_ignoring_form("MÜLLER"));
  EXPECT_EQ(case_ignoring_form("Ｗｉｄｅ"), "wide");
  EXPECT_EQ(case_ignoring_form("a\x01\u00AD"
                               "b"),
            "ab");
  EXPECT_EQ(case_ignoring_form("C++ "), "c++");
  EXPECT_NE(case_ignoring_form("Müller"), case_ignoring_form("Muller"));
  EXPECT_EQ(case_ignoring_form(" "), "");
}

TEST(SearchForm, LeavesScriptsWithoutCaseAsTheyAre) {
  EXPECT_EQ(search_form("山田太郎"), "山田太郎");
  EXPECT_EQ(search_form("山田\u3000太郎"), "山田 太郎");
  EXPECT_EQ(search_form("김철수"), "김철수");
  EXPECT_EQ(search_form("がくせい"), "がくせい") << "a mark that changes the sound";
  EXPECT_EQ(search_form("ｶﾞｸｾｲ"), "ガクセイ");
  EXPECT_EQ(search_form("हिन्दी"), "हिन्दी") << "marks that are vowels";
  EXPECT_EQ(search_form("สมชาย"), "สมชาย");
}

TEST(SearchForm, IsItsOwnSearchForm) {
  for (const char* text : {"Müller", "ﬁ ẞ Æ", "がくせい", "김철수", "हिन्दी", "İ", "o\u0308\u0304"})
    EXPECT_EQ(search_form(search_form(text)), search_form(text)) << text;
}

TEST(SearchForm, TakesWhatIsNoText) {
  EXPECT_EQ(search_form("M\xfcller"), "m ller");
  EXPECT_EQ(search_form("\xf0\x9f\x98\x80 Jane"), "jane");
  EXPECT_EQ(search_form("\xff\xfe\xc3"), "");
  EXPECT_EQ(search_form(std::string(100'000, '\xc3')), "");
}

TEST(SearchName, HasEachWordOnce) {
  EXPECT_EQ(search_name("Jane Doe", "Jane", "Doe"), "jane doe");
  EXPECT_EQ(search_name("Doe, Jane (Sales)", "Jane", "Doe"), "doe jane sales");
  EXPECT_EQ(search_name("", "Jane", ""), "jane");
  EXPECT_EQ(search_name("", "", ""), "");
}

TEST(SearchName, HasTheSecondSpellingOfUmlauts) {
  EXPECT_EQ(search_name("Jörg Müller", "Jörg", "Müller"), "jorg muller joerg mueller");
  EXPECT_EQ(search_name("Ørsted", "", ""), "orsted");
}

TEST(Region, IsFoundByCodeAndByName) {
  for (const char* germany : {"DE", "de", " De ", "DEU", "Germany", "GERMANY", "Deutschland",
                              "Allemagne", "Niemcy", "ドイツ"})
    EXPECT_EQ(region_of_country(germany), "DE") << germany;
  EXPECT_EQ(region_of_country("Österreich"), "AT");
  EXPECT_EQ(region_of_country("osterreich"), "AT");
  EXPECT_EQ(region_of_country("Svizzera"), "CH");
  EXPECT_EQ(region_of_country("Belgique"), "BE");
  EXPECT_EQ(region_of_country("België"), "BE");
  EXPECT_EQ(region_of_country("United States"), "US");
  EXPECT_EQ(region_of_country("USA"), "US");
  EXPECT_EQ(region_of_country("U.S.A."), "US");
  EXPECT_EQ(region_of_country("UK"), "GB");
  EXPECT_EQ(region_of_country("Great Britain"), "GB");
  EXPECT_EQ(region_of_country("Czech Republic"), "CZ");
  EXPECT_EQ(region_of_country("Côte d’Ivoire"), "CI");
}

TEST(Region, IsUnknownOtherwise) {
  for (const char* other : {"", " ", "XX", "ZZ", "Atlantis", "Bavaria", "49", "\xff\xfe", "Kongo"})
    EXPECT_EQ(region_of_country(other), "") << other;
}

}  // namespace gald::model
