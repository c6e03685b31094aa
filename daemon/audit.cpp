#include "audit.hpp"

#include <string>

#include <unistd.h>

#include "api/audit.hpp"

namespace gald::daemon {

void audit(std::string_view what, std::string_view outcome) {
  const auto user = ::getuid();
  api::audit(user == 0 ? "account root" : "account " + std::to_string(user), "command line", what,
             outcome);
}

}  // namespace gald::daemon
