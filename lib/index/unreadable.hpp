// What everybody who reads the index may be told instead of an answer.
#pragma once

#include <stdexcept>

namespace gald::index {

/// The file is none of this version's indexes, is damaged, or cannot be read at present: what()
/// says why, for the log.
class Unreadable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace gald::index
