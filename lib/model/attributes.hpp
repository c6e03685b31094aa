// The attributes of an object. Included by attribute.hpp; not for itself.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace gald::model {

enum class Attribute : std::uint8_t;

/// Valid UTF-8, never empty strings. A single-valued attribute has exactly one. A vector that keeps
/// one value, which is what most attributes have, without a list on the heap.
class Values {
 public:
  using value_type = std::string;
  using reference = std::string&;
  using const_reference = const std::string&;
  using iterator = std::string*;
  using const_iterator = const std::string*;
  using size_type = std::size_t;
  using difference_type = std::ptrdiff_t;

  Values() = default;

  Values(std::initializer_list<std::string> list) : Values(list.begin(), list.end()) {}

  template <typename Iterator>
  Values(Iterator from, Iterator to) {
    for (; from != to; ++from)
      emplace_back(*from);
  }

  // NOLINTNEXTLINE(google-explicit-constructor): they are the same, kept in less memory
  Values(std::vector<std::string> list) {
    if (list.size() > 1)
      several_ = std::move(list);
    else if (list.size() == 1)
      push_back(std::move(list.front()));
  }

  const_iterator begin() const { return several_.empty() ? &one_ : several_.data(); }

  const_iterator end() const { return begin() + size(); }

  iterator begin() { return several_.empty() ? &one_ : several_.data(); }

  iterator end() { return begin() + size(); }

  std::size_t size() const { return several_.empty() ? std::size_t{has_one_} : several_.size(); }

  bool empty() const { return !has_one_ && several_.empty(); }

  const std::string& front() const { return *begin(); }

  std::string& front() { return *begin(); }

  const std::string& back() const { return *(end() - 1); }

  const std::string& operator[](std::size_t position) const { return begin()[position]; }

  void reserve(std::size_t count) {
    if (count > 1 && !has_one_)
      several_.reserve(count);
  }

  void push_back(std::string value) { emplace_back(std::move(value)); }

  template <typename... From>
  void emplace_back(From&&... from) {
    if (several_.empty() && !has_one_) {
      if constexpr ((std::is_same_v<std::remove_cvref_t<From>, std::string_view> && ...))
        one_.assign(from...);
      else
        one_ = std::string(std::forward<From>(from)...);
      has_one_ = true;
      return;
    }
    if (has_one_) {
      several_.push_back(std::move(one_));
      one_.clear();
      has_one_ = false;
    }
    several_.emplace_back(std::forward<From>(from)...);
  }

  void clear() {
    several_.clear();
    one_.clear();
    has_one_ = false;
  }

  friend bool operator==(const Values& a, const Values& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  std::string one_;                   // the only value, if has_one_
  std::vector<std::string> several_;  // all of them, if there are more
  bool has_one_ = false;
};

/// An attribute without values is not in it. In the order of the enumeration, with the interface of
/// a std::map, but in one piece: an object has some thirty attributes, and a node for each would be
/// most of what an object costs.
class Attributes {
 public:
  using value_type = std::pair<Attribute, Values>;
  using iterator = std::vector<value_type>::iterator;
  using const_iterator = std::vector<value_type>::const_iterator;

  Attributes() = default;

  Attributes(std::initializer_list<value_type> list) {
    for (const value_type& one : list)
      insert_or_assign(one.first, one.second);
  }

  iterator begin() { return items_.begin(); }

  iterator end() { return items_.end(); }

  const_iterator begin() const { return items_.begin(); }

  const_iterator end() const { return items_.end(); }

  bool empty() const { return items_.empty(); }

  std::size_t size() const { return items_.size(); }

  void reserve(std::size_t count) { items_.reserve(count); }

  void clear() { items_.clear(); }

  iterator find(Attribute attribute) {
    const iterator at = place(attribute);
    return at != items_.end() && at->first == attribute ? at : items_.end();
  }

  const_iterator find(Attribute attribute) const {
    return const_cast<Attributes*>(this)->find(attribute);
  }

  bool contains(Attribute attribute) const { return find(attribute) != end(); }

  Values& operator[](Attribute attribute) {
    const iterator at = place(attribute);
    return at != items_.end() && at->first == attribute
               ? at->second
               : items_.emplace(at, attribute, Values())->second;
  }

  const Values& at(Attribute attribute) const {
    const const_iterator found = find(attribute);
    if (found == end())
      throw std::out_of_range("no such attribute here");
    return found->second;
  }

  void insert_or_assign(Attribute attribute, Values values) {
    (*this)[attribute] = std::move(values);
  }

  std::size_t erase(Attribute attribute) {
    const iterator found = find(attribute);
    if (found == end())
      return 0;
    items_.erase(found);
    return 1;
  }

  template <typename Condition>
  friend std::size_t erase_if(Attributes& attributes, Condition condition) {
    return std::erase_if(attributes.items_, condition);
  }

  bool operator==(const Attributes&) const = default;

 private:
  /// Where the attribute is or would be. Most are added in order.
  iterator place(Attribute attribute) {
    if (items_.empty() || items_.back().first < attribute)
      return items_.end();
    return std::lower_bound(items_.begin(), items_.end(), attribute,
                            [](const value_type& one, Attribute a) { return one.first < a; });
  }

  std::vector<value_type> items_;
};

}  // namespace gald::model
