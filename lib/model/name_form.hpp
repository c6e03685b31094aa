// Names as they are searched: beside the names as they were given.
#pragma once

#include <string>
#include <string_view>

namespace gald::model {

/// The words of a text without case, accents and punctuation, one space between them, so that
/// "Müller-Lüdenscheidt" and "MULLER LUDENSCHEIDT" are the same: compatibility forms and ligatures
/// are taken apart (Unicode NFKC_Casefold), marks are dropped, letters that consist of no other get
/// their usual transcription ("ß" → "ss", "ø" → "o", "ł" → "l", "æ" → "ae"). Scripts without case
/// or spaces stay as they are. Never throws; bytes that are no UTF-8 separate words.
std::string search_form(std::string_view text);

/// As a directory compares values without regard to case (caseIgnoreMatch; RFC 4518): folded,
/// compatibility forms taken for what they stand for, blanks and line ends for one space, and none
/// at either end. Accents and punctuation count. Never throws; bytes that are no UTF-8 are all one.
std::string case_ignoring_form(std::string_view text);

/// In the case of no particular language ("ß" becomes "SS"). Bytes that are no UTF-8 become U+FFFD.
std::string lower_case(std::string_view text);
std::string upper_case(std::string_view text);

/// The other spelling of a text with umlauts: "Müller" → "Mueller", "Åse" → "Aase".
std::string with_umlauts_spelled_out(std::string_view text);

/// What a contact is found by: the words of its names, each once, and behind them the second
/// spelling of those with an umlaut ("Müller" is found as "muller" and as "mueller").
std::string search_name(std::string_view display_name, std::string_view given_name,
                        std::string_view surname);

}  // namespace gald::model
