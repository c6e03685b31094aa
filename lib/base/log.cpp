#include "base/log.hpp"

#include <algorithm>
#include <atomic>
#include <memory>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace gald::base::log {

namespace {

std::atomic<bool> started = false;

/// Of the same sink, without a threshold.
std::shared_ptr<spdlog::logger> recorder;

std::shared_ptr<spdlog::logger> logger_of(const spdlog::sink_ptr& sink,
                                          spdlog::level::level_enum threshold) {
  auto logger = std::make_shared<spdlog::logger>("gald", sink);
  logger->set_level(threshold);
  logger->flush_on(spdlog::level::info);
  return logger;
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

/// One event is one line, whatever a server put into an error text.
char harmless(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
}

void append_message(std::string& line, std::string_view message) {
  for (const char c : message)
    line += harmless(c);
}

void append_value(std::string& line, const std::string& value) {
  const bool plain = !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
    return c != ' ' && c != '"' && c != '=' && harmless(c) == c;
  });
  if (plain) {
    line += value;
    return;
  }
  line += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\')
      line += '\\';
    line += harmless(c);
  }
  line += '"';
}

std::string line_of(std::string_view code, std::string_view message, Fields fields) {
  std::string line(code);
  line += ": ";
  append_message(line, message);
  for (const Field& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    append_value(line, field.value.text());
  }
  return line;
}

}  // namespace

void start(Level threshold) {
  const auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  recorder = logger_of(sink, spdlog::level::trace);
  auto logger = logger_of(sink, to_spdlog(threshold));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  spdlog::set_default_logger(std::move(logger));
  started = true;
}

Level parse_level(std::string_view name) {
  if (name == "debug")
    return Level::debug;
  if (name == "warning")
    return Level::warning;
  if (name == "error")
    return Level::error;
  return Level::info;
}

void event(Level level, std::string_view code, std::string_view message, Fields fields) {
  if (started && spdlog::should_log(to_spdlog(level)))
    spdlog::log(to_spdlog(level), "{}", line_of(code, message, fields));
}

void record(std::string_view code, std::string_view message, Fields fields) {
  if (started)
    recorder->info("{}", line_of(code, message, fields));
}

}  // namespace gald::base::log
