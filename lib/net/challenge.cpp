#include "net/challenge.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/encoding.hpp"
#include "base/text.hpp"

namespace gald::net {

namespace {

/// Walks over challenges. A comma separates both parameters and challenges, so a name with a `=`
/// behind it is a parameter and one without is a scheme.
class Challenges {
 public:
  explicit Challenges(std::string_view text) : rest_(text) {}

  std::optional<std::string> bearer_claims() {
    bool bearer = false;
    while (true) {
      skip(" \t,");
      if (rest_.empty())
        return std::nullopt;
      const std::string_view name = take_until(" \t,=");
      skip(" \t");
      if (!rest_.starts_with('=')) {
        bearer = base::ascii_iequals(name, "Bearer");
        continue;
      }
      rest_.remove_prefix(1);
      skip(" \t");
      std::string value = take_value();
      if (bearer && base::ascii_iequals(name, "claims"))
        return value;
    }
  }

 private:
  void skip(std::string_view any) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(any), rest_.size()));
  }

  std::string_view take_until(std::string_view any) {
    const std::string_view taken = rest_.substr(0, rest_.find_first_of(any));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  /// A token, or a quoted string with its quoted pairs undone (RFC 9110 section 5.6.4). A value
  /// that ends in `=` without quotes is no token, but was meant.
  std::string take_value() {
    if (!rest_.starts_with('"'))
      return std::string(take_until(" \t,"));
    std::string value;
    std::size_t at = 1;
    for (; at < rest_.size() && rest_[at] != '"'; ++at) {
      if (rest_[at] == '\\' && at + 1 < rest_.size())
        ++at;
      value += rest_[at];
    }
    rest_.remove_prefix(std::min(at + 1, rest_.size()));
    return value;
  }

  std::string_view rest_;
};

/// Both alphabets of RFC 4648, with and without padding, were seen.
std::optional<std::string> decode_base64(std::string text) {
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  while (text.ends_with('='))
    text.pop_back();
  text.append((4 - text.size() % 4) % 4, '=');
  return base::base64_decode(text);
}

}  // namespace

std::optional<std::string> claims_challenge(std::string_view www_authenticate) {
  auto claims = Challenges(www_authenticate).bearer_claims();
  if (claims && !claims->starts_with('{'))
    claims = decode_base64(*std::move(claims));
  if (!claims || !nlohmann::json::parse(*claims, nullptr, false).is_object())
    return std::nullopt;
  return claims;
}

std::optional<std::string> claims_challenge(const Headers& headers) {
  for (const auto& [name, value] : headers)
    if (base::ascii_iequals(name, "WWW-Authenticate"))
      if (auto claims = claims_challenge(value))
        return claims;
  return std::nullopt;
}

}  // namespace gald::net
