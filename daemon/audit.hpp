// What is changed from the command line, told like what is changed by the API.
#pragma once

#include <string_view>

namespace gald::daemon {

/// Of the account that runs this process; `what` and `outcome` as api::audit().
void audit(std::string_view what, std::string_view outcome);

}  // namespace gald::daemon
