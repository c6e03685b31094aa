// A bound connection to a domain controller with libldap: Session over TLS (LDAPS or StartTLS) or
// under the sign-and-seal layer of a Kerberos bind.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>

#include "ad/kerberos.hpp"
#include "ad/servers.hpp"
#include "ad/session.hpp"
#include "ad/tls.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

namespace gald::ad {

struct LdapOptions {
  std::string url;  ///< "ldaps://host[:port]", or "ldap://..." for the other two kinds of security
  Security security = Security::ldaps;
  std::filesystem::path ca_file;             ///< PEM; empty: the system's store
  std::chrono::seconds connect_timeout{10};  ///< each of: name, TCP, TLS, bind
  std::chrono::seconds answer_timeout{120};  ///< without a message from the server
};

/// Name and password (RFC 4513 5.1.3). The name is a DN, user@realm or DOMAIN\user.
struct SimpleLogin {
  std::string name;
  base::Secret password;
};

/// SASL GSSAPI (RFC 4752). The ticket must reach the host of the url already.
struct KerberosLogin {
  Ticket ticket;
};

using Login = std::variant<SimpleLogin, KerberosLogin>;

/// How far open() came, for those who want to tell.
struct Progress {
  bool connected = false;
  bool secured = false;                    ///< TLS stands; with Security::gssapi: nothing to do
  std::optional<Certificate> certificate;  ///< of the server, even a refused one where it is known
  std::string tls_version;
};

/// One connection to a server whose identity was verified: by its certificate and name, or by
/// Kerberos. TLS is 1.2 or later. Referrals are not followed but logged, each once in a process;
/// aliases are not dereferenced.
class LdapConnection final : public Session {
 public:
  /// Resolves, connects, secures and binds. Errors are network (no connection), broken (it was
  /// there and then not), tls, auth, config or stopped, one line that begins with the url.
  /// Refused here: an empty password, which the server would take for an anonymous bind and call
  /// success (RFC 4513 5.1.2), and a password without TLS.
  static base::Result<std::unique_ptr<LdapConnection>> open(const LdapOptions& options,
                                                            const Login& login,
                                                            std::stop_token stop,
                                                            Progress* progress = nullptr);
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
