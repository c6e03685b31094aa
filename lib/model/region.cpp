#include "model/region.hpp"

#include <array>
#include <set>
#include <unordered_map>
#include <utility>

#include <unicode/locid.h>
#include <unicode/unistr.h>

#include "model/name_form.hpp"

namespace gald::model {

namespace {

/// Search form of a code or name → alpha-2 code; "" for a name that two countries share.
using Regions = std::unordered_map<std::string, std::string>;

/// Names in use that Unicode does not give.
constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kOtherNames = {{
    {"uk", "GB"},
    {"great britain", "GB"},
    {"england", "GB"},
    {"united states of america", "US"},
    {"u s a", "US"},
    {"czech republic", "CZ"},
    {"russian federation", "RU"},
    {"republic of korea", "KR"},
    {"korea", "KR"},
    {"holland", "NL"},
    {"the netherlands", "NL"},
    {"viet nam", "VN"},
}};

void add(Regions& regions, const std::string& name, const std::string& region) {
  const auto [known, added] = regions.emplace(name, region);
  if (!added && known->second != region)
    known->second.clear();
}

/// The language that is spoken most in each country.
std::set<std::string> main_languages() {
  std::set<std::string> languages = {"en"};
  for (const char* const* code = icu::Locale::getISOCountries(); *code != nullptr; ++code) {
    icu::Locale locale((std::string("und_") + *code).c_str());
    UErrorCode error = U_ZERO_ERROR;
    locale.addLikelySubtags(error);
    languages.insert(locale.getLanguage());
  }
  return languages;
}

Regions codes() {
  Regions regions;
  for (const char* const* code = icu::Locale::getISOCountries(); *code != nullptr; ++code) {
    add(regions, search_form(*code), *code);
    add(regions, search_form(icu::Locale("", *code).getISO3Country()), *code);
  }
  for (const auto& [name, region] : kOtherNames)
    add(regions, std::string(name), std::string(region));
  return regions;
}

Regions names() {
  Regions regions;
  for (const std::string& language : main_languages())
    for (const char* const* code = icu::Locale::getISOCountries(); *code != nullptr; ++code) {
      icu::UnicodeString name;
      icu::Locale("", *code).getDisplayCountry(icu::Locale(language.c_str()), name);
      std::string utf8;
      add(regions, search_form(name.toUTF8String(utf8)), *code);
    }
  return regions;
}

}  // namespace

std::string region_of_country(std::string_view country) {
  static const Regions kCodes = codes();
  const std::string form = search_form(country);
  if (form.empty())
    return {};
  if (const auto code = kCodes.find(form); code != kCodes.end())
    return code->second;
  static const Regions kNames = names();  // takes a moment: only for those that are no codes
  const auto name = kNames.find(form);
  return name == kNames.end() ? std::string() : name->second;
}

}  // namespace gald::model
