#include "output.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace gald::daemon {

namespace {

[[noreturn]] void give_up() {
  if (errno == EPIPE)
    throw OutputClosed();
  throw std::runtime_error(std::string("cannot write to standard output: ") + std::strerror(errno));
}

}  // namespace

void print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size())
    give_up();
}

void print_line(std::string_view text) {
  print(text);
  print("\n");
}

void flush_output() {
  if (std::fflush(stdout) != 0)
    give_up();
}

void complain(std::string_view text) {
  std::string line = "gald: ";
  line += text;
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

void complain(const std::vector<std::string>& lines) {
  for (const std::string& line : lines)
    complain(line);
}

}  // namespace gald::daemon
