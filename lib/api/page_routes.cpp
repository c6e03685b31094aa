#include "api/router.hpp"

namespace gald::api {

void add_page_routes(Router&) {}

}  // namespace gald::api
