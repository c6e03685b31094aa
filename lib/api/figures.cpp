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

std::shared_ptr<const Figures> FiguresCache::kept(const index::Glance& glance, base::TimePoint now,
                                                  bool stale_too) {
  const std::lock_guard lock(mutex_);
  return stale_too || is_fresh(glance, now) ? figures_ : nullptr;
}

std::shared_ptr<const Figures> FiguresCache::of(const std::filesystem::path& index_file,
                                                const index::Glance& glance,
                                                const base::Clock& clock) {
  std::unique_lock counting(counting_, std::try_to_lock);
  if (auto found = kept(glance, clock.now(), !counting.owns_lock()))
    return found;
  if (!counting.owns_lock())
    counting.lock();  // nothing was ever counted
  if (auto found = kept(glance, clock.now(), false))
    return found;
  const base::TimePoint start = clock.now();
  const index::Reader reader(index_file);  // counts seldom, so that it need not stay open
  const auto figures = std::make_shared<const Figures>(
      Figures{reader.overview(), reader.collections(), reader.credentials(), reader.runs(kRuns)});
  const std::lock_guard lock(mutex_);
  figures_ = figures;
  counted_at_ = clock.now();
  cost_ = counted_at_ - start;
  glance_ = glance;
  return figures;
}

}  // namespace gald::api
