// Whom a path like /contacts/{id} means.
#pragma once

#include <string>

#include "api/router.hpp"

namespace gald::api {

/// By id, which may lead to the one it was merged into, or by any address. Refused with 404 for
/// nobody, and with 409 for several.
model::Contact one_contact(Call& call, const std::string& id_or_address);

}  // namespace gald::api
