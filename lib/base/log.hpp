// Log events: a stable code, one sentence, key/value pairs. The sink (spdlog) is log.cpp's secret.
//
// Rules for callers: a handful of lines per cycle at info; personal data only at debug; never a
// secret (base::Secret makes that hard).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace gald::base::log {

enum class Level { debug, info, warning, error };

class Value {
 public:
  // Implicit on purpose: fields are written as {{"run", 7}, {"outcome", "partial"}}.
  // NOLINTBEGIN(google-explicit-constructor)
  Value(std::string_view text) : text_(text) {}

  Value(const std::string& text) : text_(text) {}

  Value(const char* text) : text_(text) {}

  template <typename T>

  requires std::is_arithmetic_v<T> Value(T number) : text_(std::to_string(number)) {}

  // NOLINTEND(google-explicit-constructor)

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

struct Field {
  std::string_view key;
  Value value;
};

using Fields = std::initializer_list<Field>;

/// Sends events of this level and above to standard error (the journal under systemd). Until it
/// is called, nothing is written. Thread-safe afterwards.
void start(Level threshold);

/// "debug", "info", "warning", "error"; anything else is info.
Level parse_level(std::string_view name);

/// `code` is stable and documented ("cycle.done"); values with spaces are quoted.
void event(Level level, std::string_view code, std::string_view message, Fields fields = {});

/// An event of the level info that is written whatever the threshold is: who changed something has
/// to be found later.
void record(std::string_view code, std::string_view message, Fields fields = {});

inline void debug(std::string_view code, std::string_view message, Fields fields = {}) {
  event(Level::debug, code, message, fields);
}

inline void info(std::string_view code, std::string_view message, Fields fields = {}) {
  event(Level::info, code, message, fields);
}

inline void warning(std::string_view code, std::string_view message, Fields fields = {}) {
  event(Level::warning, code, message, fields);
}

inline void error(std::string_view code, std::string_view message, Fields fields = {}) {
  event(Level::error, code, message, fields);
}

}  // namespace gald::base::log
