// Enumerations and their stable names, both ways. For the .cpp files of this room.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <utility>

namespace gald::model {

template <typename E, std::size_t N>
using Names = std::array<std::pair<E, std::string_view>, N>;

template <typename E, std::size_t N>
std::string_view name_of(const Names<E, N>& names, E value) {
  for (const auto& [candidate, text] : names)
    if (candidate == value)
      return text;
  return {};
}

template <typename E, std::size_t N>
std::optional<E> value_of(const Names<E, N>& names, std::string_view text) {
  for (const auto& [candidate, known] : names)
    if (known == text)
      return candidate;
  return std::nullopt;
}

}  // namespace gald::model
