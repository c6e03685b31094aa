// A file that takes the place of another one when it is complete, and leaves no trace before.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string_view>

namespace gald::daemon {

class NewFile {
 public:
  /// Makes an empty file with another name in the folder of `target`, for its owner and group
  /// (0640). A link is followed. Throws std::runtime_error, also when `target` is there and is no
  /// regular file.
  explicit NewFile(const std::filesystem::path& target);

  /// Removes the file, unless it was put in place.
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  /// Where the file is until it is put in place. Others may write to it, too.
  const std::filesystem::path& path() const { return path_; }

  /// Buffered. Throws std::runtime_error.
  void write(std::string_view bytes);

  /// On return the file is on the disk, under the name of the target. Throws std::runtime_error;
  /// then the target is what it was.
  void put_in_place();

 private:
  std::filesystem::path target_;
  std::filesystem::path path_;
  std::FILE* file_ = nullptr;
  bool in_place_ = false;
};

}  // namespace gald::daemon
