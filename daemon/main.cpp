#include <cstdio>
#include <exception>
#include <variant>

#include "command_line.hpp"
#include "commands.hpp"
#include "config.hpp"
#include "output.hpp"
#include "platform.hpp"

namespace {

using namespace gald::daemon;  // NOLINT(google-build-using-namespace): this file is its main

int refuse(const Notice& notice) {
  std::FILE* stream = notice.code == exit_code::kComplete ? stdout : stderr;
  std::fwrite(notice.text.data(), 1, notice.text.size(), stream);
  return notice.code;
}

int execute_and_flush(const CommandLine& line, const Config& config) {
  const Context context{.config = config, .verbose = line.verbose};
  const int code =
      std::visit([&](const auto& command) { return execute(command, context); }, line.command);
  flush_output();
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  prepare_process();

  const auto parsed_line = parse_command_line(argc, argv);
  if (const auto* notice = std::get_if<Notice>(&parsed_line))
    return refuse(*notice);
  const auto& line = std::get<CommandLine>(parsed_line);

  const ParsedConfig parsed = load_config(line.config_file);
  if (!parsed.errors.empty()) {
    complain(parsed.errors);
    return exit_code::kBadConfiguration;
  }

  try {
    return execute_and_flush(line, parsed.config);
  } catch (const OutputClosed&) {
    return exit_code::kComplete;
  } catch (const std::exception& error) {
    complain(error.what());
    return exit_code::kFailed;
  }
}
