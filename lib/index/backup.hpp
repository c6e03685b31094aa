// Copies of the index as it is at one moment, made while somebody writes it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>

namespace gald::index {

/// Makes `to` a copy of the index `from`, with a feed of its own (feed.hpp). What was in `to`
/// before is lost. False when told to stop, with a part of the copy left. Throws
/// std::runtime_error.
bool copy_index(const std::filesystem::path& from, const std::filesystem::path& to,
                std::stop_token stop = {});

struct Backup {
  std::uintmax_t bytes = 0;
  std::int64_t last_change = 0;  ///< number of the newest change in it; 0: none
};

/// The same for keeping: one file with mode 0640 that needs none beside it, looked through before
/// it takes the place of an older one, which stays when anything fails. Nothing when told to stop.
/// Holds the picture, and with it the write-ahead log, as long as copying takes and not longer.
/// Where `to` is a link, the file that it leads to is replaced. Throws std::runtime_error with
/// one clear line, also for a file in the way that is no index, and for a link that leads nowhere.
std::optional<Backup> back_up(const std::filesystem::path& index, const std::filesystem::path& to,
                              std::stop_token stop);

}  // namespace gald::index
