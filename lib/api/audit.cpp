#include "api/audit.hpp"

#include "api/router.hpp"
#include "base/log.hpp"

namespace gald::api {

void audit(const Call& call, std::string_view what, std::string_view outcome) {
  const net::Peer& peer = call.request.peer;
  audit(call.who.name, peer.address.empty() ? std::string_view("socket") : peer.address, what,
        outcome);
}

void audit(std::string_view who, std::string_view from, std::string_view what,
           std::string_view outcome) {
  base::log::record("api.audit", "somebody changed something",
                    {{"who", who}, {"from", from}, {"what", what}, {"outcome", outcome}});
}

}  // namespace gald::api
