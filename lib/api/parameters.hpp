// The query of a request: "source=cloud&limit=50".
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gald::api {

/// All errors are Refused with 400, name the parameter and say what was expected.
class Parameters {
 public:
  /// `query` is what stands behind the "?" (RFC 3986; "+" is a space, as forms send it). Every name
  /// must be among `known`, and come once.
  Parameters(std::string_view query, const std::vector<std::string_view>& known);

  /// Decoded; nothing when it is absent or empty.
  std::optional<std::string> text(std::string_view name) const;

  /// Between `least` and `most`.
  std::optional<std::int64_t> number(std::string_view name, std::int64_t least,
                                     std::int64_t most) const;

  /// "true" or "false".
  std::optional<bool> flag(std::string_view name) const;

  /// One of a closed set of words: `named` is status_named() and its like; `expected` names them
  /// all for the error.
  template <typename Value>
  std::optional<Value> word(std::string_view name, std::optional<Value> (*named)(std::string_view),
                            std::string_view expected) const {
    const std::optional<std::string> given = text(name);
    if (!given)
      return std::nullopt;
    std::optional<Value> value = named(*given);
    if (!value)
      refuse(name, expected);
    return value;
  }

  /// Values between commas.
  std::vector<std::string> list(std::string_view name) const;

  /// Refused: "limit: expected ...".
  [[noreturn]] void refuse(std::string_view name, std::string_view expected) const;

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

/// Undoes percent-encoding; nothing if it is malformed, or not UTF-8 without NUL afterwards.
std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space);

}  // namespace gald::api
