// Exports: a stream of contacts in a format that other programs read. Each format has a file.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "export/columns.hpp"
#include "export/tally.hpp"
#include "model/entry.hpp"

namespace gald::exporting {

/// Takes the bytes of a file, piece by piece; throws what cannot be written.
using Sink = std::function<void(std::string_view)>;

/// A file that cannot be written: most often the disk is full.
class CannotWrite : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Add contacts, then finish(); what was written without finish() is no complete file. Holds one
/// contact at a time. Throws CannotWrite, or what the sink throws.
class Writer {
 public:
  virtual ~Writer() = default;
  virtual void add(const model::Contact& contact) = 0;

  /// `totals` is for the formats that have a place for it. Returns what somebody should know of
  /// the file, in sentences.
  virtual std::vector<std::string> finish(const std::vector<Total>& totals) = 0;
};

/// RFC 4180, UTF-8, with a header. Values that a spreadsheet would take for a formula are
/// neutralized (neutral_cell in csv.hpp).
std::unique_ptr<Writer> csv_writer(Columns columns, Sink sink);

/// One contact object a line (docs/contact-object.md); of the past without what is not told.
std::unique_ptr<Writer> json_lines_writer(Sink sink, bool of_the_past = false);

enum class VCardVersion { v3, v4 };

/// RFC 2426 and RFC 6350.
std::unique_ptr<Writer> vcard_writer(VCardVersion version, Sink sink);

/// RFC 2849, with an inetOrgPerson below `base` for each contact. REQUIRES: no groups.
std::unique_ptr<Writer> ldif_writer(std::string base, Sink sink);

/// A workbook with all cells as text, and the totals on a sheet of their own. Replaces what is in
/// `file`; temporary files without a name are made in `folder`.
std::unique_ptr<Writer> xlsx_writer(Columns columns, const std::filesystem::path& file,
                                    const std::filesystem::path& folder);

}  // namespace gald::exporting
