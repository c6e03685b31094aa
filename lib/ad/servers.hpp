// Which of several domain controllers to ask, and in which order.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ad/dns.hpp"

namespace gald::ad {

/// What protects the conversation.
enum class Security {
  ldaps,     ///< TLS from the first byte, "ldaps://"
  starttls,  ///< TLS after the StartTLS operation (RFC 4511 4.14), "ldap://"
  gssapi,    ///< the sign-and-seal layer of a Kerberos bind (RFC 4752), "ldap://"
};

struct ServerAddress {
  std::string host;
  int port = 0;
};

/// "ldaps://host[:port]" or, unless `security` is ldaps, "ldap://host[:port]"; nothing for any
/// other text.
std::optional<ServerAddress> parse_server_url(std::string_view url, Security security);

/// How to reach the controller that a record names. Its port is that of LDAP in clear text, which
/// says nothing about the one for LDAPS.
std::string server_url(const SrvRecord& record, Security security);

/// What a process has learned of its controllers. For any number of threads.
class ServerMemory {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// The order in which to try `urls`: first the one that `preferred` (a DNS name in lower case, or
  /// "") is the name of, then as given; those that failed lately last, the least recent first.
  std::vector<std::string> order(const std::vector<std::string>& urls, std::string_view preferred,
                                 Time now) const;

  /// Keeps it behind the others for a while: a minute, doubled with each failure in a row to half
  /// an hour. True when it is the first failure in a row.
  bool failed(const std::string& url, Time now);

  /// It answered. True when it had failed before.
  bool worked(const std::string& url);

  /// The controller behind `url` calls itself `dns_name`.
  void is_called(const std::string& url, const std::string& dns_name);

  /// Whether it is the one called `name`, as far as is known.
  enum class Answer { yes, no, unknown };
  Answer is(const std::string& url, std::string_view name) const;

 private:
  struct Known {
    int failures = 0;  ///< in a row
    Time not_before{};
    std::string dns_name;
  };

  Answer is_locked(const std::string& url, std::string_view name) const;

  mutable std::mutex mutex_;
  std::map<std::string, Known, std::less<>> known_;
};

}  // namespace gald::ad
