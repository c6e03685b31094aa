// Who asks?
#pragma once

#include "api/principal.hpp"
#include "net/http_server.hpp"

namespace gald::api {

class Authority {
 public:
  virtual ~Authority() = default;

  /// Thread-safe. Somebody with the scope `none` where nothing was shown that says who asks.
  /// Refused with 401 for what was shown and is wrong, expired or revoked.
  virtual Principal admit(const net::ServerRequest& request) const = 0;
};

}  // namespace gald::api
