// Kerberos tickets from a keytab (MIT krb5), for binds with SASL GSSAPI.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <variant>

#include "base/result.hpp"

namespace gald::ad {

/// A ticket of our own and those for the servers, in memory and nowhere else: no cache that another
/// process could read, no environment variable. Each connection gets a new one, so none grows old
/// however long the process lives. Realms and their KDCs come from the system's krb5.conf.
class Ticket {
 public:
  /// Asks the KDC for a ticket for `principal` ("name@REALM"), whose key must be in `keytab`.
  /// Errors: network (no KDC answered), auth (it refused us), config (keytab, krb5.conf), stopped.
  static base::Result<Ticket> obtain(const std::string& principal,
                                     const std::filesystem::path& keytab,
                                     std::chrono::seconds limit, std::stop_token stop);

  /// Gets the ticket for the directory service of `host`, so that the bind itself asks no KDC.
  /// After an error of kind network or stopped this Ticket must not be used any more; any other is
  /// about `host` alone.
  base::Result<std::monostate> reach(const std::string& host, std::chrono::seconds limit,
                                     std::stop_token stop);

  const std::string& principal() const { return principal_; }

  /// A gss_cred_id_t that lives as long as this.
  void* credentials() const;

 private:
  struct State;
  Ticket(std::string principal, std::shared_ptr<State> state);

  std::string principal_;
  std::shared_ptr<State> state_;
};

}  // namespace gald::ad
