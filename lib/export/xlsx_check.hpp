// Whether a workbook was written as a whole. For the .cpp files of this room.
#pragma once

#include <cstdint>
#include <filesystem>

namespace gald::exporting {

/// The bytes of XML that the rows of a sheet take; sheets count from 1. Reads all of the sheet.
/// Throws CannotWrite when there is none or it is not complete.
std::int64_t size_of_rows(const std::filesystem::path& workbook, int sheet);

}  // namespace gald::exporting
