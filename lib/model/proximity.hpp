// Words that somebody may have meant.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gald::model {

/// How many letters have to be put in, left out, replaced or exchanged with their neighbour to make
/// one word of the other (optimal string alignment). Words are UTF-8 of at most 64 characters.
/// Made once for a word that is compared with many.
class Distance {
 public:
  explicit Distance(std::string_view word);

  /// REQUIRES: neither word is longer than 64 characters.
  int to(std::string_view other) const;

 private:
  std::uint64_t places_of(char32_t letter) const;

  int length_ = 0;
  std::array<std::uint64_t, 128> ascii_{};  ///< a bit for each place of the letter in the word
  std::unordered_map<char32_t, std::uint64_t> others_;
};

/// What a folded word sounds like to somebody who does not know how it is written: "smith" and
/// "smyth", "mueler" and "muller", "maier" and "meyer" sound alike. Only compared.
std::string sound_of(std::string_view word);

/// All words that a name in the index has. Memory is that of the words and 24 bytes for each.
class Vocabulary {
 public:
  struct Near {
    std::string word;
    int cost = 0;  ///< 0: the word itself; less is likelier

    bool operator==(const Near&) const = default;
  };

  /// Once for each word. `entries`: how many have it, as far as is known. A word of more than 64
  /// bytes is nobody's misspelling and left out.
  void add(std::string_view word, std::int64_t entries);
  void clear();

  std::size_t size() const { return items_.size(); }

  /// At most `count` words to which it is not far: one change in a word of up to four letters, two
  /// in a longer one. The likeliest first: those that sound the same, begin the same, and are
  /// common. The word itself too, if there is one.
  std::vector<Near> nearest(std::string_view word, std::size_t count) const;

 private:
  struct Item {
    std::uint64_t letters;
    std::uint32_t at;
    std::uint8_t size;
    std::uint8_t characters;
    std::uint32_t entries;
  };

  std::string_view text_of(const Item& item) const {
    return std::string_view(text_).substr(item.at, item.size);
  }

  std::string text_;
  std::vector<Item> items_;
};

}  // namespace gald::model
