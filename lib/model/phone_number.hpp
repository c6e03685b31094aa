// Telephone numbers: what is compared and dialled, beside what the source wrote.
#pragma once

#include <string_view>

#include "model/entry.hpp"

namespace gald::model {

/// `type` as in Phone::type; `region` is the ISO 3166-1 alpha-2 code of the country in which the
/// number would be dialled as it is written, empty when nobody knows.
///
/// A number that says its country ("+49 ...", "0049 ...") needs a possible length to get its E.164
/// form, as numbering plans grow; one that does not must be a valid number of the region and
/// complete, with its area code. An extension behind the number ("ext. 12", "x12", ";ext=12") is
/// kept apart. What is too short to be dialled from outside, or is a code for the exchange ("4711",
/// "-123", "112", "**610"), is internal, and the extension is what to dial.
Phone parse_phone(std::string_view type, std::string_view raw, std::string_view region);

}  // namespace gald::model
