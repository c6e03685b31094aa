// Who asks?
#pragma once

#include <memory>
#include <string_view>

#include "api/principal.hpp"
#include "net/http_server.hpp"

namespace gald::api {

class Authority {
 public:
  virtual ~Authority() = default;

  /// Thread-safe. Somebody with the scope `none` where nothing was shown that says who asks.
  /// Refused with 401 for what was shown and is wrong, expired or revoked.
  virtual Principal admit(const net::ServerRequest& request) const = 0;

  /// The same for what everybody may ask: counts no request.
  virtual Principal recognize(const net::ServerRequest& request) const { return admit(request); }

  /// Whether somebody who was admitted with this may go on: nothing was revoked, narrowed or has
  /// ended meanwhile. Counts no request. Thread-safe. True where nothing of that can happen.
  virtual bool still(const Principal&, std::string_view /*authorization*/, const net::Peer&) const {
    return true;
  }

  // The same in two steps, for an answer that is there already. Both are called on the thread that
  // serves all connections, and must not wait for anything.

  /// Whom admit() would find; nullptr where that cannot be told at once, or would be refused.
  virtual std::shared_ptr<const Principal> known(const net::RequestHead&) const { return nullptr; }

  /// Counts one more request of somebody known(), as admit() does. False: admit() has to refuse it.
  virtual bool may_ask(const Principal&, const net::RequestHead&) const { return true; }
};

}  // namespace gald::api
