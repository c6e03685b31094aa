// Who asks, and what they may do.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "index/permission.hpp"

namespace gald::api {

/// Each includes those before it.
enum class Scope {
  none,     ///< what everybody may ask: health, the console's page, the description of the API
  read,     ///< what is published
  operate,  ///< cycles, held plans
  admin,    ///< changes of what is published
};

std::string_view to_string(Scope scope);

struct Principal {
  std::string name;  ///< for the audit: "token crm", "account root"; never a secret
  Scope scope = Scope::none;
  index::Permission permission = {};            ///< everything, unless the scope is `read`
  std::optional<base::TimePoint> made_at = {};  ///< of a token
};

}  // namespace gald::api
