// The threads that make the answers of the HTTP server.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace gald::net {

class Workers {
 public:
  explicit Workers(int threads);

  ~Workers() { stop(); }

  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  using Work = std::function<void()>;  ///< must not throw

  /// False when `most` wait already. Thread-safe, like all of these.
  bool ask(Work work, std::size_t most);

  /// What goes on with something that was asked before, and is bounded by that. New requests do not
  /// wait for all of these, nor these for them: they take turns.
  void go_on(Work work);

  std::size_t waiting() const;

  /// What has not begun is dropped; what has is waited for.
  void stop();

 private:
  void run();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Work> asked_;     // guarded by mutex_
  std::deque<Work> going_on_;  // guarded by mutex_
  bool turn_ = false;          // guarded by mutex_; true: of what goes on
  bool stopping_ = false;      // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace gald::net
