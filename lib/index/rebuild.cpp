#include "index/rebuild.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "index/index_file.hpp"

namespace gald::index {

namespace {

namespace fs = std::filesystem;

constexpr const char* kBroken = ".broken-";

/// "20261128T143000.000Z"
std::string compact(base::TimePoint time) {
  std::string text = base::to_iso8601(time);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text;
}

/// The second name of the index; empty when it has none.
fs::path other_name_of(const fs::path& index) {
  std::error_code missing;
  for (const fs::path& broken : kept_aside(index))
    if (fs::equivalent(index, broken, missing))
      return broken;
  return {};
}

void remove_index(const fs::path& index) {
  for (const char* suffix : kSuffixes)
    fs::remove(with_suffix(index, suffix));
}

}  // namespace

Rebuild::Rebuild(fs::path index)
    : index_(std::move(index)), file_(with_suffix(index_, ".rebuild")) {}

bool Rebuild::under_way() const {
  return !other_name_of(index_).empty();
}

void Rebuild::begin(base::TimePoint now) const {
  discard();
  fs::create_hard_link(index_, with_suffix(index_, (kBroken + compact(now)).c_str()));
}

void Rebuild::put_in_place() const {
  const fs::path broken = other_name_of(index_);
  // The log first: with it beside them, SQLite would write the old pages over the new ones.
  const fs::path log = with_suffix(index_, "-wal");
  if (fs::exists(log) && !fs::exists(with_suffix(broken, "-wal")))
    fs::rename(log, with_suffix(broken, "-wal"));
  fs::remove(log);
  fs::remove(with_suffix(index_, "-shm"));
  flush_to_disk(file_);
  fs::rename(file_, index_);
  flush_to_disk(index_);
  discard();
}

void Rebuild::discard() const {
  remove_index(file_);
}

std::vector<fs::path> kept_aside(const fs::path& index) {
  const std::string start = index.filename().string() + kBroken;
  std::vector<fs::path> found;
  std::error_code unreadable;
  const fs::path folder = index.has_parent_path() ? index.parent_path() : ".";
  for (const auto& file : fs::directory_iterator(folder, unreadable)) {
    const std::string name = file.path().filename().string();
    if (name.starts_with(start) && name.ends_with('Z'))
      found.push_back(file.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace gald::index
