#include "index/former_address.hpp"

#include <algorithm>

#include "model/forms.hpp"

namespace gald::index {

namespace {

/// Another case or another primary address is no other address.
bool has_address(const model::Entry& entry, const std::string& kind, const std::string& folded) {
  return std::any_of(entry.addresses.begin(), entry.addresses.end(), [&](const auto& address) {
    return address.kind == kind && model::fold_address(address.value) == folded;
  });
}

}  // namespace

void note_former_addresses(Statements& statements, std::int64_t row, const model::Entry& entry,
                           const std::vector<model::FieldChange>& changes, base::TimePoint at) {
  for (const model::FieldChange& change : changes) {
    if (change.field != "addresses")
      continue;
    const model::Address address =
        model::parse_address(change.old_value.value_or(change.new_value.value_or("")));
    const std::string folded = model::fold_address(address.value);
    if (has_address(entry, address.kind, folded))
      Query(statements,
            "DELETE FROM former_address WHERE folded = ?1 AND entry_id = ?2 AND kind = ?3")
          .bind(folded, row, address.kind)
          .run();
    else
      Query(statements,
            "INSERT OR REPLACE INTO former_address (folded, entry_id, kind, value, until)"
            " VALUES (?1, ?2, ?3, ?4, ?5)")
          .bind(folded, row, address.kind, address.value, base::to_iso8601(at))
          .run();
  }
}

}  // namespace gald::index
