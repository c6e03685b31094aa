// A contact as a row of a table.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "model/entry.hpp"

namespace gald::exporting {

struct Column {
  std::string name;
  std::function<std::string(const model::Contact&)> value;  ///< empty: the contact has none
};

using Columns = std::vector<const Column*>;

/// What a person wants to see: DisplayName, EmailAddress, FirstName, LastName, Company, JobTitle,
/// BusinessPhone. These names and their order are for life.
const Columns& visible_columns();

/// Everything that is published, the visible ones first. New ones come at the end.
const Columns& all_columns();

/// Without regard to case; nullptr where there is none.
const Column* column_named(std::string_view name);

/// Several values as one: "; " between them, and a backslash before each ";" and "\" inside.
std::string joined(const std::vector<std::string>& values);

}  // namespace gald::exporting
