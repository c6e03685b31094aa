// Where the records of a first import are, while the index over their anchors does not exist yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace gald::index {

/// Rows by a hash of (connector, anchor): sixteen bytes for each of at most half of the slots. May
/// offer a row of somebody else, so that the caller looks at what it is offered.
class AnchorTable {
 public:
  std::size_t size() const { return size_; }

  void insert(std::int64_t connector, std::string_view anchor, std::int64_t row) {
    if (2 * (size_ + 1) > slots_.size())
      grow();
    place(hash(connector, anchor), row);
    ++size_;
  }

  /// Calls `is_it` with each row under the hash until it says yes; whether it did.
  template <typename IsIt>
  bool find(std::int64_t connector, std::string_view anchor, IsIt is_it) const {
    if (slots_.empty())
      return false;
    const std::uint64_t wanted = hash(connector, anchor);
    for (std::size_t at = wanted & mask(); slots_[at].row != 0; at = (at + 1) & mask())
      if (slots_[at].hash == wanted && is_it(slots_[at].row))
        return true;
    return false;
  }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::int64_t row = 0;  ///< 0: free; rows begin with 1
  };

  static std::uint64_t hash(std::int64_t connector, std::string_view anchor) {
    return std::hash<std::string_view>{}(anchor) ^
           (static_cast<std::uint64_t>(connector) * 0x9e3779b97f4a7c15u);
  }

  std::size_t mask() const { return slots_.size() - 1; }

  void place(std::uint64_t hash, std::int64_t row) {
    std::size_t at = hash & mask();
    while (slots_[at].row != 0)
      at = (at + 1) & mask();
    slots_[at] = {hash, row};
  }

  void grow() {
    std::vector<Slot> old(slots_.empty() ? 1024 : 2 * slots_.size());
    old.swap(slots_);
    for (const Slot& slot : old)
      if (slot.row != 0)
        place(slot.hash, slot.row);
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

}  // namespace gald::index
