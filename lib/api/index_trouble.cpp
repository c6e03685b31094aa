#include "api/index_trouble.hpp"

#include <chrono>

#include "base/log.hpp"

namespace gald::api {

void IndexTrouble::tell(const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    const base::TimePoint now = clock_.now();
    if (told_at_ && now >= *told_at_ && now - *told_at_ < std::chrono::minutes(10))
      return;
    told_at_ = now;
  }
  base::log::error("api.index_unreadable", why);
}

}  // namespace gald::api
