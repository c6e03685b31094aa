// What status and metrics tell of the index, which has to be counted.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.hpp"
#include "index/reader.hpp"

namespace gald::api {

struct Figures {
  index::Overview overview;
  std::vector<index::CollectionState> collections;
  std::vector<index::CredentialState> credentials;
  std::vector<index::RunSummary> last_runs;  ///< newest first
};

/// What could be told of the index, when somebody asked.
struct Known {
  enum class Standing { missing, unreadable, read };
  Standing standing = Standing::missing;
  index::Glance glance;
  std::shared_ptr<const Figures> figures = std::make_shared<const Figures>();
};

/// Counts once for each beginning and end of a run, and during a long one now and then.
/// Thread-safe.
class FiguresCache {
 public:
  /// Of everything, whoever asks. `glance` is what a reader of the file told just now. Throws like
  /// index::Reader.
  std::shared_ptr<const Figures> of(const std::filesystem::path& index_file,
                                    const index::Glance& glance, const base::Clock& clock);

 private:
  std::shared_ptr<const Figures> kept(const index::Glance& glance, base::TimePoint now,
                                      bool stale_too);
  bool is_fresh(const index::Glance& glance, base::TimePoint now) const;

  std::mutex counting_;  ///< held by whoever counts; others get what was counted before
  std::mutex mutex_;     ///< never held for long
  std::shared_ptr<const Figures> figures_;  // with what follows guarded by mutex_
  index::Glance glance_;
  base::TimePoint counted_at_;
  std::chrono::milliseconds cost_{0};
};

}  // namespace gald::api
