// What a permission means: for the tables as they are, and for entries of the past.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <SQLiteCpp/SQLiteCpp.h>

#include "index/permission.hpp"
#include "index/query.hpp"
#include "model/past.hpp"

namespace gald::index {

/// From here on the connection sees only what is permitted: views in the place of the tables, which
/// every query meets, whatever it asks for. A query that goes around them fails. Does nothing if
/// everything is permitted.
void narrow(SQLite::Database& database, const Permission& permission);

bool is_narrowed(Statements& statements);

/// Whether all but groups have to be in permitted_member, a view of the rows of the members of the
/// permitted groups. All that a query finds is in it anyway: a few of very many are found sooner.
bool is_narrowed_to_members(Statements& statements);

/// Whether the entry exists for whoever has the permission. Ids that lead to another one do not,
/// unless everything is permitted.
bool permits(const Permission& permission, const model::EntryState& state);

/// Takes out of it which attributes are not permitted. Whose group and manager it may name depends
/// on these, and is the caller's business.
void narrow(const Permission& permission, model::EntryState& state);

/// What the contact object calls the attribute: street and city are of "postalAddress".
std::string_view told_as(model::Attribute attribute);

/// What Permission::attributes can name.
const std::vector<std::string_view>& attribute_names();

}  // namespace gald::index
