#include "index/reading.hpp"

#include <stdexcept>
#include <string>
#include <utility>

#include <sqlite3.h>

#include "index/schema.hpp"
#include "index/unreadable.hpp"

namespace gald::index {

namespace {

SQLite::Database open_for_reading(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file))
    throw Unreadable(file.string() +
                     ": there is no index yet; `gald sync` makes it on its first run");
  return {file.string(), SQLite::OPEN_READONLY, 10'000};
}

/// Of SQLite's machine: much less than a millisecond.
constexpr int kStepsBetweenLooks = 1000;

int is_told_to_stop(void* token) {
  return static_cast<const std::stop_token*>(token)->stop_requested() ? 1 : 0;
}

}  // namespace

Reading::Reading(const std::filesystem::path& path, std::stop_token stop)
    : file(path),
      told_to_stop(std::move(stop)),
      database(open_for_reading(path)),
      statements(database) {
  if (told_to_stop.stop_possible())
    sqlite3_progress_handler(database.getHandle(), kStepsBetweenLooks, is_told_to_stop,
                             const_cast<std::stop_token*>(&told_to_stop));
  require_schema(database, file.string());
}

void explain(const std::filesystem::path& file, const SQLite::Exception& error) {
  const std::string text = file.string() + ": " + error.what();
  const int code = error.getErrorCode();  // negative: of SQLiteCpp, which was used wrongly
  if (code == SQLITE_ERROR || code == SQLITE_MISUSE || code < 0)
    throw std::runtime_error(text);
  throw Unreadable(text);
}

}  // namespace gald::index
