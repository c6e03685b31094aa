#include "api/router.hpp"

namespace gald::api {

void add_health_routes(Router&) {}

}  // namespace gald::api
