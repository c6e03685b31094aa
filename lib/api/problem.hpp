// Answers that say what is wrong (RFC 9457).
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http_server.hpp"

namespace gald::api {

/// Ends a request: thrown by whatever finds that it cannot be answered.
class Refused : public std::runtime_error {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  /// `detail` says what was expected and what to do, and nothing that whoever asked may not know.
  Refused(int status, const std::string& detail, Headers headers = {})
      : std::runtime_error(detail), status_(status), headers_(std::move(headers)) {}

  int status() const { return status_; }

  const Headers& headers() const { return headers_; }

 private:
  int status_;
  Headers headers_;
};

/// {"type":"about:blank","title":"Not Found","status":404,"detail":"..."}
net::ServerResponse problem(int status, std::string_view detail, Refused::Headers headers = {});

/// "Not Found"
std::string_view reason_phrase(int status);

}  // namespace gald::api
