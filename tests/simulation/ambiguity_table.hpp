// Every ambiguous case of a hybrid directory with its ground truth, row by row.
#pragma once

#include <string>
#include <vector>

#include "said.hpp"

namespace gald::simulation {

/// A case: what the sources say at first, what they say then, and what is true of it each time.
///
/// The truth is one line for each contact: kind, source, status, the records that are it, and
/// behind "=" the object whose anchor its id was made from. So the line tells whether a contact
/// kept its id. A deleted contact has no records left.
struct Row {
  std::string name;
  std::vector<Said> first;
  std::vector<std::string> at_first;
  std::vector<Said> then = {};
  std::vector<std::string> at_last = {};

  /// What an index built from nothing says at the end; nothing: the same, without the deleted.
  std::vector<std::string> rebuilt = {};

  /// Why the contacts depend on whether `first` came in one publication or in several; empty: they
  /// do not.
  std::string sticks = {};
};

std::vector<Row> ambiguity_table();

}  // namespace gald::simulation
