// Where a domain's controllers are, from DNS: SRV records (RFC 2782) under the names that the
// controllers register (MS-ADTS 6.3.2.3).
#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace gald::ad {

struct SrvRecord {
  std::string target;  ///< a host name, without the final dot
  int port = 0;
  int priority = 0;
  int weight = 0;

  bool operator==(const SrvRecord&) const = default;
};

/// "_ldap._tcp.SITE._sites.dc._msdcs.DOMAIN", or without a site "_ldap._tcp.dc._msdcs.DOMAIN".
std::string controllers_name(const std::string& domain, const std::string& site);

/// A number from 0 to `most`, both included.
using Dice = std::function<unsigned(unsigned most)>;

/// The order in which to try them (RFC 2782, "Weight"): lower priorities first, and within one
/// priority at random, in proportion to the weights. Pure.
std::vector<SrvRecord> order_srv(std::vector<SrvRecord> records, const Dice& dice);

/// The SRV records of an answer as it came over the wire. None when it says that the service is
/// not there (a target of "."). Pure.
base::Result<std::vector<SrvRecord>> parse_srv_answer(std::span<const unsigned char> answer);

/// Whether `host` is a name below `domain`. DNS is not to be trusted with more: whoever forges an
/// answer could lead us, and our password, to a server of theirs with a good certificate. Pure.
bool is_below(std::string_view host, std::string_view domain);

/// Asks the name servers of the system for `name`, within `limit`. A name that is not there, or has
/// no SRV records, is an empty list; an Error (network, protocol, stopped) is no answer.
base::Result<std::vector<SrvRecord>> look_up_srv(const std::string& name,
                                                 std::chrono::seconds limit, std::stop_token stop);

}  // namespace gald::ad
