#include "net/workers.hpp"

#include <utility>

namespace gald::net {

Workers::Workers(int threads) {
  for (int i = 0; i < threads; ++i)
    threads_.emplace_back([this] { run(); });
}

void Workers::stop() {
  std::deque<Work> asked;
  std::deque<Work> going_on;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    asked.swap(asked_);
    going_on.swap(going_on_);
  }
  changed_.notify_all();
  for (std::thread& thread : threads_)
    thread.join();
  threads_.clear();
}

bool Workers::ask(Work work, std::size_t most) {
  {
    const std::lock_guard lock(mutex_);
    if (asked_.size() >= most)
      return false;
    asked_.push_back(std::move(work));
  }
  changed_.notify_one();
  return true;
}

void Workers::go_on(Work work) {
  {
    const std::lock_guard lock(mutex_);
    going_on_.push_back(std::move(work));
  }
  changed_.notify_one();
}

std::size_t Workers::waiting() const {
  const std::lock_guard lock(mutex_);
  return asked_.size();
}

void Workers::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !asked_.empty() || !going_on_.empty(); });
    if (stopping_)
      return;
    turn_ = going_on_.empty() ? false : asked_.empty() || !turn_;
    std::deque<Work>& from = turn_ ? going_on_ : asked_;
    Work work = std::move(from.front());
    from.pop_front();
    lock.unlock();
    work();
    work = nullptr;  // what it holds ends here, not behind the lock
    lock.lock();
  }
}

}  // namespace gald::net
