#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <stdexcept>
#include <utility>

#include <xlsxwriter.h>

#include "export/writer.hpp"
#include "export/xlsx_check.hpp"
#include "export/xlsx_text.hpp"

namespace gald::exporting {

namespace {

constexpr double kColumnWidth = 24;

/// A file inside a workbook has to stay below 4 GiB.
constexpr long kLargestSheet = 3L << 30;

class XlsxWriter final : public Writer {
 public:
  XlsxWriter(Columns columns, const std::filesystem::path& file,
             const std::filesystem::path& folder)
      : columns_(std::move(columns)), file_(file), folder_(folder) {
    lxw_workbook_options options{};
    options.constant_memory = 1;
    options.tmpdir = folder_.data();
    workbook_ = workbook_new_opt(file_.c_str(), &options);
    if (workbook_ == nullptr)
      throw CannotWrite(file_ + ": cannot make a workbook");
    text_ = workbook_add_format(workbook_);
    format_set_num_format(text_, "@");  // stays text when somebody edits the cell
    heading_ = workbook_add_format(workbook_);
    format_set_bold(heading_);
    begin_contacts();
    overview_ = add_sheet("Overview");
  }

  ~XlsxWriter() override {
    if (workbook_ != nullptr)
      lxw_workbook_free(workbook_);
  }

  XlsxWriter(const XlsxWriter&) = delete;
  XlsxWriter& operator=(const XlsxWriter&) = delete;

  void add(const model::Contact& contact) override {
    if (row_ == LXW_ROW_MAX || std::ftell(contacts_->optimize_tmpfile) > kLargestSheet) {
      end_contacts();
      begin_contacts();
    }
    lxw_col_t column = 0;
    for (const Column* each : columns_)
      write(contacts_, row_, column++, each->value(contact), text_);
    ++row_;
  }

  std::vector<std::string> finish(const std::vector<Total>& totals) override {
    end_contacts();
    write_overview(totals);
    settle(overview_);
    lxw_workbook* workbook = std::exchange(workbook_, nullptr);
    if (const lxw_error error = workbook_close(workbook); error != LXW_NO_ERROR)
      throw CannotWrite(file_ + ": the workbook cannot be written: " + lxw_strerror(error));
    for (const auto& [sheet, size] : sizes_)
      if (size_of_rows(file_, sheet) != size)
        throw CannotWrite(file_ + ": was not written as a whole; is the disk full?");
    if (cut_ == 0)
      return {};
    return {std::to_string(cut_) + " values were longer than the " + std::to_string(kLongestCell) +
            " characters of a cell, and were cut"};
  }

 private:
  lxw_worksheet* add_sheet(const std::string& name) {
    lxw_worksheet* sheet = workbook_add_worksheet(workbook_, name.c_str());
    if (sheet == nullptr || sheet->optimize_tmpfile == nullptr)
      throw CannotWrite(folder_ + ": cannot make a temporary file: " + std::strerror(errno));
    worksheet_freeze_panes(sheet, 1, 0);
    return sheet;
  }

  void begin_contacts() {
    ++sheets_;
    contacts_ = add_sheet(sheets_ == 1 ? "Contacts" : "Contacts " + std::to_string(sheets_));
    worksheet_set_column(contacts_, 0, last_column(), kColumnWidth, text_);
    row_ = 0;
    lxw_col_t column = 0;
    for (const Column* each : columns_)
      write(contacts_, row_, column++, each->name, heading_);
    ++row_;
  }

  void end_contacts() {
    worksheet_autofilter(contacts_, 0, 0, row_ - 1, last_column());
    settle(contacts_);
  }

  lxw_col_t last_column() const { return static_cast<lxw_col_t>(columns_.size() - 1); }

  void write_overview(const std::vector<Total>& totals) {
    worksheet_set_column(overview_, 0, 1, kColumnWidth, nullptr);
    lxw_row_t row = 0;
    lxw_col_t column = 0;
    for (const char* name : {"Topic", "Name", "Count"})
      write(overview_, row, column++, name, heading_);
    for (const Total& total : totals) {
      if (++row == LXW_ROW_MAX)
        break;
      write(overview_, row, 0, total.topic, text_);
      write(overview_, row, 1, total.name, text_);
      worksheet_write_number(overview_, row, 2, static_cast<double>(total.count), nullptr);
    }
  }

  void write(lxw_worksheet* sheet, lxw_row_t row, lxw_col_t column, std::string_view value,
             lxw_format* format) {
    const CellText cell = cell_text(value);
    cut_ += cell.cut ? 1 : 0;
    if (!cell.text.empty())
      worksheet_write_string(sheet, row, column, cell.text.c_str(), format);
  }

  /// The library does not look whether the rows that it puts aside are written, nor whether the
  /// sheets that it makes of them are: on a full disk rows would be missing without a word. So it
  /// is looked at here, and the size of the rows is kept for the end.
  void settle(lxw_worksheet* sheet) {
    lxw_worksheet_write_single_row(sheet);
    const bool written = std::fflush(sheet->optimize_tmpfile) == 0;
    const long size = std::ftell(sheet->optimize_tmpfile);
    if (!written || std::ferror(sheet->optimize_tmpfile) != 0 || size < 0)
      throw CannotWrite(
          folder_ +
          ": the rows of the workbook cannot be kept in a temporary file: " + std::strerror(errno));
    sizes_[sheet->index + 1] = size;
  }

  const Columns columns_;
  const std::string file_;
  std::string folder_;
  lxw_workbook* workbook_ = nullptr;
  lxw_format* text_ = nullptr;
  lxw_format* heading_ = nullptr;
  lxw_worksheet* contacts_ = nullptr;
  lxw_worksheet* overview_ = nullptr;
  lxw_row_t row_ = 0;
  int sheets_ = 0;
  std::int64_t cut_ = 0;
  std::map<int, std::int64_t> sizes_;  ///< of the rows of the sheets that are complete
};

}  // namespace

std::unique_ptr<Writer> xlsx_writer(Columns columns, const std::filesystem::path& file,
                                    const std::filesystem::path& folder) {
  return std::make_unique<XlsxWriter>(std::move(columns), file, folder);
}

}  // namespace gald::exporting
