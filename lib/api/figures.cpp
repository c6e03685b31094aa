#include "api/figures.hpp"

#include <algorithm>

namespace gald::api {

namespace {

using std::chrono::milliseconds;

constexpr int kRuns = 10;

/// While a run is under way, counting takes no more than this share of the time.
constexpr int kShare = 50;
constexpr milliseconds kLeastPause{5'000};

}  // namespace

bool FiguresCache::is_fresh(const index::Glance& glance, base::TimePoint now) const {
  if (!figures_ || glance.last_run != glance_.last_run || glance.run_ended != glance_.run_ended ||
      glance.published != glance_.published ||
      (glance.run_ended && glance.last_change != glance_.last_change))
    return false;
  const milliseconds age = now - counted_at_;
  return glance.run_ended ||
         (age >= milliseconds(0) && age < std::max(kLeastPause, kShare * cost_));
}

std::shared_ptr<const Figures> FiguresCache::of(const std::filesystem::path& index_file,
                                                const index::Glance& glance,
                                                const base::Clock& clock) {
  const std::lock_guard lock(mutex_);
  const base::TimePoint start = clock.now();
  if (is_fresh(glance, start))
    return figures_;
  const index::Reader reader(index_file);  // counts seldom, so that it need not stay open
  figures_ = std::make_shared<const Figures>(
      Figures{reader.overview(), reader.collections(), reader.credentials(), reader.runs(kRuns)});
  counted_at_ = clock.now();
  cost_ = counted_at_ - start;
  glance_ = glance;
  return figures_;
}

}  // namespace gald::api
