// A value that cannot find its way into a log line, an error or a debugger's pretty printer by
// accident: it has no operator<<, no formatter, no conversion. Whoever needs it says reveal().
#pragma once

#include <string>
#include <utility>

namespace gald::base {

class Secret {
 public:
  Secret() = default;

  explicit Secret(std::string value) : value_(std::move(value)) {}

  Secret(const Secret&) = default;
  Secret(Secret&&) noexcept = default;
  Secret& operator=(const Secret&) = default;
  Secret& operator=(Secret&&) noexcept = default;
  ~Secret();  // overwrites the bytes

  bool empty() const { return value_.empty(); }

  const std::string& reveal() const { return value_; }

 private:
  std::string value_;
};

}  // namespace gald::base
