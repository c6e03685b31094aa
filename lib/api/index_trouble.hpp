// That the index cannot be read, told to the log.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace gald::api {

/// What whoever asks is told, who need not know where the file is.
inline constexpr std::string_view kUnreadable =
    "the index cannot be read; the log and `gald check` say why";

/// Once for all who ask, and again every ten minutes. Thread-safe.
class IndexTrouble {
 public:
  explicit IndexTrouble(const base::Clock& clock) : clock_(clock) {}

  void tell(const std::string& why);

 private:
  const base::Clock& clock_;
  std::mutex mutex_;
  std::optional<base::TimePoint> told_at_;  // guarded by mutex_
};

}  // namespace gald::api
