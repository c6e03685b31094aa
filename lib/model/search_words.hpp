// The words by which somebody is found: the same for what is searched and for what is typed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gald::model {

/// Raised when the functions below give other words for the same text: what was indexed by the
/// former rules is found by them only.
inline constexpr int kSearchRules = 1;

/// The words of a text, folded as by search_form(), each once. Letters and digits are words of
/// their own ("Room 7b" → "room", "7", "b"). A word with an umlaut is there in both spellings.
/// Where a script has no spaces, each character is a word, and each pair of neighbours: 田中太郎 →
/// 田, 中, 太, 郎, 田中, 中太, 太郎. An address has the words between its punctuation.
std::vector<std::string> search_words(std::string_view text);

/// search_words() of several texts together.
std::vector<std::string> search_words(const std::vector<std::string_view>& texts);

/// A word that somebody typed. Found is what has a word that is, or begins with, one of the
/// spellings.
struct TypedWord {
  std::vector<std::string> spellings;  ///< never empty
  bool may_go_on = true;               ///< not of characters and pairs, which are words as they are

  bool operator==(const TypedWord&) const = default;
};

/// In the order in which they were typed. Of a script without spaces the pairs, so that neighbours
/// are asked for as neighbours; a character only where it stands alone.
std::vector<TypedWord> typed_words(std::string_view text);

/// Whether proximity means anything: three or more letters of a script with spaces.
bool has_a_spelling(std::string_view word);

}  // namespace gald::model
