#include "net/accept_encoding.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"

namespace gald::net {

namespace {

/// Of "gzip;q=0.5", all but a weight of 0: "0", "0.", "0.000".
bool is_wanted(std::string_view parameters) {
  for (const std::string_view parameter : base::split(parameters, ';')) {
    const std::string_view given = base::trim(parameter);
    if (given.size() > 2 && (given[0] == 'q' || given[0] == 'Q') && given[1] == '=')
      return given.substr(2).find_first_not_of("0.") != std::string_view::npos;
  }
  return true;
}

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) {
  std::optional<bool> any;
  for (const std::string_view element : base::split(accept_encoding, ',')) {
    const std::size_t end = std::min(element.find(';'), element.size());
    const std::string_view coding = base::trim(element.substr(0, end));
    const bool wanted = is_wanted(element.substr(end));
    if (base::ascii_iequals(coding, "gzip") || base::ascii_iequals(coding, "x-gzip"))
      return wanted;
    if (coding == "*")
      any = wanted;
  }
  return any.value_or(false);
}

}  // namespace gald::net
