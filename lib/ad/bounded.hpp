// Waiting with a limit for libraries whose calls cannot be interrupted: name service, Kerberos.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "base/result.hpp"

namespace gald::ad {

/// Runs `work`, which returns a base::Result, in a thread of its own and waits for that. When we no
/// longer want the answer, the thread ends with the limits of the library it is in, and drops what
/// it got: `work` must own all that it touches. Errors of our own are `too_late` (network) and
/// stopped.
template <typename Work>
auto wait_in_thread(Work work, std::chrono::steady_clock::time_point deadline, std::stop_token stop,
                    std::string too_late) -> decltype(work()) {
  using Answer = decltype(work());

  struct Shared {
    std::mutex mutex;
    std::condition_variable_any arrived;
    std::optional<Answer> answer;
  };

  auto shared = std::make_shared<Shared>();
  std::thread([shared, work = std::move(work)]() mutable {
    Answer answer = work();
    const std::lock_guard lock(shared->mutex);
    shared->answer = std::move(answer);
    shared->arrived.notify_all();
  }).detach();

  std::unique_lock lock(shared->mutex);
  shared->arrived.wait_until(lock, stop, deadline, [&] { return shared->answer.has_value(); });
  if (stop.stop_requested())
    return base::Error{base::ErrorKind::stopped, "stopped while connecting"};
  if (!shared->answer)
    return base::Error{base::ErrorKind::network, std::move(too_late)};
  return std::move(*shared->answer);
}

}  // namespace gald::ad
