#include "api/answer_cache.hpp"

#include <utility>

namespace gald::api {

namespace {

/// What an entry takes beside its texts: nodes of the list and the map, pointers.
constexpr std::size_t kOverhead = 256;

std::size_t size_of(std::string_view key, const net::ReadyAnswer& answer) {
  return key.size() + answer.message.size() + kOverhead;
}

}  // namespace

AnswerCache::Answer AnswerCache::find(std::string_view key, std::uint64_t state) {
  const std::lock_guard lock(mutex_);
  become(state);
  const auto found = by_key_.find(key);
  if (state != state_ || found == by_key_.end())
    return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->answer;
}

void AnswerCache::put(std::string key, std::uint64_t state, Answer answer) {
  const std::lock_guard lock(mutex_);
  become(state);
  const std::size_t size = size_of(key, *answer);
  if (state != state_ || size > limit_ / 16)  // one must not drive out all others
    return;
  if (const auto found = by_key_.find(key); found != by_key_.end())
    drop(found->second);
  while (size_ + size > limit_)
    drop(std::prev(entries_.end()));
  entries_.push_front({std::move(key), std::move(answer)});
  by_key_[entries_.front().key] = entries_.begin();
  size_ += size;
}

void AnswerCache::become(std::uint64_t state) {
  if (state <= state_)
    return;
  state_ = state;
  by_key_.clear();
  entries_.clear();
  size_ = 0;
}

void AnswerCache::drop(Entries::iterator entry) {
  size_ -= size_of(entry->key, *entry->answer);
  by_key_.erase(entry->key);
  entries_.erase(entry);
}

}  // namespace gald::api
