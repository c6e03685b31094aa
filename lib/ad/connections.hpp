// How a connector reaches its domain: finds the controllers, chooses one, signs in.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "ad/ad_connector.hpp"
#include "ad/ldap.hpp"
#include "ad/servers.hpp"
#include "base/result.hpp"
#include "sync/connector.hpp"

namespace gald::ad {

struct Opened {
  std::unique_ptr<Session> session;
  std::string url;
};

/// For any number of threads. What it remembers, it forgets with the process.
class Connections {
 public:
  /// `options` must outlive this.
  explicit Connections(const AdOptions& options);

  /// Opens a conversation with one of the controllers, in the order of ServerMemory. A refused
  /// login ends the search at once, because trying it at each controller would lock the account.
  /// When nobody answers, the Error names every one that was tried, and its kind is never broken.
  /// After twelve times the connect_timeout no further one is tried: their number has no limit.
  base::Result<Opened> open(std::string_view preferred, std::stop_token stop);

  /// The conversation with `url` broke: the next one is better held with another.
  void lost(const std::string& url);

  /// Name resolution, reachability, TLS and bind of every controller; the first conversation that
  /// worked comes with it.
  struct Checked {
    std::vector<sync::Finding> findings;
    Opened opened;  ///< without a session: none worked
  };

  Checked check(std::stop_token stop);

 private:
  base::Result<std::vector<std::string>> find(std::stop_token stop);
  base::Result<std::vector<std::string>> find_in_dns(std::stop_token stop);
  base::Result<Login> sign_in(std::stop_token stop) const;
  std::optional<base::Error> reach(const std::string& url, Login& login,
                                   std::stop_token stop) const;
  base::Result<std::unique_ptr<LdapConnection>> open_one(const std::string& url, Login& login,
                                                         std::stop_token stop,
                                                         Progress* progress = nullptr) const;
  bool learn_name(const std::string& url, Session& session, std::stop_token stop);
  void note_failure(const std::string& url, const base::Error& error, bool only_one);
  static base::Error nobody(const std::vector<base::Error>& errors, std::size_t untried);

  const AdOptions& options_;
  ServerMemory memory_;
  std::mutex mutex_;
  std::vector<std::string> last_found_;  ///< in DNS, for when it does not answer
};

}  // namespace gald::ad
