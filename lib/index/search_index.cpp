#include "index/search_index.hpp"

#include <limits>
#include <utility>
#include <vector>

#include <sqlite3.h>

#include "base/text.hpp"
#include "index/entry_store.hpp"
#include "model/search_words.hpp"

namespace gald::index {

using model::Attribute;

namespace {

/// Of `built_to`: all entries are in the search, also those to come.
constexpr std::int64_t kEverything = std::numeric_limits<std::int64_t>::max();

/// Entries in one transaction of a build.
constexpr int kChunk = 20'000;

/// Pages that are merged in one transaction.
constexpr int kMerged = 1000;

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words)
    text.append(text.empty() ? "" : " ").append(word);
  return text;
}

void set_option(Statements& statements, std::string_view name, std::int64_t value) {
  for (const char* sql : {"INSERT INTO name_search (name_search, rank) VALUES (?1, ?2)",
                          "INSERT INTO word_search (word_search, rank) VALUES (?1, ?2)"})
    Query(statements, sql).bind(name, value).run();
}

/// A word that was in no name before and is now gets another number, so that readers hear of it.
void add_word(Statements& statements, std::string_view word, std::int64_t in_names) {
  if (model::has_a_spelling(word))
    Query(statements,
          "INSERT INTO search_word (word, entries) VALUES (?1, ?2)"
          " ON CONFLICT (word) DO UPDATE SET entries = excluded.entries,"
          " number = (SELECT max(number) + 1 FROM search_word)"
          " WHERE entries = 0 AND excluded.entries <> 0")
        .bind(word, in_names)
        .run();
}

struct Progress {
  std::int64_t rules = 0;
  std::int64_t built_to = 0;
};

Progress progress(Statements& statements) {
  Query query(statements, "SELECT rules, built_to FROM search_state");
  query.next();
  return {query.integer(0), query.integer(1)};
}

void set_built_to(Statements& statements, std::int64_t row) {
  Query(statements, "UPDATE search_state SET built_to = ?1").bind(row).run();
}

SearchedWords words_of(std::string_view search_name, std::vector<std::string_view> others) {
  const std::string names = joined(model::search_words(search_name));
  others.insert(others.begin(), search_name);
  return {names, joined(model::search_words(others))};
}

/// Reads only what it needs of each entry, the same that searched_words() takes.
class Build {
 public:
  Build(SQLite::Database& database, Statements& statements)
      : database_(database), statements_(statements) {}

  void begin() {
    SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
    database_.exec("INSERT INTO name_search (name_search) VALUES ('delete-all')");
    database_.exec("INSERT INTO word_search (word_search) VALUES ('delete-all')");
    database_.exec("DELETE FROM search_word");
    // merged once at the end; larger pieces until then
    set_option(statements_, "automerge", 0);
    set_option(statements_, "hashsize", std::int64_t{8} << 20);
    Query(statements_,
          "UPDATE search_state SET rules = ?1, built_to = 0, generation = generation + 1")
        .bind(model::kSearchRules)
        .run();
    transaction.commit();
  }

  /// The entries behind `row`. Returns the last of them; `row` when there are none.
  std::int64_t add_behind(std::int64_t row) {
    SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
    Query query(statements_,
                "SELECT e.id, e.search_name, e.mail, e.mail_nickname, e.user_principal_name,"
                " e.company_name, e.department, e.job_title"
                " FROM entry e WHERE e.id > ?1 AND e.forward_to IS NULL ORDER BY e.id LIMIT ?2");
    query.bind(row, kChunk);
    const std::int64_t before = row;
    while (query.next()) {
      row = query.integer(0);
      std::vector<std::string> texts;
      for (int column = 2; column <= 7; ++column)
        texts.push_back(query.text(column));
      add_addresses(row, texts);
      const SearchedWords words = words_of(query.text(1), {texts.begin(), texts.end()});
      Query(statements_, "INSERT INTO name_search (rowid, words) VALUES (?1, ?2)")
          .bind(row, words.names)
          .run();
      Query(statements_, "INSERT INTO word_search (rowid, words) VALUES (?1, ?2)")
          .bind(row, words.all)
          .run();
    }
    if (row != before)
      set_built_to(statements_, row);
    transaction.commit();
    return row;
  }

  /// False when all is in one piece, so that no small change will have to merge a large one.
  bool merge_some() {
    const int before = sqlite3_total_changes(database_.getHandle());
    for (const char* sql : {"INSERT INTO name_search (name_search, rank) VALUES ('merge', ?1)",
                            "INSERT INTO word_search (word_search, rank) VALUES ('merge', ?1)"})
      Query(statements_, sql).bind(-kMerged).run();
    constexpr int kChangesOfTwoCommands = 2;
    return sqlite3_total_changes(database_.getHandle()) - before > kChangesOfTwoCommands;
  }

  void finish() {
    for (const char* index : {"name_search", "word_search"})
      database_.exec(std::string("CREATE VIRTUAL TABLE temp.words_of_") + index +
                     " USING fts5vocab(main, " + index + ", row)");
    {
      SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
      add_words("SELECT term, doc FROM temp.words_of_name_search");
      add_words("SELECT term, 0 FROM temp.words_of_word_search");
      constexpr int kUsualPieces = 4;
      set_option(statements_, "automerge", kUsualPieces);
      set_option(statements_, "hashsize", std::int64_t{1} << 20);
      set_built_to(statements_, kEverything);
      transaction.commit();
    }
    for (const char* index : {"name_search", "word_search"})
      database_.exec(std::string("DROP TABLE temp.words_of_") + index);
  }

 private:
  void add_addresses(std::int64_t row, std::vector<std::string>& texts) {
    Query query(
        statements_,
        "SELECT value FROM address WHERE entry_id = ?1 AND kind = 'smtp' ORDER BY position");
    query.bind(row);
    while (query.next())
      texts.push_back(query.text(0));
  }

  void add_words(const char* sql) {
    SQLite::Statement words(database_, sql);
    while (words.executeStep())
      add_word(statements_, words.getColumn(0).getString(), words.getColumn(1).getInt64());
  }

  SQLite::Database& database_;
  Statements& statements_;
};

}  // namespace

SearchedWords searched_words(const model::Entry& entry) {
  std::vector<std::string_view> texts;
  for (const Attribute attribute :
       {Attribute::mail, Attribute::mail_nickname, Attribute::user_principal_name,
        Attribute::company_name, Attribute::department, Attribute::job_title})
    if (const auto it = entry.values.find(attribute); it != entry.values.end())
      texts.emplace_back(it->second);
  for (const model::Address& address : entry.addresses)
    if (address.kind == "smtp")
      texts.emplace_back(address.value);
  return words_of(entry.search_name, std::move(texts));
}

SearchChanges::SearchChanges(Statements& statements) : statements_(statements) {
  const Progress now = progress(statements);
  covered_ = now.rules == model::kSearchRules ? now.built_to : 0;
  complete_ = covered_ == kEverything;
}

SearchedWords SearchChanges::found_by(const std::string& entry_id, const model::Entry* known) {
  if (covered_ == 0)
    return {};
  std::int64_t row = 0;
  {
    Query query(statements_, "SELECT id FROM entry WHERE uuid = ?1 AND forward_to IS NULL");
    query.bind(entry_id);
    if (!query.next())
      return {};
    row = query.integer(0);
  }
  return searched_words(known != nullptr ? *known : load_entry(statements_, row)->entry);
}

void SearchChanges::replace(std::int64_t row, SearchedWords before, SearchedWords now) {
  if (row > covered_)
    return;
  const auto [change, is_new] = changes_.try_emplace(row);
  if (is_new)
    change->second.before = std::move(before);
  change->second.now = std::move(now);
}

void SearchChanges::remove(std::int64_t row) {
  if (row > covered_)
    return;
  Query query(statements_, "SELECT uuid FROM entry WHERE id = ?1");
  query.bind(row);
  if (query.next())
    replace(row, found_by(query.text(0), nullptr), {});
}

void SearchChanges::write() {
  const auto change_words = [&](const char* take_out, const char* put_in, std::int64_t row,
                                const std::string& before, const std::string& now) {
    if (before == now)
      return;
    if (!before.empty())
      Query(statements_, take_out).bind(row, before).run();
    if (!now.empty())
      Query(statements_, put_in).bind(row, now).run();
  };
  for (const auto& [row, change] : changes_) {
    change_words("INSERT INTO name_search (name_search, rowid, words) VALUES ('delete', ?1, ?2)",
                 "INSERT INTO name_search (rowid, words) VALUES (?1, ?2)", row, change.before.names,
                 change.now.names);
    change_words("INSERT INTO word_search (word_search, rowid, words) VALUES ('delete', ?1, ?2)",
                 "INSERT INTO word_search (rowid, words) VALUES (?1, ?2)", row, change.before.all,
                 change.now.all);
    if (!complete_)
      continue;  // the end of the build adds all words
    if (change.before.names != change.now.names)
      for (const std::string_view word : base::split(change.now.names, ' '))
        add_word(statements_, word, 1);
    if (change.before.all != change.now.all)
      for (const std::string_view word : base::split(change.now.all, ' '))
        add_word(statements_, word, 0);
  }
  changes_.clear();
}

void build_search(SQLite::Database& database, Statements& statements, std::stop_token stop) {
  Progress now = progress(statements);
  if (now.rules == model::kSearchRules && now.built_to == kEverything)
    return;
  if (database.execAndGet("SELECT EXISTS (SELECT 1 FROM entry)").getInt() == 0)
    return;  // what is published first is added at once
  Build build(database, statements);
  if (now.rules != model::kSearchRules) {
    build.begin();
    now.built_to = 0;
  }
  for (std::int64_t before = -1; before != now.built_to && !stop.stop_requested();) {
    before = now.built_to;
    now.built_to = build.add_behind(before);
  }
  while (!stop.stop_requested() && build.merge_some()) {
  }
  if (!stop.stop_requested())
    build.finish();
}

SearchState search_state(Statements& statements) {
  Query query(statements, "SELECT rules, built_to, generation FROM search_state");
  query.next();
  return {query.integer(0) == model::kSearchRules && query.integer(1) == kEverything,
          query.integer(2)};
}

}  // namespace gald::index
