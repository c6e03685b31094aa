// What the forms of phone numbers and names cost.
#pragma once

#include <vector>

#include "measure.hpp"

namespace gald::bench {

/// forms.plain_phone: a number that begins with "+" and a plain country, to libphonenumber alone
/// reading the same numbers. forms.national_phone: a number in the form of its country, to the
/// same. forms.search_name: the search form of a name with an umlaut, to libphonenumber's reading
/// of one number.
std::vector<Row> measure_forms();

}  // namespace gald::bench
