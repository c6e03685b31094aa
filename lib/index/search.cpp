#include "index/search.hpp"

#include <algorithm>
#include <limits>
#include <queue>
#include <set>
#include <string_view>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "base/text.hpp"
#include "index/contact_filter.hpp"
#include "index/entry_store.hpp"
#include "index/narrowing.hpp"
#include "index/search_index.hpp"
#include "model/name_form.hpp"
#include "model/search_words.hpp"

namespace gald::index {

using model::TypedWord;

namespace {

/// Of one question to an index: how many that pass the filter are taken, and how many are looked at
/// for them.
struct Bounds {
  int taken;
  int seen;
};

constexpr Bounds kUsual{200, 50'000};
constexpr Bounds kByName{100, 5'000};
constexpr Bounds kSimilar{8, 1'000};

/// Members of a group or label who are looked at one by one.
constexpr int kMembers = 5'000;

/// With fewer hits than this, those that are spelled or sound alike are looked for as well.
constexpr std::size_t kFew = 8;

/// Words in the place of a misspelt one, and combinations of them for several.
constexpr std::size_t kWordsTried = 8;
constexpr std::size_t kCombinationsTried = 16;

/// Combinations that differ by no more than how common their words are get their turns together.
constexpr int kAsLikely = 3;

/// What is so much less likely than what was found is noise.
constexpr int kNoise = 6;

constexpr std::size_t kMostWords = 32;

/// The indexes have beginnings of up to so many characters. SQLite gathers longer ones from all
/// words that begin so, for each question anew; to name these words is quicker, as they are few.
constexpr std::size_t kIndexedBeginning = 6;
constexpr std::size_t kWordsOfABeginning = 16;

/// Worst last.
enum class Match { all_names, begins_the_name, begins_names, whole_elsewhere, elsewhere };

struct Candidate {
  std::int64_t row = 0;
  std::string name;        ///< as displayed, without case
  std::string name_words;  ///< of all its names, folded
  std::string status;
  bool whole = false;  ///< has the words that were typed as they are
};

constexpr const char* kCandidate =
    "SELECT e.id, coalesce(e.display_name, ''), e.search_name, e.status, ";

// CROSS: the index of words comes first
constexpr const char* kInNames =
    " FROM name_search f CROSS JOIN entry e ON e.id = f.rowid WHERE f.name_search MATCH :match";
constexpr const char* kAnywhere =
    " FROM word_search f CROSS JOIN entry e ON e.id = f.rowid WHERE f.word_search MATCH :match";
constexpr const char* kByDisplayName =
    " FROM entry e WHERE e.display_name COLLATE NOCASE >= :match"
    " AND e.display_name COLLATE NOCASE < :match || char(1114111)"
    " ORDER BY e.display_name COLLATE NOCASE, e.uuid";
constexpr const char* kEverybody = " FROM entry e WHERE ";

/// In the language of FTS5. Folded words have no characters that mean something in it.
std::string quoted(std::string_view word, bool may_go_on) {
  return "\"" + std::string(word) + (may_go_on ? "\" *" : "\"");
}

std::string any_spelling(const TypedWord& word, bool may_go_on) {
  std::string match;
  for (const std::string& spelling : word.spellings)
    match += (match.empty() ? "(" : " OR ") + quoted(spelling, may_go_on && word.may_go_on);
  return match + ")";
}

std::string all_of(const std::vector<std::string>& parts) {
  std::string match;
  for (const std::string& part : parts)
    match += (match.empty() ? "" : " AND ") + part;
  return match;
}

int order_of(std::string_view status) {
  return status == "active" ? 0 : status == "disabled" ? 1 : 2;
}

/// What a word may be, the likeliest first.
struct Alternative {
  std::string match;
  int cost = 0;
};

/// One search, from what was typed to its hits.
class Run {
 public:
  /// `unsure`: the words of the indexes may be of attributes that are not to be found.
  Run(Statements& statements, const SearchQuery& query, bool unsure)
      : statements_(statements),
        query_(query),
        unsure_(unsure),
        limit_(static_cast<std::size_t>(std::max(query.limit, 1))),
        filter_(statements, query.filter),
        form_(model::search_form(query.text)),
        typed_(model::typed_words(query.text)) {
    if (typed_.size() > kMostWords)
      typed_.resize(kMostWords);
  }

  bool nothing_typed() const { return typed_.empty(); }

  /// Those that have what was typed.
  void find() {
    if (find_members()) {
      rank();
      return;
    }
    const bool cut = take(kInNames, match(true), kUsual);
    if (cut) {  // many have it: the best may be others
      take(kInNames, match(false), kUsual);
      take(kByDisplayName, std::string(base::trim(query_.text)), kByName);
    }
    if (found_.size() < limit_) {
      const std::size_t in_names = found_.size();
      take(kAnywhere, match(false), kUsual);
      for (std::size_t i = in_names; i < found_.size(); ++i)
        found_[i].whole = true;
      cut_ |= take(kAnywhere, match(true), kUsual);
    }
    cut_ |= cut;
    rank();
  }

  bool cut() const { return cut_; }

  bool found_few() const { return ranked_.size() < std::min(kFew, limit_); }

  /// Those that have something like it, behind the others.
  void find_similar(const model::Vocabulary& vocabulary) {
    std::vector<std::vector<Alternative>> words;
    bool any = false;
    for (const TypedWord& word : typed_) {
      words.push_back(alternatives(word, vocabulary));
      any |= words.back().size() > 1;
    }
    if (!any)
      return;
    const std::vector<Alternative> tried = combinations(words);
    try_in(kInNames, tried);
    if (ranked_.empty())  // a misspelt name and a department, say
      try_in(kAnywhere, tried);
  }

  SearchResult result() {
    SearchResult result;
    result.more = cut_ || ranked_.size() > limit_;
    ranked_.resize(std::min(ranked_.size(), limit_));
    for (std::size_t i = 0; i < ranked_.size(); ++i) {
      Query row(statements_,
                "SELECT uuid, kind, source, status, display_name, mail, company_name, department,"
                " job_title FROM entry WHERE id = ?1");
      row.bind(ranked_[i]);
      row.next();
      result.hits.push_back({row.text(0), model::entry_kind_named(row.text(1)).value(),
                             model::source_named(row.text(2)).value(),
                             model::status_named(row.text(3)).value(), row.text(4), row.text(5),
                             row.text(6), row.text(7), row.text(8), i >= exact_});
    }
    return result;
  }

 private:
  std::string match(bool may_go_on) const {
    std::vector<std::string> parts;
    for (const TypedWord& word : typed_)
      parts.push_back(may_go_on ? beginnings_of(word) : any_spelling(word, false));
    return all_of(parts);
  }

  std::string beginnings_of(const TypedWord& word) const {
    std::vector<std::string> words;
    for (const std::string& spelling : word.spellings)
      if (!word.may_go_on || spelling.size() <= kIndexedBeginning ||
          !model::has_a_spelling(spelling) || !add_words_that_begin(spelling, words))
        return any_spelling(word, true);
    return words.empty() ? any_spelling(word, false) : any_spelling({words, false}, false);
  }

  /// False when they are too many.
  bool add_words_that_begin(const std::string& beginning, std::vector<std::string>& words) const {
    Query query(statements_,
                "SELECT word FROM search_word WHERE word >= ?1 AND word < ?1 || char(1114111)"
                " ORDER BY word");
    query.bind(beginning);
    while (query.next()) {
      if (words.size() == kWordsOfABeginning)
        return false;
      words.push_back(query.text(0));
    }
    return true;
  }

  /// Of a group or label that few have it is quicker to look at each of them. Whether it was so.
  bool find_members() {
    if (query_.filter.group.empty() && query_.filter.label.empty() &&
        (query_.filter.kind == model::EntryKind::group || !is_narrowed_to_members(statements_)))
      return false;
    int left = kMembers;
    const std::string sql = kCandidate + filter_.sql() + kEverybody + filter_.sql();
    Query query(statements_, sql);
    filter_.bind(query);
    while (query.next()) {
      if (--left < 0) {
        found_.clear();
        return false;
      }
      Candidate candidate{query.integer(0), query.text(1), query.text(2), query.text(3), false};
      if (names_of(candidate).begun == typed_.size() || has_words(candidate.row))
        found_.push_back(std::move(candidate));
    }
    for (const Candidate& candidate : found_)
      known_.insert(candidate.row);
    return true;
  }

  /// Whether the entry is found by what was typed.
  bool has_words(std::int64_t row) const {
    const SearchedWords words = searched_words(load_entry(statements_, row)->entry);
    const std::vector<std::string_view> all = base::split(words.all, ' ');
    return std::all_of(typed_.begin(), typed_.end(), [&](const TypedWord& typed) {
      return std::any_of(all.begin(), all.end(), [&](std::string_view word) {
        return std::any_of(typed.spellings.begin(), typed.spellings.end(),
                           [&](const std::string& spelling) {
                             return typed.may_go_on ? word.starts_with(spelling) : word == spelling;
                           });
      });
    });
  }

  /// Adds what was not found before and passes the filter. Whether the bounds ended it, so that
  /// there may be more.
  bool take(const char* from, const std::string& match, Bounds bounds) {
    const std::string sql = kCandidate + filter_.sql() + from;
    Query query(statements_, sql);
    query.bind_named(":match", match);
    filter_.bind(query);
    int taken = 0;
    for (int seen = 0; query.next(); ++seen) {
      if (seen == bounds.seen || taken == bounds.taken)
        return true;
      if (query.integer(4) == 0 || (unsure_ && !has_words(query.integer(0))))
        continue;
      ++taken;
      if (known_.insert(query.integer(0)).second)
        found_.push_back({query.integer(0), query.text(1), query.text(2), query.text(3), false});
    }
    return false;
  }

  using Key = std::tuple<Match, bool, std::size_t, bool, int, std::string, std::int64_t>;

  void rank() {
    std::vector<Key> keys;
    for (const Candidate& candidate : found_)
      keys.push_back(key_of(candidate));
    std::sort(keys.begin(), keys.end());
    for (const Key& key : keys)
      ranked_.push_back(std::get<std::int64_t>(key));
    exact_ = ranked_.size();
  }

  /// Exact words of the name, then the beginning of the name, then beginnings of its words, then
  /// the rest; among these, who has no other name, who has more of the words, whose name begins so;
  /// then by status and name.
  Key key_of(const Candidate& candidate) const {
    const std::string name = model::search_form(candidate.name);
    const Names names = names_of(candidate);
    const bool begins = name.starts_with(form_);
    const Match match = names.whole == typed_.size()   ? Match::all_names
                        : begins                       ? Match::begins_the_name
                        : names.begun == typed_.size() ? Match::begins_names
                        : candidate.whole              ? Match::whole_elsewhere
                                                       : Match::elsewhere;
    return {match,
            base::split(name, ' ').size() > typed_.size(),
            typed_.size() - names.whole,
            !begins,
            order_of(candidate.status),
            name,
            candidate.row};
  }

  /// How many of the typed words are words of the name, and how many begin one.
  struct Names {
    std::size_t whole = 0;
    std::size_t begun = 0;
  };

  Names names_of(const Candidate& candidate) const {
    Names names;
    const std::vector<std::string_view> words = base::split(candidate.name_words, ' ');
    for (const TypedWord& typed : typed_) {
      bool is_whole = false;
      bool is_begun = false;
      for (const std::string& spelling : typed.spellings)
        for (const std::string_view word : words) {
          if (!typed.may_go_on ? word.find(spelling) != std::string_view::npos : word == spelling)
            is_whole = true;
          else if (word.starts_with(spelling))
            is_begun = true;
        }
      names.whole += is_whole ? 1 : 0;
      names.begun += is_whole || is_begun ? 1 : 0;
    }
    return names;
  }

  std::vector<Alternative> alternatives(const TypedWord& word,
                                        const model::Vocabulary& vocabulary) const {
    std::vector<model::Vocabulary::Near> near;
    for (const std::string& spelling : word.spellings)
      if (model::has_a_spelling(spelling))
        for (model::Vocabulary::Near& one : vocabulary.nearest(spelling, kWordsTried))
          near.push_back(std::move(one));
    std::stable_sort(near.begin(), near.end(),
                     [](const auto& a, const auto& b) { return a.cost < b.cost; });
    const bool is_a_name = !near.empty() && near.front().cost == 0;
    std::vector<Alternative> all = {
        {is_a_name ? any_spelling(word, false) : beginnings_of(word), 0}};
    for (const model::Vocabulary::Near& one : near)
      if (one.cost != 0 && all.size() <= kWordsTried)
        all.push_back({quoted(one.word, false), one.cost});
    return all;
  }

  /// One alternative for each word, the likeliest combinations first, without what was typed.
  static std::vector<Alternative> combinations(const std::vector<std::vector<Alternative>>& words) {
    using Choice = std::vector<std::size_t>;
    const auto cost_of = [&](const Choice& choice) {
      int cost = 0;
      for (std::size_t i = 0; i < words.size(); ++i)
        cost += words[i][choice[i]].cost;
      return cost;
    };
    using Waiting = std::pair<int, Choice>;
    std::priority_queue<Waiting, std::vector<Waiting>, std::greater<>> waiting;
    std::set<Choice> seen;
    const auto wait = [&](Choice choice) {
      if (seen.insert(choice).second)
        waiting.emplace(cost_of(choice), std::move(choice));
    };
    wait(Choice(words.size(), 0));
    std::vector<Alternative> likeliest;
    while (!waiting.empty() && likeliest.size() < kCombinationsTried) {
      const auto [cost, choice] = waiting.top();
      waiting.pop();
      std::vector<std::string> parts;
      for (std::size_t i = 0; i < words.size(); ++i)
        parts.push_back(words[i][choice[i]].match);
      if (cost != 0)
        likeliest.push_back({all_of(parts), cost});
      for (std::size_t i = 0; i < words.size(); ++i)
        if (choice[i] + 1 < words[i].size()) {
          Choice next = choice;
          ++next[i];
          wait(std::move(next));
        }
    }
    return likeliest;
  }

  /// Of equally likely combinations each gets its turn, so that a rare name is not hidden by a
  /// common one.
  void try_in(const char* from, const std::vector<Alternative>& combinations) {
    for (auto at = combinations.begin(); at != combinations.end() && found_few();) {
      const int cost = at->cost;
      if (cost > likeliest_ + kNoise)
        return;
      std::vector<std::vector<std::int64_t>> turns;
      for (; at != combinations.end() && at->cost <= cost + kAsLikely; ++at) {
        found_.clear();
        take(from, at->match, kSimilar);
        std::sort(found_.begin(), found_.end(), [](const Candidate& a, const Candidate& b) {
          return std::tuple(order_of(a.status), a.row) < std::tuple(order_of(b.status), b.row);
        });
        for (std::size_t i = 0; i < found_.size(); ++i) {
          if (turns.size() <= i)
            turns.emplace_back();
          turns[i].push_back(found_[i].row);
        }
      }
      if (!turns.empty())
        likeliest_ = std::min(likeliest_, cost);
      for (const std::vector<std::int64_t>& turn : turns)
        ranked_.insert(ranked_.end(), turn.begin(), turn.end());
    }
  }

  Statements& statements_;
  const SearchQuery& query_;
  const bool unsure_;
  const std::size_t limit_;
  const ContactCondition filter_;
  const std::string form_;
  std::vector<TypedWord> typed_;

  std::unordered_set<std::int64_t> known_;
  std::vector<Candidate> found_;
  std::vector<std::int64_t> ranked_;
  std::size_t exact_ = 0;  ///< of the ranked ones, those that have what was typed
  int likeliest_ = std::numeric_limits<int>::max() - kNoise;  ///< cost of what was found
  bool cut_ = false;
};

}  // namespace

SearchResult Search::find(const SearchQuery& query) {
  if (!search_state(statements_).complete)
    return {.hits = {}, .more = false, .ready = false};
  const bool unsure = permission_.attributes.has_value();
  Run run(statements_, query, unsure);
  if (run.nothing_typed())
    return {};
  run.find();
  // The words to guess from are of all names: what is guessed would tell of those who are not seen,
  // and in which attribute a similar one is, nothing tells.
  const bool may_guess = permission_.everything();
  if (may_guess && run.found_few() && !run.cut())  // or there may be more who have the words
    run.find_similar(vocabulary());
  return run.result();
}

const model::Vocabulary& Search::vocabulary() {
  const std::int64_t generation = search_state(statements_).generation;
  if (generation != generation_) {
    vocabulary_.clear();
    last_word_ = 0;
    generation_ = generation;
  }
  Query query(statements_,
              "SELECT number, word, entries FROM search_word WHERE number > ?1 ORDER BY number");
  query.bind(last_word_);
  while (query.next()) {
    last_word_ = query.integer(0);
    if (query.integer(2) != 0)
      vocabulary_.add(query.text(1), query.integer(2));
  }
  return vocabulary_;
}

}  // namespace gald::index
