// Standard output of the commands, and what happens when it cannot be written.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace gald::daemon {

/// Nobody reads any more (`gald list | head`): the end, without a word.
class OutputClosed : public std::runtime_error {
 public:
  OutputClosed() : std::runtime_error("standard output was closed") {}
};

/// Throws OutputClosed, or std::runtime_error for a full disk and the like.
void print(std::string_view text);

/// print() with a line end.
void print_line(std::string_view text);

/// Writes what is still in the buffer; throws like print().
void flush_output();

/// One line on standard error: "gald: " and the text.
void complain(std::string_view text);

void complain(const std::vector<std::string>& lines);

}  // namespace gald::daemon
