#include "model/name_form.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/uscript.h>

#include "base/text.hpp"

namespace gald::model {

namespace {

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// The form of a text that needs no tables.
std::string ascii_search_form(std::string_view text) {
  std::string form;
  form.reserve(text.size());
  for (const char c : text) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if ((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9'))
      form += lower;
    else if (!form.empty() && form.back() != ' ')
      form += ' ';
  }
  if (form.ends_with(' '))
    form.pop_back();
  return form;
}

/// Folded letters that no normalization form takes apart.
constexpr std::array<std::pair<char16_t, std::u16string_view>, 13> kTranscriptions = {{
    {u'æ', u"ae"},
    {u'œ', u"oe"},
    {u'ø', u"o"},
    {u'ł', u"l"},
    {u'đ', u"d"},
    {u'ð', u"d"},
    {u'þ', u"th"},
    {u'ħ', u"h"},
    {u'ŧ', u"t"},
    {u'ŋ', u"n"},
    {u'ı', u"i"},
    {u'ə', u"e"},
    {u'ß', u"ss"},
}};

/// Accents, and the points of Hebrew and Arabic. The marks of other scripts are vowels or change
/// the sound, as those of kana do: without them it would be another word.
bool is_dropped_mark(UChar32 c) {
  if ((U_GET_GC_MASK(c) & (U_GC_MN_MASK | U_GC_ME_MASK)) == 0 || c == 0x3099 || c == 0x309A)
    return false;
  UErrorCode error = U_ZERO_ERROR;
  const UScriptCode script = uscript_getScript(c, &error);
  return script == USCRIPT_INHERITED || script == USCRIPT_HEBREW || script == USCRIPT_ARABIC;
}

bool belongs_to_a_word(UChar32 c) {
  return u_isalnum(c) != 0 || (U_GET_GC_MASK(c) & U_GC_M_MASK) != 0;
}

icu::UnicodeString case_folded(std::string_view text) {
  UErrorCode error = U_ZERO_ERROR;
  return icu::Normalizer2::getNFKCCasefoldInstance(error)->normalize(
      icu::UnicodeString::fromUTF8(
          icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size()))),
      error);
}

icu::UnicodeString folded_and_decomposed(std::string_view text) {
  UErrorCode error = U_ZERO_ERROR;
  return icu::Normalizer2::getNFDInstance(error)->normalize(case_folded(text), error);
}

std::vector<std::string_view> words_of(std::string_view form) {
  std::vector<std::string_view> words;
  for (const std::string_view word : base::split(form, ' '))
    if (!word.empty())
      words.push_back(word);
  return words;
}

}  // namespace

std::string search_form(std::string_view text) {
  if (is_ascii(text))
    return ascii_search_form(text);
  const icu::UnicodeString given = folded_and_decomposed(text);
  icu::UnicodeString form;
  for (std::int32_t i = 0; i < given.length(); i = given.moveIndex32(i, 1)) {
    const UChar32 c = given.char32At(i);
    if (is_dropped_mark(c))
      continue;
    const auto* letter = std::find_if(kTranscriptions.begin(), kTranscriptions.end(),
                                      [&](const auto& known) { return known.first == c; });
    if (letter != kTranscriptions.end())
      form.append(letter->second.data(), static_cast<std::int32_t>(letter->second.size()));
    else if (belongs_to_a_word(c))
      form.append(c);
    else if (!form.isEmpty() && form.charAt(form.length() - 1) != u' ')
      form.append(u' ');
  }
  form.trim();
  UErrorCode error = U_ZERO_ERROR;
  std::string utf8;
  icu::Normalizer2::getNFCInstance(error)->normalize(form, error).toUTF8String(utf8);
  return utf8;
}

std::string case_ignoring_form(std::string_view text) {
  const icu::UnicodeString folded = case_folded(text);
  icu::UnicodeString form;
  for (std::int32_t i = 0; i < folded.length(); i = folded.moveIndex32(i, 1)) {
    const UChar32 c = folded.char32At(i);
    if (u_isUWhiteSpace(c) != 0) {
      if (!form.endsWith(u' '))
        form.append(u' ');
    } else if (u_charType(c) != U_CONTROL_CHAR) {
      form.append(c);
    }
  }
  form.trim();
  std::string utf8;
  return form.toUTF8String(utf8);
}

std::string lower_case(std::string_view text) {
  std::string result;
  return icu::UnicodeString::fromUTF8(text).toLower(icu::Locale::getRoot()).toUTF8String(result);
}

std::string upper_case(std::string_view text) {
  std::string result;
  return icu::UnicodeString::fromUTF8(text).toUpper(icu::Locale::getRoot()).toUTF8String(result);
}

std::string with_umlauts_spelled_out(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kSpelled = {{
      {"ä", "ae"},
      {"ö", "oe"},
      {"ü", "ue"},
      {"å", "aa"},
      {"Ä", "Ae"},
      {"Ö", "Oe"},
      {"Ü", "Ue"},
      {"Å", "Aa"},
  }};
  std::string spelled;
  while (!text.empty()) {
    const auto* it = std::find_if(kSpelled.begin(), kSpelled.end(), [&](const auto& letter) {
      return text.starts_with(letter.first);
    });
    spelled += it == kSpelled.end() ? text.substr(0, 1) : it->second;
    text.remove_prefix(it == kSpelled.end() ? 1 : it->first.size());
  }
  return spelled;
}

std::string search_name(std::string_view display_name, std::string_view given_name,
                        std::string_view surname) {
  std::string all;
  for (const std::string_view name : {display_name, given_name, surname})
    all.append(name).append(" ");
  std::string forms = search_form(all);
  if (const std::string spelled = with_umlauts_spelled_out(all); spelled != all)
    forms.append(" ").append(search_form(spelled));
  std::vector<std::string_view> words;
  for (const std::string_view word : words_of(forms))
    if (std::find(words.begin(), words.end(), word) == words.end())
      words.push_back(word);
  std::string joined;
  for (const std::string_view word : words)
    joined.append(joined.empty() ? "" : " ").append(word);
  return joined;
}

}  // namespace gald::model
