// The real index in a file, told like the one in memory.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>

#include "base/clock.hpp"
#include "index/index.hpp"
#include "published.hpp"
#include "said.hpp"
#include "support.hpp"

namespace gald::simulation {

class FileIndex {
 public:
  FileIndex() { reopen(); }

  /// A page of changes of each connector, in the order of their names.
  void tell(std::span<const Said> page);

  /// A complete read of one connector: what is not in `all` of it is not there any more.
  void tell_everything(const std::string& connector, ConnectorKind kind, std::span<const Said> all);

  /// As after a crash.
  void reopen();

  /// A minute after whatever happened before.
  int publish();

  Published published() const;

  std::filesystem::path file() const { return directory_.path() / "gald.db"; }

  base::TimePoint now() const { return clock_.now(); }

 private:
  index::CollectionKey key_of(const std::string& connector, ConnectorKind kind) const;
  void apply(const index::CollectionKey& key, std::span<const Said> page, bool last);

  test::TemporaryDirectory directory_;
  base::ManualClock clock_{base::TimePoint(std::chrono::hours(24 * 365 * 50))};
  std::unique_ptr<index::Index> index_;
  std::set<std::string> references_;  ///< of those that were told, which say nothing themselves
  int cursors_ = 0;
};

}  // namespace gald::simulation
