#include "model/search_words.hpp"

#include <algorithm>
#include <cstdint>

#include <unicode/uchar.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

#include "base/text.hpp"
#include "model/name_form.hpp"

namespace gald::model {

namespace {

enum class Run { letters, digits, unspaced };

bool is_unspaced(UChar32 c) {
  UErrorCode error = U_ZERO_ERROR;
  switch (uscript_getScript(c, &error)) {
    case USCRIPT_HAN:
    case USCRIPT_HIRAGANA:
    case USCRIPT_KATAKANA:
    case USCRIPT_HANGUL:
    case USCRIPT_BOPOMOFO:
    case USCRIPT_THAI:
    case USCRIPT_LAO:
    case USCRIPT_KHMER:
    case USCRIPT_MYANMAR:
      return true;
    default:
      // the signs that Chinese and Japanese write among their characters: 佐々木, the long vowel
      return c == 0x3005 || c == 0x3007 || c == 0x30FC;
  }
}

bool is_mark(UChar32 c) {
  return (U_GET_GC_MASK(c) & U_GC_M_MASK) != 0;
}

Run run_of(UChar32 c) {
  if (u_isdigit(c) != 0)
    return Run::digits;
  return c >= 0x80 && is_unspaced(c) ? Run::unspaced : Run::letters;
}

/// The character at `at`, which moves behind it.
UChar32 decoded(std::string_view text, std::int32_t& at) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  UChar32 c = 0;
  U8_NEXT_OR_FFFD(bytes, at, static_cast<std::int32_t>(text.size()), c);
  return c;
}

/// Calls `visit` with each part of a folded word that is of one kind, and that kind. A mark belongs
/// to what is before it.
template <typename Visit>
void each_run(std::string_view word, const Visit& visit) {
  const auto size = static_cast<std::int32_t>(word.size());
  std::int32_t begin = 0;
  Run kind = Run::letters;
  for (std::int32_t at = 0; at < size;) {
    const std::int32_t here = at;
    const UChar32 c = decoded(word, at);
    const Run next = here != 0 && is_mark(c) ? kind : run_of(c);
    if (here != 0 && next != kind) {
      visit(kind,
            word.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(here - begin)));
      begin = here;
    }
    kind = next;
  }
  if (size != 0)
    visit(kind, word.substr(static_cast<std::size_t>(begin)));
}

/// With the marks that belong to them.
std::vector<std::string_view> characters_of(std::string_view text) {
  std::vector<std::string_view> characters;
  const auto size = static_cast<std::int32_t>(text.size());
  for (std::int32_t at = 0; at < size;) {
    const std::int32_t here = at;
    const UChar32 c = decoded(text, at);
    const auto length = static_cast<std::size_t>(at - here);
    if (!characters.empty() && is_mark(c))
      characters.back() = {characters.back().data(), characters.back().size() + length};
    else
      characters.push_back(text.substr(static_cast<std::size_t>(here), length));
  }
  return characters;
}

std::vector<std::string_view> pairs_of(const std::vector<std::string_view>& characters) {
  std::vector<std::string_view> pairs;
  for (std::size_t i = 1; i < characters.size(); ++i)
    pairs.emplace_back(characters[i - 1].data(), characters[i - 1].size() + characters[i].size());
  return pairs;
}

void add_once(std::vector<std::string>& words, std::string_view word) {
  if (std::find(words.begin(), words.end(), word) == words.end())
    words.emplace_back(word);
}

void add_words_of_form(std::vector<std::string>& words, std::string_view form) {
  for (const std::string_view word : base::split(form, ' '))
    each_run(word, [&](Run kind, std::string_view part) {
      if (kind != Run::unspaced) {
        add_once(words, part);
        return;
      }
      const std::vector<std::string_view> characters = characters_of(part);
      for (const std::string_view character : characters)
        add_once(words, character);
      for (const std::string_view pair : pairs_of(characters))
        add_once(words, pair);
    });
}

}  // namespace

std::vector<std::string> search_words(std::string_view text) {
  return search_words(std::vector{text});
}

std::vector<std::string> search_words(const std::vector<std::string_view>& texts) {
  std::vector<std::string> words;
  for (const std::string_view text : texts) {
    add_words_of_form(words, search_form(text));
    if (const std::string spelled = with_umlauts_spelled_out(text); spelled != text)
      add_words_of_form(words, search_form(spelled));
  }
  return words;
}

std::vector<TypedWord> typed_words(std::string_view text) {
  std::vector<TypedWord> typed;
  const auto add = [&](TypedWord word) {
    if (std::find(typed.begin(), typed.end(), word) == typed.end())
      typed.push_back(std::move(word));
  };
  const std::string plain = search_form(text);
  const std::string spelled = search_form(with_umlauts_spelled_out(text));
  const std::vector<std::string_view> words = base::split(plain, ' ');
  const std::vector<std::string_view> others = base::split(spelled, ' ');  // as many, and of as
                                                                           // many parts each
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::vector<std::string_view> parts;
    std::vector<std::string_view> other_parts;
    each_run(others[i], [&](Run, std::string_view part) { other_parts.push_back(part); });
    each_run(words[i], [&](Run kind, std::string_view part) {
      parts.push_back(part);
      if (kind == Run::unspaced) {
        const std::vector<std::string_view> characters = characters_of(part);
        if (characters.size() == 1)
          add({{std::string(part)}, false});
        for (const std::string_view pair : pairs_of(characters))
          add({{std::string(pair)}, false});
        return;
      }
      TypedWord word{{std::string(part)}};
      add_once(word.spellings, other_parts[parts.size() - 1]);
      add(std::move(word));
    });
  }
  return typed;
}

bool has_a_spelling(std::string_view word) {
  std::int32_t at = 0;
  int letters = 0;
  for (const auto size = static_cast<std::int32_t>(word.size()); at < size; ++letters)
    if (run_of(decoded(word, at)) != Run::letters)
      return false;
  return letters >= 3;
}

}  // namespace gald::model
