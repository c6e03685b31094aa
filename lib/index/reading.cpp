#include "index/reading.hpp"

#include "index/schema.hpp"

namespace gald::index {

namespace {

SQLite::Database open_for_reading(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file))
    throw std::runtime_error(file.string() +
                             ": there is no index yet; `gald sync` makes it on its first run");
  return {file.string(), SQLite::OPEN_READONLY, 10'000};
}

}  // namespace

Reading::Reading(const std::filesystem::path& path)
    : file(path), database(open_for_reading(path)), statements(database) {
  require_schema(database, file.string());
}

}  // namespace gald::index
