// A page of a list of contacts: where it begins, and where the next one does.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "index/contact_filter.hpp"

namespace gald::index {

class Statements;

/// Each has an index. Namesakes come in the order in which they were first published.
enum class PageOrder { name, name_descending, changed, changed_descending };

/// Behind a contact, also when that is gone by now.
struct PagePosition {
  std::string feed;  ///< of which file (FeedPosition): the rows of another mean nothing here
  std::optional<std::string> name;  ///< of an order by name
  std::int64_t change_number = 0;   ///< of the others
  std::int64_t row = 0;

  bool operator==(const PagePosition&) const = default;
};

struct PageQuery {
  ContactFilter filter = {};
  PageOrder order = PageOrder::name;
  std::string name_begins = {};            ///< only those whose display name begins so
  std::optional<PagePosition> after = {};  ///< nothing: from the beginning
  std::int64_t offset = 0;                 ///< how many are left out before the page
  int limit = 100;
  bool count = false;  ///< whether to say how many pass the filter
};

struct Page {
  std::optional<PagePosition> next = {};   ///< nothing: there are no others
  std::optional<std::int64_t> total = {};  ///< if it was asked for
};

/// The position is of an index that was there before.
class ForeignPosition : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Reader::page() on an open connection, with the rows of the contacts. REQUIRES: an open
/// transaction, so that all is seen as of one moment.
Page find_page(Statements& statements, const PageQuery& query, std::vector<std::int64_t>& rows);

}  // namespace gald::index
