// Secrets are asked for when they are needed, never kept: one that was replaced in its file counts
// from the next use on.
#pragma once

#include <functional>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace gald::net {

using SecretProvider = std::function<base::Result<base::Secret>()>;

}  // namespace gald::net
