// The formats of an export by their names, and all of an export in one call: the same for the
// command line and REST.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "export/columns.hpp"
#include "export/tally.hpp"
#include "export/writer.hpp"
#include "index/reader.hpp"

namespace gald::exporting {

enum class Format { csv, xlsx, vcf, vcf3, jsonl, ldif };

std::optional<Format> format_named(std::string_view name);

/// For errors and help.
inline constexpr std::string_view kFormatNames = "csv, xlsx, vcf, vcf3, jsonl or ldif";

bool has_columns(Format format);

/// "visible", "all", or names between commas. Returns what is wrong, and "" if nothing is.
std::string choose_columns(std::string_view text, Columns& columns);

/// The entry above the contacts of an LDIF file, where nobody says another.
inline constexpr std::string_view kDefaultBase = "ou=contacts";

/// REQUIRES: not xlsx, which is written into a file (xlsx_writer).
std::unique_ptr<Writer> text_writer(Format format, const Columns& columns, const std::string& base,
                                    Sink sink);

/// How many conflicts of each kind there are, as totals.
std::vector<Total> conflict_totals(const index::Overview& overview);

/// Calls its argument with each contact, until that returns false.
using ContactStream = std::function<void(const std::function<bool(const model::Contact&)>&)>;

struct Written {
  std::int64_t contacts = 0;
  std::vector<std::string> remarks;  ///< what somebody should know of the file
};

/// `others` are totals that stand behind those of the contacts.
Written write_all(const ContactStream& contacts, const std::vector<Total>& others, Writer& writer);

}  // namespace gald::exporting
