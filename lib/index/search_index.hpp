// What is searched: full-text indexes of the words of entries, and how they follow the entries.
//
// `name_search` has the words of names and `word_search` all that somebody is found by, so that a
// name is found before a department of the same name, however many work there. They hold words and
// rows only: what an entry is found by is taken out again by naming exactly the words that went in,
// which follow from the entry as it is stored.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include <SQLiteCpp/SQLiteCpp.h>

#include "index/query.hpp"
#include "model/entry.hpp"

namespace gald::index {

/// What an entry is found by. Nobody finds one whose id leads to another.
struct SearchedWords {
  std::string names;
  std::string all;

  bool operator==(const SearchedWords&) const = default;
};

SearchedWords searched_words(const model::Entry& entry);

/// The changes of a transaction.
class SearchChanges {
 public:
  explicit SearchChanges(Statements& statements);

  /// What the entry of this id is found by now. `known` is the stored entry, if it is at hand.
  SearchedWords found_by(const std::string& entry_id, const model::Entry* known);

  /// The entry of the row was found by `before` and is found by `now` from here on; empty: by
  /// nothing.
  void replace(std::int64_t row, SearchedWords before, SearchedWords now);

  /// The entry of the row is found by nothing from here on. It must still be there.
  void remove(std::int64_t row);

  /// Writes what was noted. The last thing in its transaction; in the order of the rows, as each
  /// step back would cost an index of its own.
  void write();

 private:
  struct Change {
    SearchedWords before;
    SearchedWords now;
  };

  Statements& statements_;
  std::int64_t covered_ = 0;  ///< rows above are not in the search yet
  bool complete_ = false;
  std::map<std::int64_t, Change> changes_;
};

/// Makes the search of all entries, unless it is there: after a first import, and when other rules
/// give other words. In short transactions; when it is stopped or killed, it goes on from there the
/// next time.
void build_search(SQLite::Database& database, Statements& statements, std::stop_token stop);

/// Whether the search has all entries by today's rules; and a number that is another one after each
/// time that it was made anew.
struct SearchState {
  bool complete = false;
  std::int64_t generation = 0;
};

SearchState search_state(Statements& statements);

}  // namespace gald::index
