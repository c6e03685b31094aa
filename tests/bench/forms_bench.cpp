#include "forms_bench.hpp"

#include <stdexcept>
#include <string>

#include <phonenumbers/phonenumber.pb.h>
#include <phonenumbers/phonenumberutil.h>

#include "model/name_form.hpp"
#include "model/phone_number.hpp"

namespace gald::bench {

namespace {

constexpr int kNumbers = 50'000;

std::vector<std::string> numbers(const std::string& prefix) {
  std::vector<std::string> list;
  for (int i = 0; i < kNumbers; ++i)
    list.push_back(prefix + " " + std::to_string(2'000'000 + i * 61 % 7'000'000));
  return list;
}

/// CPU seconds for all; `length_of` does the work and returns what proves that it did.
template <typename Work>
double cost_of_all(const std::vector<std::string>& texts, const Work& length_of) {
  const double start = cpu_seconds();
  for (const std::string& text : texts)
    if (length_of(text) == 0)
      throw std::runtime_error("the benchmark has a text without a form");
  return cpu_seconds() - start;
}

std::size_t read_by_library_alone(const std::string& text) {
  using i18n::phonenumbers::PhoneNumber;
  using i18n::phonenumbers::PhoneNumberUtil;
  const PhoneNumberUtil& library = *PhoneNumberUtil::GetInstance();
  PhoneNumber number;
  std::string e164;
  if (library.Parse(text, "DE", &number) == PhoneNumberUtil::NO_PARSING_ERROR &&
      library.IsValidNumber(number))
    library.Format(number, PhoneNumberUtil::E164, &e164);
  return e164.size();
}

}  // namespace

std::vector<Row> measure_forms() {
  const std::vector<std::string> plain = numbers("+49 (0)89");
  const std::vector<std::string> national = numbers("089");
  const auto parsed = [](const std::string& text) {
    return model::parse_phone("business", text, "DE").e164.size();
  };
  std::vector<std::string> names;
  for (int i = 0; i < kNumbers; ++i)
    names.push_back("Jörg Müller " + std::to_string(i));
  parsed(plain.front());     // what is made once
  parsed(national.front());  // for all numbers

  const double library_plain = cost_of_all(plain, read_by_library_alone);
  const double library_national = cost_of_all(national, read_by_library_alone);
  const double our_plain = cost_of_all(plain, parsed);
  const double our_national = cost_of_all(national, parsed);
  const double our_names = cost_of_all(
      names, [](const std::string& name) { return model::search_name(name, "Jörg", "").size(); });
  const double rss = peak_rss_mib();
  return {{"forms.plain_phone", "a phone number that says its country / libphonenumber alone",
           our_plain / library_plain, 0.05, our_plain, rss},
          {"forms.national_phone", "a national phone number / libphonenumber alone",
           our_national / library_national, 1.5, our_national, rss},
          {"forms.search_name", "a name's search form / libphonenumber reading one number",
           our_names / library_plain, 0.5, our_names, rss}};
}

}  // namespace gald::bench
