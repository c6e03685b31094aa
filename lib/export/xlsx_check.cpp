#include "export/xlsx_check.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <unzip.h>

#include "export/writer.hpp"

namespace gald::exporting {

namespace {

/// Finds a mark in a text that comes in pieces.
class Finder {
 public:
  explicit Finder(std::string_view mark) : mark_(mark) {}

  /// Whether the text so far ends in the mark.
  bool is_at_end() const {
    return found_ && seen_ + std::ssize(rest_) == *found_ + std::ssize(mark_);
  }

  /// Where the mark begins, once it was seen.
  const std::optional<std::int64_t>& found() const { return found_; }

  void look_at(std::string_view piece) {
    std::string text = rest_;
    text += piece;
    if (const std::size_t at = text.find(mark_); !found_ && at != std::string::npos)
      found_ = seen_ + static_cast<std::int64_t>(at);
    const std::size_t kept = std::min(text.size(), mark_.size() - 1);
    seen_ += static_cast<std::int64_t>(text.size() - kept);
    rest_ = text.substr(text.size() - kept);
  }

 private:
  const std::string_view mark_;
  std::string rest_;       ///< the end of what was looked at: the mark may begin in it
  std::int64_t seen_ = 0;  ///< bytes before rest_
  std::optional<std::int64_t> found_;
};

}  // namespace

std::int64_t size_of_rows(const std::filesystem::path& workbook, int sheet) {
  constexpr std::string_view kBegin = "<sheetData>";
  constexpr std::string_view kEnd = "</sheetData>";
  const auto damaged = [&] {
    return CannotWrite(workbook.string() + ": was not written as a whole; is the disk full?");
  };
  const std::string name = "xl/worksheets/sheet" + std::to_string(sheet) + ".xml";
  const std::unique_ptr<void, int (*)(void*)> archive(unzOpen64(workbook.c_str()), unzClose);
  if (archive == nullptr || unzLocateFile(archive.get(), name.c_str(), 1) != UNZ_OK ||
      unzOpenCurrentFile(archive.get()) != UNZ_OK)
    throw damaged();
  Finder begin(kBegin);
  Finder end(kEnd);
  Finder last("</worksheet>");
  std::array<char, 65536> buffer{};
  int read = 0;
  while ((read = unzReadCurrentFile(archive.get(), buffer.data(), buffer.size())) > 0) {
    const std::string_view piece(buffer.data(), static_cast<std::size_t>(read));
    begin.look_at(piece);
    end.look_at(piece);
    last.look_at(piece);
  }
  const bool whole = unzCloseCurrentFile(archive.get()) == UNZ_OK;  // compares the checksum
  if (read < 0 || !whole || !begin.found() || !end.found() || !last.is_at_end())
    throw damaged();
  return *end.found() - *begin.found() - static_cast<std::int64_t>(kBegin.size());
}

}  // namespace gald::exporting
