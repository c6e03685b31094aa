#include "api/router.hpp"

namespace gald::api {

void add_operation_routes(Router&) {}

}  // namespace gald::api
