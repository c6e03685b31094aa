// Lists of contacts, page by page.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "api/router.hpp"
#include "export/contact_json.hpp"
#include "index/page.hpp"

namespace gald::api {

/// `fields`: keys of the contact object, and `id`. Nothing: all of them.
std::optional<exporting::ContactKeys> fields_from(const Parameters& parameters);

/// As it is now, or as it was: `past`.
std::string contact_text(const model::Contact& contact,
                         const std::optional<exporting::ContactKeys>& fields, bool past);

/// The page that `limit`, `cursor`, `offset` and `count` ask for, in the form of `text_of`:
/// {"items":[...],"next":...}. A cursor belongs to the query, as far as it is told by parameters
/// and by `within`.
net::ServerResponse list_page(Call& call, index::PageQuery query,
                              const std::function<std::string(const model::Contact&)>& text_of,
                              const std::string& within = {});

/// The page that `sort`, `limit`, `cursor`, `offset`, `count`, `fields`, `q` and `at` ask for, of
/// those that pass the filter.
net::ServerResponse list_contacts(Call& call, const index::ContactFilter& filter,
                                  const std::string& within = {});

}  // namespace gald::api
