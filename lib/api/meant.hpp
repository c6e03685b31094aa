// Whom the {id} of a path means.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "model/entry.hpp"
#include "net/http_server.hpp"

namespace gald::api {

/// Answers for the one that was meant, of those that find() has found: by id, which may lead to the
/// one it was merged into, or by an address; not by name. Of those who share an address the
/// deleted ones are meant only if there are no others. 404 for nobody, 409 with the ids for
/// several.
net::ServerResponse answer_for_one(
    const std::string& asked, std::vector<model::Contact> found,
    const std::function<net::ServerResponse(const model::Contact&)>& answer);

}  // namespace gald::api
