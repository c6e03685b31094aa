#include "people.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <set>
#include <string_view>
#include <utility>

#include "base/text.hpp"
#include "model/name_form.hpp"

namespace gald::bench {

namespace {

using model::Attribute;

constexpr std::size_t kSurnames = 40'000;
constexpr std::size_t kGivenNames = 2'000;
constexpr std::size_t kCompanies = 5'000;

/// One of each hundred has a name in Chinese or Japanese characters, which nothing separates.
constexpr std::size_t kWithoutSpaces = 100;

constexpr std::array<std::string_view, 96> kCommonGivenNames = {
    "Anna",     "Thomas",    "Maria",     "Michael", "Julia",   "Andreas", "Laura",  "Peter",
    "Sarah",    "Stefan",    "Katharina", "Daniel",  "Jan",     "Markus",  "Lisa",   "Christian",
    "Sophie",   "Martin",    "Lena",      "Jörg",    "Claudia", "Jürgen",  "Sabine", "Wolfgang",
    "John",     "James",     "Mary",      "Robert",  "Emily",   "William", "Emma",   "David",
    "Olivia",   "Richard",   "Jessica",   "Joseph",  "Karen",   "Charles", "Nancy",  "Matthew",
    "François", "Camille",   "Élodie",    "Pierre",  "Chloé",   "Jean",    "Amélie", "Luc",
    "José",     "Lucía",     "Álvaro",    "Carmen",  "Sofía",   "Pablo",   "Inés",   "Javier",
    "Giulia",   "Matteo",    "Chiara",    "Luca",    "Paolo",   "Elena",   "Marco",  "Alessia",
    "Björn",    "Åsa",       "Søren",     "Ingrid",  "Håkan",   "Freja",   "Mikkel", "Liv",
    "Łukasz",   "Agnieszka", "Paweł",     "Zofia",   "Jiří",    "Tereza",  "Ondřej", "Petra",
    "İbrahim",  "Ayşe",      "Mehmet",    "Çiğdem",  "Fatma",   "Mustafa", "Zeynep", "Emre",
    "Priya",    "Arjun",     "Fatima",    "Omar",    "Nguyen",  "Linh",    "Aisha",  "Kwame"};

constexpr std::array<std::string_view, 48> kCommonSurnames = {
    "Müller",  "Schmidt",  "Smith",   "Schneider", "Johnson", "Fischer",  "Weber",     "Williams",
    "Meyer",   "Brown",    "Wagner",  "Jones",     "Becker",  "Schulz",   "Hoffmann",  "Garcia",
    "Schäfer", "Koch",     "Bauer",   "Richter",   "Klein",   "Wolf",     "Schröder",  "Neumann",
    "Schwarz", "Krüger",   "Hofmann", "Martin",    "Dupont",  "Lefèvre",  "Rossi",     "Bianchi",
    "López",   "González", "Nowak",   "Kowalski",  "Novák",   "Svensson", "Jørgensen", "Lindström",
    "Yılmaz",  "Öztürk",   "Ivanov",  "Petrov",    "Nguyen",  "Patel",    "Khan",      "O'Brien"};

constexpr std::array<std::string_view, 40> kOnsets = {
    "b", "br", "ch", "d",  "dr", "f",  "fr", "g",   "gr", "h",   "j",    "k",  "kl", "kr",
    "l", "m",  "n",  "p",  "pf", "r",  "s",  "sch", "st", "str", "t",    "tr", "v",  "w",
    "z", "zw", "bl", "fl", "gl", "pl", "sp", "th",  "wr", "kn",  "schw", ""};
constexpr std::array<std::string_view, 48> kNuclei = {
    "a",  "e",  "i",  "o",  "u", "a",  "e",  "i",  "o",  "u",  "a", "e", "i", "o", "u", "a",
    "e",  "i",  "o",  "u",  "a", "e",  "i",  "o",  "u",  "a",  "e", "i", "o", "u", "a", "e",
    "ei", "ie", "au", "ai", "y", "oo", "ou", "ea", "ui", "ia", "ä", "ö", "ü", "é", "á", "ø"};
constexpr std::array<std::string_view, 24> kCodas = {"",   "",   "n",  "r",  "l",  "s",  "m",  "t",
                                                     "k",  "nd", "rt", "ll", "tt", "ck", "ng", "lz",
                                                     "ss", "rn", "x",  "ld", "nk", "rg", "b",  "p"};
constexpr std::array<std::string_view, 32> kEndings = {
    "",    "er",   "mann",  "berg", "sen",  "son",   "stein", "ski", "ova",  "ez",   "ini",
    "i",   "eau",  "hofer", "bach", "feld", "meier", "ow",    "ić",  "ssen", "lund", "ton",
    "ley", "ford", "as",    "oglu", "yan",  "o",     "e",     "a",   "el",   "ke"};

constexpr std::array<std::string_view, 32> kCharacterSurnames = {
    "王",   "李",   "张",   "刘",   "陈",   "杨",   "黄",     "赵",   "吴",   "周",   "徐",
    "孙",   "马",   "朱",   "胡",   "林",   "田中", "佐藤",   "鈴木", "高橋", "伊藤", "渡辺",
    "山本", "中村", "小林", "加藤", "吉田", "山田", "佐々木", "山口", "松本", "井上"};
constexpr std::array<std::string_view, 32> kCharacters = {
    "伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "洋", "勇", "艳", "杰", "娟", "涛", "明", "超",
    "太", "郎", "花", "子", "健", "一", "美", "咲", "翔", "大", "輔", "直", "樹", "愛", "恵", "真"};

constexpr std::array<std::string_view, 20> kAreas = {
    "Sales",       "Marketing", "Finance",  "Legal",       "Human Resources",
    "Engineering", "Research",  "Quality",  "Procurement", "Logistics",
    "Production",  "Support",   "Security", "Facilities",  "Communications",
    "Controlling", "Training",  "Data",     "Compliance",  "Service"};
constexpr std::array<std::string_view, 5> kRegions = {"Europe", "North", "South", "Asia",
                                                      "Americas"};
constexpr std::array<std::string_view, 20> kRoles = {
    "Engineer",  "Manager",   "Analyst",    "Consultant", "Director", "Assistant",  "Specialist",
    "Developer", "Architect", "Technician", "Buyer",      "Planner",  "Auditor",    "Designer",
    "Counsel",   "Trainer",   "Researcher", "Secretary",  "Operator", "Coordinator"};
constexpr std::array<std::string_view, 5> kLevels = {"", "Senior ", "Junior ", "Lead ",
                                                     "Principal "};
constexpr std::array<std::string_view, 6> kLegalForms = {" GmbH", " AG",   " Ltd",
                                                         " Inc",  " S.A.", " B.V."};

/// Cities, and what its telephones begin with. Behind the prefix follow seven digits.
struct Place {
  std::string_view city;
  std::string_view country;
  std::string_view business;
  std::string_view mobile;
};

constexpr std::array<Place, 14> kPlaces = {{
    {"München", "Germany", "+49 89 2", "+49 151 2"},
    {"Berlin", "Germany", "+49 30 2", "+49 171 "},
    {"Hamburg", "Germany", "+49 40 3", "+49 160 9"},
    {"Wien", "Austria", "+43 1 ", "+43 664 "},
    {"Zürich", "Switzerland", "+41 44 ", "+41 79 "},
    {"London", "United Kingdom", "+44 20 7", "+44 7400 "},
    {"Paris", "France", "+33 1 4", "+33 6 1"},
    {"Madrid", "Spain", "+34 91 ", "+34 61 "},
    {"Milano", "Italy", "+39 02 ", "+39 347 "},
    {"Warszawa", "Poland", "+48 22 ", "+48 60 "},
    {"New York", "United States", "+1 212 ", "+1 646 "},
    {"Chicago", "United States", "+1 312 ", "+1 773 "},
    {"東京", "Japan", "+81 3 3", "+81 90 1"},
    {"Amsterdam", "Netherlands", "+31 20 ", "+31 6 1"},
}};

/// SplitMix64: every bit of the result depends on every bit of the number.
std::uint64_t mixed(std::uint64_t number) {
  number += 0x9e3779b97f4a7c15u;
  number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9u;
  number = (number ^ (number >> 27)) * 0x94d049bb133111ebu;
  return number ^ (number >> 31);
}

/// Each question about a person has its own number, so that the answers do not depend on each
/// other.
enum Question : std::uint64_t {
  kGiven,
  kFamily,
  kOrder,
  kCompany,
  kDepartment,
  kTitle,
  kPlace,
  kMobile,
  kCharacterName
};

std::uint64_t answer(int number, Question question) {
  return mixed(static_cast<std::uint64_t>(number) * 16 + question);
}

template <typename List>
const auto& any_of(const List& list, std::uint64_t seed) {
  return list[chosen(seed, list.size())];
}

/// As names are distributed: the n-th most common is chosen with a probability of about 1/(n+15).
std::size_t common_first(std::uint64_t seed, std::size_t count) {
  constexpr double kShift = 15;
  const double share = static_cast<double>(seed >> 11) / 9007199254740992.0;
  const double rank =
      kShift * std::pow((static_cast<double>(count) + kShift) / kShift, share) - kShift;
  return std::min(static_cast<std::size_t>(rank), count - 1);
}

std::string capitalized(const std::string& word) {
  std::size_t first = 1;  // bytes of the first letter
  while (first < word.size() && (static_cast<unsigned char>(word[first]) & 0xC0) == 0x80)
    ++first;
  return model::upper_case(word.substr(0, first)) + word.substr(first);
}

std::string invented(std::uint64_t seed, int syllables) {
  std::string word;
  for (int i = 0; i < syllables; ++i) {
    seed = mixed(seed);
    word.append(any_of(kOnsets, seed)).append(any_of(kNuclei, seed >> 16));
    if (i + 1 == syllables)
      word.append(any_of(kCodas, seed >> 32));
  }
  return word;
}

template <typename Known, typename Make>
std::vector<std::string> vocabulary(const Known& known, std::size_t count, const Make& make) {
  std::vector<std::string> words(known.begin(), known.end());
  std::set<std::string> have(words.begin(), words.end());
  for (std::uint64_t seed = 1; words.size() < count; ++seed)
    if (std::string word = capitalized(make(mixed(seed))); have.insert(word).second)
      words.push_back(std::move(word));
  return words;
}

const std::vector<std::string>& given_names() {
  static const auto kNames = vocabulary(kCommonGivenNames, kGivenNames, [](std::uint64_t seed) {
    return invented(seed, 2) + std::string(seed % 2 == 0 ? "a" : "");
  });
  return kNames;
}

const std::vector<std::string>& companies() {
  static const auto kNames =
      vocabulary(std::array<std::string_view, 3>{"Contoso AG", "Fabrikam Inc", "Tailspin Toys"},
                 kCompanies, [](std::uint64_t seed) {
                   return invented(seed, 3) + std::string(any_of(kLegalForms, seed >> 8));
                 });
  return kNames;
}

std::string with_digits(std::string_view prefix, int number) {
  // below a prime, so that no two numbers meet; a number that begins with 0 or 1 is valid nowhere
  constexpr std::int64_t kPrime = 7'999'993;
  const std::int64_t digits = 2'000'000 + std::int64_t{number} * 4'999'999 % kPrime;
  return std::string(prefix) + std::to_string(digits);
}

/// "O'Brien" → "obrien", 田中 → "user".
std::string mail_part(std::string_view name) {
  std::string part;
  for (const char c : model::search_form(name))
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
      part += c;
  return part.empty() ? "user" : part;
}

}  // namespace

std::size_t chosen(std::uint64_t seed, std::size_t count) {
  return static_cast<std::size_t>(mixed(seed) % count);
}

const std::vector<std::string>& surnames() {
  static const auto kNames = vocabulary(kCommonSurnames, kSurnames, [](std::uint64_t seed) {
    return invented(seed, seed % 3 == 0 ? 2 : 1) + std::string(any_of(kEndings, seed >> 8));
  });
  return kNames;
}

Person person(int number) {
  Person person;
  const std::uint64_t given = answer(number, kGiven);
  const std::uint64_t family = answer(number, kFamily);
  if (chosen(answer(number, kCharacterName), kWithoutSpaces) == 0) {
    person.surname = any_of(kCharacterSurnames, family);
    person.given_name.append(any_of(kCharacters, given));
    if (given % 3 != 0)
      person.given_name.append(any_of(kCharacters, given >> 20));
    person.display_name = person.surname + person.given_name;
  } else {
    person.surname = surnames()[common_first(family, surnames().size())];
    person.given_name = given_names()[common_first(given, given_names().size())];
    person.display_name = chosen(answer(number, kOrder), 3) == 0
                              ? person.surname + ", " + person.given_name
                              : person.given_name + " " + person.surname;
  }
  person.company = companies()[common_first(answer(number, kCompany), companies().size())];
  const std::uint64_t department = answer(number, kDepartment);
  person.department.append(any_of(kAreas, department))
      .append(" ")
      .append(any_of(kRegions, department >> 20));
  const std::uint64_t title = answer(number, kTitle);
  person.job_title.append(any_of(kLevels, title)).append(any_of(kRoles, title >> 20));
  const Place& place = any_of(kPlaces, answer(number, kPlace));
  person.city = place.city;
  person.country = place.country;
  const std::string suffix = std::to_string(number);
  const std::string domain =
      mail_part(person.company.substr(0, person.company.find(' '))) + ".example";
  person.mail =
      mail_part(person.given_name) + "." + mail_part(person.surname) + suffix + "@" + domain;
  person.second_address = "u" + suffix + "@" + domain;
  person.business_phone = with_digits(place.business, number);
  if (chosen(answer(number, kMobile), 5) < 3)
    person.mobile_phone = with_digits(place.mobile, number);
  return person;
}

model::Attributes attributes_of(const Person& person) {
  model::Attributes attributes = {
      {Attribute::display_name, {person.display_name}},
      {Attribute::given_name, {person.given_name}},
      {Attribute::surname, {person.surname}},
      {Attribute::company_name, {person.company}},
      {Attribute::department, {person.department}},
      {Attribute::job_title, {person.job_title}},
      {Attribute::mail, {person.mail}},
      {Attribute::mail_nickname, {person.mail.substr(0, person.mail.find('@'))}},
      {Attribute::proxy_addresses, {"SMTP:" + person.mail, "smtp:" + person.second_address}},
      {Attribute::business_phones, {person.business_phone}},
      {Attribute::city, {person.city}},
      {Attribute::country, {person.country}},
  };
  if (!person.mobile_phone.empty())
    attributes[Attribute::mobile_phone] = {person.mobile_phone};
  return attributes;
}

model::Change contact_of(int number) {
  char anchor[40];
  std::snprintf(anchor, sizeof anchor, "%08x-0000-4000-8000-%012d",
                static_cast<unsigned>(number) * 2654435761u, number);
  model::Change change;
  change.anchor = anchor;
  change.kind = model::RecordKind::contact;
  change.set = attributes_of(person(number));
  return change;
}

}  // namespace gald::bench
