// What a complete read of a directory costs the client: decoded into changes, and staged.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "measure.hpp"

namespace gald::bench {

/// The server of directory_server.py.
struct DirectoryServer {
  std::string url;
  std::filesystem::path directory;  ///< with its certificate, its password and entries.csv
};

/// Two rows: the read to ldapsearch draining the same; the staged read to ldapsearch and the
/// sqlite3 shell importing the same columns. The programs take turns, `rounds` times; `self` is
/// this program, which runs the two of ours in processes of their own.
std::vector<Row> measure_directory(const DirectoryServer& server, const std::string& self,
                                   int rounds);

/// One of ours, in this process. With an index file the changes are staged there.
void read_directory(const DirectoryServer& server, const std::filesystem::path& index_file);

}  // namespace gald::bench
