#include "api/router.hpp"

namespace gald::api {

void add_export_routes(Router&) {}

}  // namespace gald::api
