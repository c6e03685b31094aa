// Answers that are still true, to be sent again as they are.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "net/http_server.hpp"

namespace gald::api {

/// Bounded by bytes: those that were asked for last stay. All of them are of one state of the
/// index; of another one, none is there. Thread-safe.
class AnswerCache {
 public:
  using Answer = std::shared_ptr<const net::ReadyAnswer>;

  explicit AnswerCache(std::size_t limit) : limit_(limit) {}

  Answer find(std::string_view key, std::uint64_t state);

  /// Does nothing when it is of a state that is over.
  void put(std::string key, std::uint64_t state, Answer answer);

 private:
  struct Entry {
    std::string key;
    Answer answer;
  };

  using Entries = std::list<Entry>;

  void become(std::uint64_t state);
  void drop(Entries::iterator entry);

  const std::size_t limit_;
  std::mutex mutex_;
  std::uint64_t state_ = 0;  // guarded by mutex_, like all that follow
  std::size_t size_ = 0;
  Entries entries_;  // those asked for last come first
  std::unordered_map<std::string_view, Entries::iterator> by_key_;
};

}  // namespace gald::api
