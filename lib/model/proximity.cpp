#include "model/proximity.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <limits>
#include <tuple>
#include <utility>

namespace gald::model {

namespace {

constexpr std::size_t kLongest = 64;  // bits of a machine word

/// The character that begins at `at`, which moves behind it. REQUIRES: valid UTF-8.
char32_t decoded(std::string_view text, std::size_t& at) {
  const auto first = static_cast<unsigned char>(text[at++]);
  if (first < 0x80)
    return first;
  const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
  char32_t c = first & (0x3Fu >> more);
  for (int i = 0; i < more && at < text.size(); ++i)
    c = c << 6 | (static_cast<unsigned char>(text[at++]) & 0x3Fu);
  return c;
}

/// A bit for each letter of the Latin alphabet, and 38 which all others share.
std::uint64_t bit_of(char32_t letter) {
  return letter >= 'a' && letter <= 'z' ? std::uint64_t{1} << (letter - 'a')
                                        : std::uint64_t{1} << (26 + letter % 38);
}

/// Of slips that are as likely as each other, the one from a common word.
int rarity(std::uint32_t entries) {
  return entries >= 1000 ? 0 : entries >= 100 ? 1 : entries >= 10 ? 2 : 3;
}

struct Shape {
  std::uint64_t letters = 0;
  int characters = 0;
};

Shape shape_of(std::string_view word) {
  Shape shape;
  for (std::size_t at = 0; at < word.size(); ++shape.characters)
    shape.letters |= bit_of(decoded(word, at));
  return shape;
}

}  // namespace

Distance::Distance(std::string_view word) {
  for (std::size_t at = 0; at < word.size(); ++length_) {
    const char32_t letter = decoded(word, at);
    (letter < 0x80 ? ascii_[letter] : others_[letter]) |= std::uint64_t{1} << length_;
  }
}

std::uint64_t Distance::places_of(char32_t letter) const {
  if (letter < 0x80)
    return ascii_[letter];
  const auto known = others_.find(letter);
  return known == others_.end() ? 0 : known->second;
}

/// A column of the matrix of distances at a time, as the differences between its neighbours in bits
/// (Hyyrö, "A Bit-Vector Algorithm for Computing Levenshtein and Damerau Edit Distances", 2003).
int Distance::to(std::string_view other) const {
  if (length_ == 0)
    return shape_of(other).characters;
  const std::uint64_t last = std::uint64_t{1} << (length_ - 1);
  int distance = length_;
  std::uint64_t more = ~std::uint64_t{0};  // one more than the place above
  std::uint64_t less = 0;
  std::uint64_t diagonal = 0;
  std::uint64_t before = 0;
  for (std::size_t at = 0; at < other.size();) {
    const std::uint64_t here = places_of(decoded(other, at));
    const std::uint64_t exchanged = (((~diagonal) & here) << 1) & before;
    diagonal = ((((here & more) + more) ^ more) | here | less) | exchanged;
    const std::uint64_t right_more = less | ~(diagonal | more);
    const std::uint64_t right_less = diagonal & more;
    distance += (right_more & last) != 0 ? 1 : 0;
    distance -= (right_less & last) != 0 ? 1 : 0;
    const std::uint64_t shifted = (right_more << 1) | 1;
    more = (right_less << 1) | ~(diagonal | shifted);
    less = shifted & diagonal;
    before = here;
  }
  return distance;
}

std::string sound_of(std::string_view word) {
  // what is heard, longest first: of several that fit the first is taken
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 34> kHeard = {{
      {"sch", "s"}, {"sh", "s"},  {"ph", "f"},  {"th", "t"},  {"dt", "t"},  {"ck", "k"},
      {"tz", "s"},  {"cz", "s"},  {"ce", "se"}, {"ci", "si"}, {"ai", "ei"}, {"ay", "ei"},
      {"ey", "ei"}, {"aj", "ei"}, {"ej", "ei"}, {"ei", "ei"}, {"ae", "e"},  {"oe", "o"},
      {"ue", "u"},  {"ie", "i"},  {"ee", "i"},  {"ea", "i"},  {"aa", "a"},  {"c", "k"},
      {"q", "k"},   {"x", "ks"},  {"z", "s"},   {"v", "f"},   {"w", "f"},   {"y", "i"},
      {"j", "i"},   {"d", "t"},   {"h", ""},    {"ß", "s"},
  }};
  std::string sound;
  const auto hear = [&](std::string_view heard) {
    for (const char c : heard)
      if (sound.empty() || sound.back() != c)
        sound += c;
  };
  while (!word.empty()) {
    const auto* it = std::find_if(kHeard.begin(), kHeard.end(),
                                  [&](const auto& known) { return word.starts_with(known.first); });
    if (it == kHeard.end() || (it->first == "h" && sound.empty())) {
      hear(word.substr(0, 1));
      word.remove_prefix(1);
    } else {
      hear(it->second);
      word.remove_prefix(it->first.size());
    }
  }
  return sound;
}

void Vocabulary::add(std::string_view word, std::int64_t entries) {
  if (word.empty() || word.size() > kLongest)
    return;
  const Shape shape = shape_of(word);
  constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
  items_.push_back({shape.letters, static_cast<std::uint32_t>(text_.size()),
                    static_cast<std::uint8_t>(word.size()),
                    static_cast<std::uint8_t>(shape.characters),
                    static_cast<std::uint32_t>(std::clamp<std::int64_t>(entries, 0, kMost))});
  text_ += word;
}

void Vocabulary::clear() {
  text_.clear();
  items_.clear();
}

std::vector<Vocabulary::Near> Vocabulary::nearest(std::string_view word, std::size_t count) const {
  if (word.empty() || word.size() > kLongest)
    return {};
  const Shape shape = shape_of(word);
  const int most = shape.characters <= 4 ? 1 : 2;
  const Distance distance(word);
  const std::string sound = sound_of(word);

  struct Candidate {
    int cost;
    std::uint32_t entries;
    std::string_view word;
  };

  std::vector<Candidate> candidates;
  for (const Item& item : items_) {
    // a change brings at most one letter, and takes at most one away
    if (std::popcount(item.letters & ~shape.letters) > most ||
        std::popcount(shape.letters & ~item.letters) > most ||
        std::abs(item.characters - shape.characters) > most)
      continue;
    const std::string_view text = text_of(item);
    const int changes = distance.to(text);
    if (changes > most)
      continue;
    const int cost = changes == 0
                         ? 0
                         : 4 * changes + (sound_of(text) == sound ? 0 : 3) +
                               (text.front() == word.front() ? 0 : 1) + rarity(item.entries);
    candidates.push_back({cost, item.entries, text});
  }
  const auto likelier = [](const Candidate& a, const Candidate& b) {
    return std::tuple(a.cost, b.entries, a.word) < std::tuple(b.cost, a.entries, b.word);
  };
  count = std::min(count, candidates.size());
  std::partial_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(count),
                    candidates.end(), likelier);
  std::vector<Near> nearest;
  for (std::size_t i = 0; i < count; ++i)
    nearest.push_back({std::string(candidates[i].word), candidates[i].cost});
  return nearest;
}

}  // namespace gald::model
