// The search follows what is published: after anything, it is what it would be if it were made
// anew.
#include "index/search_index.hpp"

#include <csignal>
#include <map>
#include <random>
#include <set>

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.hpp"
#include "index/entry_store.hpp"
#include "model/search_words.hpp"
#include "search_world.hpp"

namespace gald::index {

using namespace search_world;  // NOLINT(google-build-using-namespace): this file is about it

namespace {

using Rows = std::map<std::string, std::set<std::int64_t>>;  // by word, or beginning of a word

/// The first characters of a word, as many as an index of beginnings has.
std::string beginning(const std::string& word, std::size_t characters) {
  std::size_t end = 0;
  for (; characters != 0 && end < word.size(); --characters)
    for (++end; end < word.size() && (static_cast<unsigned char>(word[end]) & 0xC0) == 0x80;)
      ++end;
  return word.substr(0, end);
}

std::string utf8(char32_t c) {
  if (c < 0x80)
    return {static_cast<char>(c)};
  if (c < 0x800)
    return {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))};
  if (c < 0x10000)
    return {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 0x3F)),
            static_cast<char>(0x80 | (c & 0x3F))};
  return {static_cast<char>(0xF0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 0x3F)),
          static_cast<char>(0x80 | (c >> 6 & 0x3F)), static_cast<char>(0x80 | (c & 0x3F))};
}

void add(Rows& rows, const std::string& words, std::int64_t row) {
  for (const std::string_view word : base::split(words, ' ')) {
    if (word.empty())
      continue;
    rows[std::string(word)].insert(row);
    for (std::size_t characters = 1; characters <= 5; ++characters)
      rows[beginning(std::string(word), characters) + "*"].insert(row);
  }
}

class SearchIndexTest : public World {
 protected:
  /// Compares with what the published entries say; also that nothing else is there.
  void expect_right() const {
    SQLite::Database database(file().string(), SQLite::OPEN_READONLY);
    Statements statements(database);
    ASSERT_TRUE(search_state(statements).complete);
    Rows names;
    Rows all;
    std::set<std::string> name_words;
    std::vector<std::int64_t> entries;
    {
      Query query(statements, "SELECT id FROM entry WHERE forward_to IS NULL");
      entries = query.integers();
    }
    for (const std::int64_t row : entries) {
      const SearchedWords words = searched_words(load_entry(statements, row)->entry);
      add(names, words.names, row);
      add(all, words.all, row);
      for (const std::string_view word : base::split(words.names, ' '))
        if (model::has_a_spelling(word))
          name_words.insert(std::string(word));
    }
    expect_index(database, "name_search", names);
    expect_index(database, "word_search", all);
    std::set<std::string> known;
    SQLite::Statement words(database, "SELECT word FROM search_word WHERE entries > 0");
    while (words.executeStep())
      known.insert(words.getColumn(0).getString());
    EXPECT_THAT(known, testing::IsSupersetOf(name_words));
  }

  static void expect_index(SQLite::Database& database, const std::string& index,
                           const Rows& expected) {
    SQLite::Statement query(database,
                            "SELECT rowid FROM " + index + " WHERE " + index + " MATCH ?1");
    for (const auto& [word, rows] : expected) {
      const bool is_beginning = word.ends_with('*');
      query.bind(
          1, is_beginning ? "\"" + word.substr(0, word.size() - 1) + "\" *" : "\"" + word + "\"");
      std::set<std::int64_t> found;
      while (query.executeStep())
        found.insert(query.getColumn(0).getInt64());
      query.reset();
      EXPECT_EQ(found, rows) << index << " " << word;
    }
    database.exec("CREATE VIRTUAL TABLE temp.terms_of_" + index + " USING fts5vocab(main, " +
                  index + ", row)");
    SQLite::Statement terms(database, "SELECT term FROM temp.terms_of_" + index);
    while (terms.executeStep())
      EXPECT_TRUE(expected.contains(terms.getColumn(0).getString()))
          << index << " has " << terms.getColumn(0).getString();
  }

  void execute(const std::string& sql) const {
    SQLite::Database(file().string(), SQLite::OPEN_READWRITE, 10'000).exec(sql);
  }

  std::int64_t number(const std::string& sql) const {
    return SQLite::Database(file().string(), SQLite::OPEN_READONLY).execAndGet(sql).getInt64();
  }
};

TEST_F(SearchIndexTest, FollowsEveryKindOfChange) {
  keep_deleted_ = std::chrono::hours(2);
  std::mt19937 random(5);
  const auto any = [&](std::initializer_list<const char*> texts) {
    return std::string(*(texts.begin() + random() % texts.size()));
  };
  for (int cycle = 0; cycle < 60; ++cycle) {
    std::vector<model::Change> changes;
    for (int i = 0; i < 12; ++i) {
      const int who = static_cast<int>(random() % 40);
      if (random() % 4 == 0) {
        changes.push_back(gone(who));
        continue;
      }
      model::Change change = named(who, any({"Anna", "Jörg", "Chloé", "花子", "Mu", "Müller"}),
                                   any({"Müller", "Mueller", "Muller", "田中", "O'Brien", "Mu"}));
      change.set[Attribute::department] = {any({"Sales", "Einkauf Süd", "Müller & Co", "7b"})};
      change.set[Attribute::proxy_addresses] = {
          "SMTP:" + any({"a", "b.c", "mu"}) + std::to_string(who) + "@x.test", "X500:/o=hidden"};
      if (random() % 3 == 0)
        change.cleared.push_back(Attribute::company_name);
      else
        change.set[Attribute::company_name] = {any({"Fabrikam GmbH", "Contoso"})};
      changes.push_back(std::move(change));
    }
    apply(std::move(changes));
    publish();
    if (cycle % 10 == 9)
      expect_right();
  }
  EXPECT_GT(number("SELECT count(*) FROM changes WHERE operation = 'purged'"), 0);
  EXPECT_GT(number("SELECT count(*) FROM changes WHERE operation = 'restored'"), 0);
}

TEST_F(SearchIndexTest, WhoTurnsOutToBeAnotherIsFoundOnce) {
  const CollectionKey ad{"ad", model::ConnectorKind::active_directory, "directory", "v1", false};
  model::Change cloud = named(1, "Anna", "Weber");
  cloud.kind = RecordKind::user;
  model::Change local = named(2, "Anna", "Weber-Koch");
  local.kind = RecordKind::user;
  local.set[Attribute::consistency_guid] = {"guid1"};
  apply({cloud});
  apply({local}, ad);
  publish();
  EXPECT_EQ(Reader(file()).search({"anna"}).hits.size(), 2U);
  cloud.set[Attribute::immutable_id] = {"guid1"};
  cloud.set[Attribute::sync_enabled] = {"true"};
  apply({cloud});
  publish();
  ASSERT_EQ(number("SELECT count(*) FROM merged_contacts"), 1);
  EXPECT_EQ(Reader(file()).search({"anna"}).hits.size(), 1U);
  expect_right();
}

TEST_F(SearchIndexTest, OtherRulesMakeItAnew) {
  apply({named(1, "Anna", "Weber"), named(2, "Jörg", "Müller")});
  publish();
  execute("UPDATE search_state SET rules = rules - 1");
  EXPECT_FALSE(Reader(file()).search({"anna"}).ready);
  reopen();
  apply({named(1, "Anne", "Weber"), named(3, "Paul", "Koch")});
  publish();
  expect_right();
}

TEST_F(SearchIndexTest, AReaderThatStaysOpenLearnsNewNames) {
  apply({named(1, "Anna", "Weber")});
  publish();
  const Reader reader(file());
  EXPECT_TRUE(reader.search({"Muelller"}).hits.empty());
  apply({named(2, "Jörg", "Müller")});
  publish();
  EXPECT_EQ(reader.search({"Muelller"}).hits.size(), 1U);
  execute("UPDATE search_state SET rules = 0");
  publish();
  EXPECT_EQ(reader.search({"Muelller"}).hits.size(), 1U);
}

TEST_F(SearchIndexTest, AnUpgradedIndexGetsItAtTheNextPublication) {
  apply({named(1, "Anna", "Weber")});
  publish();
  execute(
      "DELETE FROM search_state; INSERT INTO search_state VALUES (0, 0, 0);"
      "INSERT INTO name_search (name_search) VALUES ('delete-all');"
      "INSERT INTO word_search (word_search) VALUES ('delete-all'); DELETE FROM search_word");
  publish();
  expect_right();
}

TEST_F(SearchIndexTest, ABuildThatWasCutOffGoesOn) {
  apply({named(1, "Anna", "Weber"), named(2, "Jörg", "Müller"), named(3, "Ute", "Adler")});
  publish();
  // as after the first of its transactions: the others are not in the search yet
  execute("UPDATE search_state SET built_to = (SELECT max(id) FROM entry)");
  apply({named(2, "Jörg", "Maier"), named(4, "Paul", "Koch"), gone(3)});
  std::stop_source stopped;
  stopped.request_stop();
  publish(stopped.get_token());
  EXPECT_FALSE(Reader(file()).search({"anna"}).ready);
  reopen();
  publish();
  expect_right();
}

TEST_F(SearchIndexTest, KilledAtAnyMomentItGoesOn) {
  std::vector<model::Change> many;
  for (int i = 0; i < 1500; ++i)
    many.push_back(named(i, "Given" + std::to_string(i % 40), "Surname" + std::to_string(i)));
  apply(many);
  publish();
  std::mt19937 random(3);
  for (int round = 0; round < 12; ++round) {
    execute("UPDATE search_state SET rules = 0");
    apply({named(round, "Round", "Number" + std::to_string(round))});
    index_.reset();
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      reopen();
      publish();
      ::_exit(0);
    }
    ::usleep(1000 * static_cast<useconds_t>(random() % 120));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    reopen();
  }
  publish();
  expect_right();
}

/// Every letter that is in a word of ours is one for the index, too, and alone.
TEST_F(SearchIndexTest, AnyLetterCanBeSearched) {
  SQLite::Database database(file().string(), SQLite::OPEN_READONLY);
  SQLite::Statement query(database, "SELECT rowid FROM word_search WHERE word_search MATCH ?1");
  std::vector<std::string> refused;
  for (char32_t c = 0x20; c < 0x20000; ++c) {
    if (c >= 0xD800 && c < 0xE000)
      continue;
    for (const std::string& word : model::search_words("a" + utf8(c) + "b")) {
      query.bind(1, "\"" + word + "\"");
      try {
        while (query.executeStep()) {
        }
      } catch (const SQLite::Exception&) {
        refused.push_back(word);
      }
      query.tryReset();
    }
  }
  EXPECT_THAT(refused, testing::IsEmpty());
}

}  // namespace

}  // namespace gald::index
