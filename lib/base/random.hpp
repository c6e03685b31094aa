// Secrets that are made here, and how they are compared.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gald::base {

/// So many bytes of the system's generator as lower-case hex. Throws std::runtime_error when there
/// are none.
std::string random_hex(std::size_t bytes);

/// Takes the same time whatever is different; texts of other lengths are different at once.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace gald::base
