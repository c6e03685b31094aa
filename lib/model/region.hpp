// Countries as directories name them.
#pragma once

#include <string>
#include <string_view>

namespace gald::model {

/// The ISO 3166-1 alpha-2 code ("DE") of a country that is given by that code, by its alpha-3 code,
/// or by its name in English or in the main language of any country ("Germany", "Deutschland",
/// "Allemagne"). Case, accents and punctuation do not count. Empty when it is none of them.
std::string region_of_country(std::string_view country);

}  // namespace gald::model
