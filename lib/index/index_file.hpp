// The index as a file: what lies beside it, and what its errors mean.
#pragma once

#include <array>
#include <filesystem>
#include <string>

#include <SQLiteCpp/SQLiteCpp.h>

namespace gald::index {

/// What SQLite keeps beside the file `index`, and the file itself.
inline constexpr std::array<const char*, 3> kSuffixes = {"", "-wal", "-shm"};

/// The file with a suffix, as in kSuffixes.
std::filesystem::path with_suffix(const std::filesystem::path& index, const char* suffix);

/// Makes an empty file with mode 0640 where there is none, whatever the umask: consumers read it as
/// a group. SQLite gives the files beside it the same mode. Throws std::runtime_error when the file
/// cannot be opened for writing.
void create_index_file(const std::filesystem::path& index);

/// Whether the file says of itself that it is an index. Looks at its first page only, and not at
/// what is still in the write-ahead log.
bool looks_like_an_index(const std::filesystem::path& file);

/// Was a file that SQLite cannot read an index once? It says so, or its log is still beside it: a
/// file that was named by mistake has none.
bool was_written_by_us(const std::filesystem::path& index);

/// Whether the file is empty, though it was written: a log lies beside it, be it empty, too. A new
/// file gets one when its tables are in it. SQLite would take it for a new one.
bool lost_its_content(const std::filesystem::path& index);

/// Whether SQLite found that the content of the file cannot be what it wrote.
bool means_damage(const SQLite::Exception& error);

/// SQLite's words with the file and, where the operating system refused something, its words too:
/// SQLite calls a full disk and a read-only one "disk I/O error".
std::string describe(const std::filesystem::path& index, const SQLite::Exception& error,
                     int system_error);

/// Writes to the disk what was written to the file, and to its folder. Throws std::runtime_error.
void flush_to_disk(const std::filesystem::path& file);

}  // namespace gald::index
