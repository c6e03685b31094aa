// Finding contacts by words that somebody types.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "index/query.hpp"
#include "index/reader.hpp"
#include "model/proximity.hpp"

namespace gald::index {

/// Of one connection; keeps the words of all names in memory once somebody has misspelt one. The
/// work of a search is bounded, whatever is typed and however many have it.
class Search {
 public:
  /// `permission` is the one that the connection is narrowed to, and outlives it: the indexes have
  /// words of attributes that it does not permit.
  Search(Statements& statements, const Permission& permission)
      : statements_(statements), permission_(permission) {}

  /// REQUIRES: an open transaction, so that all is seen as of one moment.
  SearchResult find(const SearchQuery& query);

 private:
  const model::Vocabulary& vocabulary();

  Statements& statements_;
  const Permission& permission_;
  model::Vocabulary vocabulary_;
  std::int64_t generation_ = 0;
  std::int64_t last_word_ = 0;
};

}  // namespace gald::index
