// Join keys on their way into the index, where they are cheap to write only in their order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gald::index {

class KeyBuffer {
 public:
  void add(std::string_view key, std::int64_t record) {
    items_.push_back({head_of(key, 0), head_of(key, 8), static_cast<std::uint32_t>(text_.size()),
                      static_cast<std::uint32_t>(key.size()), record});
    text_ += key;
  }

  /// It is time to drain it: memory does not follow the number of keys.
  bool full() const { return text_.size() >= kMost; }

  /// Calls `write` with each key and record, in their order, and forgets them.
  template <typename Write>
  void drain(Write write) {
    std::sort(items_.begin(), items_.end(), [this](const Item& a, const Item& b) {
      if (a.first != b.first)
        return a.first < b.first;
      if (a.second != b.second)
        return a.second < b.second;
      const int order = text_of(a).compare(text_of(b));
      return order != 0 ? order < 0 : a.record < b.record;
    });
    for (const Item& item : items_)
      write(text_of(item), item.record);
    clear();
  }

  void clear() {
    items_ = {};
    text_ = {};
  }

 private:
  static constexpr std::size_t kMost = std::size_t{6} << 20;

  struct Item {
    std::uint64_t first;   ///< eight bytes of the key as a number, which compares as they do
    std::uint64_t second;  ///< and the next eight
    std::uint32_t at;
    std::uint32_t size;
    std::int64_t record;
  };

  static std::uint64_t head_of(std::string_view key, std::size_t from) {
    std::uint64_t head = 0;
    for (std::size_t i = from; i < from + 8; ++i)
      head = (head << 8) | (i < key.size() ? static_cast<unsigned char>(key[i]) : 0u);
    return head;
  }

  std::string_view text_of(const Item& item) const {
    return std::string_view(text_).substr(item.at, item.size);
  }

  std::string text_;
  std::vector<Item> items_;
};

}  // namespace gald::index
