#include "api/router.hpp"

namespace gald::api {

void add_change_routes(Router&) {}

}  // namespace gald::api
