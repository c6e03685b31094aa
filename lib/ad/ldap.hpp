// The only door to libldap.
//
// Two things are the business of main, before any thread starts:
//   signal(SIGPIPE, SIG_IGN)   libldap writes with write(): a peer that hangs up would kill us.
//                              Should main have left the default, the first connection ignores
//                              the signal for the whole process.
//   setenv("LDAPNOINIT", "1")  else /etc/ldap/ldap.conf, ~/.ldaprc and LDAP* variables have a say
//                              in what this file decides (ldap.conf(5)).
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>

#include "ad/session.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

namespace gald::ad {

struct LdapOptions {
  std::string url;                           ///< "ldaps://host[:port]"
  std::string bind_name;                     ///< a DN, user@realm or DOMAIN\user
  std::filesystem::path ca_file;             ///< PEM; empty: the system's store
  std::chrono::seconds connect_timeout{10};  ///< each of: name, TCP with TLS, bind
  std::chrono::seconds answer_timeout{120};  ///< without a message from the server
};

/// One connection over TLS 1.2 or later to a server whose certificate and name were verified.
/// Referrals are not followed, aliases not dereferenced.
class LdapConnection final : public Session {
 public:
  /// Resolves, connects, checks the certificate and binds with name and password (RFC 4513 5.1.3).
  /// Errors are network, tls, auth, config or stopped, one line that begins with the url. An empty
  /// password is refused here: the server would take it for an anonymous bind and call it success
  /// (RFC 4513 5.1.2).
  static base::Result<std::unique_ptr<LdapConnection>> open(const LdapOptions& options,
                                                            const base::Secret& password,
                                                            std::stop_token stop);
  ~LdapConnection() override;
  LdapConnection(const LdapConnection&) = delete;
  LdapConnection& operator=(const LdapConnection&) = delete;

  base::Result<std::monostate> start(const SearchRequest& request) override;
  base::Result<Batch> take(std::size_t most, const EntryVisitor& visit,
                           std::stop_token stop) override;

 private:
  struct State;
  explicit LdapConnection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// What a refused bind means, from AD's diagnostic text ("... comment: AcceptSecurityContext
/// error, data 52e, v3839"): "wrong name or password (data 52e)". Pure.
std::string explain_bind_refusal(std::string_view diagnostic);

}  // namespace gald::ad
