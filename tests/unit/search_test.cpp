// Search: who is found by what, and in which order.
#include <gmock/gmock.h>

#include "search_world.hpp"

namespace gald::index {

using namespace search_world;  // NOLINT(google-build-using-namespace): this file is about it
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

namespace {

/// "~" before those that are only similar.
class SearchTest : public World {
 protected:
  std::vector<std::string> found(const std::string& text, const ContactFilter& filter = {},
                                 int limit = 20) const {
    std::vector<std::string> names;
    for (const SearchHit& hit : Reader(file()).search({text, filter, limit}).hits)
      names.push_back((hit.similar ? "~" : "") + hit.display_name);
    return names;
  }
};

TEST_F(SearchTest, AllWordsInAnyOrderAndTheirBeginnings) {
  apply({named(1, "Anna", "Weber"), named(2, "Anna", "Wagner"), named(3, "Paul", "Weber")});
  publish();
  EXPECT_THAT(found("anna weber"), ElementsAre("Anna Weber"));
  EXPECT_THAT(found("WEBER, anna"), ElementsAre("Anna Weber"));
  EXPECT_THAT(found("w an"), ElementsAre("Anna Wagner", "Anna Weber"));
  EXPECT_THAT(found("a"), ElementsAre("Anna Wagner", "Anna Weber"));
  EXPECT_THAT(found("x"), IsEmpty());
  EXPECT_THAT(found(" -- "), IsEmpty());
}

TEST_F(SearchTest, AccentsAndUmlautsInEverySpelling) {
  apply({named(1, "Jörg", "Müller"), named(2, "Chloé", "Lefèvre")});
  publish();
  for (const char* text : {"Müller", "muller", "MUELLER", "mül", "jorg", "joerg m"})
    EXPECT_THAT(found(text), ElementsAre("Jörg Müller")) << text;
  for (const char* text : {"chloe", "LEFEVRE", "lefè"})
    EXPECT_THAT(found(text), ElementsAre("Chloé Lefèvre")) << text;
}

TEST_F(SearchTest, ByCompanyDepartmentTitleAndEveryAddress) {
  model::Change change = named(1, "Anna", "Weber");
  change.set[Attribute::company_name] = {"Fabrikam GmbH"};
  change.set[Attribute::department] = {"Einkauf Süd"};
  change.set[Attribute::job_title] = {"Buyer"};
  change.set[Attribute::mail] = {"a.weber@fabrikam.example"};
  change.set[Attribute::proxy_addresses] = {"SMTP:a.weber@fabrikam.example",
                                            "smtp:former.name@contoso.test"};
  apply({change, named(2, "Paul", "Koch")});
  publish();
  for (const char* text : {"fabrikam", "einkauf", "sud", "buyer anna", "a.weber@fabrikam.example",
                           "former.name@contoso.test", "former", "contoso.test"})
    EXPECT_THAT(found(text), ElementsAre("Anna Weber")) << text;
}

TEST_F(SearchTest, ScriptsWithoutSpaces) {
  apply({named(1, "太郎", "田中", "田中太郎"), named(2, "花子", "中田", "中田花子")});
  publish();
  EXPECT_THAT(found("田中"), ElementsAre("田中太郎"));
  EXPECT_THAT(found("田中太"), ElementsAre("田中太郎"));
  EXPECT_THAT(found("太郎"), ElementsAre("田中太郎"));
  EXPECT_THAT(found("花"), ElementsAre("中田花子"));
  EXPECT_THAT(found("田"), UnorderedElementsAre("田中太郎", "中田花子"));
}

TEST_F(SearchTest, WholeNamesBeforeBeginningsBeforeTheRest) {
  model::Change elsewhere = named(1, "Zoe", "Adler");
  elsewhere.set[Attribute::department] = {"Mar"};
  apply({elsewhere, named(2, "Anna", "Martin"), named(3, "Marc", "Abel"), named(4, "Mar", "Young"),
         named(5, "Ben", "Mar"), named(6, "Mar", "", "Mar")});
  publish();
  EXPECT_THAT(found("mar"),
              ElementsAre("Mar", "Mar Young", "Ben Mar", "Marc Abel", "Anna Martin", "Zoe Adler"));
}

TEST_F(SearchTest, ActiveBeforeDisabledBeforeDeleted) {
  model::Change disabled = named(2, "Anna", "Bauer");
  disabled.kind = RecordKind::user;
  disabled.set[Attribute::account_enabled] = {"false"};
  apply({named(1, "Anna", "Abel"), disabled, named(3, "Anna", "Conrad")});
  publish();
  apply({gone(1)});
  publish();
  EXPECT_THAT(found("anna"), ElementsAre("Anna Conrad", "Anna Bauer"));
  EXPECT_THAT(found("anna", {.with_deleted = true}),
              ElementsAre("Anna Conrad", "Anna Bauer", "Anna Abel"));
  EXPECT_THAT(found("anna", {.status = model::Status::deleted}), ElementsAre("Anna Abel"));
}

TEST_F(SearchTest, WhatIsSpelledOrSoundsAlikeWhenThereIsNothingElse) {
  apply({named(1, "Jörg", "Müller"), named(2, "John", "Smith"), named(3, "Anna", "Weber"),
         named(4, "Maria", "Meier"), named(5, "Дмитрий", "Иванов")});
  publish();
  EXPECT_THAT(found("Mueler"), ElementsAre("~Jörg Müller"));
  EXPECT_THAT(found("Jon Smyth"), ElementsAre("~John Smith"));
  EXPECT_THAT(found("smiht john"), ElementsAre("~John Smith"));
  EXPECT_THAT(found("Mayer"), ElementsAre("~Maria Meier"));
  EXPECT_THAT(found("Ивнов"), ElementsAre("~Дмитрий Иванов"));
  EXPECT_THAT(found("Anna Weber"), ElementsAre("Anna Weber"));
  EXPECT_THAT(found("Xylander"), IsEmpty());
}

TEST_F(SearchTest, SimilarNamesStandBehindTheExactOnes) {
  apply({named(1, "Ralf", "Maier"), named(2, "Ute", "Meyer"), named(3, "Ute", "Mayer")});
  publish();
  EXPECT_THAT(found("meyer"), ElementsAre("Ute Meyer", "~Ute Mayer", "~Ralf Maier"));
}

TEST_F(SearchTest, AMisspeltNameAndADepartment) {
  model::Change sales = named(1, "Jörg", "Müller");
  sales.set[Attribute::department] = {"Sales"};
  apply({sales, named(2, "Ute", "Müller")});
  publish();
  EXPECT_THAT(found("mueler sales"), ElementsAre("~Jörg Müller"));
}

TEST_F(SearchTest, ARareNameIsNotHiddenByACommonOne) {
  std::vector<model::Change> all;
  for (int i = 1; i <= 40; ++i)
    all.push_back(named(i, "P" + std::to_string(i), "Becker"));
  all.push_back(named(100, "Ute", "Bicker"));
  apply(all);
  publish();
  const std::vector<std::string> hits = found("bocker");
  ASSERT_GE(hits.size(), 8U);
  EXPECT_THAT(std::vector(hits.begin(), hits.begin() + 8), testing::Contains("~Ute Bicker"));
}

TEST_F(SearchTest, Filters) {
  model::Change member = named(1, "Anna", "Abel");
  member.kind = RecordKind::user;
  model::Change guest = named(2, "Anna", "Bauer");
  guest.kind = RecordKind::user;
  guest.set[Attribute::user_type] = {"Guest"};
  model::Change hidden = named(3, "Anna", "Conrad");
  hidden.set[Attribute::hidden] = {"true"};
  model::Change group = named(4, "", "", "Anna's friends");
  group.kind = RecordKind::group;
  group.members_added = {test::anchor(1), test::anchor(2)};
  apply({member, guest, hidden, group});
  policy_.labels["friend"] = {"Anna's friends"};
  publish();
  EXPECT_THAT(found("anna"), ElementsAre("Anna Abel", "Anna Bauer", "Anna Conrad"));
  EXPECT_THAT(found("anna", {.kind = model::EntryKind::guest}), ElementsAre("Anna Bauer"));
  EXPECT_THAT(found("anna", {.kind = model::EntryKind::group}), ElementsAre("Anna's friends"));
  EXPECT_THAT(found("anna", {.source = model::Source::on_premises}), IsEmpty());
  EXPECT_THAT(found("anna", {.group = "Anna's friends"}), ElementsAre("Anna Abel", "Anna Bauer"));
  EXPECT_THAT(found("anna", {.label = "friend"}), ElementsAre("Anna Abel", "Anna Bauer"));
  EXPECT_THAT(found("anna", {.visibility = Visibility::hidden}), ElementsAre("Anna Conrad"));
  EXPECT_THAT(found("ana", {.visibility = Visibility::hidden}), ElementsAre("~Anna Conrad"));
}

TEST_F(SearchTest, SaysWhenThereIsMore) {
  std::vector<model::Change> all;
  for (int i = 1; i <= 300; ++i)
    all.push_back(named(i, "Anna", "P" + std::to_string(i)));
  apply(all);
  publish();
  const Reader reader(file());
  EXPECT_TRUE(reader.search({"anna", {}, 20}).more);
  EXPECT_EQ(reader.search({"anna", {}, 20}).hits.size(), 20U);
  EXPECT_FALSE(reader.search({"anna p300", {}, 20}).more);
}

TEST_F(SearchTest, TheBeginningOfTheAlphabetIsNotLostAmongMany) {
  std::vector<model::Change> all;
  for (int i = 1; i <= 300; ++i)
    all.push_back(named(i, "Anna", "P" + std::to_string(i)));
  all.push_back(named(301, "Anna", "Abel"));
  all.push_back(named(302, "An", "Zobel"));
  apply(all);
  publish();
  EXPECT_EQ(found("an").front(), "An Zobel") << "a whole word of the name";
  EXPECT_EQ(found("an").at(1), "Anna Abel");
}

TEST_F(SearchTest, WhateverIsTypedIsAnswered) {
  apply({named(1, "Anna", "Weber")});
  publish();
  const Reader reader(file());
  for (const char* text : {"\"", "a\"b", "anna*", "anna OR", "NOT anna", "^anna", "name : anna",
                           "(", "anna\nweber", "\xff\xfe", "\xF0\x9F\x98\x80", "NEAR(a b)", "-"})
    EXPECT_NO_THROW(reader.search({text})) << text;
  std::string many;
  for (int i = 0; i < 500; ++i)
    many += "w" + std::to_string(i) + " ";
  EXPECT_THAT(reader.search({many}).hits, IsEmpty());
  EXPECT_THAT(reader.search({std::string(100'000, 'a')}).hits, IsEmpty());
}

}  // namespace

}  // namespace gald::index
