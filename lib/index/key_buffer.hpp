// Join keys as the index has them, and on their way into it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace gald::index {

/// What stands for a key in the table of keys: FNV-1a, mixed as MurmurHash3 ends, 48 bits of it. In
/// every index that was ever written, so it stays as it is. Two keys with one hash make the
/// reconciler look at a record more than it has to, and it compares the keys themselves.
constexpr std::int64_t key_hash(std::string_view key) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : key)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
  hash ^= hash >> 33;
  return static_cast<std::int64_t>(hash) >> 16;  // what SQLite writes in six bytes
}

/// Keys are cheap to write only in their order.
class KeyBuffer {
 public:
  void add(std::string_view key, std::int64_t record) { items_.push_back({key_hash(key), record}); }

  /// It is time to drain it: memory does not follow the number of keys.
  bool full() const { return items_.size() >= kMost; }

  /// Calls `write` with the hash of each key and its record, in their order, and forgets them.
  template <typename Write>
  void drain(Write write) {
    std::sort(items_.begin(), items_.end(), [](const Item& a, const Item& b) {
      return a.hash != b.hash ? a.hash < b.hash : a.record < b.record;
    });
    for (const Item& item : items_)
      write(item.hash, item.record);
    clear();
  }

  void clear() { items_ = {}; }

 private:
  static constexpr std::size_t kMost = (std::size_t{6} << 20) / 16;

  struct Item {
    std::int64_t hash;
    std::int64_t record;
  };

  std::vector<Item> items_;
};

}  // namespace gald::index
