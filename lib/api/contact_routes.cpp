#include "api/router.hpp"

namespace gald::api {

void add_contact_routes(Router&) {}

}  // namespace gald::api
