#include "index/watch.hpp"

#include <cstdint>
#include <optional>
#include <utility>

#include <SQLiteCpp/SQLiteCpp.h>
#include <sys/stat.h>

namespace gald::index {

namespace {

/// SQLite changes this number for a connection whenever another one has committed.
class Version {
 public:
  explicit Version(const std::filesystem::path& file)
      : database_(file.string(), SQLite::OPEN_READONLY), query_(database_, "PRAGMA data_version") {}

  std::int64_t read() {
    query_.reset();
    query_.executeStep();
    const std::int64_t version = query_.getColumn(0).getInt64();
    query_.reset();  // keeps nothing open
    return version;
  }

 private:
  SQLite::Database database_;
  SQLite::Statement query_;
};

}  // namespace

class Watch::Impl {
 public:
  explicit Impl(std::filesystem::path file) : file_(std::move(file)) {}

  bool changed() {
    try {
      const FileId id = id_of(file_);
      if (!version_ || id != id_) {
        version_.reset();
        id_ = id;
        version_.emplace(file_);
        seen_ = version_->read();
        return true;
      }
      const std::int64_t now = version_->read();
      return now != std::exchange(seen_, now);
    } catch (const SQLite::Exception&) {  // there is no file, or it is none of SQLite's
      version_.reset();
      return true;
    }
  }

 private:
  const std::filesystem::path file_;
  FileId id_;
  std::optional<Version> version_;
  std::int64_t seen_ = 0;
};

FileId id_of(const std::filesystem::path& file) {
  struct stat status = {};
  if (::stat(file.c_str(), &status) != 0)
    return {};
  return {status.st_dev, status.st_ino};
}

Watch::Watch(std::filesystem::path file) : impl_(std::make_unique<Impl>(std::move(file))) {}

Watch::~Watch() = default;

bool Watch::changed() {
  return impl_->changed();
}

}  // namespace gald::index
